//! The whole from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admission;
mod billing;
mod billing_faults;
mod billing_scenarios;
mod binary;
mod books;
mod cached_tokens;
mod calibrate;
mod calibrating;
mod capacity;
mod cheapest_vs_covenant;
mod cli;
mod conformance;
mod determinism;
mod economics;
mod explain;
mod fan_out;
mod hedging;
mod hosted_ai;
mod inference_lab;
mod leaks;
mod leases;
mod live_streams;
mod memory;
mod pictures;
mod place;
mod queueing;
mod readme;
mod reconciliation;
mod recordings;
mod replay;
mod silent_grants;
mod storm;
mod stuck;
mod tenant_flood;
mod tidy;
mod token_gaps;
mod traces;
