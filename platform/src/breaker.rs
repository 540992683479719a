//! A circuit breaker: stops asking a pool that keeps failing, and finds out when to ask again.
//!
//! # Mechanism
//!
//! *Closed* lets everything through and counts. It turns *open* at so many failures in a row, or
//! where rates are configured when the share of failures or of slow calls in a window reaches its
//! threshold; the decision is taken on every result, never by time alone. Open refuses until its
//! wait is over; then it turns *half-open*, where only as many calls as there are probes go
//! through, and their results decide: close, or open again and wait longer where the wait grows.
//! Three more states are entered and left by hand only ([`Control`]).
//!
//! Every admitted call holds a [`Permit`] that remembers the epoch (the stretch between two changes
//! of state) it was issued in. A result that comes home in another epoch is dropped: a call that
//! was admitted before the breaker opened says nothing about whether the pool has recovered.
//!
//! # Edges
//!
//! A probe may be lost, or take longer than the wait. Half-open therefore issues a new round of
//! probes now and then ([`ProbeRenewal`]). Probes of an earlier round still belong to the epoch,
//! so a pool that is slower than that can close the breaker; a lost one blocks nothing. A result
//! that says nothing about the pool (a full pool, a caller who left) gives its probe back, once.
//!
//! A pool that fails in pulses closes its breaker between two pulses. If closing started the wait
//! from the beginning, it would never grow; so it starts again only after the breaker was closed
//! for a while ([`calm`](crate::config::BreakerConfig::calm)).
//!
//! Style after linkerd2-proxy's consecutive-failures breaker; windows, rates and the states by hand
//! behave as those of resilience4j 2.4; permits, rounds, calm and ramp-up are ours.

mod window;

use connector::{BasisPoints, Duration, Timestamp};
use window::{Totals, Window};

use crate::config::{BreakerConfig, BreakerMode, HalfOpenThen, ProbeRenewal, RampUp};

/// Steps in which a recovered pool gets its load back.
const RAMP_STEPS: u32 = 16;

/// Whether a breaker lets calls through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open,
    /// Probes pass.
    HalfOpen,
    /// Nothing passes, until somebody says otherwise.
    ForcedOpen,
    /// Everything passes and nothing is recorded, until somebody says otherwise.
    Disabled,
    /// Everything passes and rates are recorded, until somebody says otherwise.
    MetricsOnly,
}

impl BreakerState {
    /// Stable name for tables, files and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }

    /// Whether it refuses everything.
    pub const fn refuses(self) -> bool {
        match self {
            Self::Open | Self::ForcedOpen => true,
            Self::Closed | Self::HalfOpen | Self::Disabled | Self::MetricsOnly => false,
        }
    }
}

/// What a finished call says about the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Success,
    /// It works, too slowly.
    Slow,
    /// It fails.
    Failure,
    /// It fails, and takes its time over it: counts in both rates.
    SlowFailure,
    /// Nothing: the call was refused by rule, or its caller went away.
    Ignored,
}

/// What an operator may tell a breaker. Each starts a new epoch with an empty window, so that
/// results of calls that are under way decide nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Open as if the pool had failed; it recovers by itself.
    ToOpen,
    /// Let probes through now.
    ToHalfOpen,
    /// Close, at full load.
    ToClosed,
    /// Close and forget how often it has opened.
    Reset,
    /// Let nothing through until told otherwise.
    ForceOpen,
    /// Let everything through and record nothing until told otherwise.
    Disable,
    /// Let everything through and record rates until told otherwise.
    MetricsOnly,
}

/// The right to make one call. Hand it back with the result.
#[must_use = "a permit that is not recorded is a lost probe"]
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    epoch: u64,
    round: u64,
}

/// What the window of a breaker shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Results in the window.
    pub calls: u32,
    /// Share of failures, rounded down.
    pub failed: BasisPoints,
    /// Share of slow calls, rounded down.
    pub slow: BasisPoints,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed { ramp: Option<Ramp> },
    Open { until: Timestamp },
    HalfOpen(Probation),
    ForcedOpen,
    Disabled,
    MetricsOnly,
}

#[derive(Clone, Copy, Debug)]
struct Probation {
    /// [`Timestamp::MAX`] if there is none.
    ends: Timestamp,
    next_round: Timestamp,
    /// Probes of the present round.
    issued: u32,
    results: Totals,
}

/// A recovered pool that does not have its full load yet.
#[derive(Clone, Copy, Debug)]
struct Ramp {
    since: Timestamp,
    config: RampUp,
    /// Of [`RAMP_STEPS`].
    step: u32,
}

/// See the module text.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    epoch: u64,
    round: u64,
    /// Failures since the last success, in this epoch.
    in_a_row: u32,
    window: Option<Window>,
    /// How long the next opening waits.
    wait: Duration,
    closed_at: Timestamp,
}

impl Breaker {
    /// A breaker at rest: closed, unless its mode says otherwise.
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            phase: match config.mode {
                BreakerMode::Automatic => Phase::Closed { ramp: None },
                BreakerMode::ForcedOpen => Phase::ForcedOpen,
                BreakerMode::Disabled => Phase::Disabled,
                BreakerMode::MetricsOnly => Phase::MetricsOnly,
            },
            epoch: 0,
            round: 0,
            in_a_row: 0,
            window: config.rates.as_ref().map(Window::new),
            wait: config.recovery,
            closed_at: Timestamp::ZERO,
            config,
        }
    }

    /// The state as the last call left it: unless it turns half-open by itself, an open breaker
    /// whose wait is over reads open until somebody acquires.
    pub const fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen(_) => BreakerState::HalfOpen,
            Phase::ForcedOpen => BreakerState::ForcedOpen,
            Phase::Disabled => BreakerState::Disabled,
            Phase::MetricsOnly => BreakerState::MetricsOnly,
        }
    }

    /// The rules it goes by.
    pub const fn config(&self) -> &BreakerConfig {
        &self.config
    }

    /// What its window shows as of the last result; nothing where no rates are configured.
    pub fn rates(&self) -> Rates {
        let Some(Totals { calls, failed, slow }) = self.window.as_ref().map(Window::totals) else {
            return Rates::default();
        };
        let share = |part: u32| {
            let share = u64::from(part) * u64::from(BasisPoints::ONE.get());
            BasisPoints::new((share / u64::from(calls).max(1)) as u32)
        };
        Rates { calls, failed: share(failed), slow: share(slow) }
    }

    /// The share of its usual load that the pool is to get: less than all of it only while a pool
    /// that recovered is ramping up.
    #[inline]
    pub fn load(&self) -> BasisPoints {
        match &self.phase {
            Phase::Closed { ramp: Some(ramp) } => ramp.load(),
            Phase::Closed { ramp: None }
            | Phase::Open { .. }
            | Phase::HalfOpen(_)
            | Phase::ForcedOpen
            | Phase::Disabled
            | Phase::MetricsOnly => BasisPoints::ONE,
        }
    }

    /// When [`wake`](Self::wake) has something to do, if nothing happens before.
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Closed { ramp } => ramp.as_ref().map(Ramp::next),
            Phase::Open { until } => self.config.auto_half_open.then_some(*until),
            Phase::HalfOpen(probation) => {
                (probation.ends < Timestamp::MAX).then_some(probation.ends)
            }
            Phase::ForcedOpen | Phase::Disabled | Phase::MetricsOnly => None,
        }
    }

    /// Whether [`acquire`](Self::acquire) would succeed now.
    #[inline]
    pub fn admits(&self, now: Timestamp) -> bool {
        match &self.phase {
            Phase::Closed { .. } | Phase::Disabled | Phase::MetricsOnly => true,
            Phase::ForcedOpen => false,
            Phase::Open { until } => self.is_over(now, *until),
            Phase::HalfOpen(probation) if now >= probation.ends => {
                self.config.half_open_then == HalfOpenThen::Closed
            }
            Phase::HalfOpen(probation) => {
                probation.issued < self.config.half_open_probes || now >= probation.next_round
            }
        }
    }

    /// The right to make one call, or `None` while the pool is not to be asked.
    #[inline]
    pub fn acquire(&mut self, now: Timestamp) -> Option<Permit> {
        match self.phase {
            Phase::Closed { .. } | Phase::Disabled | Phase::MetricsOnly => {}
            Phase::ForcedOpen => return None,
            Phase::Open { .. } | Phase::HalfOpen(_) => self.acquire_probe(now)?,
        }
        Some(Permit { epoch: self.epoch, round: self.round })
    }

    /// What became of a call. True if this result opened the breaker.
    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "a permit is good for one result")]
    pub fn record(&mut self, now: Timestamp, permit: Permit, verdict: Verdict) -> bool {
        if permit.epoch != self.epoch {
            return false;
        }
        if verdict == Verdict::Ignored {
            self.give_back(permit.round);
            return false;
        }
        let failed = matches!(verdict, Verdict::Failure | Verdict::SlowFailure);
        let slow = matches!(verdict, Verdict::Slow | Verdict::SlowFailure);
        self.count(now, failed, slow)
    }

    /// What became of a call that was made without asking, such as somebody else's health check.
    /// It counts like any other, but in half-open only probes do. True if it opened the breaker.
    pub fn witness(&mut self, now: Timestamp, verdict: Verdict) -> bool {
        if matches!(self.phase, Phase::HalfOpen(_)) {
            return false;
        }
        let permit = Permit { epoch: self.epoch, round: self.round };
        self.record(now, permit, verdict)
    }

    /// Does what is due by `now`: turns half-open, ends half-open, or takes a step of the ramp-up.
    /// One thing at a time; whoever comes late asks for the [`deadline`](Self::deadline) again.
    pub fn wake(&mut self, now: Timestamp) {
        let Some(due) = self.deadline().filter(|&due| due <= now) else {
            return;
        };
        match &mut self.phase {
            Phase::Closed { ramp } => *ramp = ramp.and_then(|ramp| ramp.step_up(due)),
            Phase::Open { .. } => self.half_open(due),
            Phase::HalfOpen(_) => match self.config.half_open_then {
                HalfOpenThen::Open => self.open(due),
                HalfOpenThen::Closed => self.close(due),
            },
            Phase::ForcedOpen | Phase::Disabled | Phase::MetricsOnly => {}
        }
    }

    /// Does what an operator says.
    pub fn control(&mut self, now: Timestamp, control: Control) {
        match control {
            Control::ToOpen => self.open(now),
            Control::ToHalfOpen => self.half_open(now),
            Control::ToClosed => self.enter_closed(now, None),
            Control::Reset => {
                self.wait = self.config.recovery;
                self.enter_closed(now, None);
            }
            Control::ForceOpen => self.enter(Phase::ForcedOpen),
            Control::Disable => self.enter(Phase::Disabled),
            Control::MetricsOnly => self.enter(Phase::MetricsOnly),
        }
    }

    /// Whether a wait is over: at its very end for a timer, after it for a call.
    fn is_over(&self, now: Timestamp, until: Timestamp) -> bool {
        if self.config.auto_half_open { now >= until } else { now > until }
    }

    #[cold]
    fn acquire_probe(&mut self, now: Timestamp) -> Option<()> {
        if !self.admits(now) {
            return None;
        }
        self.wake(now);
        if let Phase::Open { .. } = self.phase {
            self.half_open(now);
        }
        let renewal = self.renewal();
        if let Phase::HalfOpen(probation) = &mut self.phase {
            if probation.issued >= self.config.half_open_probes {
                probation.next_round = now + renewal;
                probation.issued = 0;
                self.round += 1;
            }
            probation.issued += 1;
        }
        Some(())
    }

    #[inline]
    fn count(&mut self, now: Timestamp, failed: bool, slow: bool) -> bool {
        match &mut self.phase {
            Phase::Closed { .. } => {}
            Phase::HalfOpen(probation) => {
                probation.results.add(failed, slow);
                let results = probation.results;
                return self.judge(now, results, failed);
            }
            Phase::MetricsOnly => {
                self.add(now, failed, slow);
                return false;
            }
            Phase::Open { .. } | Phase::ForcedOpen | Phase::Disabled => return false,
        }
        self.add(now, failed, slow);
        let opens = self.in_a_row >= self.config.failure_threshold
            || self.window.as_ref().is_some_and(Window::is_reached);
        if opens {
            self.open(now);
        }
        opens
    }

    #[inline]
    fn add(&mut self, now: Timestamp, failed: bool, slow: bool) {
        self.in_a_row = if failed { self.in_a_row.saturating_add(1) } else { 0 };
        if let Some(window) = &mut self.window {
            window.add(now, failed, slow);
        }
    }

    /// One more result of a probe is in. True if it opens the breaker.
    fn judge(&mut self, now: Timestamp, results: Totals, failed: bool) -> bool {
        let probes = self.config.half_open_probes;
        self.in_a_row = if failed { self.in_a_row.saturating_add(1) } else { 0 };
        let opens = match self.window.as_ref().map(Window::thresholds) {
            None if failed => true,
            None if results.calls >= probes => false,
            Some(_) if self.in_a_row >= self.config.failure_threshold => true,
            Some(thresholds) if results.calls >= thresholds.decisive_calls.min(probes) => {
                thresholds.reached(results)
            }
            None | Some(_) => return false,
        };
        if opens {
            self.open(now);
        } else {
            self.close(now);
        }
        opens
    }

    fn give_back(&mut self, of_round: u64) {
        if let Phase::HalfOpen(probation) = &mut self.phase
            && of_round == self.round
        {
            probation.issued = probation.issued.saturating_sub(1);
        }
    }

    fn open(&mut self, now: Timestamp) {
        let was_closed = matches!(self.phase, Phase::Closed { .. });
        if was_closed && now.since(self.closed_at) >= self.config.calm {
            self.wait = self.config.recovery;
        }
        let until = now + self.wait;
        let grown = self.config.recovery_growth.of(self.wait.as_nanos());
        let most = self.config.recovery_max.max(self.config.recovery);
        self.wait = Duration::from_nanos(grown).min(most);
        self.enter(Phase::Open { until });
    }

    fn half_open(&mut self, now: Timestamp) {
        let ends = self.config.half_open_max_wait.map_or(Timestamp::MAX, |wait| now + wait);
        let next_round = now + self.renewal();
        let results = Totals::default();
        self.enter(Phase::HalfOpen(Probation { ends, next_round, issued: 0, results }));
    }

    /// The pool has recovered.
    fn close(&mut self, now: Timestamp) {
        let ramp = self.config.ramp_up.map(|config| Ramp { since: now, config, step: 0 });
        self.enter_closed(now, ramp);
    }

    fn enter_closed(&mut self, now: Timestamp, ramp: Option<Ramp>) {
        self.closed_at = now;
        self.enter(Phase::Closed { ramp });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
        self.in_a_row = 0;
        if let Some(window) = &mut self.window {
            window.clear();
        }
    }

    const fn renewal(&self) -> Duration {
        match self.config.probe_renewal {
            ProbeRenewal::AfterRecovery => self.config.recovery,
            ProbeRenewal::After(time) => time,
            ProbeRenewal::Never => Duration::MAX,
        }
    }
}

impl Ramp {
    fn load(&self) -> BasisPoints {
        let (start, all) = (self.config.start.get(), BasisPoints::ONE.get());
        BasisPoints::new(start + all.saturating_sub(start) * self.step / RAMP_STEPS)
    }

    fn next(&self) -> Timestamp {
        let time = u128::from(self.config.time.as_nanos()) * u128::from(self.step + 1);
        self.since + Duration::from_nanos((time / u128::from(RAMP_STEPS)) as u64)
    }

    /// What is left to do after this step.
    fn step_up(mut self, now: Timestamp) -> Option<Self> {
        while self.step < RAMP_STEPS && self.next() <= now {
            self.step += 1;
        }
        (self.step < RAMP_STEPS).then_some(self)
    }
}

#[cfg(test)]
mod tests;
