use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::{Optional, Quantity, Time, Whole};

/// How many strikes at once a pool gets, never more than `max_in_flight`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LimitSpec {
    /// As many as `max_in_flight`.
    Fixed,
    /// One more per window of answers, a share of it when the pool has too much.
    Aimd(AimdSpec),
    /// Ever more while the pool has room, less in proportion to what is too much.
    Gradient(GradientSpec),
}

/// A limit that is found out by adding one and taking away a share.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AimdSpec {
    /// What is left of the limit when the pool has too much, above 0% and below 100%. Default: 90%.
    pub(crate) backoff: Optional<Quantity<BasisPoints>>,
    /// The limit after the first look at the idle pool, 1 to 1,000,000. Default: 20, or `least` if
    /// that is more.
    pub(crate) initial: Optional<Whole<1, 1_000_000>>,
    /// The lowest limit, at which the idle pool is looked at, 1 to 1,000,000. Default: 4.
    pub(crate) least: Optional<Whole<1, 1_000_000>>,
    /// Time to the first token and per token, as a share of the idle pool's, above which the pool
    /// has too much; above 100%. Default: 200%.
    pub(crate) tolerance: Optional<Quantity<BasisPoints>>,
    /// How long a look at the idle pool is good for; above zero. Default: 30min.
    pub(crate) recalibrate: Optional<Time>,
}

/// A limit that follows the gradient of times.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GradientSpec {
    /// The limit after the first look at the idle pool, 1 to 1,000,000. Default: 20, or `least` if
    /// that is more.
    pub(crate) initial: Optional<Whole<1, 1_000_000>>,
    /// The lowest limit, at which the idle pool is looked at, 1 to 1,000,000. Default: 4.
    pub(crate) least: Optional<Whole<1, 1_000_000>>,
    /// Time to the first token and per token, as a share of the idle pool's, above which the pool
    /// has too much; above 100%. Default: 200%.
    pub(crate) tolerance: Optional<Quantity<BasisPoints>>,
    /// How long a look at the idle pool is good for; above zero. Default: 30min.
    pub(crate) recalibrate: Optional<Time>,
}
