//! What only the whole can show.

mod conformance;
mod queueing;
mod tidy;
