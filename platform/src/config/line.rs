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
