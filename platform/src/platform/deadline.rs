//! The time that a request has, from its arrival to its answer.
//!
//! Queueing, tries and fallbacks all come out of it: a line is left in time for the work to be done,
//! nothing is begun that even an idle card could not end in time, and a request whose time is over
//! is answered at once and what runs for it is stopped.

use connector::{Duration, Error, ErrorKind, Timestamp};

use super::Platform;
use crate::{
    billing::UseKind,
    cable::Refusal,
    flight::{Cause, Ended, FlightKey, Phase},
    timers::Pause,
};

impl Platform {
    /// A request has arrived: its time runs from then on.
    pub(super) fn set_alarm(&mut self, key: FlightKey) {
        let Some(total) = self.total else { return };
        let flight = &mut self.flights[key];
        flight.ends = flight.request.arrived + total;
        flight.alarm = Some(self.timers.pause(flight.ends, Pause::Total(key)));
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
        flight.ends < Timestamp::MAX
            && self
                .router
                .current(&flight.route)
                .is_some_and(|choice| begins + choice.least_time(&flight.request) > flight.ends)
    }

    /// The time of a request is over.
    pub(super) fn time_is_over(&mut self, now: Timestamp, key: FlightKey) {
        let Some(flight) = self.flights.get_mut(key) else {
            return;
        };
        flight.alarm = None;
        let arrived = flight.request.arrived;
        let cause = match &flight.phase {
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
    /// pool; one that began late says nothing.
    fn end_of_late_strike(&self, now: Timestamp, key: FlightKey, had: Duration) -> Ended {
        match &self.flights[key].phase {
            Phase::Striking(strikes) if now.since(strikes.first().asked) >= had / 2 => {
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
