use connector::{Amount, ModelId, Money, PoolId, TenantId};

use super::{Meter, Quantity};

/// A billing period: index into the list of periods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeriodId(pub u32);

/// Whose use of what, in which period, at which price. Lines are sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineKey {
    /// Who pays.
    pub tenant: TenantId,
    /// When.
    pub period: PeriodId,
    /// For what.
    pub model: ModelId,
    /// Where.
    pub pool: PoolId,
    /// Which meter.
    pub meter: Meter,
    /// Which rate of the price book: index into its list.
    pub rate: u32,
    /// Which of the rate's prices over time: index into its list.
    pub version: u32,
    /// Which part of that price.
    pub band: Band,
}

/// The part of a price that a unit falls into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// What is free in every period.
    Included,
    /// A tier: index into the price's list.
    Tier(u32),
}

/// A quantity at one price, not rounded: `amount` is exactly `price x quantity + fee`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatedLine {
    /// What it is for.
    pub key: LineKey,
    /// How much was charged for, in steps of the meter.
    pub quantity: Quantity,
    /// For one [`unit`](Meter::unit) of the meter, after discounts.
    pub price: Money,
    /// Before discounts.
    pub list_price: Money,
    /// What is paid once for the tier, if its first unit is among these.
    pub fee: Money,
    /// What it comes to.
    pub amount: Amount,
}
