use connector::Duration;

/// Who is next of those that wait before a cable.
///
/// Ties are broken by order of joining. Where a full line meets somebody who goes before the last in
/// line, the last one leaves it for the newcomer; `Fifo` therefore refuses, and all others may push
/// out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discipline {
    /// First come, first served.
    #[default]
    Fifo,
    /// Last come, first served: under overload some are served in time instead of all too late.
    Lifo,
    /// First come, first served, until the line has not been empty for this long; then the last
    /// comes first until it is empty (adaptive LIFO; Maurer, "Fail at Scale", ACM Queue 2015).
    AdaptiveLifo {
        /// How long the line must have been standing; above zero.
        after: Duration,
    },
    /// Least expected work first. Shortest in the mean, but long requests may wait for ever.
    Shortest,
    /// The tenant of the higher priority first.
    Priority,
    /// Each tenant that waits gets a part of the work in proportion to its weight.
    WeightedFair,
}

/// When a line that is never short any more is shortened ("controlled delay"; Nichols and Jacobson,
/// RFC 8289).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodelConfig {
    /// Delay that is no queue to speak of, above zero; the RFC advises 5 % to 10 % of `interval`.
    pub target: Duration,
    /// For how long the delay must have been longer, above zero: about as long as it takes until
    /// callers respond to what they met.
    pub interval: Duration,
    /// How many are dropped then.
    pub drops: Drops,
}

impl Default for CodelConfig {
    /// 500 ms, 5 s, by the control law. The RFC's 5 ms and 100 ms are the times of packets; answers
    /// of models take seconds.
    fn default() -> Self {
        Self {
            target: Duration::from_millis(500),
            interval: Duration::from_secs(5),
            drops: Drops::ByControlLaw,
        }
    }
}

/// How many are dropped of a line that is standing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drops {
    /// One, and further ones after `interval / sqrt(count)` each, until the delay is below the target.
    #[default]
    ByControlLaw,
    /// Whoever has waited for longer than the target and joined when the line had not been empty
    /// for an interval; of the others, whoever has waited for longer than an interval.
    AllOverdue,
}
