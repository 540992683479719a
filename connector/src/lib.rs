//! The waist of Harpoon: what the platform may ask of whoever owns the GPUs, and what comes back.
//!
//! Everything above this crate (router, breaker, leases, billing) and everything below it (the
//! simulator in virtual time, the live HTTP adapter, a recording) meets in one trait,
//! [`Connector`]. The contract is *sans-IO*: hand over an operation at `now`, drain what has
//! happened, ask when to look again. No clock, no socket, no future; so an answer that arrives
//! after its question was given up is an event like any other and cannot be forgotten.
//!
//! * [`Connector`], [`Operation`], [`Event`], [`Reply`]: the conversation.
//! * [`Error`], [`ErrorKind`]: one taxonomy and the three questions that decide everything else.
//! * [`units`], [`ids`](TenantId): newtypes; the only place that converts or parses units.
//! * [`EventQueue`]: deadlines with ties in insertion order and cancellation, used by both sides.
//! * [`RequestRecord`], [`PoolGauge`], [`ProviderUsage`], [`StatementLine`], [`TokenGaps`], [`Metric`],
//!   [`Objective`]: what is reported about a run, by name, and what it must achieve.
//! * [`testing`]: one conformance suite that every connector passes.

mod contract;
mod covenant;
mod error;
mod event;
mod ids;
mod metric;
mod objective;
mod operation;
mod queue;
mod record;
mod rejection;
mod statement;
pub mod testing;
pub mod units;
mod usage_window;

pub use contract::Connector;
pub use covenant::{Breach, BreachReason, Concession, Concessions, CovenantBook, CovenantOutcome};
pub use error::{Error, ErrorKind};
pub use event::{AllocationInfo, Event, EventKind, PoolInfo, Reply, Usage};
pub use ids::{
    AllocationId, CableId, ClassId, ModelId, PoolId, RequestId, TenantId, Ticket, TierId,
};
pub use metric::{Metric, MetricUnit, Names, Scope, Statistic};
pub use objective::{Comparison, Objective};
pub use operation::{
    Allocate, Content, Infer, Operation, OperationKind, PoolKind, Priority, Prompt, Requirements,
    SecurityLevel, Temperature,
};
pub use queue::{EventKey, EventQueue};
pub use record::{
    FanOut, Outcome, PoolGauge, PoolScaling, ProviderUsage, RequestRecord, SetAside, TokenGaps,
};
pub use rejection::Rejection;
pub use statement::{StatementLine, StayEnd};
pub use units::{
    Amount, BasisPoints, Duration, Mebibytes, Money, PricingUnit, Tflops, Timestamp, Tokens,
};
pub use usage_window::{ShareUsage, ShareUsages, UsageWindow};
