/// Why the platform did not serve a request that no provider failed: its own bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rejection {
    /// More requests per second than the tenant may send.
    RequestQuota,
    /// More tokens per minute than the tenant may use.
    TokenQuota,
    /// More requests at once than the tenant may have under way.
    ConcurrencyQuota,
    /// More money in a day than the tenant may spend.
    SpendQuota,
    /// Too little importance for a pool that has much to do.
    Shed,
    /// It would have waited too long for its deadline.
    TooLate,
    /// The line was full.
    LineFull,
    /// Somebody took its place in a full line.
    PushedOut,
    /// It waited in line until its time was up.
    WaitedTooLong,
    /// The breaker was open.
    BreakerOpen,
    /// The retry budget was spent.
    BudgetSpent,
    /// The pool asked to be left alone, or was out of credit.
    Paused,
    /// The provider owes too many answers.
    Unanswered,
    /// The platform was shutting down.
    Draining,
    /// No pool within the cost ceiling serves it.
    NoCandidate,
    /// It had waited longest in a line that was standing.
    Standing,
}

impl Rejection {
    /// Every reason, in the order of tables; `reason as usize` indexes tables of this length.
    pub const ALL: [Self; 16] = [
        Self::RequestQuota,
        Self::TokenQuota,
        Self::ConcurrencyQuota,
        Self::SpendQuota,
        Self::Shed,
        Self::TooLate,
        Self::LineFull,
        Self::PushedOut,
        Self::WaitedTooLong,
        Self::BreakerOpen,
        Self::BudgetSpent,
        Self::Paused,
        Self::Unanswered,
        Self::Draining,
        Self::NoCandidate,
        Self::Standing,
    ];

    /// Stable name for tables, files and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestQuota => "request_quota",
            Self::TokenQuota => "token_quota",
            Self::ConcurrencyQuota => "concurrency_quota",
            Self::SpendQuota => "spend_quota",
            Self::Shed => "shed",
            Self::TooLate => "too_late",
            Self::LineFull => "line_full",
            Self::PushedOut => "pushed_out",
            Self::WaitedTooLong => "waited_too_long",
            Self::BreakerOpen => "breaker_open",
            Self::BudgetSpent => "budget_spent",
            Self::Paused => "paused",
            Self::Unanswered => "unanswered",
            Self::Draining => "draining",
            Self::NoCandidate => "no_candidate",
            Self::Standing => "standing",
        }
    }
}
