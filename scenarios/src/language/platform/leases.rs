use connector::{BasisPoints, Money};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    document::Node,
    language::{Entries, Optional, Quantity, Time, Whole},
};

/// What is held beyond the strike that asked for it, ahead of strikes, and looked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeasesSpec {
    /// How long a lease stays warm after its last use. Default: 0s, it is given back with the answer
    /// unless `min_warm` or a forecast wants it.
    pub(crate) idle: Optional<Time>,
    /// Leases that lie warm at once for one model on one pool, 1 to 100,000. Default: 64.
    pub(crate) max_warm: Optional<Whole<1, 100_000>>,
    /// By `model@pool`, leases, busy or warm, that are always held, at most `max_warm`. With several
    /// tenants only while `shared`.
    pub(crate) min_warm: Optional<Entries<Whole<1, 100_000>>>,
    /// Whether a lease asked for on behalf of one tenant may serve another. Default: false.
    pub(crate) shared: Optional<bool>,
    /// Rank of shares that are not asked for on behalf of one tenant alone, 0 to 9. Default: 5.
    pub(crate) priority: Optional<Whole<0, 9>>,
    /// Name of the tenant on whose behalf the platform asks of its own accord. Default: the first.
    pub(crate) tenant: Optional<String>,
    /// Age from which a lease is replaced, above zero. Default: the provider has no limit.
    pub(crate) max_age: Optional<Time>,
    /// How many leases will be needed. Default: nobody forecasts.
    pub(crate) forecast: Optional<ForecastSpec>,
    /// How often every pool on which anything goes on is asked what it holds for us, above zero.
    /// Default: only after ambiguous answers.
    pub(crate) sweep: Optional<Time>,
    /// Whether small requests share leases. Default: each strike has a share of its own.
    pub(crate) batching: Optional<BatchingSpec>,
}

/// Small requests of one tenant for one model on one pool that share a lease.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchingSpec {
    /// How many requests a share is asked for once, 2 to 256. Default: 8.
    pub(crate) max: Optional<Whole<2, 256>>,
    /// How long after the first of them the others may come, above zero. Default: 100ms.
    pub(crate) wait: Optional<Time>,
    /// A request is small if its prompt and the longest answer have fewer tokens together, 1 to
    /// 1,000,000. Default: 512.
    pub(crate) below: Optional<Whole<1, 1_000_000>>,
}

/// How many leases will be needed, from how many were.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForecastSpec {
    /// How the mean number of concurrent strikes is carried on. Default: ewma.
    pub(crate) method: Optional<ForecastMethodSpec>,
    /// Between two looks, above zero. Default: 10s.
    pub(crate) interval: Optional<Time>,
    /// How far ahead leases are wanted: the time of an allocation and of a cold start. Default: 30s.
    pub(crate) ahead: Optional<Time>,
    /// Chance that they are enough if strikes come independently, below 100%. Default: 95%.
    pub(crate) quantile: Optional<Quantity<BasisPoints>>,
    /// What leases that are not at work may cost per hour, all pools together. Default: no limit.
    pub(crate) cost_per_hour: Optional<Quantity<Money>>,
}

/// How a series is carried on; weights are of the newest value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ForecastMethodSpec {
    /// Exponentially weighted moving average.
    Ewma {
        /// Weight for the level, at most 100%. Default: 30%.
        alpha: Optional<Quantity<BasisPoints>>,
    },
    /// Holt-Winters with additive seasons.
    HoltWinters {
        /// Weight for the level, at most 100%. Default: 30%.
        alpha: Optional<Quantity<BasisPoints>>,
        /// Weight for the trend, at most 100%. Default: 1%.
        beta: Optional<Quantity<BasisPoints>>,
        /// Weight for the season, at most 100%. Default: 30%.
        gamma: Optional<Quantity<BasisPoints>>,
        /// Length of a season, 2 to 4,032 intervals.
        season: Node<Time>,
    },
}
