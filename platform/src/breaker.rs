//! A circuit breaker: stops asking a pool that keeps failing, and finds out when to ask again.
//!
//! # Mechanism
//!
//! *Closed* lets everything through and counts failures in a row; at the threshold it turns *open*.
//! Open refuses until the recovery time has passed; the next acquire after that turns it
//! *half-open*, where only as many calls as there are probes go through. As many successes close
//! it, one failure opens it again.
//!
//! Every admitted call holds a [`Permit`] that remembers the period (the stretch between two
//! changes of state) it was issued in. A result that comes home in another period is dropped: a
//! call that was admitted before the breaker opened says nothing about whether the pool has
//! recovered.
//!
//! # Edges
//!
//! A probe may take longer than the recovery time, or be lost. Half-open therefore issues a new
//! round of probes whenever a recovery time passes without a verdict. Probes of an earlier round
//! still belong to the period, so a pool that is slower than the recovery time can close the
//! breaker; a lost one blocks nothing. A result that says nothing about the pool (a full pool, a
//! caller who left) gives its probe back.
//!
//! Style after linkerd2-proxy's consecutive-failures breaker; permits and rounds are ours.

use connector::Timestamp;

use crate::config::BreakerConfig;

/// Whether a breaker lets calls through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open,
    /// Probes pass.
    HalfOpen,
}

impl BreakerState {
    /// Stable name for tables, files and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What a finished call says about the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Success,
    /// It fails.
    Failure,
    /// Nothing: the call was refused by rule, or its caller went away.
    Ignored,
}

/// The right to make one call. Hand it back with the result.
#[must_use = "a permit that is not recorded is a lost probe"]
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    period: u64,
    round: u64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Timestamp },
    HalfOpen { next_round: Timestamp, issued: u32, successes: u32 },
}

/// See the module text.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    period: u64,
    round: u64,
}

impl Breaker {
    /// A closed breaker.
    pub const fn new(config: BreakerConfig) -> Self {
        Self { config, phase: Phase::Closed { failures: 0 }, period: 0, round: 0 }
    }

    /// The state as the last call left it: an open breaker whose wait is over reads open until
    /// somebody acquires.
    pub const fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether [`acquire`](Self::acquire) would succeed now.
    pub fn admits(&self, now: Timestamp) -> bool {
        match self.phase {
            Phase::Closed { .. } => true,
            Phase::Open { until } => now >= until,
            Phase::HalfOpen { next_round, issued, .. } => {
                issued < self.config.half_open_probes || now >= next_round
            }
        }
    }

    /// The right to make one call, or `None` while the pool is not to be asked.
    pub fn acquire(&mut self, now: Timestamp) -> Option<Permit> {
        match &mut self.phase {
            Phase::Closed { .. } => {}
            Phase::Open { until } if now < *until => return None,
            Phase::Open { .. } => self.half_open(now),
            Phase::HalfOpen { issued, .. } if *issued < self.config.half_open_probes => {
                *issued += 1;
            }
            Phase::HalfOpen { next_round, .. } if now < *next_round => return None,
            Phase::HalfOpen { next_round, issued, .. } => {
                *next_round = now + self.config.recovery;
                *issued = 1;
                self.round += 1;
            }
        }
        Some(Permit { period: self.period, round: self.round })
    }

    /// What became of a call. True if this result opened the breaker.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is good for one result")]
    pub fn record(&mut self, now: Timestamp, permit: Permit, verdict: Verdict) -> bool {
        if permit.period != self.period {
            return false;
        }
        match verdict {
            Verdict::Success => self.succeeded(),
            Verdict::Failure => return self.failed(now),
            Verdict::Ignored => self.give_back(permit.round),
        }
        false
    }

    fn succeeded(&mut self) {
        match &mut self.phase {
            Phase::Closed { failures } => *failures = 0,
            Phase::Open { .. } => {}
            Phase::HalfOpen { successes, .. } => {
                *successes += 1;
                if *successes >= self.config.half_open_probes {
                    self.enter(Phase::Closed { failures: 0 });
                }
            }
        }
    }

    fn failed(&mut self, now: Timestamp) -> bool {
        let opens = match &mut self.phase {
            Phase::Closed { failures } => {
                *failures += 1;
                *failures >= self.config.failure_threshold
            }
            Phase::Open { .. } => false,
            Phase::HalfOpen { .. } => true,
        };
        if opens {
            self.enter(Phase::Open { until: now + self.config.recovery });
        }
        opens
    }

    fn give_back(&mut self, of_round: u64) {
        if let Phase::HalfOpen { issued, .. } = &mut self.phase
            && of_round == self.round
        {
            *issued = issued.saturating_sub(1);
        }
    }

    fn half_open(&mut self, now: Timestamp) {
        let next_round = now + self.config.recovery;
        self.enter(Phase::HalfOpen { next_round, issued: 1, successes: 0 });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.period += 1;
    }
}

#[cfg(test)]
mod tests;
