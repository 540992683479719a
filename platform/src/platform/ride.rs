//! Small requests take seats on one share, and leave them; see [`crate::ride`].

use connector::{Allocate, AllocationId, Error, Timestamp};

use super::{
    Platform,
    books::{Part, Stretch},
};
use crate::{
    billing::{Origin, StrikeId},
    flight::{Doubt, Ended, FlightKey},
    lease::{Account, Bearer, Entry, Held, Lease, LeaseKey, LeaseState},
    ride::{Ride, RideKey, Seat, Share},
    shelf::Kind,
};

impl Platform {
    /// Whether a request that is about to strike is small. A hedge is to be on another share than the
    /// strike it stands beside.
    pub(super) fn may_ride(&self, key: FlightKey) -> bool {
        let Some(batching) = &self.lease_config.batching else {
            return false;
        };
        let flight = &self.flights[key];
        let tokens =
            u64::from(flight.request.prompt_tokens.get()) + u64::from(flight.answer_length().get());
        tokens < u64::from(batching.below.get()) && !flight.is_striking()
    }

    /// A seat on a share that others have asked for, or a share that others may board. The share comes
    /// back if it is held already.
    pub(super) fn board(
        &mut self,
        now: Timestamp,
        owner: FlightKey,
        index: usize,
        allocate: Allocate,
        strike: StrikeId,
    ) -> (LeaseKey, Option<AllocationId>) {
        let kind = Kind::of(&allocate, false);
        if let Some(ride) = self.boards_on(now, index, kind) {
            self.heed_breaker(index);
            let bearer = self.bearer(owner, strike);
            return self.take_seat(now, owner, ride, bearer);
        }
        let (lease, share) = self.obtain_share(now, owner, index, allocate, strike);
        self.begin_ride(now, owner, lease, kind);
        (lease, share)
    }

    /// The share that a small request of this kind may board now.
    fn boards_on(&self, now: Timestamp, index: usize, kind: Kind) -> Option<RideKey> {
        let most = self.lease_config.batching.as_ref()?.max;
        let &key = self.cables[index].boarding.get(&kind)?;
        let ride = self.rides.get(key)?;
        (now < ride.closes && ride.boarded < most).then_some(key)
    }

    /// Others may board the share of this lease, which is asked for or was warm.
    fn begin_ride(&mut self, now: Timestamp, owner: FlightKey, key: LeaseKey, kind: Kind) {
        let Some(batching) = self.lease_config.batching else {
            return;
        };
        let lease = &mut self.leases[key];
        let (account, share) = match &mut lease.state {
            LeaseState::Asked { account, .. } => (account, None),
            LeaseState::Held(held) => {
                let Held { allocation, granted, used, .. } = *held;
                (&mut held.account, Some(Share { allocation, granted, used }))
            }
            LeaseState::Boarding { .. }
            | LeaseState::Stocking { .. }
            | LeaseState::Warm(_)
            | LeaseState::Releasing { .. }
            | LeaseState::Unreleased { .. } => unreachable!("a share is asked for or taken"),
        };
        let (cable, closes) = (lease.cable, now + batching.wait);
        let ride = self.rides.insert_with_key(|ride| {
            account.ride = Some(ride);
            Ride::new(cable, kind, *account, closes)
        });
        let price = self.cables[cable].price();
        self.rides[ride].entry = lease.entry.take();
        if let Some(share) = share {
            self.rides[ride].begin(now, share);
        }
        self.rides[ride].board(now, price, key, owner);
        self.cables[cable].boarding.insert(kind, ride);
    }

    fn take_seat(
        &mut self,
        now: Timestamp,
        owner: FlightKey,
        key: RideKey,
        bearer: Bearer,
    ) -> (LeaseKey, Option<AllocationId>) {
        let ride = &mut self.rides[key];
        let (cable, share) = (ride.cable, ride.share);
        let account = ride.account.working_for(bearer);
        let state = match share {
            None => LeaseState::Boarding { account },
            Some(share) => LeaseState::Held(seated(now, owner, account, share)),
        };
        let lease = self.leases.insert(Lease::new(cable, now, state));
        let price = self.cables[cable].price();
        ride.board(now, price, lease, owner);
        self.cables[cable].statistics.rides += 1;
        (lease, share.map(|share| share.allocation))
    }

    /// The ride of an account, while anybody is on it.
    pub(super) fn ride_of(&self, account: &Account) -> Option<RideKey> {
        account.ride.filter(|ride| self.rides.contains_key(*ride))
    }

    /// The ride that a lease asked for a share for, while anybody is on it.
    pub(super) fn ride_of_lease(&self, key: LeaseKey) -> Option<RideKey> {
        match &self.leases[key].state {
            LeaseState::Asked { account, .. } => self.ride_of(account),
            LeaseState::Boarding { .. }
            | LeaseState::Stocking { .. }
            | LeaseState::Held(_)
            | LeaseState::Warm(_)
            | LeaseState::Releasing { .. }
            | LeaseState::Unreleased { .. } => None,
        }
    }

    /// The share of a ride is granted to all who wait for it. Whoever asked for it may have left.
    pub(super) fn ride_granted(
        &mut self,
        now: Timestamp,
        key: RideKey,
        asked: LeaseKey,
        allocation: AllocationId,
    ) {
        let share = Share { allocation, granted: now, used: false };
        let ride = &mut self.rides[key];
        ride.begin(now, share);
        ride.entry = Some(Entry { origin: Origin::Granted, known: now, booked: Some(now) });
        let seats = ride.seats.clone();
        if seats.iter().all(|seat| seat.lease != asked) {
            self.leases.remove(asked);
        }
        for Seat { lease, owner, .. } in seats {
            let state = &mut self.leases[lease].state;
            if let LeaseState::Asked { account, .. } | LeaseState::Boarding { account } = *state {
                *state = LeaseState::Held(seated(now, owner, account, share));
            }
            self.infer(now, lease, owner, allocation);
        }
    }

    /// The share of a ride was not granted, or not in time: whoever waits for it fails. The pool failed
    /// once, so it is judged by the first of them.
    pub(super) fn ride_failed(
        &mut self,
        now: Timestamp,
        key: RideKey,
        error: &Error,
        doubt: Option<Doubt>,
        again: bool,
    ) {
        let mut ended = Ended::Failed(error.kind);
        for Seat { lease, owner, .. } in self.end_ride(now, key).seats {
            let Some(flight) = self.flights.get_mut(owner) else {
                continue;
            };
            if flight.strike_mut(lease).is_some() {
                flight.doubt = doubt.or(flight.doubt);
                self.strike_over(now, owner, lease, (error.clone(), again), ended);
                ended = Ended::CalledOff;
            }
        }
    }

    /// Somebody leaves before the share is granted.
    pub(super) fn leave_early(&mut self, now: Timestamp, lease: LeaseKey, key: RideKey) {
        if self.rides.get_mut(key).is_some_and(|ride| ride.leave(lease)) {
            self.end_ride(now, key);
        }
    }

    /// Somebody leaves a share that is held. The last one puts it down or gives it back. Returns the
    /// time that it worked for the strike, if that ends only now.
    pub(super) fn alight(
        &mut self,
        now: Timestamp,
        lease: LeaseKey,
        key: RideKey,
        held: &Held,
        did_well: bool,
    ) -> Option<Stretch> {
        let cable = self.rides[key].cable;
        let stretch = self.end_stretch(now, lease, held);
        if let Some(kind) = held.left {
            self.meter_beside(now, cable, stretch, (Part::LeftRunning, kind));
        }
        if !did_well {
            self.spoil(key);
        }
        if self.rides[key].leave(lease) {
            let ride = self.end_ride(now, key);
            self.leases[lease].entry = ride.entry;
            let shelf = if ride.spoilt { None } else { self.keeps(now, cable, held) };
            self.put_down(now, lease, held, shelf);
        } else {
            self.stop_inference(lease, held);
            self.leases.remove(lease);
        }
        held.left.is_none().then_some(stretch)
    }

    /// Somebody leaves a share that the provider knows no more. Whether it was the last one, and if so,
    /// the place of the share in the books.
    pub(super) fn leave_stale(
        &mut self,
        now: Timestamp,
        lease: LeaseKey,
        key: RideKey,
    ) -> (bool, Option<Entry>) {
        self.spoil(key);
        let (cable, shelf) = (self.rides[key].cable, self.rides[key].account.shelf);
        let is_last = self.rides[key].leave(lease);
        let entry = if is_last { self.end_ride(now, key).entry } else { None };
        // The share that is asked for instead is one more at work.
        if let Some(shelf) = shelf {
            self.cables[cable].shelves.all[shelf].begin_work(now);
        }
        (is_last, entry)
    }

    /// Notice was given for the share of a ride, if it is one.
    pub(super) fn ride_preempted(&mut self, key: Option<RideKey>) {
        let Some(key) = key.filter(|key| self.rides.contains_key(*key)) else {
            return;
        };
        self.spoil(key);
        for seat in &self.rides[key].seats {
            if let Some(held) = self.leases.get_mut(seat.lease).and_then(Lease::held_mut) {
                held.preempted = true;
            }
        }
    }

    /// Nobody boards any more, and the share is not kept.
    fn spoil(&mut self, key: RideKey) {
        self.rides[key].spoilt = true;
        self.close_boarding(key);
    }

    fn close_boarding(&mut self, key: RideKey) {
        let Ride { cable, kind, .. } = &self.rides[key];
        let boarding = &mut self.cables[*cable].boarding;
        if boarding.get(kind) == Some(&key) {
            boarding.remove(kind);
        }
    }

    /// Nobody is on it any more, or those who are fail.
    fn end_ride(&mut self, now: Timestamp, key: RideKey) -> Ride {
        self.close_boarding(key);
        let ride = self.rides.remove(key).expect("a ride ends once");
        self.end_work(now, ride.cable, ride.account.shelf);
        ride
    }

    /// Leases that are seats beside the one that stands for their share.
    pub(super) fn seats_beside(&self) -> usize {
        if self.rides.is_empty() {
            return 0;
        }
        let leases = self.leases.iter();
        leases.filter(|(key, lease)| !self.stands_for_share(*key, lease)).count()
    }

    /// Whether a lease is told of: of those on one share, the first is.
    pub(super) fn stands_for_share(&self, key: LeaseKey, lease: &Lease) -> bool {
        match &lease.state {
            LeaseState::Boarding { .. } => false,
            LeaseState::Held(Held { account, .. }) => {
                let ride = account.ride.and_then(|ride| self.rides.get(ride));
                ride.is_none_or(|ride| ride.seats.first().is_none_or(|seat| seat.lease == key))
            }
            LeaseState::Asked { .. }
            | LeaseState::Stocking { .. }
            | LeaseState::Warm(_)
            | LeaseState::Releasing { .. }
            | LeaseState::Unreleased { .. } => true,
        }
    }
}

/// A share that somebody sits on.
fn seated(now: Timestamp, owner: FlightKey, account: Account, share: Share) -> Held {
    let Share { allocation, granted, used } = share;
    Held { granted, used, ..Held::new(now, allocation, owner, account) }
}
