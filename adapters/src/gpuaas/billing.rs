//! The period that a bill is asked for.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// From one minute to another, in UTC.
///
/// HostedAI reads an empty period as a success without figures (pathology 37), and clients were seen to
/// write local time and call it UTC (pathology 41). Here a period is made of instants, and cannot be
/// empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillingPeriod {
    from: Timestamp,
    until: Timestamp,
}

/// Why there is no such period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// It has no minute in it.
    #[error("the period from {from} until {until} has no whole minute")]
    Empty {
        /// As given.
        from: Timestamp,
        /// As given.
        until: Timestamp,
    },
    /// Not a time as the wire writes it.
    #[error("`{text}` is no time like 2026-11-26T19:30")]
    NoTime {
        /// As given, shortened.
        text: String,
    },
}

impl BillingPeriod {
    /// From `from` until `until`, each cut to the minute.
    ///
    /// # Errors
    /// `Empty` if no minute is left.
    pub fn new(from: Timestamp, until: Timestamp) -> Result<Self, PeriodError> {
        let minute = |at: Timestamp| at.as_second().div_euclid(60);
        if minute(from) >= minute(until) {
            return Err(PeriodError::Empty { from, until });
        }
        Ok(Self { from, until })
    }

    /// Reads both ends as they stand in a path.
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub fn parse(from: &str, until: &str) -> Result<Self, PeriodError> {
        Self::new(instant(from)?, instant(until)?)
    }

    /// The start as the wire writes it.
    pub fn from(self) -> impl fmt::Display {
        civil(self.from).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// The end as the wire writes it.
    pub fn until(self) -> impl fmt::Display {
        civil(self.until).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// How much of the time between two instants is in it.
    pub fn overlap(self, from: SystemTime, until: SystemTime) -> Duration {
        let minute = |at: Timestamp| {
            let seconds = u64::try_from(at.as_second().div_euclid(60) * 60).unwrap_or_default();
            SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
        };
        let (begin, end) = (from.max(minute(self.from)), until.min(minute(self.until)));
        end.duration_since(begin).unwrap_or_default()
    }

    /// The path of the team's summary over this period, below `/api`.
    pub fn summary_of(self, team: &str) -> String {
        format!("/team-billing/summary/{team}/{}/{}", self.from(), self.until())
    }
}

fn civil(at: Timestamp) -> DateTime {
    at.to_zoned(TimeZone::UTC).datetime()
}

fn instant(text: &str) -> Result<Timestamp, PeriodError> {
    let no_time = || PeriodError::NoTime { text: text.chars().take(40).collect() };
    let at: DateTime = text.parse().map_err(|_| no_time())?;
    Ok(at.to_zoned(TimeZone::UTC).map_err(|_| no_time())?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn p37_an_empty_period_is_refused_before_it_is_asked_for() {
        assert!(BillingPeriod::new(at(0), at(59)).is_err());
        assert!(BillingPeriod::new(at(60), at(60)).is_err());
        assert!(BillingPeriod::new(at(90), at(30)).is_err());
        let day = BillingPeriod::parse("2026-11-26", "2026-11-26").unwrap_err();
        let words =
            "the period from 2026-11-26T00:00:00Z until 2026-11-26T00:00:00Z has no whole minute";
        assert_eq!(day.to_string(), words);
        BillingPeriod::parse("x", "2026-11-26").unwrap_err();
    }

    #[test]
    fn only_what_is_in_a_period_is_in_it() {
        let period = BillingPeriod::new(at(120), at(240)).unwrap();
        let second = |n| SystemTime::UNIX_EPOCH + Duration::from_secs(n);
        for (from, until, inside) in [(0, 60, 0), (0, 130, 10), (130, 999, 110), (300, 400, 0)] {
            assert_eq!(period.overlap(second(from), second(until)), Duration::from_secs(inside));
        }
    }

    #[test]
    fn p41_a_period_is_written_in_utc_wherever_it_is_made() {
        let period = BillingPeriod::new(at(1_700_000_000), at(1_700_003_600)).unwrap();
        let path = "/team-billing/summary/t/2023-11-14T22:13/2023-11-14T23:13";
        assert_eq!(period.summary_of("t"), path);
        let read = BillingPeriod::parse("2023-11-14T22:13", "2023-11-14T23:13:00").unwrap();
        assert_eq!(read.summary_of("t"), path);
    }
}
