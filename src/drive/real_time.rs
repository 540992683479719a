//! Real time (being written).
