use std::{fmt, ops::Neg};

use connector::{Money, PricingUnit};

use super::Standing;

/// Decimals of a price.
const PRICE_PLACES: u32 = 9;
/// Decimals of a quantity. A step of any meter is more than 2 x 10^-16 of its pricing unit, so no two
/// numbers of steps are rounded to the same decimal.
const QUANTITY_PLACES: u32 = 16;
/// Decimals of a cost, so that it is a price times a quantity without rounding.
const COST_PLACES: u32 = PRICE_PLACES + QUANTITY_PLACES;

/// How much, in some unit.
pub(crate) type Quantity = Decimal<QUANTITY_PLACES>;
/// How much money.
pub(crate) type Cost = Decimal<COST_PLACES>;

/// A whole number of 10^-`PLACES`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decimal<const PLACES: u32>(i128);

impl<const PLACES: u32> Decimal<PLACES> {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Below zero for what is taken back.
    pub(crate) fn signed(self, standing: Standing) -> Self {
        if standing == Standing::Reversed { -self } else { self }
    }

    pub(crate) fn checked_add(self, rhs: Self) -> Option<Self> {
        self.0.checked_add(rhs.0).map(Self)
    }

    pub(crate) fn checked_sub(self, rhs: Self) -> Option<Self> {
        self.0.checked_sub(rhs.0).map(Self)
    }
}

impl Quantity {
    pub(crate) const ONE: Self = Self(10i128.pow(QUANTITY_PLACES));

    /// So many steps, of which a unit has `size`: the nearest decimal, halves to the even one; `None`
    /// out of range.
    pub(crate) fn of(steps: u128, size: u128) -> Option<Self> {
        let one = Self::ONE.0.unsigned_abs();
        let whole = (steps / size).checked_mul(one)?;
        // At most 10^16 x 3.7 x 10^18.
        let (part, rest) = (steps % size * one / size, steps % size * one % size);
        let up = match (2 * rest).cmp(&size) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Equal => part % 2,
        };
        i128::try_from(whole.checked_add(part + up)?).ok().map(Self)
    }

    /// What a price is for one of.
    pub(crate) fn priced(steps: u128, unit: PricingUnit) -> Option<Self> {
        Self::of(steps, unit.size())
    }

    pub(crate) fn times(self, price: Money) -> Option<Cost> {
        self.0.checked_mul(price.as_nanos()).map(Decimal)
    }
}

impl Cost {
    pub(crate) fn of(money: Money) -> Option<Self> {
        Quantity::ONE.times(money)
    }
}

impl<const PLACES: u32> Neg for Decimal<PLACES> {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// At least one decimal, so that a column of whole numbers still reads as one of decimals.
impl<const PLACES: u32> fmt::Display for Decimal<PLACES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10u128.pow(PLACES);
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / one, self.0.unsigned_abs() % one);
        let digits = format!("{part:0width$}", width = PLACES as usize);
        let shown = digits.trim_end_matches('0').len().max(1);
        write!(f, "{sign}{whole}.{}", &digits[..shown])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_rounded_to_the_even_neighbour() {
        let shown = |steps, size| Quantity::of(steps, size).unwrap().to_string();
        assert_eq!(shown(1, 3), "0.3333333333333333");
        assert_eq!(shown(2, 3), "0.6666666666666667");
        assert_eq!(shown(3, 1), "3.0");
        assert_eq!(shown(1_500_000, 1_000_000), "1.5");
        // Halfway between two decimals: 0.5 and 1.5 of the last place.
        let half = 2 * 10u128.pow(QUANTITY_PLACES);
        assert_eq!(shown(1, half), "0.0");
        assert_eq!(shown(3, half), "0.0000000000000002");
    }

    #[test]
    fn one_step_more_is_another_quantity() {
        for unit in PricingUnit::ALL {
            for steps in [0, 1, 7, unit.size() - 1, unit.size() * 1_000_003] {
                assert_ne!(Quantity::priced(steps, unit), Quantity::priced(steps + 1, unit));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let most = Quantity::of(i128::MAX.unsigned_abs() / 10u128.pow(QUANTITY_PLACES), 1);
        assert!(most.is_some_and(|most| most.times(Money::from_nanos(2)).is_none()));
        assert_eq!(Quantity::of(u128::MAX, 1), None);
        assert_eq!(Cost::of(Money::from_nanos(i128::MAX)), None);
    }

    #[test]
    fn costs_print_with_all_their_decimals_and_sign() {
        let price = Money::from_nanos(1);
        let least = Quantity::of(1, 10u128.pow(QUANTITY_PLACES)).and_then(|one| one.times(price));
        assert_eq!(least.map(|cost| (-cost).to_string()).unwrap(), "-0.0000000000000000000000001");
        assert_eq!(Cost::of(Money::from_nanos(-2_500_000_000)).unwrap().to_string(), "-2.5");
        assert_eq!(Cost::ZERO.to_string(), "0.0");
    }
}
