//! Run records in, tables and files out: recorder, summary, objectives.
