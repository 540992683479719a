use connector::{AllocationId, ClassId, Error, ErrorKind, Operation, Reply, Timestamp};

use super::{
    Platform,
    answer::expect_reply,
    books::{Part, Stretch},
};
use crate::{
    billing::{Origin, StrikeId, UseKind},
    config::Abandon,
    lease::{Account, Entry, Held, Lease, LeaseKey, LeaseState, Warm},
    question::{Question, QuestionKey},
    reconcile::Suspects,
    timers::{Pause, Wait},
};

impl Platform {
    /// A strike has no more use for its lease. A share that is held is metered and, if it did its
    /// work and may stay, put down warm, or else released; one that is only asked for becomes an
    /// orphan. Returns the time that it worked for the strike, which came to an end of this `kind`.
    pub(super) fn let_go(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        did_well: bool,
        kind: UseKind,
    ) -> Option<Stretch> {
        let lease = self.leases.get_mut(key)?;
        let cable = lease.cable;
        match &mut lease.state {
            LeaseState::Asked { owner, account, .. } => {
                *owner = None;
                let account = *account;
                self.cables[cable].orphans += 1;
                match account.ride {
                    Some(ride) => self.leave_early(now, key, ride),
                    None => self.end_work(now, cable, account.shelf),
                }
                None
            }
            LeaseState::Boarding { account } => {
                let ride = account.ride;
                self.leases.remove(key);
                if let Some(ride) = ride {
                    self.leave_early(now, key, ride);
                }
                None
            }
            LeaseState::Held(held)
                if self.abandon == Abandon::Leave
                    && !self.draining
                    && held.inference.is_some()
                    && held.left.is_none() =>
            {
                Some(self.leave(now, key, kind))
            }
            &mut LeaseState::Held(held) => self.end_held(now, key, &held, did_well),
            LeaseState::Stocking { .. }
            | LeaseState::Warm(_)
            | LeaseState::Releasing { .. }
            | LeaseState::Unreleased { .. } => None,
        }
    }

    /// A share works no longer: it is put down warm or given back.
    fn end_held(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        held: &Held,
        did_well: bool,
    ) -> Option<Stretch> {
        if let Some(ride) = held.account.ride {
            return self.alight(now, key, ride, held, did_well);
        }
        let cable = self.leases[key].cable;
        let stretch = self.end_stretch(now, key, held);
        match held.left {
            // The strike of what was left to run has ended before.
            Some(kind) => self.meter_beside(now, cable, stretch, (Part::LeftRunning, kind)),
            None => self.end_work(now, cable, held.account.shelf),
        }
        let shelf = if did_well { self.keeps(now, cable, held) } else { None };
        self.put_down(now, key, held, shelf);
        held.left.is_none().then_some(stretch)
    }

    /// A share that works no longer lies on this shelf from now on, or is given back.
    pub(super) fn put_down(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        held: &Held,
        shelf: Option<usize>,
    ) {
        match shelf {
            Some(shelf) => self.put_warm(key, Warm::of(held, shelf, now)),
            None => self.close(now, key, held),
        }
    }

    /// Its inference runs on for nobody. What the share has cost so far is the request's; what it
    /// will cost from now on is nobody's in particular.
    fn leave(&mut self, now: Timestamp, key: LeaseKey, kind: UseKind) -> Stretch {
        let lease = &mut self.leases[key];
        let cable = lease.cable;
        let held = lease.held_mut().expect("a running inference holds its share");
        let was = *held;
        (held.since, held.left) = (now, Some(kind));
        if was.account.ride.is_none() {
            self.end_work(now, cable, was.account.shelf);
        }
        self.end_stretch(now, key, &was)
    }

    /// What was left to run has come to an end.
    pub(super) fn end_left(&mut self, now: Timestamp, key: LeaseKey, did_well: bool) {
        if let Some(&mut held) = self.leases[key].held_mut() {
            let _ = self.end_held(now, key, &held, did_well);
        }
    }

    /// What was left to run is stopped after all.
    pub(super) fn call_off_left(&mut self, now: Timestamp) {
        let left = self.leases.iter().filter_map(|(key, lease)| match &lease.state {
            LeaseState::Held(held) if held.left.is_some() => Some(key),
            LeaseState::Held(_)
            | LeaseState::Asked { .. }
            | LeaseState::Boarding { .. }
            | LeaseState::Stocking { .. }
            | LeaseState::Warm(_)
            | LeaseState::Releasing { .. }
            | LeaseState::Unreleased { .. } => None,
        });
        for key in left.collect::<Vec<_>>() {
            self.end_left(now, key, false);
        }
    }

    /// A lease of this shelf is at work no longer.
    pub(super) fn end_work(&mut self, now: Timestamp, cable: usize, shelf: Option<usize>) {
        if let Some(shelf) = shelf {
            self.cables[cable].shelves.all[shelf].end_work(now);
        }
    }

    fn close(&mut self, now: Timestamp, key: LeaseKey, held: &Held) {
        self.stop_inference(key, held);
        self.give_back(now, key, held.allocation);
    }

    pub(super) fn stop_inference(&mut self, key: LeaseKey, held: &Held) {
        let cable = self.leases[key].cable;
        if let Some(inference) = held.inference {
            let operation = Operation::Cancel { inference: inference.ticket() };
            self.ask(cable, Question::Cancel, operation);
        }
    }

    /// A share is given back: its time in the books ends here, whenever the provider confirms it.
    pub(super) fn give_back(&mut self, now: Timestamp, key: LeaseKey, share: AllocationId) {
        self.close_entry(now, key, share);
        self.begin_release(now, key, share);
    }

    /// Gives a share back that no other lease stands for.
    pub(super) fn release_another(
        &mut self,
        now: Timestamp,
        cable: usize,
        allocation: AllocationId,
        entry: Option<Entry>,
    ) {
        let state = LeaseState::Unreleased { allocation, failures: 0 };
        let key = self.leases.insert(Lease { entry, ..Lease::new(cable, now, state) });
        self.give_back(now, key, allocation);
    }

    fn begin_release(&mut self, now: Timestamp, key: LeaseKey, share: AllocationId) {
        self.leases[key].state =
            LeaseState::Releasing { allocation: share, failures: 0, question: None };
        self.ask_release(now, key);
    }

    /// Asks for a release for the first time or again.
    pub(super) fn ask_release(&mut self, now: Timestamp, key: LeaseKey) {
        let Some(&Lease { cable, state: LeaseState::Releasing { allocation, .. }, .. }) =
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
    #[cold]
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
        if let Some(pause) = self.persistence.pause(*failures, kind.retry_after()) {
            *failures += 1;
            statistics.release_retries += 1;
            self.timers.pause(now + pause, Pause::Release(key));
        } else {
            lease.state =
                LeaseState::Unreleased { allocation: *allocation, failures: *failures + 1 };
            statistics.unreleased += 1;
        }
    }

    /// Shares that were found out: one that must be what an allocation of ours left behind is kept
    /// warm if there is a place for it, others are given back. Nobody pays for them until they work.
    #[cold]
    pub(super) fn give_back_ghosts(&mut self, now: Timestamp, cable: usize, ghosts: Suspects) {
        for (ghost, terms) in ghosts {
            self.cables[cable].statistics.ghosts += 1;
            let entry = Entry { origin: Origin::Found, known: now, booked: None };
            let shelf = terms.and_then(|terms| self.cables[cable].shelves.found(terms));
            let Some(shelf) = shelf else {
                self.release_another(now, cable, ghost, Some(entry));
                continue;
            };
            let account = self.account_of(cable, shelf);
            let state = LeaseState::Unreleased { allocation: ghost, failures: 0 };
            let lease = Lease { entry: Some(entry), ..Lease::new(cable, now, state) };
            let key = self.leases.insert(lease);
            let kept = self.keep_or_give_back(now, key, ghost, account, false);
            self.cables[cable].statistics.adopted += u64::from(kept);
        }
    }

    /// The account of shares that lie on a shelf.
    fn account_of(&self, cable: usize, shelf: usize) -> Account {
        let kind = &self.cables[cable].shelves.all[shelf].kind;
        let tenant = kind.tenant.unwrap_or(self.lease_config.tenant);
        Account {
            tenant,
            class: ClassId(0),
            model: kind.model,
            strike: StrikeId(0),
            requirements: kind.requirements(),
            shelf: Some(shelf),
            ride: None,
        }
    }

    /// Asks once more for everything that was given up.
    pub(super) fn persist(&mut self, now: Timestamp) {
        let given_up = self.leases.iter().filter_map(|(key, lease)| match lease.state {
            LeaseState::Unreleased { allocation, .. } => Some((key, lease.cable, allocation)),
            LeaseState::Asked { .. }
            | LeaseState::Boarding { .. }
            | LeaseState::Stocking { .. }
            | LeaseState::Held(_)
            | LeaseState::Warm(_)
            | LeaseState::Releasing { .. } => None,
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
