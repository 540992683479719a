use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{LatencySpec, List, Optional, Quantity, Time, Whole};
use crate::document::Node;

/// How many cards of a pool are in service, decided by what they do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AutoscaleSpec {
    /// Fewest cards in service, up to `max`. Default: 1.
    pub(crate) min: Optional<Whole<0, 100_000>>,
    /// Most cards in service, up to the pool's `count`. Default: `count`.
    pub(crate) max: Optional<Whole<1, 100_000>>,
    /// Cards in service at the start: from `min` to `max`, or 0 with `idle_to_zero`. Default: `min`.
    pub(crate) start: Optional<Whole<0, 100_000>>,
    /// What is watched; of several, the largest wish wins. Default: a `gpu_utilization` of 80%, or
    /// nothing if there is a `schedule`.
    pub(crate) metric: Optional<MetricSpec>,
    /// Time between two looks, at least 1s. Default: 15s.
    pub(crate) interval: Optional<Time>,
    /// How far from its target a metric may be, as a share of it, without consequence. Default: 10%.
    pub(crate) tolerance: Optional<Quantity<BasisPoints>>,
    /// How fast cards are brought in. Default: at once, at most 4 or 100% in 15s.
    pub(crate) scale_out: Optional<BehaviourSpec>,
    /// How fast cards are let go. Default: after 5min, at most 100% in 15s.
    pub(crate) scale_in: Optional<BehaviourSpec>,
    /// Time from the decision until a new card is there, without any weights. Default: 2min.
    pub(crate) provisioning: Optional<LatencySpec>,
    /// Fewest cards by the time of day, instead of `min`. Default: none.
    pub(crate) schedule: Optional<ScheduleSpec>,
    /// Spare cards that are there, take no shares and come in without provisioning, as far as `count`
    /// allows. Default: 0.
    pub(crate) warm: Optional<Whole<0, 100_000>>,
    /// Names of models whose weights are on spare cards. Default: none.
    pub(crate) preload: Optional<List<String>>,
    /// After so long without any share held or asked for, all cards go; whoever asks next is refused
    /// and wakes the pool. Default: never.
    pub(crate) idle_to_zero: Optional<Time>,
}

/// What a pool watches, and what of it each card should have: at least one of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricSpec {
    /// Share of the time during which a card computes, above 0%, up to 100%.
    pub(crate) gpu_utilization: Optional<Quantity<BasisPoints>>,
    /// Share of its slots that are held, or were asked for in vain, above 0%, up to 100%.
    pub(crate) slot_utilization: Optional<Quantity<BasisPoints>>,
    /// Requests that wait in its engines, and shares asked for in vain.
    pub(crate) waiting: Optional<Whole<1, 1_000_000>>,
    /// The same, and requests that its engines work on.
    pub(crate) concurrency: Optional<Whole<1, 1_000_000>>,
}

/// How fast the number of cards may change in one direction.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BehaviourSpec {
    /// The most cautious recommendation within this time counts, up to 1h. Default: 0s for
    /// `scale_out`, 5min for `scale_in`.
    pub(crate) window: Optional<Time>,
    /// Limits, at least one; the most generous counts. Default: that of the direction.
    pub(crate) most: Optional<List<MostSpec>>,
}

/// A limit to how fast the number of cards changes: exactly one of `cards` and `share`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MostSpec {
    /// So many cards.
    pub(crate) cards: Optional<Whole<0, 100_000>>,
    /// This share of the cards that there were when the period began.
    pub(crate) share: Optional<Quantity<BasisPoints>>,
    /// Within which time, up to 30min. Default: 15s.
    pub(crate) per: Optional<Time>,
}

/// Fewest cards by the time of day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleSpec {
    /// After which time it starts over. Default: 24h.
    pub(crate) period: Optional<Time>,
    /// Points in order of time, at least one, within the period.
    pub(crate) points: Node<List<SchedulePointSpec>>,
}

/// From when on how many cards there are at least.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchedulePointSpec {
    /// When, from the start of the period.
    pub(crate) at: Node<Time>,
    /// Fewest cards from then on, up to `max`.
    pub(crate) min: Node<Whole<0, 100_000>>,
}
