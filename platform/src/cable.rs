use crate::breaker::BreakerState;
use connector::Money;

/// What happened on one cable so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CableStatistics {
    /// Shares asked for: strikes begun.
    pub strikes: u64,
    /// Strikes that ended with an answer.
    pub completed: u64,
    /// Strikes that failed.
    pub failed: u64,
    /// Strikes that were retries on this cable.
    pub retries: u64,
    /// Requests sent on because the breaker was open.
    pub refused_open: u64,
    /// Requests sent on because the line was full.
    pub refused_full: u64,
    /// Requests sent on because they had waited in line too long.
    pub queue_timeouts: u64,
    /// Allocations not answered in time.
    pub allocation_timeouts: u64,
    /// Inferences not answered in time.
    pub inference_timeouts: u64,
    /// Shares granted after nobody wanted them any more, given back at once.
    pub late_grants: u64,
    /// Shares the provider held for us without our knowledge, given back.
    pub ghosts: u64,
    /// Notices that a held share will be taken away.
    pub preemptions: u64,
    /// Answers to no open question: double, or never asked for.
    pub stray_answers: u64,
    /// Times the breaker opened.
    pub openings: u64,
    /// Releases asked for again because the last asking failed.
    pub release_retries: u64,
    /// Shares whose release was never confirmed; they count as held for ever.
    pub unreleased: u64,
    /// Doubts about held shares that no list of the provider's could clear.
    pub unresolved: u64,
    /// Shares x time held, in slot x ns, until the release was asked for.
    pub slot_ns: u128,
    /// The same time at the pool's price.
    pub cost: Money,
}

/// The state of one cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CableStatus {
    /// Whether its breaker lets strikes through.
    pub breaker: BreakerState,
    /// Strikes under way.
    pub in_flight: u32,
    /// Requests waiting in line.
    pub queued: u32,
    /// What happened so far.
    pub statistics: CableStatistics,
}
