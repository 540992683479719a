use connector::{AllocationId, CableId, Timestamp};

use crate::lease::{Lease, LeaseState};

/// Something that the platform holds or may hold: the evidence behind
/// [`held`](crate::Platform::held).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Where.
    pub cable: CableId,
    /// The share's name, once it is known.
    pub allocation: Option<AllocationId>,
    /// When it was asked for, found in a list, or became doubtful.
    pub since: Timestamp,
    /// Where it stands.
    pub state: HoldingState,
}

/// Where a [`Holding`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldingState {
    /// Asked for, and not answered yet.
    Asked,
    /// The provider lists it, no lease knows it, and an allocation that is not answered yet may have
    /// asked for it.
    Listed,
    /// An allocation may have been granted without our knowledge, and no list has told yet.
    InDoubt,
    /// At work for a request.
    Busy,
    /// Kept for the next request.
    Warm,
    /// Its release was asked for and is not confirmed yet.
    Releasing {
        /// How often it was asked for.
        times: u32,
    },
    /// Its release was never confirmed: the provider holds it, as far as is known.
    Unreleased {
        /// How often it was asked for.
        times: u32,
    },
}

impl Holding {
    pub(crate) const fn listed(cable: CableId, share: AllocationId, since: Timestamp) -> Self {
        Self { cable, allocation: Some(share), since, state: HoldingState::Listed }
    }

    pub(crate) const fn in_doubt(cable: CableId, since: Timestamp) -> Self {
        Self { cable, allocation: None, since, state: HoldingState::InDoubt }
    }

    pub(crate) fn of(lease: &Lease) -> Self {
        let state = match lease.state {
            LeaseState::Asked { .. }
            | LeaseState::Boarding { .. }
            | LeaseState::Stocking { .. } => HoldingState::Asked,
            LeaseState::Held(_) => HoldingState::Busy,
            LeaseState::Warm(_) => HoldingState::Warm,
            LeaseState::Releasing { failures, question, .. } => {
                HoldingState::Releasing { times: failures + u32::from(question.is_some()) }
            }
            LeaseState::Unreleased { failures, .. } => HoldingState::Unreleased { times: failures },
        };
        Self {
            cable: CableId(lease.cable as u32),
            allocation: lease.allocation(),
            since: lease.since,
            state,
        }
    }
}
