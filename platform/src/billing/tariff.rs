use connector::Money;

use super::{Band, Quantity};

/// One price of a meter.
///
/// A record's quantity is first raised to [`minimum`](Self::minimum) and to a whole number of
/// [`granularity`](Self::granularity). The units of a tenant's period are then lined up: the first
/// [`included`](Self::included) are free, the rest fill the tiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// A record is charged for a whole number of it; at least 1.
    pub granularity: Quantity,
    /// A record that used anything is charged for at least so much.
    pub minimum: Quantity,
    /// What is free in each period.
    pub included: Quantity,
    /// How tiers are meant.
    pub scheme: Scheme,
    /// The tiers, each from where the one before ends; the last has no end.
    pub tiers: Vec<Tier>,
}

/// How tiers are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Each unit costs what its own tier says.
    Graduated,
    /// All units cost what the tier of the last one says.
    Volume,
}

/// A range of quantities with one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The last quantity that is in it, counted from what is included; `None` for all the rest.
    pub up_to: Option<Quantity>,
    /// For one unit of the meter.
    pub price: Money,
    /// Once, when the first of its units is used.
    pub fee: Money,
}

/// So many units at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) band: Band,
    pub(super) quantity: u128,
    /// Whether the first unit that the tier takes is among them.
    pub(super) opens: bool,
}

impl Tariff {
    /// One price for everything.
    pub fn flat(price: Money) -> Self {
        Self::tiered(Scheme::Graduated, vec![Tier { up_to: None, price, fee: Money::ZERO }])
    }

    /// Tiers without allowance, granularity or minimum.
    pub fn tiered(scheme: Scheme, tiers: Vec<Tier>) -> Self {
        let (granularity, none) = (Quantity(1), Quantity::ZERO);
        Self { granularity, minimum: none, included: none, scheme, tiers }
    }

    /// What a record of this quantity is charged for; `None` out of range.
    pub(super) fn charged_for(&self, used: Quantity) -> Option<u128> {
        if used == Quantity::ZERO {
            return Some(0);
        }
        used.0.max(self.minimum.0).checked_next_multiple_of(self.granularity.0)
    }

    /// Whether what a unit costs does not depend on how many others there are.
    pub(super) fn is_flat(&self) -> bool {
        let one_price = matches!(&self.tiers[..], [only] if only.fee == Money::ZERO);
        one_price && self.included == Quantity::ZERO
    }

    pub(super) fn tier(&self, band: Band) -> Option<&Tier> {
        match band {
            Band::Included => None,
            Band::Tier(index) => self.tiers.get(index as usize),
        }
    }

    /// Where the units `first .. first + quantity` of a period fall in which `total` are used.
    pub(super) fn slices(&self, first: u128, quantity: u128, total: u128) -> Vec<Slice> {
        let included = self.included.0;
        let end = first + quantity;
        let cut = |band, from: u128, until: u128| {
            let quantity = end.min(until).saturating_sub(first.max(from));
            Slice { band, quantity, opens: quantity > 0 && first <= from }
        };
        let free = cut(Band::Included, 0, included);
        let charged: Vec<Slice> = match self.scheme {
            Scheme::Graduated => {
                let ends = self.tiers.iter().map(|tier| tier.end(included));
                let starts = std::iter::once(included).chain(ends.clone());
                let tiers = (0..).zip(starts.zip(ends));
                tiers.map(|(index, (from, until))| cut(Band::Tier(index), from, until)).collect()
            }
            Scheme::Volume => {
                let index = self.tiers.partition_point(|tier| tier.end(included) < total);
                vec![cut(Band::Tier(index as u32), included, u128::MAX)]
            }
        };
        let all = std::iter::once(free).chain(charged);
        all.filter(|slice| slice.quantity > 0).collect()
    }
}

impl Tier {
    fn end(&self, included: u128) -> u128 {
        self.up_to.map_or(u128::MAX, |up_to| included.saturating_add(up_to.0))
    }
}
