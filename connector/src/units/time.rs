use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Div, Mul, Sub},
    str::FromStr,
};

use super::UnitError;

/// An instant of a run, in nanoseconds since its start. Covers 584 years; arithmetic saturates, so
/// that [`Timestamp::MAX`] reads as "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Never.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `ns` nanoseconds after the start.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start, for output and statistics only.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Time since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

/// A length of time in nanoseconds. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest time there is.
    pub const MAX: Self = Self(u64::MAX);

    /// `n` nanoseconds.
    pub const fn from_nanos(n: u64) -> Self {
        Self(n)
    }

    /// `n` microseconds.
    pub const fn from_micros(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// `n` milliseconds.
    pub const fn from_millis(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    /// `n` seconds.
    pub const fn from_secs(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000_000))
    }

    /// The nearest number of nanoseconds; zero for negative or not-a-number, saturating above.
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self((seconds * 1e9 + 0.5) as u64)
    }

    /// Nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds, for output and statistics only.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Milliseconds, for output and statistics only.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Whether this is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This time scaled by a non-negative factor, to the nearest nanosecond.
    #[must_use]
    pub fn scale(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor + 0.5) as u64)
    }

    /// `self - rhs`, or zero.
    #[must_use]
    pub const fn saturating_sub(self, rhs: Self) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }

    /// For code that talks to the outside world.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0)
    }
}

impl From<std::time::Duration> for Duration {
    fn from(value: std::time::Duration) -> Self {
        Self(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Add for Duration {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign for Duration {
    fn add_assign(&mut self, rhs: Self) {
        *self = *self + rhs;
    }
}

impl Mul<u64> for Duration {
    type Output = Self;
    fn mul(self, rhs: u64) -> Self {
        Self(self.0.saturating_mul(rhs))
    }
}

impl Div<u64> for Duration {
    type Output = Self;
    /// # Panics
    /// On division by zero.
    fn div(self, rhs: u64) -> Self {
        Self(self.0 / rhs)
    }
}

impl Sum for Duration {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// `200ms`, `1.5s`, `2h 30min`; a bare number has no unit and is refused, but `0` is `0`.
impl FromStr for Duration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const NAME: &str = "duration";
        const RANGE: &str = "between 0 and 584 years";
        let out_of_range = || UnitError::OutOfRange { text: text.into(), name: NAME, range: RANGE };
        let trimmed = text.trim();
        if trimmed.starts_with('-') {
            return Err(out_of_range());
        }
        match humantime::parse_duration(trimmed) {
            Ok(value) => u64::try_from(value.as_nanos()).map(Self).map_err(|_| out_of_range()),
            Err(humantime::DurationError::NumberOverflow) => Err(out_of_range()),
            Err(humantime::DurationError::UnknownUnit { .. }) => Err(UnitError::UnknownUnit {
                text: text.into(),
                name: NAME,
                expected: "ns, us, ms, s, min, h, days",
            }),
            Err(_) => Err(UnitError::Malformed { text: text.into(), name: NAME, example: "200ms" }),
        }
    }
}

/// The shortest exact text that parses back: `1m 30s`, `200ms`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.to_std()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, ns) in [
            ("200ms", 200_000_000),
            ("1.5s", 1_500_000_000),
            ("5min", 300_000_000_000),
            ("2h 30min", 9_000_000_000_000),
            ("0s", 0),
            ("15us", 15_000),
        ] {
            assert_eq!(text.parse(), Ok(Duration::from_nanos(ns)), "{text}");
        }
    }

    #[test]
    fn a_duration_without_a_unit_or_below_zero_is_refused_by_name() {
        for (text, message) in [
            ("200", "`200` has no unit of duration: expected one of ns, us, ms, s, min, h, days"),
            (
                "3 parsecs",
                "`3 parsecs` has no unit of duration: expected one of ns, us, ms, s, min, h, days",
            ),
            ("-1s", "`-1s` is out of range for a duration: it must be between 0 and 584 years"),
            ("soon", "`soon` is not a duration: expected something like `200ms`"),
            (
                "900000 years",
                "`900000 years` is out of range for a duration: it must be between 0 and 584 years",
            ),
        ] {
            assert_eq!(text.parse::<Duration>().expect_err("refused").to_string(), message);
        }
    }

    #[test]
    fn instants_saturate_instead_of_wrapping() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::ZERO - Duration::from_secs(1), Timestamp::ZERO);
        assert_eq!(Timestamp::ZERO.since(Timestamp::MAX), Duration::ZERO);
        assert_eq!(Duration::from_secs_f64(f64::NAN), Duration::ZERO);
        assert_eq!(Duration::from_secs_f64(-1.0), Duration::ZERO);
    }
}
