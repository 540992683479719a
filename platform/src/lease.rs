//! What is held at a provider.
//!
//! A lease begins when a share is asked for, not when it is granted, and ends when its release is
//! confirmed, not when it is asked for. It may outlive its request: when the request gives up, the
//! lease stays behind as an *orphan* that still waits for the provider's answer, and a late grant
//! is given back like any other share, or kept warm.

use connector::{Allocate, AllocationId, ClassId, ModelId, Requirements, TenantId, Timestamp};
use slotmap::new_key_type;

use crate::{
    billing::{Origin, StrikeId, UseKind},
    flight::FlightKey,
    question::QuestionKey,
    ride::RideKey,
};

new_key_type! {
    pub(crate) struct LeaseKey;
}

#[derive(Debug)]
pub(crate) struct Lease {
    /// Index of the cable.
    pub(crate) cable: usize,
    /// When it was asked for, or found.
    pub(crate) since: Timestamp,
    pub(crate) state: LeaseState,
    /// Its place in the books, from when it is known to be granted until it is given back.
    pub(crate) entry: Option<Entry>,
}

/// What the books must know of a share that is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) origin: Origin,
    pub(crate) known: Timestamp,
    /// Since when somebody pays for it.
    pub(crate) booked: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) enum LeaseState {
    /// Asked for. Without an owner it is an orphan.
    Asked {
        owner: Option<FlightKey>,
        account: Account,
        /// Number of the allocation on its cable.
        number: u64,
    },
    /// A seat on a share that another lease asked for.
    Boarding { account: Account },
    /// Asked for ahead of need.
    Stocking { account: Account, number: u64 },
    /// Granted, and working for its owner.
    Held(Held),
    /// Granted, and working for nobody.
    Warm(Warm),
    /// To be confirmed released.
    Releasing {
        allocation: AllocationId,
        /// Releases that failed.
        failures: u32,
        /// The present question; `None` while pausing before the next.
        question: Option<QuestionKey>,
    },
    /// Given up: the provider does not confirm.
    Unreleased { allocation: AllocationId, failures: u32 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) allocation: AllocationId,
    pub(crate) owner: FlightKey,
    pub(crate) account: Account,
    /// When it began to work for its owner.
    pub(crate) since: Timestamp,
    /// When the share was granted.
    pub(crate) granted: Timestamp,
    /// Whether it has worked for somebody before.
    pub(crate) used: bool,
    /// The inference running on it.
    pub(crate) inference: Option<QuestionKey>,
    /// Whether its first token has come.
    pub(crate) first_token: bool,
    /// Nobody waits for it any more, but it was left to run: what came of its strike.
    pub(crate) left: Option<UseKind>,
    /// Whether the provider said that it takes the share away.
    pub(crate) preempted: bool,
}

/// A lease that lies on a shelf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Warm {
    pub(crate) allocation: AllocationId,
    pub(crate) account: Account,
    pub(crate) shelf: usize,
    pub(crate) since: Timestamp,
    pub(crate) granted: Timestamp,
    /// Whether anybody pays for it: nobody pays for a ghost before it works.
    pub(crate) paid: bool,
}

impl Warm {
    /// A lease that is put down after its work.
    pub(crate) const fn of(held: &Held, shelf: usize, now: Timestamp) -> Self {
        let &Held { allocation, account, granted, .. } = held;
        Self { allocation, account, shelf, since: now, granted, paid: true }
    }
}

/// Whose work it is that a share does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bearer {
    pub(crate) tenant: TenantId,
    pub(crate) class: ClassId,
    pub(crate) strike: StrikeId,
}

/// Who pays for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) tenant: TenantId,
    pub(crate) class: ClassId,
    pub(crate) model: ModelId,
    /// The strike that it works for, or worked for last.
    pub(crate) strike: StrikeId,
    pub(crate) requirements: Requirements,
    /// Where the lease lies when it is not at work, if any leases are kept.
    pub(crate) shelf: Option<usize>,
    /// With whom the share is shared, if it may be; they may all have left.
    pub(crate) ride: Option<RideKey>,
}

impl Account {
    pub(crate) const fn of(ask: &Allocate, shelf: Option<usize>) -> Self {
        Self {
            tenant: ask.tenant,
            class: ClassId(0),
            model: ask.model,
            strike: StrikeId(0),
            requirements: ask.requirements,
            shelf,
            ride: None,
        }
    }

    /// The same share at work for somebody.
    pub(crate) const fn working_for(self, bearer: Bearer) -> Self {
        let Bearer { tenant, class, strike } = bearer;
        Self { tenant, class, strike, ..self }
    }
}

impl Held {
    /// A share that was just granted.
    pub(crate) const fn new(
        now: Timestamp,
        allocation: AllocationId,
        owner: FlightKey,
        account: Account,
    ) -> Self {
        Self {
            allocation,
            owner,
            account,
            since: now,
            granted: now,
            used: false,
            inference: None,
            first_token: false,
            left: None,
            preempted: false,
        }
    }
}

impl Lease {
    pub(crate) const fn new(cable: usize, since: Timestamp, state: LeaseState) -> Self {
        Self { cable, since, state, entry: None }
    }

    /// The share's name, once it has one.
    pub(crate) const fn allocation(&self) -> Option<AllocationId> {
        match self.state {
            LeaseState::Asked { .. }
            | LeaseState::Boarding { .. }
            | LeaseState::Stocking { .. } => None,
            LeaseState::Held(Held { allocation, .. })
            | LeaseState::Warm(Warm { allocation, .. })
            | LeaseState::Releasing { allocation, .. }
            | LeaseState::Unreleased { allocation, .. } => Some(allocation),
        }
    }

    pub(crate) const fn warm(&self) -> Option<Warm> {
        match self.state {
            LeaseState::Warm(warm) => Some(warm),
            LeaseState::Asked { .. }
            | LeaseState::Boarding { .. }
            | LeaseState::Stocking { .. }
            | LeaseState::Held(_)
            | LeaseState::Releasing { .. }
            | LeaseState::Unreleased { .. } => None,
        }
    }

    /// Whether it has lain on its shelf since then.
    pub(crate) fn is_warm_since(&self, then: Timestamp) -> bool {
        matches!(self.state, LeaseState::Warm(Warm { since, .. }) if since == then)
    }

    pub(crate) fn held_mut(&mut self) -> Option<&mut Held> {
        match &mut self.state {
            LeaseState::Held(held) => Some(held),
            LeaseState::Asked { .. }
            | LeaseState::Boarding { .. }
            | LeaseState::Stocking { .. }
            | LeaseState::Warm(_)
            | LeaseState::Releasing { .. }
            | LeaseState::Unreleased { .. } => None,
        }
    }
}
