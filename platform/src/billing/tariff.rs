use std::ops::RangeInclusive;

use connector::Money;

use super::{Band, Quantity, cells::Stretch};

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

/// Units of a line-up, to be cut into bands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut<'a> {
    tariff: &'a Tariff,
    stretch: Stretch,
    /// The one tier that takes all that is not included.
    all_in: Option<usize>,
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
        let (least, granularity) = (used.0.max(self.minimum.0), self.granularity.0);
        match (u64::try_from(least), u64::try_from(granularity)) {
            // Most fit, and 64 bits divide several times as fast as 128.
            (Ok(least), Ok(granularity)) => {
                Some(u128::from(least.div_ceil(granularity)) * u128::from(granularity))
            }
            _ => least.checked_next_multiple_of(granularity),
        }
    }

    /// Whether a record is charged for exactly what it used.
    pub(super) fn charges_as_used(&self) -> bool {
        self.granularity == Quantity(1) && self.minimum <= Quantity(1)
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

    /// Numbers of the bands: 0 is what is included, if anything is, the others are tiers.
    pub(super) fn bands(&self) -> RangeInclusive<usize> {
        usize::from(self.included == Quantity::ZERO)..=self.tiers.len()
    }

    /// How units of a line-up fall into bands.
    pub(super) fn cut(&self, stretch: Stretch) -> Cut<'_> {
        let all_in = match self.scheme {
            Scheme::Graduated => None,
            Scheme::Volume => Some(self.volume_tier(stretch.total)),
        };
        Cut { tariff: self, stretch, all_in }
    }

    /// Whether units of a line-up that moved back in it may come to something else.
    pub(super) fn tells_apart(&self, told: Stretch, now: Stretch) -> bool {
        let end = now.first + now.quantity;
        let crossed = |edge: u128| told.first <= edge && edge < end;
        match self.scheme {
            Scheme::Graduated => {
                let edge = |tier: &Tier| crossed(tier.end(self.included.0));
                told.first != now.first && (crossed(self.included.0) || self.tiers.iter().any(edge))
            }
            Scheme::Volume => {
                told.first != now.first && crossed(self.included.0)
                    || self.volume_tier(told.total) != self.volume_tier(now.total)
            }
        }
    }

    /// The tier of the last of so many units.
    fn volume_tier(&self, total: u128) -> usize {
        self.tiers.partition_point(|tier| tier.end(self.included.0) < total)
    }
}

impl Slice {
    /// All units there are, under a flat tariff: in its one tier, which has no fee.
    pub(super) fn whole(quantity: u128) -> Self {
        Self { band: Band::Tier(0), quantity, opens: false }
    }
}

impl Cut<'_> {
    /// What falls into a band, by its number in order; maybe nothing.
    #[inline]
    pub(super) fn slice(&self, number: usize) -> Slice {
        let included = self.tariff.included.0;
        let Some(tier) = number.checked_sub(1) else {
            return self.between(Band::Included, 0, included);
        };
        let band = Band::Tier(tier as u32);
        match self.all_in {
            None => {
                let end = |tier: usize| self.tariff.tiers[tier].end(included);
                self.between(band, tier.checked_sub(1).map_or(included, end), end(tier))
            }
            Some(all_in) if all_in == tier => self.between(band, included, u128::MAX),
            Some(_) => Slice { band, quantity: 0, opens: false },
        }
    }

    #[inline]
    fn between(&self, band: Band, from: u128, until: u128) -> Slice {
        let Stretch { first, quantity, .. } = self.stretch;
        let quantity = (first + quantity).min(until).saturating_sub(first.max(from));
        Slice { band, quantity, opens: quantity > 0 && first <= from }
    }
}

impl Tier {
    fn end(&self, included: u128) -> u128 {
        self.up_to.map_or(u128::MAX, |up_to| included.saturating_add(up_to.0))
    }
}
