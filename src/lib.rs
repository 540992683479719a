//! Harpoon's composition: the command line, the drivers and the mock server.
//!
//! Everything that decides anything lives in the packages below; see `docs/design.md`.

pub mod calibrate;
pub mod cli;
pub mod drive;
pub mod experiment;
pub mod explain;
pub mod invoices;
pub mod mock;
pub mod place;
pub mod reconciliation;
mod tables;
