use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    document::Node,
    language::{Limit, List, Optional, Quantity, Time, Whole},
};

/// When to stop asking a failing pool, and when and how to ask again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BreakerSpec {
    /// Failures in a row that open the breaker, 1 to 1,000,000; `unlimited`: never. Default: 5.
    pub(crate) failure_threshold: Optional<Quantity<Limit>>,
    /// Rates over a window of results; reaching one opens the breaker as well. Default: none.
    pub(crate) rates: Optional<BreakerRatesSpec>,
    /// Time that an open breaker waits before it lets probes through; above zero. Default: 60s,
    /// or `timeouts.total` if that is shorter.
    pub(crate) recovery: Optional<Time>,
    /// Growth of that time from one opening to the next, at least 100%. Default: 100%.
    pub(crate) recovery_growth: Optional<Quantity<BasisPoints>>,
    /// Longest time to wait, whatever the growth. Default: 1h.
    pub(crate) recovery_max: Optional<Time>,
    /// How long the breaker must have been closed for the wait to start small again. Default: 0s,
    /// closing is enough.
    pub(crate) calm: Optional<Time>,
    /// Probes while half-open, 1 to 1,000. Without rates as many successes close it and one failure
    /// opens it; with rates these decide. Default: 1.
    pub(crate) half_open_probes: Optional<Whole<1, 1_000>>,
    /// When further probes are let through although earlier ones are out. Default:
    /// `after_recovery`.
    pub(crate) probe_renewal: Optional<ProbeRenewalSpec>,
    /// Longest time half-open, above zero. Default: until there is a verdict.
    pub(crate) half_open_max_wait: Optional<Time>,
    /// What becomes of a breaker that was half-open for that long. Default: `open`.
    pub(crate) half_open_then: Optional<HalfOpenThenSpec>,
    /// Whether it turns half-open by itself when the wait is over. Default: false, the first
    /// request after it does that.
    pub(crate) auto_half_open: Optional<bool>,
    /// How a pool that recovered gets its load back. Default: at once.
    pub(crate) ramp_up: Optional<RampUpSpec>,
    /// Kinds of error that count, beside `timeout`, `unavailable` and `protocol`. Default: none.
    pub(crate) count: Optional<List<ErrorKindSpec>>,
    /// Kinds of error that do not count. Default: none.
    pub(crate) ignore: Optional<List<ErrorKindSpec>>,
    /// What the breaker does at all. Default: `automatic`.
    pub(crate) mode: Optional<BreakerModeSpec>,
}

/// Rates over a window of results.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BreakerRatesSpec {
    /// Which results count. Default: the last 100 calls.
    pub(crate) window: Optional<WindowSpec>,
    /// Results in the window before there is any decision, 1 to 100,000. Default: 100, or the
    /// length of a shorter window of calls.
    pub(crate) minimum_calls: Optional<Whole<1, 100_000>>,
    /// Share of failures that opens, above 0% and up to 100%. Default: 50%.
    pub(crate) failure_rate: Optional<Quantity<BasisPoints>>,
    /// Share of slow calls that opens, above 0% and up to 100%. Default: 100%.
    pub(crate) slow_rate: Optional<Quantity<BasisPoints>>,
    /// What a slow call is.
    pub(crate) slow_call: Optional<SlowCallSpec>,
}

/// Which results count.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum WindowSpec {
    /// The last so many, however old, 1 to 100,000.
    Calls(Whole<1, 100_000>),
    /// Those of so many whole seconds, the present one included, 1 to 3,600.
    Seconds(Whole<1, 3_600>),
}

/// What a slow call is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowCallSpec {
    /// Longer than this from asking for a share to the first token, or to the end; above zero.
    /// Default: 60s.
    pub(crate) first_token: Optional<Time>,
    /// Longer than this per output token on average, above zero. Default: not judged.
    pub(crate) per_output_token: Optional<Time>,
}

/// When further probes are let through although earlier ones are out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ProbeRenewalSpec {
    /// As long after the last ones as the recovery is.
    AfterRecovery,
    /// So long after the last ones, above zero.
    After(Node<Time>),
    /// Never: lost probes hold the breaker half-open.
    Never,
}

/// What becomes of a breaker that was half-open for too long.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HalfOpenThenSpec {
    /// It opens again.
    Open,
    /// It closes.
    Closed,
}

/// How a pool that recovered gets its load back: linearly, in 16 steps.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RampUpSpec {
    /// From closing to the full load, above zero.
    pub(crate) time: Node<Time>,
    /// The share of its places that is used at first, up to 100%; at least one is. Default: 10%.
    pub(crate) start: Optional<Quantity<BasisPoints>>,
}

/// What a breaker does at all.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerModeSpec {
    /// Opens and closes by its rules.
    Automatic,
    /// Lets nothing through.
    ForcedOpen,
    /// Lets everything through and records nothing.
    Disabled,
    /// Lets everything through and records rates.
    MetricsOnly,
}

/// A kind of error.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorKindSpec {
    /// No answer in time.
    Timeout,
    /// Not reached, or failed inside.
    Unavailable,
    /// Too many calls.
    RateLimited,
    /// No room in the pool.
    CapacityExhausted,
    /// The share was taken away.
    Preempted,
    /// What was paid for is spent.
    CreditExhausted,
    /// Against the provider's rules.
    PolicyRefused,
    /// Wrong credentials.
    Unauthorized,
    /// Unknown to the provider.
    NotFound,
    /// Against the present state.
    Conflict,
    /// Malformed.
    Invalid,
    /// Not understood.
    Protocol,
}
