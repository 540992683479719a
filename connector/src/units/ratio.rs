use std::{fmt, str::FromStr};

use super::{UnitError, parse::Notation};

/// A configured ratio in steps of 1/10,000, 0 to 1,000 (100,000 %). An integer, so that two
/// machines agree on every comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BasisPoints(u32);

const NOTATION: Notation = Notation {
    name: "ratio",
    example: "12.5%",
    expected: "% or none (0.125)",
    range: "between 0% and 100,000% in steps of 0.01%",
    units: &[("%", 100), ("", 10_000)],
    max: 10_000_000,
};

impl BasisPoints {
    /// 0 %.
    pub const ZERO: Self = Self(0);
    /// 100 %.
    pub const ONE: Self = Self(10_000);

    /// `n` hundredths of a percent.
    pub const fn new(n: u32) -> Self {
        Self(n)
    }

    /// `n` percent.
    pub const fn from_percent(n: u32) -> Self {
        Self(n.saturating_mul(100))
    }

    /// Hundredths of a percent.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The ratio as a float, for physics and statistics only.
    pub fn as_ratio(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// `value x ratio`, rounded down.
    pub const fn of(self, value: u64) -> u64 {
        let product = value as u128 * self.0 as u128 / 10_000;
        if product > u64::MAX as u128 { u64::MAX } else { product as u64 }
    }
}

/// `12.5%` or `0.125`.
impl FromStr for BasisPoints {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        NOTATION.parse(text).map(|steps| Self(steps as u32))
    }
}

impl fmt::Display for BasisPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        if rest == 0 {
            write!(f, "{whole}%")
        } else {
            write!(f, "{}%", format!("{whole}.{rest:02}").trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_and_fraction_are_the_same_ratio() {
        assert_eq!("12.5%".parse(), "0.125".parse::<BasisPoints>());
        assert_eq!("0.1%".parse(), Ok(BasisPoints::new(10)));
        assert_eq!(BasisPoints::new(1250).to_string(), "12.5%");
        assert_eq!(BasisPoints::from_percent(80).of(200), 160);
    }

    #[test]
    fn not_a_number_is_not_a_ratio() {
        for text in ["NaN", "inf", "", ".", "1.2.3", "0.00001"] {
            assert!(text.parse::<BasisPoints>().is_err(), "{text}");
        }
    }
}
