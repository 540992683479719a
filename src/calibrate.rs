//! Holding the model to measurements, and fitting it to them.

pub mod replay;
