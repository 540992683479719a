use connector::{BasisPoints, Duration, OperationKind, PoolId};

/// Something that goes wrong on a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultConfig {
    /// When it begins, after the start of the run.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// Where; `None`: everywhere.
    pub pool: Option<PoolId>,
    /// What.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Calls fail with [`Unavailable`](connector::ErrorKind::Unavailable) at random.
    Errors {
        /// Share of calls that fail.
        rate: BasisPoints,
        /// Which calls; `None`: all kinds.
        operation: Option<OperationKind>,
    },
    /// Answers come later.
    Latency {
        /// Added to every answer.
        add: Duration,
        /// Which calls; `None`: all kinds.
        operation: Option<OperationKind>,
    },
    /// An API that is not well: slower by a factor, and failing now and then.
    Brownout {
        /// What latencies are multiplied by; several brown-outs at once multiply.
        slowdown: BasisPoints,
        /// Share of calls that fail with [`Unavailable`](connector::ErrorKind::Unavailable).
        errors: BasisPoints,
    },
    /// The network between caller and provider is cut. What runs, runs on; shares stay held. A call
    /// that is lost on its way there, or whose answer is lost on its way back, ends in
    /// [`Timeout`](connector::ErrorKind::Timeout).
    Partition {
        /// What is lost.
        direction: Direction,
    },
    /// Nothing answers: every call fails at once, shares stay held, inferences in flight are lost.
    Outage,
    /// Cards fall off the bus: what runs on them fails, the shares on them are gone.
    GpuLoss {
        /// How many cards, in order of numbering from the last.
        count: u32,
    },
    /// Cards are taken out of service, for as long as the fault lasts: they take nobody new, and who
    /// is still there at the deadline has notice.
    Maintenance {
        /// How many cards of each pool, in order of numbering from the last.
        count: u32,
        /// How long cards wait for those on them to leave by themselves.
        deadline: Duration,
        /// From the notice to the end of those who did not.
        grace: Duration,
        /// So many cards at once, each lot for as long as the fault lasts. `None`: all at once.
        at_a_time: Option<u32>,
    },
}

/// Which way of the network is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Calls do not reach the provider; answers to earlier ones come back.
    Request,
    /// Calls reach the provider and are acted on; answers do not come back.
    Answer,
    /// Neither.
    Both,
}

impl Direction {
    /// Whether calls are lost on their way to the provider.
    pub const fn loses_requests(self) -> bool {
        matches!(self, Self::Request | Self::Both)
    }

    /// Whether answers are lost on their way back.
    pub const fn loses_answers(self) -> bool {
        matches!(self, Self::Answer | Self::Both)
    }
}
