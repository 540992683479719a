//! A breaker as one would write it without thinking of speed: every result is kept in a list, and
//! rates are counted from it each time, in the single precision of the rules it is written after.

use connector::{Duration, Timestamp};
use platform::{
    BreakerState,
    breaker::{Control, Verdict},
    config::{BreakerConfig, HalfOpenThen, ProbeRenewal, RatesConfig, WindowConfig},
};

/// Which epoch and which round of probes a call belongs to.
pub(crate) type Ticket = (u32, u32);

#[derive(Clone, Copy)]
struct Outcome {
    second: u64,
    failed: bool,
    slow: bool,
}

pub(crate) struct Model {
    config: BreakerConfig,
    pub(crate) state: BreakerState,
    since: Timestamp,
    epoch: u32,
    round: u32,
    round_began: Timestamp,
    /// Probes of the present round.
    out: u32,
    outcomes: Vec<Outcome>,
    /// Openings that the present wait is made of.
    openings: u32,
}

impl Model {
    pub(crate) fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            state: BreakerState::Closed,
            since: Timestamp::ZERO,
            epoch: 0,
            round: 0,
            round_began: Timestamp::ZERO,
            out: 0,
            outcomes: Vec::new(),
            openings: 0,
        }
    }

    /// When it does something by itself, ramp-up apart.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            BreakerState::Open if self.config.auto_half_open => Some(self.since + self.wait()),
            BreakerState::HalfOpen => Some(self.since + self.config.half_open_max_wait?),
            _ => None,
        }
    }

    pub(crate) fn wake(&mut self, now: Timestamp) {
        let Some(due) = self.deadline().filter(|&due| due <= now) else { return };
        if self.state == BreakerState::Open {
            self.enter(due, BreakerState::HalfOpen);
        } else if self.config.half_open_then == HalfOpenThen::Closed {
            self.enter(due, BreakerState::Closed);
        } else {
            self.open(due);
        }
    }

    pub(crate) fn acquire(&mut self, now: Timestamp) -> Option<Ticket> {
        self.wake(now);
        match self.state {
            BreakerState::Open if now > self.since + self.wait() => {
                self.enter(now, BreakerState::HalfOpen);
            }
            BreakerState::Open | BreakerState::ForcedOpen => return None,
            _ => {}
        }
        if self.state == BreakerState::HalfOpen {
            let renewal = match self.config.probe_renewal {
                ProbeRenewal::AfterRecovery => self.config.recovery,
                ProbeRenewal::After(time) => time,
                ProbeRenewal::Never => Duration::MAX,
            };
            if self.out == self.config.half_open_probes {
                if now < self.round_began + renewal {
                    return None;
                }
                (self.round, self.round_began, self.out) = (self.round + 1, now, 0);
            }
            self.out += 1;
        }
        Some((self.epoch, self.round))
    }

    pub(crate) fn record(&mut self, now: Timestamp, ticket: Ticket, verdict: Verdict) {
        if ticket.0 != self.epoch {
            return;
        }
        let (failed, slow) = match verdict {
            Verdict::Success => (false, false),
            Verdict::Slow => (false, true),
            Verdict::Failure => (true, false),
            Verdict::SlowFailure => (true, true),
            Verdict::Ignored => {
                if self.state == BreakerState::HalfOpen && ticket.1 == self.round {
                    self.out -= 1;
                }
                return;
            }
        };
        let second = now.as_nanos() / 1_000_000_000;
        self.outcomes.push(Outcome { second, failed, slow });
        match self.state {
            BreakerState::Closed if self.closed_opens(second) => self.open(now),
            BreakerState::HalfOpen => match self.verdict() {
                Some(true) => self.open(now),
                Some(false) => self.enter(now, BreakerState::Closed),
                None => {}
            },
            _ => {}
        }
    }

    pub(crate) fn witness(&mut self, now: Timestamp, verdict: Verdict) {
        if self.state != BreakerState::HalfOpen {
            self.record(now, (self.epoch, self.round), verdict);
        }
    }

    pub(crate) fn control(&mut self, now: Timestamp, control: Control) {
        match control {
            Control::ToOpen => self.open(now),
            Control::ToHalfOpen => self.enter(now, BreakerState::HalfOpen),
            Control::ToClosed => self.enter(now, BreakerState::Closed),
            Control::Reset => {
                self.openings = 0;
                self.enter(now, BreakerState::Closed);
            }
            Control::ForceOpen => self.enter(now, BreakerState::ForcedOpen),
            Control::Disable => self.enter(now, BreakerState::Disabled),
            Control::MetricsOnly => self.enter(now, BreakerState::MetricsOnly),
        }
    }

    fn closed_opens(&self, second: u64) -> bool {
        let in_a_row = self.outcomes.iter().rev().take_while(|one| one.failed).count();
        if in_a_row >= self.config.failure_threshold as usize {
            return true;
        }
        let Some(rates) = self.config.rates else { return false };
        let (window, least) = match rates.window {
            WindowConfig::Calls(calls) => {
                let from = self.outcomes.len().saturating_sub(calls as usize);
                (self.outcomes[from..].to_vec(), rates.minimum_calls.min(calls))
            }
            WindowConfig::Seconds(seconds) => {
                let recent = |one: &&Outcome| one.second + u64::from(seconds) > second;
                (self.outcomes.iter().filter(recent).copied().collect(), rates.minimum_calls)
            }
        };
        window.len() >= least as usize && reached(&window, &rates)
    }

    fn verdict(&self) -> Option<bool> {
        let (probes, results) = (self.config.half_open_probes, self.outcomes.len() as u32);
        let Some(rates) = self.config.rates else {
            let failed = self.outcomes.iter().any(|one| one.failed);
            return if failed { Some(true) } else { (results >= probes).then_some(false) };
        };
        let in_a_row = self.outcomes.iter().rev().take_while(|one| one.failed).count();
        if in_a_row >= self.config.failure_threshold as usize {
            return Some(true);
        }
        let least = match rates.window {
            WindowConfig::Calls(calls) => rates.minimum_calls.min(calls),
            WindowConfig::Seconds(_) => rates.minimum_calls,
        };
        (results >= least.min(probes)).then(|| reached(&self.outcomes, &rates))
    }

    fn wait(&self) -> Duration {
        let most = self.config.recovery_max.max(self.config.recovery);
        let grown = |wait: Duration, _| {
            let percent = u64::from(self.config.recovery_growth.get()) / 100;
            Duration::from_nanos(wait.as_nanos() * percent / 100).min(most)
        };
        (1..self.openings).fold(self.config.recovery, grown)
    }

    fn open(&mut self, now: Timestamp) {
        if self.state == BreakerState::Closed && now.since(self.since) >= self.config.calm {
            self.openings = 0;
        }
        self.openings += 1;
        self.enter(now, BreakerState::Open);
    }

    fn enter(&mut self, now: Timestamp, state: BreakerState) {
        (self.state, self.since, self.round_began) = (state, now, now);
        (self.epoch, self.out) = (self.epoch + 1, 0);
        self.outcomes.clear();
    }
}

fn reached(outcomes: &[Outcome], rates: &RatesConfig) -> bool {
    let percent = |of: fn(&Outcome) -> bool| {
        100.0 * outcomes.iter().filter(|one| of(one)).count() as f32 / outcomes.len() as f32
    };
    let threshold = |rate: connector::BasisPoints| rate.get() as f32 / 100.0;
    percent(|one| one.failed) >= threshold(rates.failure_rate)
        || percent(|one| one.slow) >= threshold(rates.slow_rate)
}
