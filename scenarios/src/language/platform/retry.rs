use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Optional, Quantity, Time, Whole};

/// When and how often a failed call is tried again on the same pool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetrySpec {
    /// Tries after the first, 0 to 100. Default: 3.
    pub(crate) max_retries: Optional<Whole<0, 100>>,
    /// Pause before the first retry. Default: 100ms.
    pub(crate) base: Optional<Time>,
    /// Growth of the pause from one retry to the next, 1 to 100. Default: 2.
    pub(crate) multiplier: Optional<Whole<1, 100>>,
    /// Longest pause. Default: 800ms.
    pub(crate) cap: Optional<Time>,
    /// How the pause is randomised. Default: full.
    pub(crate) jitter: Optional<JitterSpec>,
    /// How much work may be sent again, over all requests and pools.
    pub(crate) budget: Optional<BudgetSpec>,
    /// Whether an inference that took too long is tried again on the same pool. Default: false; the
    /// next candidate is tried at once.
    pub(crate) after_timeout: Optional<bool>,
    /// What is done about an inference that fails after its first token. Default: restart.
    pub(crate) mid_stream: Optional<MidStreamSpec>,
}

/// What is done about an inference that fails after its first token, where it would be tried again if
/// it had failed before.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MidStreamSpec {
    /// It starts anew: what was generated is generated again.
    Restart,
    /// It goes on: the next strike gets the prompt and what was generated, and generates the rest.
    Resume,
    /// The request fails with it.
    Fail,
}

/// How a pause is randomised.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JitterSpec {
    /// The pause as computed.
    None,
    /// Uniform between 0 and the pause.
    Full,
    /// Half the pause, plus uniform up to the other half.
    Equal,
}

/// How much work may be sent again, over all requests and pools.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetSpec {
    /// Whether there is a bound. Default: true.
    pub(crate) enabled: Optional<bool>,
    /// Retries and hedges per first try, 0% to 100%. Default: 10%.
    pub(crate) share: Optional<Quantity<BasisPoints>>,
    /// ... and so many a second besides, 0 to 1,000,000. Default: 1.
    pub(crate) per_second: Optional<Whole<0, 1_000_000>>,
    /// What may be saved up, and what there is at first, in retries, 0 to 1,000,000; 0 forbids all.
    /// Default: 100.
    pub(crate) burst: Optional<Whole<0, 1_000_000>>,
}
