use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub, SubAssign},
    str::FromStr,
};

use super::{Duration, UnitError, parse::Notation};

/// An amount of money in 10^-9 of the currency unit, signed.
///
/// An integer, because sums of floats depend on their order; nine decimals, because a token at
/// 0.06 per million costs 6 x 10^-8. Read and printed as a decimal, never computed as one.
///
/// The type of prices, of what a platform reckons with while it decides, and of what an invoice
/// states. What a price times a quantity comes to on a bill is an [`Amount`](super::Amount).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i128);

const NANOS_PER_UNIT: u64 = 1_000_000_000;

const NOTATION: Notation = Notation {
    name: "price",
    example: "2.50",
    expected: "",
    range: "between 0 and 10^12 with at most nine decimals",
    units: &[("", NANOS_PER_UNIT)],
    max: 1_000_000_000_000 * NANOS_PER_UNIT as u128,
};

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `n` x 10^-9 of the currency unit.
    pub const fn from_nanos(n: i128) -> Self {
        Self(n)
    }

    /// The amount in 10^-9 of the currency unit.
    pub const fn as_nanos(self) -> i128 {
        self.0
    }

    /// The amount as a float, for ranking and statistics only, never for a bill.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// What a price per hour comes to over `time`, rounded to the nearest step, halves away from
    /// zero.
    #[must_use]
    pub const fn per_hour_over(self, time: Duration) -> Self {
        self.per_slot_hour_over(time.as_nanos() as u128)
    }

    /// What a price per slot and hour comes to over so many slot-nanoseconds, rounded once.
    #[must_use]
    pub const fn per_slot_hour_over(self, slot_ns: u128) -> Self {
        const HOUR_NS: i128 = 3_600 * NANOS_PER_UNIT as i128;
        let product = self.0 * slot_ns.cast_signed();
        let half = if product < 0 { -HOUR_NS / 2 } else { HOUR_NS / 2 };
        Self((product + half) / HOUR_NS)
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0 + rhs.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, rhs: Self) {
        self.0 += rhs.0;
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        Self(self.0 - rhs.0)
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, rhs: Self) {
        self.0 -= rhs.0;
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// A price: never negative.
impl FromStr for Money {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        NOTATION.parse(text).map(|steps| Self(steps.cast_signed()))
    }
}

/// At least two decimals, more only where they are not zero; `{:.4}` rounds to four.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().map_or(9, |wanted| wanted.min(9));
        let unit = 10u128.pow(9 - decimals as u32);
        let rounded = (self.0.unsigned_abs() + unit / 2) / unit * unit;
        let sign = if self.0 < 0 && rounded > 0 { "-" } else { "" };
        let (whole, nanos) =
            (rounded / u128::from(NANOS_PER_UNIT), rounded % u128::from(NANOS_PER_UNIT));
        let digits = format!("{nanos:09}");
        let shown = match f.precision() {
            Some(_) => &digits[..decimals],
            None => &digits[..digits.trim_end_matches('0').len().max(2)],
        };
        let point = if shown.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_read_and_print_exactly() {
        for text in ["2.50", "0.00", "0.000000001", "1234.56"] {
            assert_eq!(text.parse::<Money>().expect("valid").to_string(), text);
        }
        assert!("-1".parse::<Money>().is_err());
        assert!("NaN".parse::<Money>().is_err());
        assert!("0.0000000001".parse::<Money>().is_err(), "finer than the resolution");
    }

    #[test]
    fn a_price_with_a_unit_or_an_exponent_is_refused_with_an_example() {
        for text in ["1s", "1e300"] {
            let told = text.parse::<Money>().expect_err(text).to_string();
            assert_eq!(told, format!("`{text}` is not a price: expected something like `2.50`"));
        }
    }

    #[test]
    fn an_hourly_price_over_a_second_rounds_once() {
        let price: Money = "3.60".parse().expect("valid");
        assert_eq!(price.per_hour_over(Duration::from_secs(1)), "0.001".parse().expect("valid"));
        assert_eq!((-price).per_hour_over(Duration::from_secs(1)).to_string(), "-0.001");
    }

    #[test]
    fn a_precision_rounds_and_pads() {
        let amount: Money = "1.23456".parse().expect("valid");
        assert_eq!(format!("{amount:.2}"), "1.23");
        assert_eq!(format!("{amount:.0}"), "1");
        assert_eq!(format!("{:.4}", Money::from_nanos(-1)), "0.0000");
    }
}
