use connector::{Duration, Timestamp};

use super::{BookError, PeriodId};

/// How time is cut into billing periods, without gaps.
///
/// Calendar months are for whoever knows the calendar: they come as bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Periods(Cut);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cut {
    Every(Duration),
    At(Vec<Timestamp>),
}

impl Periods {
    /// Periods of one length from the start of time.
    ///
    /// # Errors
    /// When there is no length.
    pub fn every(length: Duration) -> Result<Self, BookError> {
        if length.is_zero() {
            return Err(BookError::NoPeriod);
        }
        Ok(Self(Cut::Every(length)))
    }

    /// Periods from each bound to the next; nothing can be billed before the first or from the last.
    ///
    /// # Errors
    /// When there are fewer than two bounds, or one is not after the one before.
    pub fn between(bounds: Vec<Timestamp>) -> Result<Self, BookError> {
        let rising = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let countable = u32::try_from(bounds.len()).is_ok();
        if bounds.len() < 2 || !rising || !countable {
            return Err(BookError::NoPeriod);
        }
        Ok(Self(Cut::At(bounds)))
    }

    /// The period that an instant is in.
    pub fn of(&self, instant: Timestamp) -> Option<PeriodId> {
        let index = match &self.0 {
            Cut::Every(length) => u32::try_from(instant.as_nanos() / length.as_nanos()).ok()?,
            Cut::At(bounds) => {
                let after = bounds.partition_point(|&bound| bound <= instant);
                (after < bounds.len()).then_some(after)?.checked_sub(1)? as u32
            }
        };
        Some(PeriodId(index))
    }

    /// When a period begins and when the next does; `None` for one that there is not.
    pub fn bounds(&self, period: PeriodId) -> Option<(Timestamp, Timestamp)> {
        let index = period.0 as usize;
        match &self.0 {
            Cut::Every(length) => {
                let from = length.as_nanos().checked_mul(u64::from(period.0))?;
                let from = Timestamp::from_nanos(from);
                Some((from, from + *length))
            }
            Cut::At(bounds) => Some((*bounds.get(index)?, *bounds.get(index + 1)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn an_instant_is_in_the_period_that_begins_with_it() {
        let hours = Periods::every(Duration::from_secs(3_600)).unwrap();
        assert_eq!(hours.of(at(3_599)), Some(PeriodId(0)));
        assert_eq!(hours.of(at(3_600)), Some(PeriodId(1)));
        assert_eq!(hours.bounds(PeriodId(1)), Some((at(3_600), at(7_200))));
        let months = Periods::between(vec![at(10), at(20), at(50)]).unwrap();
        let found = [9, 10, 19, 20, 49, 50].map(|second| months.of(at(second)));
        assert_eq!(
            found,
            [None, Some(0), Some(0), Some(1), Some(1), None].map(|id| id.map(PeriodId))
        );
        assert_eq!(months.bounds(PeriodId(1)), Some((at(20), at(50))));
        assert_eq!(months.bounds(PeriodId(2)), None);
    }

    #[test]
    fn periods_without_length_or_order_are_refused() {
        assert_eq!(Periods::every(Duration::ZERO), Err(BookError::NoPeriod));
        for bounds in [vec![], vec![at(1)], vec![at(1), at(1)], vec![at(2), at(1)]] {
            assert_eq!(Periods::between(bounds), Err(BookError::NoPeriod));
        }
    }
}
