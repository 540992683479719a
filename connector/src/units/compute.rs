use std::{
    fmt,
    ops::{Add, AddAssign, SubAssign},
    str::FromStr,
};

use super::{UnitError, parse::Notation};

/// Compute rate with a resolution of 1 GFLOPS (0.001 TFLOPS), 0 to 10^6 TFLOPS.
///
/// One GFLOPS for one nanosecond is exactly one floating-point operation, so the integral of a
/// promised rate over time is a whole number of FLOP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tflops(u64);

const NOTATION: Notation = Notation {
    name: "compute rate",
    example: "30 TFLOPS",
    expected: "TFLOPS, GFLOPS, PFLOPS",
    range: "between 0 and 1,000,000 TFLOPS in steps of 1 GFLOPS",
    units: &[("tflops", 1_000), ("gflops", 1), ("pflops", 1_000_000)],
    max: 1_000_000_000,
};

impl Tflops {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `n` TFLOPS.
    pub const fn new(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// `n` GFLOPS.
    pub const fn from_gflops(n: u64) -> Self {
        Self(n)
    }

    /// The rate in GFLOPS, which is FLOP per nanosecond.
    pub const fn as_gflops(self) -> u64 {
        self.0
    }

    /// The rate in FLOP per second, for models of time.
    pub fn as_flops(self) -> f64 {
        self.0 as f64 * 1e9
    }
}

impl Add for Tflops {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign for Tflops {
    fn add_assign(&mut self, rhs: Self) {
        *self = *self + rhs;
    }
}

impl SubAssign for Tflops {
    /// # Panics
    /// Below zero: what was never promised cannot be taken back.
    fn sub_assign(&mut self, rhs: Self) {
        self.0 = self.0.checked_sub(rhs.0).expect("compute rate below zero");
    }
}

impl FromStr for Tflops {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        NOTATION.parse(text).map(|steps| Self(steps as u64))
    }
}

impl fmt::Display for Tflops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1_000) {
            write!(f, "{} TFLOPS", self.0 / 1_000)
        } else {
            write!(f, "{} GFLOPS", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_and_print_alike() {
        for text in ["30 TFLOPS", "0 TFLOPS", "1500 GFLOPS", "989 TFLOPS"] {
            assert_eq!(text.parse::<Tflops>().expect("valid").to_string(), text);
        }
        assert_eq!("1.5 tflops".parse(), Ok(Tflops::from_gflops(1_500)));
    }

    #[test]
    fn memory_is_not_a_compute_rate() {
        assert_eq!(
            "30 GiB".parse::<Tflops>().expect_err("wrong unit").to_string(),
            "`30 GiB` has no unit of compute rate: expected one of TFLOPS, GFLOPS, PFLOPS"
        );
    }
}
