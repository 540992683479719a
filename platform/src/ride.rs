//! Small requests that share a lease.
//!
//! # Problem
//!
//! A share of a card is rented by time, and a small request uses little of it: a part of a second of work
//! behind an allocation that takes as long, on a card that could serve ten such at once. Whoever sends
//! many pays for the same card many times over, and asks the control plane as often.
//!
//! # Mechanism
//!
//! A lease has *seats*. The first small request of a kind (model, tenant, requirements) asks for a share
//! as always; those that come within `wait` of that ask for none but take a seat, up to `max` in all:
//! before the grant they wait for it together, after it they begin at once. So nobody waits for others
//! to come, which a batch that is collected first would make them do. Each is an inference of its own on
//! the share, and the serving engine batches them continuously. The share is given back, or put down
//! warm, when the last seat is free. A seat is a lease of its own to whoever sits on it, so an inference,
//! its first token, its time-out and its failure are found as ever; only what is shared is here.
//!
//! # Who pays
//!
//! Whenever somebody takes a seat or leaves one, the time since the last such moment is split in equal
//! parts among those who sat, in whole nanoseconds, and so is what it cost: the price of the whole
//! time so far less what was split before, so that roundings do not add up. What does not divide is the
//! first one's, in order of boarding. All parts together are what one lease of that length costs, to
//! the last unit. Equal parts and not parts by tokens, because a request is billed when it ends, and how
//! many tokens the others will have made is not known then.
//!
//! # Edges
//!
//! If the share is not granted, or not in time, all who wait for it fail with that error; the pool is
//! judged by one of them, because it failed once. One that is cancelled or fails leaves the others where
//! they are, but nobody boards any more and the share is not kept. A hedge never rides: it is to be on
//! another share than what it stands beside.

use connector::{AllocationId, Duration, Money, Timestamp};
use slotmap::new_key_type;

use crate::{
    flight::FlightKey,
    lease::{Account, Entry, LeaseKey},
    shelf::Kind,
};

new_key_type! {
    /// Names a share with several seats.
    pub(crate) struct RideKey;
}

/// A share with several seats.
#[derive(Debug)]
pub(crate) struct Ride {
    /// Index of the cable.
    pub(crate) cable: usize,
    pub(crate) kind: Kind,
    /// What the accounts of all who ride have in common.
    pub(crate) account: Account,
    /// The place of the share in the books.
    pub(crate) entry: Option<Entry>,
    /// The share, once it is granted.
    pub(crate) share: Option<Share>,
    /// In order of boarding.
    pub(crate) seats: Vec<Seat>,
    /// Who has boarded so far.
    pub(crate) boarded: u32,
    /// From when on nobody boards.
    pub(crate) closes: Timestamp,
    /// Whether somebody left without an answer.
    pub(crate) spoilt: bool,
    fare: Fare,
}

/// The share under a ride.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) allocation: AllocationId,
    pub(crate) granted: Timestamp,
    /// Whether it had worked for somebody before the ride.
    pub(crate) used: bool,
}

/// One who rides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(crate) lease: LeaseKey,
    pub(crate) owner: FlightKey,
    used: Use,
}

/// What has been split off and is not paid yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) time: Duration,
    pub(crate) cost: Money,
}

/// What was split so far.
#[derive(Clone, Copy, Debug, Default)]
struct Fare {
    until: Timestamp,
    all: Use,
}

impl Fare {
    /// Time and cost since the last split.
    fn advance(&mut self, now: Timestamp, price: Money) -> Use {
        let time = now.since(self.until);
        let all = self.all.time + time;
        let cost = price.per_hour_over(all) - self.all.cost;
        *self = Self { until: now, all: Use { time: all, cost: self.all.cost + cost } };
        Use { time, cost }
    }
}

impl Ride {
    pub(crate) const fn new(cable: usize, kind: Kind, account: Account, closes: Timestamp) -> Self {
        Self {
            cable,
            kind,
            account,
            entry: None,
            share: None,
            seats: Vec::new(),
            boarded: 0,
            closes,
            spoilt: false,
            fare: Fare {
                until: Timestamp::ZERO,
                all: Use { time: Duration::ZERO, cost: Money::ZERO },
            },
        }
    }

    /// The share is held, and paid for from now on.
    pub(crate) fn begin(&mut self, now: Timestamp, share: Share) {
        self.share = Some(share);
        self.fare.until = now;
    }

    /// Somebody takes a seat, which costs nothing yet.
    pub(crate) fn board(
        &mut self,
        now: Timestamp,
        price: Money,
        lease: LeaseKey,
        owner: FlightKey,
    ) {
        self.split(now, price);
        self.boarded += 1;
        self.seats.push(Seat { lease, owner, used: Use::default() });
    }

    /// What a seat has used up to now, which is paid herewith.
    pub(crate) fn take_use(&mut self, now: Timestamp, price: Money, lease: LeaseKey) -> Use {
        self.split(now, price);
        let seat = self.seats.iter_mut().find(|seat| seat.lease == lease);
        seat.map(|seat| std::mem::take(&mut seat.used)).unwrap_or_default()
    }

    /// A seat is free. Whether it was the last.
    pub(crate) fn leave(&mut self, lease: LeaseKey) -> bool {
        self.seats.retain(|seat| seat.lease != lease);
        self.seats.is_empty()
    }

    /// Everybody who sits pays for the time since the last split.
    fn split(&mut self, now: Timestamp, price: Money) {
        let riders = self.seats.len() as u64;
        if self.share.is_none() || riders == 0 {
            return;
        }
        let whole = self.fare.advance(now, price);
        let part = Use {
            time: whole.time / riders,
            cost: Money::from_nanos(whole.cost.as_nanos() / i128::from(riders)),
        };
        for seat in &mut self.seats {
            seat.used.time += part.time;
            seat.used.cost += part.cost;
        }
        let first = &mut self.seats[0].used;
        first.time += whole.time.saturating_sub(part.time * riders);
        first.cost += whole.cost - Money::from_nanos(part.cost.as_nanos() * i128::from(riders));
    }
}

#[cfg(test)]
mod tests;
