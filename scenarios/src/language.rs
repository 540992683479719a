//! The scenario language: one field per key. The field is its decoder, its schema and (in its
//! documentation, which the schema carries) its reference.
//!
//! Fields that must be given are [`Node`]s, optional ones `Option<Node>`; what an absent one means is
//! said in its documentation and done where the language becomes a
//! [`Scenario`](crate::Scenario).

mod autoscale;
mod capacity;
mod control_plane;
mod platform;
mod preemption;
mod provider;
mod serving;
mod sharing;
mod traffic;
mod value;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use self::{
    autoscale::*, capacity::*, control_plane::*, platform::*, preemption::*, provider::*,
    serving::*, sharing::*, traffic::*, value::*,
};
use crate::document::Node;

/// A key that may be left out.
pub(crate) type Optional<T> = Option<Node<T>>;
/// A list whose items are read independently of each other.
pub(crate) type List<T> = Vec<Node<T>>;
/// A length of time.
pub(crate) type Time = Quantity<Span>;
/// A number of tokens, at least 1.
pub(crate) type TokenCount = Whole<1, { crate::trace::MAX_TOKENS as u64 }>;

/// A whole experiment: provider, models, platform, traffic, faults and objectives.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Harpoon scenario")]
pub(crate) struct ScenarioSpec {
    /// Name of the scenario, up to 100 characters.
    pub(crate) name: Node<String>,
    /// What it is about. Default: nothing.
    pub(crate) description: Optional<String>,
    /// Seed of all randomness, 0 to 2^64 - 1. Default: 1.
    pub(crate) seed: Optional<Whole<0, { u64::MAX }>>,
    /// What paths in this file are relative to. Default: the directory of the file.
    pub(crate) paths_from: Optional<String>,
    /// When arrivals end; up to 366 days. Needed for all traffic that does not end by itself;
    /// traces run whole without it.
    pub(crate) duration: Optional<Time>,
    /// What the calendar says when the run begins, for bills: a time as in RFC 3339, from 1970 to
    /// 2999. Nothing that is simulated depends on it. Default: 2026-01-01T00:00:00Z.
    pub(crate) starts_at: Optional<Quantity<Instant>>,
    /// How much of the beginning is left out of the figures; shorter than `duration`. Default: 0s.
    pub(crate) warm_up: Optional<Time>,
    /// Independent repetitions with seeds of their own, 1 to 10,000. Default: 1.
    pub(crate) replications: Optional<Whole<1, 10_000>>,
    /// Whose GPUs they are.
    pub(crate) provider: Node<ProviderSpec>,
    /// What can be served: names from the catalogue, or models of your own.
    pub(crate) models: Node<List<Either<String, ModelSpec>>>,
    /// What stands between tenants and pools. Default: every default of its keys.
    pub(crate) platform: Optional<PlatformSpec>,
    /// Who sends requests. Default: one tenant `default` of priority 5. Client mixes add theirs.
    pub(crate) tenants: Optional<List<TenantSpec>>,
    /// Where requests come from: any number of sources, merged in order of time.
    pub(crate) traffic: Node<List<TrafficSpec>>,
    /// What goes wrong, and when. Default: nothing.
    pub(crate) faults: Optional<List<FaultSpec>>,
    /// What the run must achieve, such as `allocation_latency.p95 < 200ms`. Default: nothing.
    pub(crate) objectives: Optional<List<String>>,
}

/// A customer of the platform.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantSpec {
    /// Name, unique.
    pub(crate) name: Node<String>,
    /// Rank of its shares when a pool is full, 0 (first to go) to 9, and of its requests where lines
    /// go by rank. Default: 5.
    pub(crate) priority: Optional<Whole<0, 9>>,
    /// Its part of lines that are fair by weight, relative to the other tenants, 1 to 1,000.
    /// Default: 1.
    pub(crate) weight: Optional<Whole<1, 1_000>>,
    /// What it may use. Default: as much as it likes.
    pub(crate) quota: Optional<QuotaSpec>,
    /// Name of its tier. Default: none.
    pub(crate) tier: Optional<String>,
    /// What it is promised. Default: what its tier states.
    pub(crate) covenant: Optional<CovenantSpec>,
}
