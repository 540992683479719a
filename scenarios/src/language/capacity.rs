use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Either, LatencyLaw, LatencySpec, Lifetime, Optional, Quantity, Time, Whole};
use crate::document::Node;

/// How long something lasts: the mean of an exponential distribution, or another distribution.
pub(crate) type SpellSpec = Either<Quantity<Lifetime>, LatencyLaw>;

/// Capacity that the provider takes back when it needs it: exactly one of `trace` and `process` says
/// when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpotSpec {
    /// As many cards as a trace of spot capacity says: a file, or a file with how it is used.
    pub(crate) trace: Optional<Either<String, SpotTraceSpec>>,
    /// Cards come and go by chance.
    pub(crate) process: Optional<SpotProcessSpec>,
    /// From the notice to the end of a card. Default: 30s.
    pub(crate) grace: Optional<Time>,
    /// From the return of capacity to a card that takes shares. Default: no time.
    pub(crate) provisioning: Optional<LatencySpec>,
}

/// A trace of spot capacity, and how it is used.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpotTraceSpec {
    /// The file.
    pub(crate) file: Node<String>,
    /// Whether the trace's most instances are all cards of the pool, or each instance is one card.
    /// Default: proportional.
    pub(crate) scale: Optional<SpotScaleSpec>,
    /// Where in the trace the run begins. Default: 0s.
    pub(crate) start: Optional<Time>,
    /// Whether the trace begins anew at its end or stays as it ends. Default: repeat.
    pub(crate) at_end: Optional<AtEndSpec>,
    /// Which cards go when the number falls. Default: last.
    pub(crate) reclaim: Optional<ReclaimSpec>,
}

/// How instances of a trace become cards of a pool.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SpotScaleSpec {
    /// The most instances at once are all cards.
    Proportional,
    /// Each instance is a card; those beyond `count` are left out.
    AsIs,
}

/// What happens at the end of a trace of spot capacity.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AtEndSpec {
    /// The last number stays.
    Hold,
    /// It begins anew.
    Repeat,
}

/// Which cards go when capacity falls.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReclaimSpec {
    /// The last by number.
    Last,
    /// Any, evenly.
    Random,
}

/// Cards that come and go by chance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpotProcessSpec {
    /// How long a card stays until it gets notice by itself: a mean, or a law; in the mean at least
    /// 1s.
    pub(crate) up: Node<SpellSpec>,
    /// How long it is away: a mean, or a law.
    pub(crate) down: Node<SpellSpec>,
    /// Cards that always go together, such as those of a node. Default: 1.
    pub(crate) group: Optional<Whole<1, 100_000>>,
    /// Chance of each other card, or group, to go with one that goes. Default: 0%.
    pub(crate) together: Optional<Quantity<BasisPoints>>,
    /// Times at which there is nothing to be had at all, besides. Default: never.
    pub(crate) shortage: Optional<ShortageSpec>,
}

/// Times at which there is nothing to be had at all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShortageSpec {
    /// From the end of a shortage to the next one: a mean, or a law; in the mean at least 1s.
    pub(crate) up: Node<SpellSpec>,
    /// How long a shortage lasts: a mean, or a law.
    pub(crate) down: Node<SpellSpec>,
}

/// Hardware that fails without notice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailuresOfCardsSpec {
    /// Each card. Default: cards do not fail by themselves.
    pub(crate) card: Optional<CardFailuresSpec>,
    /// Each node, with all its cards. Default: nodes do not fail.
    pub(crate) node: Optional<NodeFailuresSpec>,
    /// What all cards have in common, such as power, cooling or network. Default: it does not fail.
    pub(crate) common: Optional<CommonFailuresSpec>,
}

/// Failures of single cards.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CardFailuresSpec {
    /// Time from a repair to the next failure: a mean, or a law; in the mean at least 1s.
    pub(crate) mtbf: Node<SpellSpec>,
    /// Time from a failure to its repair: a mean, or a law.
    pub(crate) mttr: Node<SpellSpec>,
}

/// Failures of whole nodes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeFailuresSpec {
    /// Cards of a node.
    pub(crate) cards: Node<Whole<1, 100_000>>,
    /// Time from a repair to the next failure: a mean, or a law; in the mean at least 1s.
    pub(crate) mtbf: Node<SpellSpec>,
    /// Time from a failure to its repair: a mean, or a law.
    pub(crate) mttr: Node<SpellSpec>,
}

/// Failures that take some of all cards at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommonFailuresSpec {
    /// Time from a repair to the next failure: a mean, or a law; in the mean at least 1s.
    pub(crate) mtbf: Node<SpellSpec>,
    /// Time from a failure to its repair: a mean, or a law.
    pub(crate) mttr: Node<SpellSpec>,
    /// Chance of each card to be hit. Default: 100%.
    pub(crate) share: Optional<Quantity<BasisPoints>>,
}

/// Cards are taken out of service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaintenanceSpec {
    /// How many cards of each pool, from the last. Default: all.
    pub(crate) count: Optional<Whole<1, 100_000>>,
    /// How long cards wait for those on them to leave by themselves. Default: 0s.
    pub(crate) deadline: Optional<Time>,
    /// From the notice to the end of those who did not. Default: 30s.
    pub(crate) grace: Optional<Time>,
    /// So many cards at a time, each lot for as long as the fault lasts. Default: all at once.
    pub(crate) rolling: Optional<Whole<1, 100_000>>,
}
