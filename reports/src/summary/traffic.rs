use connector::Money;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{ByName, Measured};
use crate::cells::Counts;

/// How many requests ended how, and what they took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Traffic {
    /// All of them.
    pub offered: u64,
    /// Answered in full.
    pub completed: u64,
    /// Every candidate failed.
    pub failed: u64,
    /// The same by the kind of the last failure.
    pub failed_by_kind: FailuresByKind,
    /// Never started, by the platform's own bounds.
    pub rejected: u64,
    /// The same by the bound that they met, where the platform said so.
    #[serde(skip_serializing_if = "ByName::is_empty")]
    pub rejected_by: ByName,
    /// Given up by the caller.
    pub cancelled: u64,
    /// Share that did not complete; `None` without requests.
    pub error_rate: Option<f64>,
    /// Strikes made for them.
    pub attempts: u64,
    /// Requests that took more than one strike, hedges left aside.
    pub retried: u64,
    /// Requests that went beyond the first candidate.
    pub fell_back: u64,
    /// Requests that were sent a second time because the first took long.
    #[serde(skip_serializing_if = "is_none")]
    pub hedged: u64,
    /// Prompt tokens of all.
    pub prompt_tokens: u64,
    /// Prompt tokens of those answered.
    pub completed_prompt_tokens: u64,
    /// Output tokens of those answered.
    pub output_tokens: u64,
    /// Answered per second of measured time; `None` if no time was measured.
    pub completed_per_s: Option<f64>,
    /// Output tokens per second of measured time; `None` if no time was measured.
    pub output_tokens_per_s: Option<f64>,
    /// What the held shares cost at the pools' prices, failed attempts included.
    pub cost: Amount,
    /// The same per thousand output tokens; `None` without output.
    pub cost_per_1k_output_tokens: Option<f64>,
}

impl Traffic {
    pub(super) fn new(measured: &Measured, counts: &Counts) -> Self {
        Self {
            offered: counts.offered(),
            completed: counts.completed,
            failed: counts.failed(),
            failed_by_kind: FailuresByKind(counts.failed_by_kind()),
            rejected: counts.rejected,
            rejected_by: ByName::of(&counts.rejected_by()),
            cancelled: counts.cancelled,
            error_rate: counts.error_rate(),
            attempts: counts.attempts,
            retried: counts.retried,
            fell_back: counts.fell_back,
            hedged: counts.hedged,
            prompt_tokens: counts.prompt_tokens,
            completed_prompt_tokens: counts.completed_prompt_tokens,
            output_tokens: counts.output_tokens,
            completed_per_s: measured.per_second(counts.completed),
            output_tokens_per_s: measured.per_second(counts.output_tokens),
            cost: Amount(counts.cost),
            cost_per_1k_output_tokens: (counts.output_tokens > 0)
                .then(|| counts.cost.as_nanos() as f64 * 1e3 / counts.output_tokens as f64 / 1e9),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// Failures by name of their kind: only those that occurred, in the order of
/// [`ErrorKind`](connector::ErrorKind)'s declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailuresByKind(pub Vec<(&'static str, u64)>);

impl Serialize for FailuresByKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// Money in a report: a JSON number with all its decimals, exact for readers that read decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount(pub Money);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}
