//! Leases that outlive their strikes: put down warm, taken again, given back when their time is over.
//!
//! See [`crate::shelf`] for how they lie, and `docs/platform/leases.md` for the rules.

use connector::{Allocate, AllocationId, Duration, Timestamp};

use super::Platform;
use crate::{
    flight::FlightKey,
    lease::{Account, Bearer, Held, LeaseKey, LeaseState, Warm},
    shelf::Kind,
    timers::Pause,
};

/// Between two looks at warm leases that are kept regardless of their last use.
const RENEWAL: Duration = Duration::from_secs(10);

impl Platform {
    /// Where leases lie that would serve whoever asks for this, if any are kept.
    #[inline]
    pub(super) fn shelf_of(&mut self, cable: usize, ask: &Allocate) -> Option<usize> {
        if !self.keeps_leases {
            return None;
        }
        let kind = Kind::of(ask, self.lease_config.shared);
        Some(self.cables[cable].shelves.find(kind))
    }

    /// A share that may serve several tenants has a rank of its own.
    #[inline]
    pub(super) fn on_terms(&self, ask: Allocate, shelf: Option<usize>) -> Allocate {
        if shelf.is_some() && self.lease_config.shared {
            return Allocate { priority: self.lease_config.priority, ..ask };
        }
        ask
    }

    /// A strike takes the lease that was put down last.
    pub(super) fn take_warm(
        &mut self,
        now: Timestamp,
        owner: FlightKey,
        cable: usize,
        shelf: usize,
        bearer: Bearer,
    ) -> Option<(LeaseKey, AllocationId)> {
        while let Some(key) = self.cables[cable].shelves.take(shelf) {
            let warm = self.warm(key);
            if !self.is_fresh(now, warm.granted) {
                self.end_warm(now, key, warm);
                continue;
            }
            self.meter_idle(now, cable, &warm);
            let Warm { allocation, account, granted, .. } = warm;
            let held = Held::new(now, allocation, owner, account.working_for(bearer));
            let lease = &mut self.leases[key];
            if let Some(entry) = &mut lease.entry {
                entry.booked = entry.booked.or(Some(now));
            }
            lease.state = LeaseState::Held(Held { granted, used: true, ..held });
            self.cables[cable].statistics.warm_strikes += 1;
            return Some((key, allocation));
        }
        None
    }

    /// Whether a share granted then may lie on this shelf from now on.
    fn may_lie(&self, now: Timestamp, cable: usize, shelf: usize, granted: Timestamp) -> bool {
        let cable = &self.cables[cable];
        let (config, shelf) = (&self.lease_config, &cable.shelves.all[shelf]);
        !self.draining
            && !cable.breaker.state().refuses()
            && shelf.warm() < config.max_warm
            && (!config.idle.is_zero() || shelf.all() < shelf.floor())
            && self.is_fresh(now, granted)
    }

    /// Where a lease lies whose work is well done, if it is kept.
    pub(super) fn keeps(&self, now: Timestamp, cable: usize, held: &Held) -> Option<usize> {
        let shelf = held.account.shelf?;
        let may = !held.preempted && self.may_lie(now, cable, shelf, held.granted);
        may.then_some(shelf)
    }

    /// A share that nobody waits for: kept if there is a place for it, or else given back.
    /// Whether it is kept.
    pub(super) fn keep_or_give_back(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        allocation: AllocationId,
        account: Account,
        paid: bool,
    ) -> bool {
        let cable = self.leases[key].cable;
        let shelf = account.shelf.filter(|&shelf| self.may_lie(now, cable, shelf, now));
        let Some(shelf) = shelf else {
            self.give_back(now, key, allocation);
            return false;
        };
        self.put_warm(key, Warm { allocation, account, shelf, since: now, granted: now, paid });
        true
    }

    pub(super) fn put_warm(&mut self, key: LeaseKey, warm: Warm) {
        let Warm { shelf, since, account, .. } = warm;
        // Whoever rode on it has left.
        let account = Account { ride: None, ..account };
        self.leases[key].state = LeaseState::Warm(Warm { account, ..warm });
        let (leases, cable) = (&self.leases, self.leases[key].cable);
        let alive = |since, key| leases.get(key).is_some_and(|lease| lease.is_warm_since(since));
        let shelves = &mut self.cables[cable].shelves;
        shelves.put(since, shelf, key, alive);
        if shelves.watch.is_none() {
            self.watch_shelves(cable, since);
        }
    }

    /// The time of the oldest may be over. The watch that brought us here stands until the next one
    /// does, or those that are put down again would each set one.
    pub(super) fn look_at_shelves(&mut self, now: Timestamp, cable: usize) {
        let time_to_live = self.time_to_live();
        // The watch that went off stays noted, so that a lease put down again meanwhile sets no second one.
        while let Some((since, key)) = self.oldest_warm(cable) {
            if since + time_to_live > now {
                return self.watch_shelves(cable, since);
            }
            self.grow_old(now, cable, key);
        }
        self.cables[cable].shelves.watch = None;
    }

    fn watch_shelves(&mut self, cable: usize, since: Timestamp) {
        let watch = self.timers.pause(since + self.time_to_live(), Pause::Shelf(cable));
        self.cables[cable].shelves.watch = Some(watch);
    }

    /// Nothing is kept, forecast or swept any more.
    pub(super) fn close_shelves(&mut self, now: Timestamp) {
        for cable in 0..self.cables.len() {
            self.clear_shelves(now, cable);
            if let Some(watch) = self.cables[cable].shelves.watch.take() {
                self.timers.call_off(watch);
            }
        }
        for due in [self.looks.due.take(), self.sweep_due.take()].into_iter().flatten() {
            self.timers.call_off(due);
        }
        self.sweep_at_last(now);
    }

    /// The time of a warm lease is over, unless it is one of those that are always kept.
    fn grow_old(&mut self, now: Timestamp, cable: usize, key: LeaseKey) {
        let warm = self.warm(key);
        let shelves = &mut self.cables[cable].shelves;
        shelves.remove(warm.shelf, key);
        let shelf = &shelves.all[warm.shelf];
        if shelf.all() < shelf.floor() && self.is_fresh(now, warm.granted) {
            self.meter_idle(now, cable, &warm);
            self.put_warm(key, Warm { since: now, ..warm });
        } else {
            self.end_warm(now, key, warm);
        }
    }

    /// Warm leases make room for shares of other kinds, the oldest first.
    pub(super) fn make_room(&mut self, now: Timestamp, cable: usize) {
        while self.cables[cable].is_crowded() && self.give_up_oldest(now, cable) {}
    }

    /// Gives the lease back that has been idle longest. False if there is none.
    pub(super) fn give_up_oldest(&mut self, now: Timestamp, cable: usize) -> bool {
        let oldest = self.oldest_warm(cable);
        oldest.inspect(|&(_, key)| self.give_up_warm(now, key)).is_some()
    }

    /// A warm lease is of no more use.
    pub(super) fn give_up_warm(&mut self, now: Timestamp, key: LeaseKey) {
        let (warm, cable) = (self.warm(key), self.leases[key].cable);
        self.cables[cable].shelves.remove(warm.shelf, key);
        self.end_warm(now, key, warm);
    }

    /// Gives all warm leases of a cable back.
    pub(super) fn clear_shelves(&mut self, now: Timestamp, cable: usize) {
        for key in self.cables[cable].shelves.take_all() {
            let warm = self.warm(key);
            self.end_warm(now, key, warm);
        }
    }

    /// A lease that is on no shelf any more is paid for and given back.
    fn end_warm(&mut self, now: Timestamp, key: LeaseKey, warm: Warm) {
        self.meter_idle(now, self.leases[key].cable, &warm);
        self.give_back(now, key, warm.allocation);
    }

    fn oldest_warm(&mut self, cable: usize) -> Option<(Timestamp, LeaseKey)> {
        let leases = &self.leases;
        let alive = |since, key| leases.get(key).is_some_and(|lease| lease.is_warm_since(since));
        self.cables[cable].shelves.oldest(alive)
    }

    fn warm(&self, key: LeaseKey) -> Warm {
        self.leases[key].warm().expect("what lies on a shelf is warm")
    }

    fn is_fresh(&self, now: Timestamp, granted: Timestamp) -> bool {
        self.lease_config.max_age.is_none_or(|most| now.since(granted) < most)
    }

    fn time_to_live(&self) -> Duration {
        if self.lease_config.idle.is_zero() { RENEWAL } else { self.lease_config.idle }
    }
}
