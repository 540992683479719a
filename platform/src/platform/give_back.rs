use std::collections::BTreeSet;

use connector::{AllocationId, Error, ErrorKind, Money, Operation, Reply, Timestamp};

use super::{Platform, answer::expect_reply, decide::retry_after};
use crate::{
    config::Abandon,
    lease::{Held, Lease, LeaseKey, LeaseState},
    question::{Question, QuestionKey},
    timers::{Pause, Wait},
};

impl Platform {
    /// A strike has no more use for its lease. A share that is held is metered and released; one
    /// that is only asked for becomes an orphan. Returns what the time held costs.
    pub(super) fn let_go(&mut self, now: Timestamp, key: LeaseKey) -> Money {
        let Some(lease) = self.leases.get_mut(key) else {
            return Money::ZERO;
        };
        match &mut lease.state {
            LeaseState::Asked { owner, .. } => {
                *owner = None;
                self.cables[lease.cable].orphans += 1;
                Money::ZERO
            }
            LeaseState::Held(held)
                if self.abandon == Abandon::Leave && held.inference.is_some() && !held.left =>
            {
                self.leave(now, key)
            }
            &mut LeaseState::Held(held) => self.close(now, key, held),
            LeaseState::Releasing { .. } | LeaseState::Unreleased { .. } => Money::ZERO,
        }
    }

    /// Its inference runs on for nobody. What the share has cost so far is the request's; what it
    /// will cost from now on is nobody's in particular.
    fn leave(&mut self, now: Timestamp, key: LeaseKey) -> Money {
        let lease = &mut self.leases[key];
        let cable = lease.cable;
        let held = lease.held_mut().expect("a running inference holds its share");
        let time = now.since(held.since);
        (held.since, held.left) = (now, true);
        let account = held.account;
        let cost = self.cables[cable].charge(time);
        self.meters[account.tenant.index()].held(&account, time, cost);
        cost
    }

    /// What was left to run is stopped after all.
    pub(super) fn call_off_left(&mut self, now: Timestamp) {
        let left = self.leases.iter().filter_map(|(key, lease)| match &lease.state {
            LeaseState::Held(held) if held.left => Some(key),
            LeaseState::Held(_)
            | LeaseState::Asked { .. }
            | LeaseState::Releasing { .. }
            | LeaseState::Unreleased { .. } => None,
        });
        for key in left.collect::<Vec<_>>() {
            let _ = self.let_go(now, key);
        }
    }

    fn close(&mut self, now: Timestamp, key: LeaseKey, held: Held) -> Money {
        let cable = self.leases[key].cable;
        let time = now.since(held.since);
        let cost = self.cables[cable].charge(time);
        self.meters[held.account.tenant.index()].held(&held.account, time, cost);
        if let Some(inference) = held.inference {
            let operation = Operation::Cancel { inference: inference.ticket() };
            self.ask(cable, Question::Cancel, operation);
        }
        self.begin_release(now, key, held.allocation);
        cost
    }

    pub(super) fn begin_release(&mut self, now: Timestamp, key: LeaseKey, share: AllocationId) {
        self.leases[key].state =
            LeaseState::Releasing { allocation: share, failures: 0, question: None };
        self.ask_release(now, key);
    }

    /// Asks for a release for the first time or again.
    pub(super) fn ask_release(&mut self, now: Timestamp, key: LeaseKey) {
        let Some(&Lease { cable, state: LeaseState::Releasing { allocation, .. } }) =
            self.leases.get(key)
        else {
            return;
        };
        let asked = self.ask(cable, Question::Release(key), Operation::Release { allocation });
        self.timers.await_answer(Wait::Release, now, asked);
        if let LeaseState::Releasing { question, .. } = &mut self.leases[key].state {
            *question = Some(asked);
        }
    }

    /// The answer to a release. Whoever no longer knows the share has released it.
    pub(super) fn release_answered(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        question: QuestionKey,
        result: Result<Reply, Error>,
    ) {
        let released = |reply: Reply| matches!(reply, Reply::Released).then_some(());
        match expect_reply(result, released) {
            Ok(()) | Err(Error { kind: ErrorKind::NotFound | ErrorKind::Conflict, .. }) => {
                self.released(key);
            }
            Err(error) => self.release_failed(now, key, question, error.kind),
        }
    }

    fn released(&mut self, key: LeaseKey) {
        let Some(lease) = self.leases.remove(key) else {
            return;
        };
        let cable = &mut self.cables[lease.cable];
        if let Some(allocation) = lease.allocation() {
            cable.reconciler.given_back(allocation);
        }
        if let LeaseState::Unreleased { .. } = lease.state {
            cable.statistics.unreleased -= 1;
        }
    }

    /// A release failed or was not confirmed in time: again after a pause, up to a bound.
    pub(super) fn release_failed(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        asked: QuestionKey,
        kind: ErrorKind,
    ) {
        let Some(lease) = self.leases.get_mut(key) else {
            return;
        };
        let LeaseState::Releasing { allocation, failures, question } = &mut lease.state else {
            return;
        };
        if *question != Some(asked) {
            return;
        }
        *question = None;
        let statistics = &mut self.cables[lease.cable].statistics;
        if let Some(pause) = self.persistence.pause(*failures, retry_after(kind)) {
            *failures += 1;
            statistics.release_retries += 1;
            self.timers.pause(now + pause, Pause::Release(key));
        } else {
            lease.state = LeaseState::Unreleased { allocation: *allocation };
            statistics.unreleased += 1;
        }
    }

    /// Shares that were found out are given back like any other; nobody pays for them.
    pub(super) fn give_back_ghosts(
        &mut self,
        now: Timestamp,
        cable: usize,
        ghosts: BTreeSet<AllocationId>,
    ) {
        for ghost in ghosts {
            self.cables[cable].statistics.ghosts += 1;
            let state = LeaseState::Unreleased { allocation: ghost };
            let key = self.leases.insert(Lease { cable, state });
            self.begin_release(now, key, ghost);
        }
    }

    /// Asks once more for everything that was given up.
    pub(super) fn persist(&mut self, now: Timestamp) {
        let given_up = self.leases.iter().filter_map(|(key, lease)| match lease.state {
            LeaseState::Unreleased { allocation } => Some((key, lease.cable, allocation)),
            LeaseState::Asked { .. } | LeaseState::Held(_) | LeaseState::Releasing { .. } => None,
        });
        let given_up: Vec<(LeaseKey, usize, AllocationId)> = given_up.collect();
        for (key, cable, allocation) in given_up {
            self.cables[cable].statistics.unreleased -= 1;
            self.begin_release(now, key, allocation);
        }
        for cable in 0..self.cables.len() {
            if self.cables[cable].statistics.unresolved > 0 {
                self.doubt(now, cable);
            }
        }
    }
}
