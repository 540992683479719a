//! The scenario language: schema, validation, traffic, trace readers, objectives.
