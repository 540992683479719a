use crate::{AllocationId, Money, PoolId, TenantId, Timestamp};

/// Why the provider stopped charging for a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StayEnd {
    /// It was released, and the release is done.
    Released,
    /// The provider took it away: preempted, or lost with its card.
    TakenAway,
    /// It lost its place and waits for another one, for which there will be another line.
    SetAside,
    /// It is charged at another price from then on, for which there is another line.
    PriceChanged,
    /// It has not: the share is still held.
    Held,
}

impl StayEnd {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 5] =
        [Self::Released, Self::TakenAway, Self::SetAside, Self::PriceChanged, Self::Held];

    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::TakenAway => "taken_away",
            Self::SetAside => "set_aside",
            Self::PriceChanged => "price_changed",
            Self::Held => "held",
        }
    }
}

/// One line of the provider's statement: a share, for as long as it had one place and one price.
///
/// A share that was set aside, or whose price changed, has several lines, which do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// Which share.
    pub allocation: AllocationId,
    /// Where.
    pub pool: PoolId,
    /// On whose behalf it was asked for; `None`: not ours.
    pub tenant: Option<TenantId>,
    /// From when it is charged.
    pub from: Timestamp,
    /// Until when. Equal to `from` where the provider reports no time.
    pub until: Timestamp,
    /// Why no longer.
    pub ended: StayEnd,
    /// The price that it was charged at.
    pub price_per_slot_hour: Money,
    /// What it comes to, rounded by the provider.
    pub charge: Money,
}
