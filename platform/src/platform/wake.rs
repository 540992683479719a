use connector::{ErrorKind, Timestamp};

use super::Platform;
use crate::{
    flight::{FlightKey, Phase},
    lease::{LeaseKey, LeaseState},
    question::{Question, QuestionKey},
    timers::{Pause, Wait},
};

impl Platform {
    /// Does everything that is due by `now`.
    pub(super) fn wake(&mut self, now: Timestamp) {
        while let Some((since, key)) = self.timers.waited_too_long(now) {
            if self.flights.get(key).is_some_and(|flight| flight.waits_since(since)) {
                self.waited_too_long(now, key);
            }
        }
        for kind in Wait::ALL {
            while let Some(question) = self.timers.unanswered(kind, now) {
                self.unanswered(now, kind, question);
            }
        }
        while let Some(pause) = self.timers.pause_over(now) {
            self.pause_over(now, pause);
        }
        let (questions, flights) = (&self.questions, &self.flights);
        self.timers.look_ahead(
            |question| questions.contains_key(question),
            |since, key| flights.get(key).is_some_and(|flight| flight.waits_since(since)),
        );
    }

    /// A question was not answered in time. It stays open: the answer may still come.
    fn unanswered(&mut self, now: Timestamp, kind: Wait, key: QuestionKey) {
        match self.questions.get(key) {
            None | Some(Question::Cancel) => {}
            Some(&Question::Allocate(lease)) => self.allocation_timed_out(now, lease),
            Some(&Question::Infer(lease)) => self.inference_timed_out(now, kind, lease),
            Some(&Question::Release(lease)) => {
                self.release_failed(now, lease, key, ErrorKind::Timeout);
            }
            Some(&Question::List(cable)) => self.list_failed(now, cable, key, ErrorKind::Timeout),
        }
    }

    /// The request gives up waiting; the lease stays behind for a late grant.
    fn allocation_timed_out(&mut self, now: Timestamp, key: LeaseKey) {
        self.stocking_timed_out(now, key);
        let lease = &self.leases[key];
        let LeaseState::Asked { owner, account, .. } = lease.state else {
            return;
        };
        let cable = lease.cable;
        if let Some(ride) = self.ride_of(&account) {
            self.cables[cable].statistics.allocation_timeouts += 1;
            let doubt = self.doubt(now, cable);
            return self.ride_failed(now, ride, &ErrorKind::Timeout.into(), Some(doubt), true);
        }
        let Some(owner) = owner else {
            return;
        };
        self.cables[cable].statistics.allocation_timeouts += 1;
        if self.is_consulting(owner) {
            self.doubt(now, cable);
            return self.consultation_failed(now, owner, ErrorKind::Timeout);
        }
        self.flights[owner].doubt = Some(self.doubt(now, cable));
        self.strike_failed(now, owner, key, ErrorKind::Timeout.into(), true);
    }

    /// The inference, or its first token, took too long: it is stopped and its share given back.
    fn inference_timed_out(&mut self, now: Timestamp, kind: Wait, key: LeaseKey) {
        let Some(lease) = self.leases.get_mut(key) else {
            return;
        };
        let cable = lease.cable;
        let Some(held) = lease.held_mut() else {
            return;
        };
        let (owner, left, begun) = (held.owner, held.left.is_some(), held.first_token);
        let is_over = match kind {
            Wait::FirstToken => !begun,
            Wait::Token => !left && self.stands(now, owner, key),
            Wait::Allocation | Wait::Inference | Wait::Release => true,
        };
        if left || !is_over {
            return;
        }
        let statistics = &mut self.cables[cable].statistics;
        match kind {
            Wait::FirstToken => statistics.first_token_timeouts += 1,
            Wait::Token => statistics.token_timeouts += 1,
            Wait::Allocation | Wait::Inference | Wait::Release => {
                statistics.inference_timeouts += 1;
            }
        }
        if self.is_consulting(owner) {
            return self.consultation_failed(now, owner, ErrorKind::Timeout);
        }
        self.strike_failed(now, owner, key, ErrorKind::Timeout.into(), self.after_timeout);
    }

    fn pause_over(&mut self, now: Timestamp, pause: Pause) {
        match pause {
            Pause::Retry(key) => {
                if self.is_pausing(key) {
                    self.retry(now, key);
                }
            }
            Pause::Hedge(key) => self.overdue(now, key),
            Pause::Total(key) => self.time_is_over(now, key),
            Pause::Patience(key) => self.patience_ended(now, key),
            Pause::Promise(key) => self.look_at_wait(now, key),
            Pause::Classify(key) => self.consultation_timed_out(now, key),
            Pause::Cooldown(cable) => self.tend_line(now, cable),
            Pause::Release(key) => self.ask_release(now, key),
            Pause::List(cable) => self.ask_list(now, cable),
            Pause::Shelf(cable) => self.look_at_shelves(now, cable),
            Pause::Look => self.look(now),
            Pause::Sweep => self.sweep(now),
            Pause::Breaker(cable) => self.wake_breaker(now, cable),
        }
    }

    fn is_pausing(&self, key: FlightKey) -> bool {
        let flight = self.flights.get(key);
        flight.is_some_and(|flight| matches!(flight.phase, Phase::Pausing(_)))
    }
}
