use connector::{Duration, Error, ErrorKind, Timestamp};

use super::{Platform, resend::took_work};
use crate::{
    cable::Refusal,
    flight::{Cause, Flight, FlightKey, Phase},
    line::Entrant,
    route::Scene,
    shedding::Importance,
    timers::Pause,
};

/// Whether a candidate takes a request.
enum Taken {
    Yes,
    /// After waiting in line.
    InLine,
}

/// The candidates whose lines a request has passed by, looking for one that takes it at once.
#[derive(Default)]
struct Lines {
    best: Option<usize>,
    /// One bit each.
    all: u128,
}

impl Lines {
    fn pass(&mut self, place: Option<usize>) {
        self.best = self.best.or(place);
        self.all |= place.map_or(0, |place| 1 << place);
    }
}

impl Platform {
    /// Sends a request to the best candidate it has not been to, or answers it with an error when
    /// there is none left. Candidates that do not take it are passed over, and waiting in line is
    /// what is done when none takes it at once: then the best one whose line has room is waited for.
    pub(super) fn send_on(&mut self, now: Timestamp, key: FlightKey) {
        let mut lines = Lines::default();
        loop {
            let flight = &mut self.flights[key];
            let (request, cables) = (&flight.request, &self.cables[..]);
            let scene = Scene { now, request, cables, covenant: self.covenants.of(request) };
            if !self.router.advance(&scene, &mut flight.route) {
                break;
            }
            flight.strikes_here = 0;
            flight.joined = now;
            if self.puts_aside(now, key) {
                continue;
            }
            match self.try_here(now, key) {
                Ok(Taken::Yes) => return self.flights[key].route.may_come_back(lines.all),
                Ok(Taken::InLine) if self.is_worth_waiting(now, key) => {
                    self.flights[key].route.may_come_back(lines.all);
                    return self.join_line(now, key);
                }
                Ok(Taken::InLine) if self.waits_too_long(now, key) => {}
                Ok(Taken::InLine) => lines.pass(self.flights[key].route.current),
                Err(refusal) => self.flights[key].set_back(Cause::Refused(refusal)),
            }
        }
        match lines.best {
            Some(place) => {
                let route = &mut self.flights[key].route;
                route.may_come_back(lines.all);
                route.go_to(place);
                self.join_line(now, key);
            }
            // What was given up may lead to a dearer pool than the quota was asked for.
            None if self.renegotiate(key) && self.reserve_strike(now, key).is_ok() => {
                self.send_on(now, key);
            }
            None => self.finish_failed(now, key),
        }
    }

    /// Whether the present candidate's line is better than whatever takes the request at once.
    fn is_worth_waiting(&self, now: Timestamp, key: FlightKey) -> bool {
        let Flight { request, route, .. } = &self.flights[key];
        let (cables, covenant) = (&self.cables[..], self.covenants.of(request));
        self.router.is_worth_waiting(&Scene { now, request, cables, covenant }, route)
    }

    /// Strikes at the present candidate, if that is possible without waiting in line. A pool that
    /// may hold a share for this request without our knowledge is not asked again before that is
    /// cleared up.
    fn try_here(&mut self, now: Timestamp, key: FlightKey) -> Result<Taken, Refusal> {
        let cable = self.cable_of(key);
        if self.is_in_doubt(now, key, cable) {
            self.flights[key].phase = Phase::Reconciling;
            self.cables[cable].awaiting_list.push(key);
            return Ok(Taken::Yes);
        }
        if self.is_too_late(now, key) {
            return Err(self.cables[cable].refuse(Refusal::NoTime));
        }
        if self.is_ejected(now, cable) {
            return Err(self.cables[cable].refuse(Refusal::Ejected));
        }
        if self.is_shed(now, key, cable) {
            return Err(self.cables[cable].refuse(Refusal::Shed));
        }
        if let Some(permit) = self.cables[cable].admit(now) {
            if self.cables[cable].line.is_fair() {
                let Entrant { tenant, work, .. } = self.wish(now, key).entrant;
                self.cables[cable].line.pass(tenant, work);
            }
            self.strike(now, key, permit);
            return Ok(Taken::Yes);
        }
        let wish = self.wish(now, key);
        self.cables[cable].admit_to_line(now, &wish)?;
        Ok(Taken::InLine)
    }

    /// Whether this pool has too much to do for a request of no more importance.
    #[inline]
    pub(super) fn is_shed(&mut self, now: Timestamp, key: FlightKey, cable: usize) -> bool {
        if self.cables[cable].shedding.is_off() {
            return false;
        }
        let Flight { request, class, .. } = &self.flights[key];
        let priority = self.covenants.priority(request);
        let tier = self.covenants.tier(request);
        self.cables[cable].sheds(now, &Importance { priority, class: *class, tier })
    }

    /// A strike failed: again here after a pause, or on.
    pub(super) fn after_failure(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        error: Error,
        again: bool,
    ) {
        let pause = if again { self.pause_before_retry(now, key, error.kind) } else { None };
        let is_paid_for = pause.is_some() || took_work(error.kind);
        let flight = &mut self.flights[key];
        flight.set_back_at(flight.struck, Cause::Failed(error));
        if self.draining {
            self.finish_failed(now, key);
        } else if let Err(excess) = self.reserve_strike(now, key) {
            self.give_up(now, key, Cause::OverQuota(excess));
        } else if is_paid_for && !self.pay_for_another(now, key) {
            self.give_up(now, key, Cause::Refused(Refusal::BudgetSpent));
        } else if let Some(pause) = pause {
            let timer = self.timers.pause(now + pause, Pause::Retry(key));
            self.flights[key].phase = Phase::Pausing(timer);
        } else {
            self.send_on(now, key);
        }
    }

    fn pause_before_retry(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        kind: ErrorKind,
    ) -> Option<Duration> {
        let at_least = kind.retry_after();
        if at_least.is_some_and(|asked| asked > self.patience) {
            return None;
        }
        let retries = self.flights[key].strikes_here.saturating_sub(1);
        let pause = self.retries.pause(retries, at_least)?;
        (!self.is_too_late(now + pause, key)).then_some(pause)
    }

    /// A breaker that is open decides at once.
    pub(super) fn is_in_doubt(&self, now: Timestamp, key: FlightKey, index: usize) -> bool {
        let cable = &self.cables[index];
        let here = self.flights[key].doubt.filter(|doubt| doubt.cable == index);
        here.is_some_and(|doubt| !cable.reconciler.is_over(doubt.round))
            && cable.breaker.admits(now)
    }

    /// The pause before a retry is over, or the list that was awaited has come.
    pub(super) fn retry(&mut self, now: Timestamp, key: FlightKey) {
        self.flights[key].phase = Phase::Deciding;
        match self.try_here(now, key) {
            Ok(Taken::Yes) => {}
            Ok(Taken::InLine) => self.join_line(now, key),
            Err(refusal) => {
                self.flights[key].set_back(Cause::Refused(refusal));
                self.send_on(now, key);
            }
        }
    }

    /// The cable of the candidate that the request is at.
    pub(super) fn cable_of(&self, key: FlightKey) -> usize {
        let choice = self.router.current(&self.flights[key].route);
        choice.expect("a request that was sent somewhere is at a candidate").cable.index()
    }
}
