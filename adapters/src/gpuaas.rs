//! The dialect `gpuaas`: HostedAI's User API as its public clients show it.
//!
//! | call below `/api` | for |
//! | --- | --- |
//! | `GET /gpuaas/all-pools` | what a pool's name means |
//! | `GET /gpuaas/available-regions`, `/available-pools` | [`Pools`](connector::Operation::Pools) |
//! | `POST /gpuaas/pool/subscribe`, `POST /pods/expose-service` | [`Allocate`](connector::Operation::Allocate) |
//! | `GET /gpuaas/pool-subscription` | [`List`](connector::Operation::List), [`Inspect`](connector::Operation::Inspect), and every wait |
//! | `POST /gpuaas/pool/unsubscribe` | [`Release`](connector::Operation::Release) |
//! | `POST /v1/chat/completions` at the exposed service | [`Infer`](connector::Operation::Infer) |
//!
//! # Mechanism
//!
//! Nobody publishes a schema of this API, so reading is lenient where clients are seen to be: an id is a
//! number or text ([`WireId`]), a list has one of several shapes ([`read_list`]), a field has one of
//! several names. It is strict where leniency was seen to cost money: what is not stated is never read
//! as zero, and a failure is never an empty answer.
//!
//! # Edges
//!
//! An error is recognised by its code or by the whole beginning of its message, never by a number
//! somewhere in the text, and it may come with status 200 ([`refusal_in`]).
//!
//! # Source
//!
//! Two public clients of HostedAI and its documentation pages; numbers of pathologies are those of
//! `docs/live/gpuaas.md`.

mod billing;
mod catalogue;
mod failure;
mod id;
mod list;
mod metrics;
mod options;
mod service;
mod subscription;

pub use billing::{BillingPeriod, PeriodError};
pub use catalogue::{
    CalculateRequest, CalculateResponse, InstanceTypeRow, OfferRow, PoolRow, RegionRow,
};
pub use failure::{FailureBody, read_failure, refusal_in};
pub use id::WireId;
pub use list::{Listed, Page, WhenEmpty, read_list};
pub use metrics::{MetricsGraph, MetricsRow, MetricsTotals, read_metrics};
pub use options::{GpuaasOptions, OptionsError, ServiceScheme};
pub use service::{ExposeRequest, ExposedService, ServiceState};
pub use subscription::{
    ConnectionPod, ConnectionRow, Pod, PodAction, PodService, PodState, SshInfo, SubscribeRequest,
    SubscribeResponse, SubscriptionMetrics, SubscriptionRow, SubscriptionState, UnsubscribeRequest,
};
