//! When to stop asking a failing pool, and when and how to ask again.

use connector::{BasisPoints, Duration, ErrorKind};

use super::{
    ConfigError,
    check::{at_least, at_most},
};

/// Longest window of calls: one byte each, on every cable.
pub const WINDOW_CALLS_MAX: u32 = 100_000;
/// Longest window of seconds: one bucket each, on every cable.
pub const WINDOW_SECONDS_MAX: u32 = 3_600;

/// The rules of one breaker. What each does stands in [`crate::breaker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failures in a row that open the breaker, at least 1; [`u32::MAX`] is as good as never.
    pub failure_threshold: u32,
    /// Rates over a window that open it as well. `None`: only failures in a row do.
    pub rates: Option<RatesConfig>,
    /// Time that an open breaker waits before it lets probes through, above zero.
    pub recovery: Duration,
    /// Growth of that wait from one opening to the next, at least 100 %.
    pub recovery_growth: BasisPoints,
    /// Longest wait, whatever the growth; at least `recovery` to have a meaning.
    pub recovery_max: Duration,
    /// How long it must have been closed for the wait to start small again. Zero: closing is
    /// enough.
    pub calm: Duration,
    /// Probes of a half-open breaker, at least 1. Without rates as many successes in a row close
    /// it, and one failure opens it; with rates these decide once enough results are in.
    pub half_open_probes: u32,
    /// When further probes are let through although earlier ones are still out.
    pub probe_renewal: ProbeRenewal,
    /// Longest time half-open. `None`: until there is a verdict.
    pub half_open_max_wait: Option<Duration>,
    /// What becomes of a breaker that was half-open for that long.
    pub half_open_then: HalfOpenThen,
    /// Whether it turns half-open by itself when the wait is over, at that very instant. Otherwise
    /// the first call strictly after it does that.
    pub auto_half_open: bool,
    /// How a pool that recovered gets its load back. `None`: at once.
    pub ramp_up: Option<RampUp>,
    /// The kinds of error that speak against the pool; all others are ignored.
    pub counted: ErrorKinds,
    /// What the breaker does at all.
    pub mode: BreakerMode,
}

impl Default for BreakerConfig {
    /// 5 failures in a row, 60 s recovery that does not grow, 1 probe, renewed after another
    /// recovery; no window, no ramp-up.
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            rates: None,
            recovery: Duration::from_secs(60),
            recovery_growth: BasisPoints::ONE,
            recovery_max: Duration::from_secs(3_600),
            calm: Duration::ZERO,
            half_open_probes: 1,
            probe_renewal: ProbeRenewal::AfterRecovery,
            half_open_max_wait: None,
            half_open_then: HalfOpenThen::Open,
            auto_half_open: false,
            ramp_up: None,
            counted: ErrorKinds::AGAINST_HEALTH,
            mode: BreakerMode::Automatic,
        }
    }
}

/// Rates over a window of results. Either alone opens the breaker; they are not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatesConfig {
    /// Which results count.
    pub window: WindowConfig,
    /// Results in the window before there is any decision, at least 1; for a window of calls never
    /// more than its length.
    pub minimum_calls: u32,
    /// Share of failures that opens, above 0 and at most 100 %; reaching it is enough.
    pub failure_rate: BasisPoints,
    /// Share of slow calls that opens, above 0 and at most 100 %; reaching it is enough.
    pub slow_rate: BasisPoints,
    /// What a slow call is.
    pub slow: SlowCall,
}

impl Default for RatesConfig {
    /// 50 % failures or 100 % slow calls of the last 100, once there are 100 (resilience4j's).
    fn default() -> Self {
        Self {
            window: WindowConfig::Calls(100),
            minimum_calls: 100,
            failure_rate: BasisPoints::from_percent(50),
            slow_rate: BasisPoints::ONE,
            slow: SlowCall::default(),
        }
    }
}

impl RatesConfig {
    /// Results before there is any decision: the minimum, within a window of calls.
    pub const fn decisive_calls(&self) -> u32 {
        match self.window {
            WindowConfig::Calls(calls) if calls < self.minimum_calls => calls,
            WindowConfig::Calls(_) | WindowConfig::Seconds(_) => self.minimum_calls,
        }
    }
}

/// Which results count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowConfig {
    /// The last so many, however old; 1 to [`WINDOW_CALLS_MAX`].
    Calls(u32),
    /// Those of so many whole seconds, the present one included; 1 to [`WINDOW_SECONDS_MAX`].
    Seconds(u32),
}

/// What a slow call is. The whole time of a call is not judged: it grows with the length of the
/// answer, which is the caller's choice and says nothing about the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowCall {
    /// A call is slow if its first token, or else its end, took longer than this; above zero.
    pub first_token: Duration,
    /// ... or if a token of its answer took longer than this on average. `None`: not judged.
    pub per_output_token: Option<Duration>,
}

impl Default for SlowCall {
    /// 60 s to the first token; time per token is not judged.
    fn default() -> Self {
        Self { first_token: Duration::from_secs(60), per_output_token: None }
    }
}

impl SlowCall {
    /// Whether a call was slow, from when it was made to its first token or its end, and per
    /// output token where that is known.
    pub fn is_slow(&self, first_token: Duration, per_output_token: Option<Duration>) -> bool {
        let pair = self.per_output_token.zip(per_output_token);
        first_token > self.first_token || pair.is_some_and(|(limit, took)| took > limit)
    }
}

/// When a half-open breaker lets further probes through although earlier ones are out. Results of
/// earlier probes still count; lost ones then block nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeRenewal {
    /// As long after the last round as the recovery is.
    AfterRecovery,
    /// So long after the last round, above zero.
    After(Duration),
    /// Never: lost probes hold the breaker half-open until its longest time there is over.
    Never,
}

/// What becomes of a breaker that was half-open for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfOpenThen {
    /// It opens again: no verdict is a bad sign.
    Open,
    /// It closes: nobody came to probe.
    Closed,
}

/// How a pool that recovered gets its load back: at first only this share of its places is used,
/// and all of them after the time, in 16 equal steps (the slow start of Envoy and linkerd, linear).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RampUp {
    /// From closing to the full load, above zero.
    pub time: Duration,
    /// The share at first, at most 100 %; at least one place is used.
    pub start: BasisPoints,
}

/// What a breaker does at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerMode {
    /// Opens and closes by its rules.
    Automatic,
    /// Lets nothing through: the pool is taken out by hand.
    ForcedOpen,
    /// Lets everything through and records nothing.
    Disabled,
    /// Lets everything through and records rates.
    MetricsOnly,
}

/// A set of [`ErrorKind`]s, whatever their payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorKinds(u16);

impl ErrorKinds {
    /// None.
    pub const NONE: Self = Self(0);
    /// Those that speak against a provider's health: time-outs, failures inside and answers that
    /// cannot be understood.
    pub const AGAINST_HEALTH: Self = Self::NONE
        .with(ErrorKind::Timeout)
        .with(ErrorKind::Unavailable { reached: false })
        .with(ErrorKind::Protocol);

    /// This set and one kind more.
    #[must_use]
    pub const fn with(self, kind: ErrorKind) -> Self {
        Self(self.0 | bit(kind))
    }

    /// This set without a kind.
    #[must_use]
    pub const fn without(self, kind: ErrorKind) -> Self {
        Self(self.0 & !bit(kind))
    }

    /// Whether the kind is in it.
    pub const fn contains(self, kind: ErrorKind) -> bool {
        self.0 & bit(kind) != 0
    }
}

const fn bit(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::Timeout => 1,
        ErrorKind::Unavailable { .. } => 1 << 1,
        ErrorKind::RateLimited { .. } => 1 << 2,
        ErrorKind::CapacityExhausted => 1 << 3,
        ErrorKind::Preempted => 1 << 4,
        ErrorKind::PolicyRefused => 1 << 5,
        ErrorKind::Unauthorized => 1 << 6,
        ErrorKind::NotFound => 1 << 7,
        ErrorKind::Conflict => 1 << 8,
        ErrorKind::Invalid => 1 << 9,
        ErrorKind::Protocol => 1 << 10,
        ErrorKind::CreditExhausted => 1 << 11,
    }
}

impl BreakerConfig {
    /// The first thing that cannot be. `of` adds whose breaker it is.
    ///
    /// # Errors
    /// Zero where something is needed, and windows and rates beyond their bounds.
    pub(crate) fn check(&self, of: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        at_least(1, of("failure threshold"), self.failure_threshold)?;
        at_least(1, of("half-open probes"), self.half_open_probes)?;
        at_least(1, of("recovery in ns"), self.recovery.as_nanos())?;
        let growth = of("growth of the recovery in hundredths of a percent");
        at_least(u64::from(BasisPoints::ONE.get()), growth, self.recovery_growth.get())?;
        if let ProbeRenewal::After(time) = self.probe_renewal {
            at_least(1, of("renewal of probes in ns"), time.as_nanos())?;
        }
        if let Some(wait) = self.half_open_max_wait {
            at_least(1, of("longest time half-open in ns"), wait.as_nanos())?;
        }
        if let Some(RampUp { time, start }) = self.ramp_up {
            at_least(1, of("ramp-up in ns"), time.as_nanos())?;
            let start_of = of("start of the ramp-up in hundredths of a percent");
            at_most(BasisPoints::ONE.get(), start_of, start.get())?;
        }
        self.rates.map_or(Ok(()), |rates| rates.check(of))
    }
}

impl RatesConfig {
    fn check(&self, of: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        let (what, size, limit) = match self.window {
            WindowConfig::Calls(calls) => ("window in calls", calls, WINDOW_CALLS_MAX),
            WindowConfig::Seconds(seconds) => ("window in seconds", seconds, WINDOW_SECONDS_MAX),
        };
        at_least(1, of(what), size)?;
        at_most(limit, of(what), size)?;
        at_least(1, of("minimum calls"), self.minimum_calls)?;
        for (what, rate) in [
            ("failure rate in hundredths of a percent", self.failure_rate),
            ("slow-call rate in hundredths of a percent", self.slow_rate),
        ] {
            at_least(1, of(what), rate.get())?;
            at_most(BasisPoints::ONE.get(), of(what), rate.get())?;
        }
        at_least(1, of("time of a slow call in ns"), self.slow.first_token.as_nanos())?;
        let per_token = self.slow.per_output_token.map_or(1, Duration::as_nanos);
        at_least(1, of("time of a slow token in ns"), per_token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_against_health_is_what_the_waist_says() {
        for kind in ErrorKind::ALL {
            let counted = ErrorKinds::AGAINST_HEALTH.contains(kind);
            assert_eq!(counted, kind.counts_against_breaker(), "{kind}");
            assert!(ErrorKinds::NONE.with(kind).contains(kind));
            assert!(!ErrorKinds::AGAINST_HEALTH.without(kind).contains(kind));
        }
    }

    #[test]
    fn a_window_of_calls_decides_no_later_than_when_it_is_full() {
        let of = |window| RatesConfig { window, minimum_calls: 50, ..RatesConfig::default() };
        assert_eq!(of(WindowConfig::Calls(20)).decisive_calls(), 20);
        assert_eq!(of(WindowConfig::Calls(60)).decisive_calls(), 50);
        assert_eq!(of(WindowConfig::Seconds(20)).decisive_calls(), 50);
    }
}
