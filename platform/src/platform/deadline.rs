//! The time that a request has, from its arrival to its answer.
//!
//! Queueing, tries and fallbacks all come out of it: a line is left in time for the work to be done,
//! nothing is begun that even an idle card could not end in time, and a request whose time is over
//! is answered at once and what runs for it is stopped.
//!
//! The platform may limit the time of every request, and a covenant that is enforced that of its own:
//! its targets for the first token and for the whole answer are then deadlines. What is promised may
//! be tighter than what any pool can do, so work is looked at twice more for it, at the grant of its
//! share and at its first token, and its pool is not blamed for an answer that was on its way.

use connector::{Duration, Error, ErrorKind, Timestamp, Tokens};

use super::{Platform, books::Work};
use crate::{
    billing::UseKind,
    cable::Refusal,
    deadlines::{Deadlines, WorkTime},
    flight::{Cause, Ended, Flight, FlightKey, Phase},
    interface::Request,
    lease::LeaseKey,
    route::Choice,
    timers::Pause,
};

impl Platform {
    /// How long this request has.
    pub(super) fn deadlines(&self, request: &Request) -> Deadlines {
        let enforced = if self.covenants.is_plain(request) {
            None
        } else {
            self.covenants.of(request).enforced()
        };
        let promised =
            enforced.map_or(Deadlines::NONE, |targets| Deadlines::of(request.arrived, targets));
        let end = self.total.map_or(Timestamp::MAX, |total| request.arrived + total);
        Deadlines { end: promised.end.min(end), ..promised }
    }

    /// A request has arrived: its time runs from then on.
    pub(super) fn set_alarm(&mut self, key: FlightKey) {
        let deadlines = self.deadlines(&self.flights[key].request);
        self.flights[key].deadlines = deadlines;
        self.wake_for(key, deadlines.next());
    }

    fn wake_for(&mut self, key: FlightKey, at: Timestamp) {
        if at < Timestamp::MAX {
            self.flights[key].alarm = Some(self.timers.pause(at, Pause::Total(key)));
        }
    }

    /// A request ends, in time or not.
    pub(super) fn stop_alarm(&mut self, key: FlightKey) {
        if let Some(alarm) = self.flights[key].alarm.take() {
            self.timers.cancel(alarm);
        }
    }

    /// Whether a strike at the present candidate that begins at this time could not end in time,
    /// even on an idle card.
    pub(super) fn is_too_late(&self, begins: Timestamp, key: FlightKey) -> bool {
        let flight = &self.flights[key];
        let deadlines = flight.deadlines_left();
        deadlines.next() < Timestamp::MAX
            && self
                .router
                .current(&flight.route)
                .is_some_and(|choice| !deadlines.admit(begins, least_time(flight, choice)))
    }

    /// The last moment at which work for a promise may begin at the present candidate;
    /// [`Timestamp::MAX`] if nothing that is promised is enforced.
    pub(super) fn latest_start(&self, flight: &Flight) -> Timestamp {
        let choice = self.router.current(&flight.route).filter(|_| flight.deadlines.promised);
        choice.map_or(Timestamp::MAX, |choice| {
            flight.deadlines_left().latest_start(least_time(flight, choice))
        })
    }

    /// Stops the strike of this lease if its answer is promised and cannot come in time any more:
    /// after its share was granted, or after its first token. True if it was stopped.
    pub(super) fn stops_hopeless(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        lease: LeaseKey,
    ) -> bool {
        let flight = &mut self.flights[key];
        if !flight.deadlines.promised || flight.rival(lease).is_some() {
            return false;
        }
        let (deadlines, prompt) = (flight.deadlines_left(), flight.request.prompt_tokens);
        let strike = flight.strike_mut(lease).expect("the owner of a lease is striking with it");
        let (start, begun) = (strike.start(), strike.first_token.is_some());
        let work = Work::wasted(UseKind::Retried).having_made(strike.made(prompt));
        let flight = &self.flights[key];
        let choice = self.router.choice(&flight.route, start.place);
        let is_in_time = if begun {
            now + least_rest(flight, choice) <= deadlines.end
        } else {
            deadlines.admit(now, least_time(flight, choice))
        };
        if is_in_time {
            return false;
        }
        if !begun {
            self.router.started(now, &flight.request, &flight.route, start);
        }
        let cable = self.end_strike(now, key, lease, Ended::CalledOff, work);
        self.flights[key].first_token = None;
        let _ = self.cables[cable].refuse(Refusal::NoTime);
        self.tend_line(now, cable);
        let error = Error::new(ErrorKind::Timeout, "the answer would come too late");
        if let Some(error) = self.broken_off(now, key, None, begun, error) {
            self.after_failure(now, key, error, false);
        }
        true
    }

    /// The time of a request is over, or that of its first token.
    pub(super) fn time_is_over(&mut self, now: Timestamp, key: FlightKey) {
        let Some(flight) = self.flights.get_mut(key) else {
            return;
        };
        flight.alarm = None;
        let (arrived, deadlines) = (flight.request.arrived, flight.deadlines);
        if now < deadlines.end && flight.has_begun() {
            return self.wake_for(key, deadlines.end);
        }
        let cause = match &flight.phase {
            Phase::Striking(_) if now < deadlines.end => {
                let words = "there is no first token in the time that was promised";
                Cause::Failed(Error::new(ErrorKind::Timeout, words))
            }
            Phase::Striking(_) => {
                let words = "the time of the request is over";
                Cause::Failed(Error::new(ErrorKind::Timeout, words))
            }
            Phase::Deciding
            | Phase::Waiting { .. }
            | Phase::Classifying(_)
            | Phase::Pausing(_)
            | Phase::Reconciling => Cause::Refused(Refusal::NoTime),
        };
        let ended = self.end_of_late_strike(now, key, now.since(arrived));
        let cables = self.withdraw(now, key, ended, UseKind::Retried);
        self.give_up(now, key, cause);
        for cable in cables.into_iter().flatten() {
            self.tend_line(now, cable);
        }
    }

    /// A strike that had the greater part of the request's time and did not end speaks against its
    /// pool; one that began late says nothing. Nor does one that was answering, if it was only too
    /// slow for what somebody was promised: else one tenant could have a pool shut for all others.
    fn end_of_late_strike(&self, now: Timestamp, key: FlightKey, had: Duration) -> Ended {
        let flight = &self.flights[key];
        let is_promise = self.total.is_none_or(|total| had < total);
        match &flight.phase {
            Phase::Striking(strikes)
                if now.since(strikes.first().asked) >= had / 2
                    && !(is_promise && strikes.first().first_token.is_some()) =>
            {
                Ended::Failed(ErrorKind::Timeout)
            }
            Phase::Striking(_)
            | Phase::Deciding
            | Phase::Waiting { .. }
            | Phase::Classifying(_)
            | Phase::Pausing(_)
            | Phase::Reconciling => Ended::CalledOff,
        }
    }
}

/// All but the first token takes so long on an idle card.
fn least_rest(flight: &Flight, choice: &Choice) -> Duration {
    let later = Tokens::new(flight.length_left().get().saturating_sub(1));
    let WorkTime { first_token, whole } = choice.least_time(&flight.request, later);
    whole.saturating_sub(first_token)
}

/// What is left to do for a request takes so long on an idle card.
fn least_time(flight: &Flight, choice: &Choice) -> WorkTime {
    choice.least_time(&flight.request, flight.length_left())
}
