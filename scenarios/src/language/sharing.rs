use connector::{BasisPoints, Mebibytes};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{LatencySpec, Optional, Quantity, Time};
use crate::rate::Bandwidth;

/// How those on a card share it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum SharingSpec {
    /// In turns, as `HostedAI` does it.
    Turns(Box<TurnsSpec>),
    /// All that have work at once, in equal parts.
    Spatial {
        /// What each loses for every other one that computes. Default: nothing.
        interference: Optional<Quantity<BasisPoints>>,
        /// Whether parts are in proportion to the compute that shares ask for. Default: false.
        by_compute: Optional<bool>,
    },
    /// Each share has its part of compute and memory for itself.
    Slices {},
}

/// Sharing by time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TurnsSpec {
    /// How long a turn lasts while others wait, 10s to 120s. Default: 30s.
    pub(crate) quantum: Optional<Time>,
    /// Whether support has allowed a quantum from 2s on. Default: false.
    pub(crate) operator_override: Optional<bool>,
    /// Whether the quantum begins before or after paging. Default: `when_ready`.
    pub(crate) quantum_begins: Optional<QuantumBeginsSpec>,
    /// What changing from one to the other takes, beside paging. Default: 0s.
    pub(crate) switch: Optional<Time>,
    /// How strictly those who share are kept apart. Default: low.
    pub(crate) security_level: Optional<IsolationSpec>,
    /// At the low level: those whose memory fits compute at once, and each loses so much for every
    /// other one. Default: never at once.
    pub(crate) overlap: Optional<Quantity<BasisPoints>>,
    /// How memory is paged. Default: every default of its keys.
    pub(crate) paging: Optional<PagingSpec>,
}

/// When a quantum begins.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QuantumBeginsSpec {
    /// When the card is granted; paging is part of it.
    WhenGranted,
    /// When everything is on the card.
    WhenReady,
}

/// `HostedAI`'s security levels.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IsolationSpec {
    /// Memory of others stays until the room is needed; may overlap.
    Low,
    /// Memory of others stays until the room is needed.
    Medium,
    /// Memory of others leaves the card at every change.
    High,
}

/// Moving memory of a card that is promised more than once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PagingSpec {
    /// Bandwidth of the host's link in either direction. Default: 25 GB/s.
    pub(crate) bandwidth: Optional<Quantity<Bandwidth>>,
    /// Whether pages leave and arrive at the same time. Default: false.
    pub(crate) overlapped: Optional<bool>,
    /// After so long without work everything is in system memory. Default: only if others need it.
    pub(crate) idle_after: Optional<Time>,
    /// System memory per card for what is paged out. Default: enough.
    pub(crate) host_memory: Optional<Quantity<Mebibytes>>,
    /// What happens when that does not suffice. Default: refuse.
    pub(crate) host_full: Optional<HostFullSpec>,
}

/// What happens when system memory does not suffice.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HostFullSpec {
    /// It never comes to that: shares beyond it and the card are refused.
    Refuse,
    /// Whoever has most of it is killed, and starts anew.
    Kill,
}

/// Load of another customer on every card of a pool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeighbourSpec {
    /// Whether there are as many of them as leave one share of a card to us, instead of one. Default:
    /// false.
    pub(crate) fill: Optional<bool>,
    /// Time of the whole card that a piece of its work takes. Default: it always has work.
    pub(crate) busy: Optional<LatencySpec>,
    /// Rest between two pieces of work, and before the first. Default: 0s.
    pub(crate) idle: Optional<LatencySpec>,
    /// Memory that it has in use. Default: 0 GiB.
    pub(crate) working_set: Optional<Quantity<Mebibytes>>,
    /// Part of a card's time that it is guaranteed. Default: 0%.
    pub(crate) guaranteed_share: Optional<Quantity<BasisPoints>>,
    /// Whether it has priority at the next turn. Default: false.
    pub(crate) vip: Optional<bool>,
}
