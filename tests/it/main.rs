//! The whole from outside.

mod binary;
mod cli;
mod conformance;
mod determinism;
mod leaks;
mod queueing;
mod tidy;
mod traces;
