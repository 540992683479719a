//! Rates and bandwidths: numbers per time, as people write them.

use std::{fmt, str::FromStr};

/// Events per second, 0 to 1,000,000; written `20/s`, `1200/min`, `5/h`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Rate(f64);

/// Bytes per second, 1 to 10^15; written `4 GiB/s` or, as datasheets do, `300 GB/s`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Bandwidth(f64);

/// Why a text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RateError {
    /// No number with a unit.
    #[error("`{text}` has no unit of {name}: expected one of {expected}")]
    Unit { text: String, name: &'static str, expected: &'static str },
    /// Outside the range.
    #[error("`{text}` is out of range for a {name}: it must be {range}")]
    Range { text: String, name: &'static str, range: &'static str },
}

impl Rate {
    /// Per second.
    pub(crate) fn per_second(self) -> f64 {
        self.0
    }
}

impl Bandwidth {
    /// Bytes per second.
    pub(crate) fn bytes_per_second(self) -> f64 {
        self.0
    }
}

struct Notation {
    name: &'static str,
    expected: &'static str,
    range: &'static str,
    /// Unit in lower case without blanks, and what one of it is.
    units: &'static [(&'static str, f64)],
    least: f64,
    most: f64,
}

impl Notation {
    fn parse(&self, text: &str) -> Result<f64, RateError> {
        let shown = || crate::document::shorten(text);
        let lower: String =
            text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
        let split = lower.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | '-')));
        let (number, unit) = lower.split_at(split.unwrap_or(lower.len()));
        let scale = self.units.iter().find(|(known, _)| *known == unit);
        let unit_missing =
            || RateError::Unit { text: shown(), name: self.name, expected: self.expected };
        let &(_, scale) = scale.ok_or_else(unit_missing)?;
        let value: f64 = number.replace('_', "").parse().map_err(|_| unit_missing())?;
        let value = value * scale;
        if (self.least..=self.most).contains(&value) {
            Ok(value)
        } else {
            Err(RateError::Range { text: shown(), name: self.name, range: self.range })
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        const NOTATION: Notation = Notation {
            name: "rate",
            expected: "/s, /min, /h, /day (20/s)",
            range: "between 0 and 1,000,000/s",
            units: &[
                ("/s", 1.0),
                ("/min", 1.0 / 60.0),
                ("/h", 1.0 / 3_600.0),
                ("/day", 1.0 / 86_400.0),
            ],
            least: 0.0,
            most: 1e6,
        };
        NOTATION.parse(text).map(Self)
    }
}

impl FromStr for Bandwidth {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        const NOTATION: Notation = Notation {
            name: "bandwidth",
            expected: "MiB/s, GiB/s, TiB/s, MB/s, GB/s, TB/s",
            range: "between 1 byte/s and 1,000 TB/s",
            units: &[
                ("mib/s", 1_048_576.0),
                ("gib/s", 1_073_741_824.0),
                ("tib/s", 1_099_511_627_776.0),
                ("mb/s", 1e6),
                ("gb/s", 1e9),
                ("tb/s", 1e12),
            ],
            least: 1.0,
            most: 1e15,
        };
        NOTATION.parse(text).map(Self)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_people_write_them() {
        for (text, per_second) in
            [("20/s", 20.0), ("1200/min", 20.0), ("0.5 / s", 0.5), ("7200/h", 2.0), ("0/s", 0.0)]
        {
            let rate: Rate = text.parse().expect(text);
            assert!((rate.per_second() - per_second).abs() < 1e-12, "{text}: {rate}");
        }
        let bandwidth: Bandwidth = "4 GiB/s".parse().expect("valid");
        assert_eq!(bandwidth, Bandwidth(4.0 * 1_073_741_824.0));
    }

    #[test]
    fn a_rate_without_unit_or_outside_its_range_is_refused_by_name() {
        for (text, message) in [
            ("20", "`20` has no unit of rate: expected one of /s, /min, /h, /day (20/s)"),
            ("20 Hz", "`20 Hz` has no unit of rate: expected one of /s, /min, /h, /day (20/s)"),
            ("NaN/s", "`NaN/s` has no unit of rate: expected one of /s, /min, /h, /day (20/s)"),
            ("-1/s", "`-1/s` is out of range for a rate: it must be between 0 and 1,000,000/s"),
            (
                "2000000/s",
                "`2000000/s` is out of range for a rate: it must be between 0 and 1,000,000/s",
            ),
        ] {
            assert_eq!(text.parse::<Rate>().expect_err(text).to_string(), message);
        }
        assert!("0 GiB/s".parse::<Bandwidth>().is_err());
    }
}
