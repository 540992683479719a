use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Either, List, Optional, Positive, Quantity, Time, Whole};
use crate::document::Node;

/// How an API behaves before any fault.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ControlPlaneSpec {
    /// From a question about an allocation to the answer. Default: lognormal, p50 40ms, p95 120ms.
    pub(crate) allocate: Optional<LatencySpec>,
    /// From a release to its confirmation. Default: 20ms.
    pub(crate) release: Optional<LatencySpec>,
    /// Network time of an inference outside the card. Default: 5ms.
    pub(crate) infer: Optional<LatencySpec>,
    /// From a look at one share to the answer. Default: 20ms.
    pub(crate) inspect: Optional<LatencySpec>,
    /// From a list of shares to the answer. Default: as `inspect`.
    pub(crate) list: Optional<LatencySpec>,
    /// From a list of pools to the answer. Default: as `inspect`.
    pub(crate) pools: Optional<LatencySpec>,
    /// From a cancellation to its confirmation. Default: as `inspect`.
    pub(crate) cancel: Optional<LatencySpec>,
    /// Calls allowed, inferences and their cancellations not counted. Default: unlimited.
    pub(crate) rate_limit: Optional<RateLimitSpec>,
    /// How often calls fail at any time. Default: never.
    pub(crate) failures: Optional<FailuresSpec>,
    /// How long an answer that never comes is waited for, above zero. Default: 15s.
    pub(crate) timeout: Optional<Time>,
    /// Names of tenants that the region's policy refuses. Default: none.
    pub(crate) no_access: Optional<List<String>>,
    /// Whether shares tell what they used over HostedAI's six windows. Default: false.
    pub(crate) usage_windows: Optional<bool>,
    /// Known misbehaviour of HostedAI. Default: none.
    pub(crate) quirks: Optional<QuirksSpec>,
}

/// A token bucket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimitSpec {
    /// Calls per second in the long run, 1 to 1,000,000.
    pub(crate) per_second: Node<Whole<1, 1_000_000>>,
    /// Calls at once after a pause, 1 to 1,000,000. Default: `per_second`.
    pub(crate) burst: Optional<Whole<1, 1_000_000>>,
}

/// Calls that fail at any time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailuresSpec {
    /// Share refused as one too many (429). Default: 0%.
    pub(crate) rate_limited: Optional<RatesSpec>,
    /// Share that fails inside (5xx). Default: 0%.
    pub(crate) unavailable: Optional<RatesSpec>,
    /// Share that gets lost and ends in a time-out. Default: 0%.
    pub(crate) timed_out: Optional<RatesSpec>,
}

/// A share of all calls, or one for each kind.
pub(crate) type RatesSpec = Either<Quantity<BasisPoints>, OperationRatesSpec>;

/// A share of calls for each kind; those left out: 0%.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationRatesSpec {
    /// Of allocations.
    pub(crate) allocate: Optional<Quantity<BasisPoints>>,
    /// Of inferences.
    pub(crate) infer: Optional<Quantity<BasisPoints>>,
    /// Of cancellations.
    pub(crate) cancel: Optional<Quantity<BasisPoints>>,
    /// Of releases.
    pub(crate) release: Optional<Quantity<BasisPoints>>,
    /// Of looks at one share.
    pub(crate) inspect: Optional<Quantity<BasisPoints>>,
    /// Of lists of shares.
    pub(crate) list: Optional<Quantity<BasisPoints>>,
    /// Of lists of pools.
    pub(crate) pools: Optional<Quantity<BasisPoints>>,
}

/// What clients of HostedAI had to defend against.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuirksSpec {
    /// Share of grants whose answer is a time-out although the share is held. Default: 0%.
    pub(crate) ghosts: Optional<Quantity<BasisPoints>>,
    /// Share of grants answered with an empty success. Default: 0%.
    pub(crate) empty_200: Optional<Quantity<BasisPoints>>,
    /// Whether a tenant's second share of a pool is refused as a conflict. Default: false.
    pub(crate) already_subscribed: Optional<bool>,
    /// Rows of other tenants in every list, up to 10,000. Default: 0.
    pub(crate) foreign_rows: Optional<Whole<0, 10_000>>,
    /// How far lists are behind. Default: 0s.
    pub(crate) eventual_lists: Optional<Time>,
    /// How long a release takes after its confirmation. Default: no time.
    pub(crate) slow_release: Optional<LatencySpec>,
    /// Whether a full pool and a policy's refusal read as an error inside. Default: false.
    pub(crate) policy_500: Optional<bool>,
    /// Whether usage is reported as zero. Default: false.
    pub(crate) zero_usage: Optional<bool>,
}

/// A fixed time, or a distribution of times.
pub(crate) type LatencySpec = Either<Time, LatencyLaw>;

/// A distribution of times.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LatencyLaw {
    /// Uniform between two bounds.
    Uniform {
        /// Least.
        min: Node<Time>,
        /// Most.
        max: Node<Time>,
    },
    /// Exponential.
    Exponential {
        /// Mean.
        mean: Node<Time>,
    },
    /// Lognormal by two quantiles.
    Lognormal {
        /// Median, above zero.
        p50: Node<Time>,
        /// 95th percentile, at least the median.
        p95: Node<Time>,
    },
    /// Pareto: a share of `(least / t)^alpha` takes longer than `t`.
    Pareto {
        /// Least, above zero.
        least: Node<Time>,
        /// How fast the tail falls, 0.1 to 10; up to 1 it has no mean, up to 2 no variance.
        alpha: Node<Positive<1>>,
    },
}
