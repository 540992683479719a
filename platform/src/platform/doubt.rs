use std::collections::BTreeSet;

use connector::{AllocationId, AllocationInfo, Error, ErrorKind, Operation, Reply, Timestamp};

use super::{Platform, answer::expect_reply};
use crate::{
    flight::{Doubt, FlightKey, Phase},
    question::{Question, QuestionKey},
    reconcile::ListFailure,
    timers::{Pause, Wait},
};

impl Platform {
    /// A share may be held on this cable without our knowledge.
    pub(super) fn doubt(&mut self, now: Timestamp, cable: usize) -> Doubt {
        self.cables[cable].doubted.get_or_insert(now);
        let (round, begins) = self.cables[cable].reconciler.doubt();
        if begins {
            self.ask_list(now, cable);
        }
        Doubt { cable, round }
    }

    pub(super) fn ask_list(&mut self, now: Timestamp, cable: usize) {
        let pool = self.cables[cable].pool;
        let question = self.ask(cable, Question::List(cable), Operation::List { pool });
        self.timers.await_answer(Wait::Release, now, question);
        self.cables[cable].reconciler.listing(question);
    }

    pub(super) fn list_answered(
        &mut self,
        now: Timestamp,
        cable: usize,
        question: QuestionKey,
        result: Result<Reply, Error>,
    ) {
        let listed = |reply| if let Reply::Listed(shares) = reply { Some(shares) } else { None };
        match expect_reply(result, listed) {
            Ok(shares) => {
                if self.cables[cable].reconciler.awaits(question) {
                    self.listed(now, cable, &shares);
                }
            }
            Err(error) => self.list_failed(now, cable, question, error.kind),
        }
    }

    fn listed(&mut self, now: Timestamp, index: usize, shares: &[AllocationInfo]) {
        let known = self.known(index);
        let cable = &mut self.cables[index];
        cable.statistics.unresolved = 0;
        cable.doubted = None;
        let here = shares.iter().filter(|share| share.pool == cable.pool);
        let here = here.map(|share| {
            let terms = share.model.zip(share.requirements);
            (share.allocation, terms.filter(|_| share.running.is_none_or(|running| running == 0)))
        });
        let ghosts = cable.reconciler.listed(now, here, &known);
        self.give_back_ghosts(now, index, ghosts);
        self.end_round(now, index);
    }

    /// A list failed or did not come in time.
    pub(super) fn list_failed(
        &mut self,
        now: Timestamp,
        cable: usize,
        question: QuestionKey,
        kind: ErrorKind,
    ) {
        let hopeless = !kind.retryable() && !kind.ambiguous();
        match self.cables[cable].reconciler.list_failed(question, hopeless) {
            ListFailure::Stale => {}
            ListFailure::Again(failures) => {
                let pause = self.persistence.pause(failures, kind.retry_after());
                let pause = pause.expect("a round has fewer tries than releases have");
                self.timers.pause(now + pause, Pause::List(cable));
            }
            ListFailure::GivenUp => {
                self.cables[cable].statistics.unresolved += 1;
                self.end_round(now, cable);
            }
        }
    }

    fn end_round(&mut self, now: Timestamp, cable: usize) {
        if self.cables[cable].reconciler.end_round() {
            self.cables[cable].doubted.get_or_insert(now);
            self.ask_list(now, cable);
        }
        self.stop_awaiting_list(now, cable);
    }

    /// Requests that were waiting for a list try again, or go on waiting for a later one.
    pub(super) fn stop_awaiting_list(&mut self, now: Timestamp, cable: usize) {
        let awaiting: Vec<FlightKey> = std::mem::take(&mut self.cables[cable].awaiting_list);
        for key in awaiting {
            let flight = self.flights.get(key);
            if flight.is_some_and(|flight| matches!(flight.phase, Phase::Reconciling)) {
                self.retry(now, key);
            }
        }
    }

    /// The shares of our leases on a cable.
    fn known(&self, cable: usize) -> BTreeSet<AllocationId> {
        let here = self.leases.values().filter(|lease| lease.cable == cable);
        here.filter_map(crate::lease::Lease::allocation).collect()
    }
}
