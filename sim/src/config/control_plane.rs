use connector::{BasisPoints, Duration, OperationKind, TenantId};

/// How a region's API behaves before any fault. By default it answers at once and never fails.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlPlane {
    /// Time from a question about an allocation to the answer.
    pub allocate: Latency,
    /// Time from a release to its confirmation. The share is free at once, unless
    /// [`Quirks::slow_release`] says otherwise.
    pub release: Latency,
    /// Network time that an inference spends outside the card, spent before the first token.
    pub infer: Latency,
    /// Time from a look at one share to the answer.
    pub inspect: Latency,
    /// Time from a list of shares to the answer, which shows the state on arrival.
    pub list: Latency,
    /// Time from a list of pools to the answer.
    pub pools: Latency,
    /// Time from a cancellation to its confirmation. The inference stops at once.
    pub cancel: Latency,
    /// Calls allowed per region, allocations and releases and everything else alike; inferences and
    /// their cancellations go to the cards directly and are not counted. `None`: unlimited.
    pub rate_limit: Option<RateLimit>,
    /// How often calls fail at any time.
    pub failures: FailureRates,
    /// How long a caller waits for an answer that never comes: it then reads as
    /// [`Timeout`](connector::ErrorKind::Timeout). Default: 15 s, as the vendor's own client has it
    /// (hostedai-api, section 12).
    pub timeout: Duration,
    /// Tenants whose resource policy leaves the region out: their allocations are refused with
    /// [`PolicyRefused`](connector::ErrorKind::PolicyRefused).
    pub no_access: Vec<TenantId>,
    /// Whether shares tell what they used over each window of
    /// [`UsageWindow`](connector::UsageWindow). Off by default: the past of thousands of cards takes
    /// room.
    pub usage_windows: bool,
    /// Known misbehaviour, each off by default.
    pub quirks: Quirks,
}

impl Default for ControlPlane {
    fn default() -> Self {
        let at_once = Latency::Fixed(Duration::ZERO);
        Self {
            allocate: at_once,
            release: at_once,
            infer: at_once,
            inspect: at_once,
            list: at_once,
            pools: at_once,
            cancel: at_once,
            rate_limit: None,
            failures: FailureRates::default(),
            timeout: Duration::from_secs(15),
            no_access: Vec::new(),
            usage_windows: false,
            quirks: Quirks::default(),
        }
    }
}

/// A share of calls for each kind of operation, indexed by `kind as usize`.
pub type OperationRates = [BasisPoints; OperationKind::ALL.len()];

/// Shares of calls that fail at any time, drawn independently. A call that fails so is not acted
/// on, though its caller cannot know that of the last two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureRates {
    /// Refused with [`RateLimited`](connector::ErrorKind::RateLimited), without a time to wait: 429.
    pub rate_limited: OperationRates,
    /// Fail with [`Unavailable`](connector::ErrorKind::Unavailable): 5xx.
    pub unavailable: OperationRates,
    /// Get lost on the way there: [`Timeout`](connector::ErrorKind::Timeout), after
    /// [`ControlPlane::timeout`].
    pub timed_out: OperationRates,
}

/// What clients of HostedAI had to defend against, by name. Numbers are those of the list of
/// pathologies in the notes on its API.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quirks {
    /// Share of grants whose answer is a time-out although the share is held (1).
    pub ghosts: BasisPoints,
    /// Share of grants answered with 200 and an empty body, which reads as
    /// [`Protocol`](connector::ErrorKind::Protocol) although the share is held (2).
    pub empty_200: BasisPoints,
    /// A tenant's second share of a pool is refused with 409, while the first is being released too
    /// (4).
    pub already_subscribed: bool,
    /// Rows of other tenants in every list of a pool (13). Nobody can release them.
    pub foreign_rows: u32,
    /// How far lists are behind (3). Zero: not at all.
    pub eventual_lists: Duration,
    /// How long a release takes after it was confirmed: until then the share is held, listed and
    /// charged (5). `None`: no time.
    pub slow_release: Option<Latency>,
    /// A full pool and a policy's refusal read as a 500 (20).
    pub policy_500: bool,
    /// Usage is reported as zero: that of inferences, and what the provider charges for (32, 35).
    pub zero_usage: bool,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls per second in the long run, at least 1.
    pub per_second: u32,
    /// Calls at once after a pause, at least 1.
    pub burst: u32,
}

/// A distribution of latencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// Always this.
    Fixed(Duration),
    /// Uniform between two bounds.
    Uniform {
        /// Least.
        min: Duration,
        /// Most.
        max: Duration,
    },
    /// Exponential.
    Exponential {
        /// Mean.
        mean: Duration,
    },
    /// Lognormal by two quantiles, as dashboards show them.
    LogNormal {
        /// 50th percentile, above zero.
        p50: Duration,
        /// 95th percentile, at least the median.
        p95: Duration,
    },
    /// Pareto: the share of times longer than `t` is `(least / t)^alpha`. A heavy tail.
    Pareto {
        /// Least, above zero.
        least: Duration,
        /// How fast the tail falls, above zero; up to 1 it has no mean, up to 2 no variance.
        alpha: f64,
    },
}

impl Latency {
    /// The mean, or of a lognormal or Pareto law the median.
    pub fn middle(self) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Uniform { min, max } => min + max.saturating_sub(min) / 2,
            Self::Exponential { mean } => mean,
            Self::LogNormal { p50, .. } => p50,
            Self::Pareto { least, alpha } => least.scale(libm::exp2(1.0 / alpha)),
        }
    }
}
