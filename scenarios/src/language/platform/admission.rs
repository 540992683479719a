use connector::{BasisPoints, Money};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{List, Optional, Quantity, Time, Whole};
use crate::document::Node;

/// Who is let in, and who is told at once that it is of no use to wait.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdmissionSpec {
    /// Whether requests with a deadline or a patience of their own are refused at once where the
    /// line is too long for it. Default: true.
    pub(crate) bounded: Optional<bool>,
    /// How much of the time that such a request has left it may be expected to spend in line, 1% to
    /// 100%. Default: 50%.
    pub(crate) wait_bound: Optional<Quantity<BasisPoints>>,
    /// Who is refused by a pool that has much to do, at most 32 rules. Default: nobody.
    pub(crate) shed: Optional<List<ShedSpec>>,
}

/// Requests that a pool refuses while it has much to do: one of `below_priority`, `classes` and `tiers`,
/// and one of `line`, `places` and `wait`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShedSpec {
    /// Those of tenants of a lower priority than this, 1 to 9.
    pub(crate) below_priority: Optional<Whole<1, 9>>,
    /// Those of these classes.
    pub(crate) classes: Optional<List<String>>,
    /// Those of tenants of these tiers.
    pub(crate) tiers: Optional<List<String>>,
    /// When this share of the length of its line is taken, above 0% to 100%.
    pub(crate) line: Optional<Quantity<BasisPoints>>,
    /// When this share of the strikes at once that it gets are under way, above 0% to 100%.
    pub(crate) places: Optional<Quantity<BasisPoints>>,
    /// When who joins its line is expected to wait this long, above zero.
    pub(crate) wait: Optional<Time>,
    /// They are refused until the load is below this share of that, 0% to 100%. Default: 80%.
    pub(crate) until: Optional<Quantity<BasisPoints>>,
}

/// Who is next of those that wait in line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LineSpec {
    /// First come, first served.
    Fifo,
    /// Last come, first served.
    Lifo,
    /// First come, first served; last come, first served while the line has not been empty for some
    /// time.
    AdaptiveLifo {
        /// How long the line must have been standing, above zero. Default: 100ms.
        after: Optional<Time>,
    },
    /// Least expected work first.
    Shortest,
    /// Higher priority of the tenant first.
    Priority,
    /// Each tenant gets a part of the work in proportion to its weight.
    WeightedFair,
}

/// When a line that is never short any more is shortened (RFC 8289).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodelSpec {
    /// Delay that is no queue to speak of, above zero. Default: 500ms.
    pub(crate) target: Optional<Time>,
    /// For how long the delay must have been longer, at least `target`. Default: ten times `target`.
    pub(crate) interval: Optional<Time>,
    /// How many are dropped then. Default: `by_control_law`.
    pub(crate) drop: Optional<DropsSpec>,
}

/// How many are dropped of a line that is standing.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DropsSpec {
    /// One, and further ones ever faster, until the delay is below the target.
    ByControlLaw,
    /// Whoever joined a line that was standing and has waited for longer than the target.
    AllOverdue,
}

/// What a tenant may use. Keys left out: as much as it likes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaSpec {
    /// Requests per second, a token bucket.
    pub(crate) requests: Optional<RequestRateSpec>,
    /// Prompt and answer tokens in any 60 s, 1 to 10^12.
    pub(crate) tokens_per_minute: Optional<Whole<1, 1_000_000_000_000>>,
    /// Requests under way at once, 1 to 1,000,000.
    pub(crate) concurrent: Optional<Whole<1, 1_000_000>>,
    /// What held shares may cost in any 24 h, in the currency unit.
    pub(crate) spend_per_day: Optional<Quantity<Money>>,
}

/// A token bucket of requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestRateSpec {
    /// Requests per second in the long run, 1 to 1,000,000.
    pub(crate) per_second: Node<Whole<1, 1_000_000>>,
    /// Requests at once after a pause, 1 to 1,000,000. Default: `per_second`.
    pub(crate) burst: Optional<Whole<1, 1_000_000>>,
}
