//! One meter of one record, cut where periods and prices change.
//!
//! What grows with time is taken to have grown evenly: up to an instant a record has used
//! `floor(quantity x elapsed / length)`, and each part is the difference of two such. The parts are
//! whole and add up to the whole. What does not grow with time belongs to the record's beginning.
//! Minimum and granularity are applied before, once, as they are when the record begins.

use connector::Duration;

use super::{Meter, PeriodId, Periods, RatingError, UsageRecord, book::Rate};

/// A record may be over so many periods and prices: more than a year of hours.
pub(super) const MOST_PARTS: usize = 10_000;
/// Sums of 2^32 quantities up to here fit in 128 bits.
pub(super) const MOST: u128 = 1 << 96;

/// So much in one period at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) period: PeriodId,
    pub(super) version: u32,
    pub(super) quantity: u128,
}

/// Calls `take` with each part that is not empty; none is taken if there is an error.
pub(super) fn parts(
    record: &UsageRecord,
    meter: Meter,
    (index, rate): (u32, &Rate),
    periods: &Periods,
    mut take: impl FnMut(Part),
) -> Result<(), RatingError> {
    let key = record.key;
    let used = record.meters.get(meter);
    if used.0 == 0 {
        return Ok(());
    }
    let (mut at, mut taken, mut pieces) = (record.from, 0, 0);
    let mut whole = None;
    loop {
        let period = periods.of(at).ok_or(RatingError::NoPeriod { key, at })?;
        let (version, price) =
            rate.at(at).ok_or(RatingError::NoPrice { key, rate: index, meter, at })?;
        let whole = match whole {
            Some(whole) => whole,
            None => *whole.insert(
                (price.tariff.charged_for(used))
                    .filter(|&charged| charged <= MOST)
                    .ok_or(RatingError::TooMuch { key, meter })?,
            ),
        };
        let (_, period_end) = periods.bounds(period).ok_or(RatingError::NoPeriod { key, at })?;
        let end = price.until.map_or(period_end, |until| until.min(period_end));
        if !meter.grows_with_time() || end >= record.until {
            take(Part { period, version, quantity: whole - taken });
            return Ok(());
        }
        let so_far = share(whole, end.since(record.from), record.until.since(record.from));
        take(Part { period, version, quantity: so_far - taken });
        (at, taken, pieces) = (end, so_far, pieces + 1);
        if pieces >= MOST_PARTS {
            return Err(RatingError::TooLong { key, limit: MOST_PARTS });
        }
    }
}

/// `floor(whole x elapsed / length)` without overflow, for `elapsed < length`.
fn share(whole: u128, elapsed: Duration, length: Duration) -> u128 {
    let (elapsed, length) = (u128::from(elapsed.as_nanos()), u128::from(length.as_nanos()));
    whole / length * elapsed + whole % length * elapsed / length
}

/// Refuses a record that ends before it begins.
pub(super) fn forward(record: &UsageRecord) -> Result<(), RatingError> {
    let UsageRecord { key, from, until, .. } = *record;
    if until < from {
        return Err(RatingError::Backwards { key, from, until });
    }
    Ok(())
}
