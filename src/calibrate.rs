//! Holding the model to measurements, and fitting it to them.
//!
//! * [`replay`]: a measured run of a server, served again request by request;
//! * [`check`]: measured operating points of load tests, judged with the datasheet's roofline and with
//!   one that was fitted to other points of the same card, model and stack;
//! * [`fitting`]: what tables of operating points and of kernels say of a stack and a card;
//! * [`recording`]: what a recorded run says of a provider's API and of how fast it serves;
//! * [`spot`]: what a trace of spot capacity says of a process.

pub mod check;
mod closed_loop;
mod fit;
pub mod fitting;
mod kernels;
mod models;
mod points;
pub mod recording;
pub mod replay;
mod search;
pub mod spot;
mod statistics;

use crate::tables;
pub use crate::tables::TableError;
