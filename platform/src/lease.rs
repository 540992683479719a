//! What is held at a provider.
//!
//! A lease begins when a share is asked for, not when it is granted, and ends when its release is
//! confirmed, not when it is asked for. It may outlive its request: when the request gives up, the
//! lease stays behind as an *orphan* that still waits for the provider's answer, and a late grant
//! is given back like any other share.

use connector::{AllocationId, Requirements, TenantId, Timestamp};
use slotmap::new_key_type;

use crate::{flight::FlightKey, question::QuestionKey};

new_key_type! {
    pub(crate) struct LeaseKey;
}

#[derive(Debug)]
pub(crate) struct Lease {
    /// Index of the cable.
    pub(crate) cable: usize,
    pub(crate) state: LeaseState,
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
    /// Granted, and working for its owner.
    Held(Held),
    /// To be confirmed released.
    Releasing {
        allocation: AllocationId,
        /// Releases that failed.
        failures: u32,
        /// The present question; `None` while pausing before the next.
        question: Option<QuestionKey>,
    },
    /// Given up: the provider does not confirm.
    Unreleased { allocation: AllocationId },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) allocation: AllocationId,
    pub(crate) owner: FlightKey,
    pub(crate) account: Account,
    /// When it was granted.
    pub(crate) since: Timestamp,
    /// The inference running on it.
    pub(crate) inference: Option<QuestionKey>,
    /// Whether its first token has come.
    pub(crate) first_token: bool,
    /// Whether nobody waits for it any more, but it was left to run.
    pub(crate) left: bool,
    /// Whether the provider said that it takes the share away.
    pub(crate) preempted: bool,
}

/// Who pays for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) tenant: TenantId,
    pub(crate) requirements: Requirements,
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
            inference: None,
            first_token: false,
            left: false,
            preempted: false,
        }
    }
}

impl Lease {
    /// The share's name, once it has one.
    pub(crate) const fn allocation(&self) -> Option<AllocationId> {
        match self.state {
            LeaseState::Asked { .. } => None,
            LeaseState::Held(Held { allocation, .. })
            | LeaseState::Releasing { allocation, .. }
            | LeaseState::Unreleased { allocation } => Some(allocation),
        }
    }

    pub(crate) fn held_mut(&mut self) -> Option<&mut Held> {
        match &mut self.state {
            LeaseState::Held(held) => Some(held),
            LeaseState::Asked { .. }
            | LeaseState::Releasing { .. }
            | LeaseState::Unreleased { .. } => None,
        }
    }
}
