use connector::{BasisPoints, Mebibytes, Money, Tflops};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{List, Optional, Quantity, QuotaSpec, Time, TokenCount, Whole};
use crate::document::Node;

/// A kind of customer: what its tenants are promised and may use, where they state nothing of their
/// own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierSpec {
    /// Name, unique.
    pub(crate) name: Node<String>,
    /// What its tenants are promised. Default: nothing.
    pub(crate) covenant: Optional<CovenantSpec>,
    /// Part of lines that are fair by weight, of each of its tenants, 1 to 1,000. Default: 1.
    pub(crate) weight: Optional<Whole<1, 1_000>>,
    /// What each of its tenants may use. Default: as much as it likes.
    pub(crate) quota: Optional<QuotaSpec>,
}

/// What is promised, and what may be given up before that is broken. Keys left out: what the tenant
/// states, else its tier, else its model; else nothing is promised and nothing given up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CovenantSpec {
    /// Longest time to the first token, from arrival; above zero.
    pub(crate) ttft: Optional<Time>,
    /// Longest time per output token after the first, in the mean over an answer; above zero.
    pub(crate) tpot: Optional<Time>,
    /// Longest time to the whole answer, from arrival; above zero.
    pub(crate) end_to_end: Optional<Time>,
    /// Whether `ttft` and `end_to_end` are deadlines: what cannot meet them any more is ended. Default:
    /// false, they are only judged.
    pub(crate) enforce: Optional<bool>,
    /// Most that one request may cost at the pools' prices. What is sure to cost more is not begun.
    pub(crate) cost_ceiling: Optional<Quantity<Money>>,
    /// Compute of a share.
    pub(crate) tflops: Optional<Quantity<Tflops>>,
    /// Least memory of a share.
    pub(crate) min_vram: Optional<Quantity<Mebibytes>>,
    /// Most memory of a share: models that need more do not serve.
    pub(crate) max_vram: Optional<Quantity<Mebibytes>>,
    /// Whether shares may be taken away; if not, preemptible pools do not serve.
    pub(crate) preemptible: Optional<bool>,
    /// Whether somebody waits for the answer. Once a tier, a tenant or its traffic says so, it is.
    pub(crate) latency_sensitive: Optional<bool>,
    /// Names of models and pools to fall back to, in order, when no candidate serves; at most 16.
    pub(crate) fallback: Optional<List<String>>,
    /// Length of a shortened answer, as a share of what was asked for, below 100%.
    pub(crate) shorten_to: Optional<Quantity<BasisPoints>>,
    /// A shortened answer is no shorter than this. Default: 1.
    pub(crate) min_output_tokens: Optional<TokenCount>,
    /// What may be given up, in this order, before a promise is broken. Default: `fallback`, then
    /// `shorter_answer`, as far as these are described.
    pub(crate) concessions: Optional<List<StepSpec>>,
}

/// Something that may be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepSpec {
    /// The model or the pool: the list of fallbacks, one after the other.
    Fallback,
    /// The length of the answer.
    ShorterAnswer,
    /// The promise that shares are not taken away.
    Preemptible,
    /// The platform's limit on prices of fallback pools, up to the covenant's own ceiling.
    HigherPrice,
}
