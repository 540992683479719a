use connector::{Timestamp, Tokens};

use super::Platform;
use crate::{
    breaker::{BreakerState, Control, Verdict},
    config::{BreakerConfig, SlowCall},
    flight::{Ended, Strike},
    limit::Took,
    timers::Pause,
};

impl Platform {
    /// An operator takes a breaker in hand.
    pub(super) fn control_breaker(&mut self, now: Timestamp, cable: usize, control: Control) {
        let breaker = &mut self.cables[cable].breaker;
        breaker.control(now, control);
        let opened = breaker.state() == BreakerState::Open;
        self.breaker_changed(now, cable, opened);
    }

    /// What a breaker does by itself is due.
    pub(super) fn wake_breaker(&mut self, now: Timestamp, cable: usize) {
        self.cables[cable].alarm = None;
        let breaker = &mut self.cables[cable].breaker;
        let before = breaker.state();
        breaker.wake(now);
        let opened = breaker.state() == BreakerState::Open && before != BreakerState::Open;
        self.breaker_changed(now, cable, opened);
    }

    fn breaker_changed(&mut self, now: Timestamp, cable: usize, opened: bool) {
        self.cables[cable].statistics.openings += u64::from(opened);
        if self.cables[cable].breaker.state().refuses() {
            self.clear_shelves(now, cable);
        }
        self.heed_breaker(cable);
        if !self.draining {
            self.tend_line(now, cable);
        }
    }

    /// Sees to it that the breaker is woken when it wants to be. Nothing is started any more while
    /// draining, so it need not be.
    pub(super) fn heed_breaker(&mut self, cable: usize) {
        let line = &mut self.cables[cable];
        let due = line.breaker.deadline().filter(|_| !self.draining);
        if line.alarm.map(|(at, _)| at) == due {
            return;
        }
        if let Some((_, alarm)) = line.alarm.take() {
            self.timers.cancel(alarm);
        }
        line.alarm = due.map(|at| (at, self.timers.pause(at, Pause::Breaker(cable))));
    }

    /// What a strike that has ended says about its pool.
    pub(super) fn judge(
        &mut self,
        now: Timestamp,
        cable: usize,
        strike: Strike,
        ended: Ended,
        first_token: Option<Took>,
    ) {
        let line = &self.cables[cable];
        let verdict = verdict(now, line.breaker.config(), &strike, ended);
        self.compare(now, cable, verdict, first_token);
        let line = &mut self.cables[cable];
        if line.breaker.record(now, strike.permit, verdict) {
            line.statistics.openings += 1;
            self.clear_shelves(now, cable);
        }
        self.heed_breaker(cable);
    }
}

impl Platform {
    /// What a strike says about its pool beside its peers.
    fn compare(
        &mut self,
        now: Timestamp,
        cable: usize,
        verdict: Verdict,
        first_token: Option<Took>,
    ) {
        let Some(ejector) = &mut self.ejector else {
            return;
        };
        match verdict {
            Verdict::Success | Verdict::Slow => ejector.record(now, cable, false, first_token),
            Verdict::Failure | Verdict::SlowFailure => ejector.record(now, cable, true, None),
            Verdict::Ignored => {}
        }
    }

    /// Whether a pool is left out because it does worse than its peers.
    pub(super) fn is_ejected(&self, now: Timestamp, cable: usize) -> bool {
        self.ejector.as_ref().is_some_and(|ejector| ejector.is_out(now, cable))
    }
}

fn verdict(now: Timestamp, config: &BreakerConfig, strike: &Strike, ended: Ended) -> Verdict {
    let slow = |output| config.rates.is_some_and(|rates| is_slow(now, &rates.slow, strike, output));
    match ended {
        Ended::Answered(output) if slow(Some(output)) => Verdict::Slow,
        Ended::Answered(_) => Verdict::Success,
        Ended::Failed(kind) if !config.counted.contains(kind) => Verdict::Ignored,
        Ended::Failed(_) if slow(None) => Verdict::SlowFailure,
        Ended::Failed(_) => Verdict::Failure,
        // Else a hedge, which calls off whoever is slow, would hide that from the breaker.
        Ended::CalledOff if slow(None) => Verdict::Slow,
        Ended::CalledOff => Verdict::Ignored,
    }
}

fn is_slow(now: Timestamp, limits: &SlowCall, strike: &Strike, output: Option<Tokens>) -> bool {
    let first_token = strike.first_token.unwrap_or(now);
    let gaps = output.map_or(0, |tokens| u64::from(tokens.get().saturating_sub(1)));
    let per_token = (gaps > 0).then(|| now.since(first_token) / gaps.max(1));
    limits.is_slow(first_token.since(strike.asked), per_token)
}
