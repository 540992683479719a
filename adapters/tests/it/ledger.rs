//! Journals that outlast the program: one suite for every store, and what `kill -9` does to them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod child;
mod kill;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod server;
mod sqlite;
mod story;
mod suite;
mod writer;
