use connector::{BasisPoints, Money};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Optional, Quantity, Time, Whole};
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
    /// From which share of a line's length on requests of priority 0 are refused, 0% to 100%; those
    /// of priority 9 may fill it, and the others lie between. Default: 100%, nobody is shed.
    pub(crate) shed_from: Optional<Quantity<BasisPoints>>,
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
