//! The ledger: its rules one by one, against a naive model, its chain, and its store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chain;
mod durable;
mod model;
mod property;
mod rules;
mod shorthand;
