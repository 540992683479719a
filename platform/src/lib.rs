//! The platform under test: what stands between tenants and pools that somebody else owns.
//!
//! One [`Platform`] takes requests in, decides where they go, strikes (allocate, infer, release,
//! meter) and answers, whoever is behind the [`Connector`](connector::Connector)s. It is a pure
//! state machine: it reads no clock and does no I/O, so the same compiled code runs in virtual time
//! and in front of real endpoints.

#![warn(missing_docs)]

mod admission;
mod arrivals;
pub mod billing;
pub mod breaker;
pub mod budget;
mod cable;
pub mod classify;
pub mod config;
mod covenant;
mod deadlines;
pub mod ejection;
mod explain;
mod fifo;
mod flight;
pub mod forecast;
mod hedging;
mod holding;
mod interface;
mod lease;
pub mod limit;
mod line;
mod meter;
mod outputs;
mod part;
mod per_pair;
mod platform;
mod quantile;
mod question;
mod reconcile;
pub mod retry;
mod ride;
mod route;
mod shedding;
mod shelf;
mod timers;

pub use breaker::BreakerState;
pub use cable::{CableStatistics, CableStatus};
pub use config::{ConfigError, PlatformConfig};
pub use covenant::{Fallback, Objection, Shortening, Step, Targets, Terms};
pub use explain::{Candidacy, Explanation, Standing};
pub use holding::{Holding, HoldingState};
pub use interface::{Input, Meter, Output, Request, Response};
pub use platform::{ClassStatistics, ConsultationStatistics, Platform};
