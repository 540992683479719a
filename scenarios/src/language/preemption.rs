use schemars::JsonSchema;
use serde::Deserialize;

use super::{Optional, Quantity, Time, WeightLoad, Whole};

/// Taking shares away for a higher priority.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreemptionSpec {
    /// How long a share that is taken away stays. Default: 30s.
    pub(crate) grace: Optional<Time>,
    /// Whose share goes, among those of lower priority. Default: `lowest_tier`.
    pub(crate) victim: Optional<VictimSpec>,
    /// Shares that are taken away wait for another place. Default: they are lost, and what runs on
    /// them fails.
    pub(crate) requeue: Optional<RequeueSpec>,
}

/// Whose share goes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VictimSpec {
    /// Lowest priority first, granted last among equals.
    LowestTier,
    /// Granted last, whatever its priority.
    Youngest,
    /// The one whose inferences have the fewest tokens computed.
    LeastProgressLost,
    /// The one that has paid least for what it holds.
    Cheapest,
}

/// Waiting for another place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequeueSpec {
    /// How long a share waits before it is lost. Default: 10min.
    pub(crate) max_wait: Optional<Time>,
    /// How many shares wait at once, at least 1; further ones are lost. Default: 1000.
    pub(crate) max_waiting: Optional<Whole<1, 1_000_000>>,
    /// What inferences have computed is written out during the grace, and read back. Default: it is
    /// computed again.
    pub(crate) checkpoint: Optional<CheckpointSpec>,
}

/// Keeping what inferences have computed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckpointSpec {
    /// How fast it is written and read; `instant`: in no time. Default: 25 GB/s.
    pub(crate) bandwidth: Optional<Quantity<WeightLoad>>,
}
