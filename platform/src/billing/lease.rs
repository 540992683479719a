use connector::{AllocationId, Money, PoolId, Timestamp};

/// How the platform came to know of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// It was asked for, and the grant came while somebody waited for it.
    Granted,
    /// The grant came after it had been given up.
    Late,
    /// It was found in a list: its grant was never told.
    Found,
}

impl Origin {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::Granted, Self::Late, Self::Found];

    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Late => "late",
            Self::Found => "found",
        }
    }
}

/// A share as our books have it: what a line of the provider's statement is laid beside.
///
/// Its time from `booked` to `given_back` is in [`UsageRecord`](super::UsageRecord)s whose kind is
/// not [`Ghost`](super::UseKind::Ghost); that from `known` to `booked` is in those whose kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// The share's name.
    pub allocation: AllocationId,
    /// Where.
    pub pool: PoolId,
    /// How we came to know of it.
    pub origin: Origin,
    /// When.
    pub known: Timestamp,
    /// From when somebody pays for it; `given_back` if nobody ever did.
    pub booked: Timestamp,
    /// When its release was first asked for.
    pub given_back: Timestamp,
    /// What we believe that it costs.
    pub price_per_slot_hour: Money,
}
