use std::{
    fmt,
    ops::{Add, AddAssign, SubAssign},
    str::FromStr,
};

use super::{UnitError, parse::Notation};

/// Device memory in MiB (2^20 bytes), 0 to 1 PiB. Card makers' "GB" of memory are GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mebibytes(u64);

const NOTATION: Notation = Notation {
    name: "memory size",
    example: "20480 MiB",
    expected: "MiB, GiB, TiB",
    range: "between 0 and 1 PiB in steps of 1 MiB",
    units: &[("mib", 1), ("gib", 1 << 10), ("tib", 1 << 20)],
    max: 1 << 30,
};

impl Mebibytes {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `n` MiB.
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// `n` GiB.
    pub const fn from_gib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 10))
    }

    /// The size in MiB.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The size in bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0.saturating_mul(1 << 20)
    }
}

impl Add for Mebibytes {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign for Mebibytes {
    fn add_assign(&mut self, rhs: Self) {
        *self = *self + rhs;
    }
}

impl SubAssign for Mebibytes {
    /// # Panics
    /// Below zero: what was never promised cannot be taken back.
    fn sub_assign(&mut self, rhs: Self) {
        self.0 = self.0.checked_sub(rhs.0).expect("memory size below zero");
    }
}

impl FromStr for Mebibytes {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        NOTATION.parse(text).map(|steps| Self(steps as u64))
    }
}

impl fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 && self.0.is_multiple_of(1 << 10) {
            write!(f, "{} GiB", self.0 >> 10)
        } else {
            write!(f, "{} MiB", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_print_alike() {
        for text in ["2 GiB", "2049 MiB", "0 MiB"] {
            assert_eq!(text.parse::<Mebibytes>().expect("valid").to_string(), text);
        }
        assert_eq!("1.5 GiB".parse(), Ok(Mebibytes::new(1536)));
    }

    #[test]
    fn decimal_gigabytes_are_refused_because_they_are_ambiguous() {
        let error = "80 GB".parse::<Mebibytes>().expect_err("ambiguous");
        assert_eq!(
            error.to_string(),
            "`80 GB` has no unit of memory size: expected one of MiB, GiB, TiB"
        );
    }
}
