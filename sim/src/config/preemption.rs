//! Taking shares away for a higher priority. What each setting means is in `docs/model/pools.md`.

use connector::Duration;

/// How a pool takes shares away.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PreemptionConfig {
    /// How long a share that is taken away stays.
    pub grace: Duration,
    /// Whose share goes.
    pub victim: VictimRule,
    /// Whether it waits for another place. `None`: it is lost, and its inferences with it.
    pub requeue: Option<RequeueConfig>,
}

/// Whose share goes, among those of lower rank whose leaving makes room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VictimRule {
    /// Lowest rank first, granted last among equals.
    #[default]
    LowestTier,
    /// Granted last, whatever its rank.
    Youngest,
    /// The one whose inferences have the fewest tokens computed.
    LeastProgressLost,
    /// The one that has paid least for what it holds.
    Cheapest,
}

impl VictimRule {
    /// Every rule.
    pub const ALL: [Self; 4] =
        [Self::LowestTier, Self::Youngest, Self::LeastProgressLost, Self::Cheapest];
}

/// Shares that were taken away and wait for another place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequeueConfig {
    /// How long a share waits before it is lost.
    pub max_wait: Duration,
    /// How many wait at once; further ones are lost.
    pub max_waiting: u32,
    /// What becomes of what its inferences have computed.
    pub progress: KeptProgress,
}

/// What becomes of the KV cache of inferences that are interrupted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeptProgress {
    /// It is lost: prompt and answer so far are computed again.
    Recompute,
    /// It is written out during the grace, and read back before the inferences go on.
    Checkpoint {
        /// Bytes per second, each way. `None`: it takes no time.
        bandwidth: Option<f64>,
    },
}
