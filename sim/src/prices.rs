//! What a share of a pool costs, over time.
//!
//! A price holds from an instant to the next. Whatever is charged for a stretch of time is cut where
//! the price changes, and each part has one price: so a line of the statement never has two, and a
//! reader can multiply it out.

use connector::{Money, Timestamp};

use crate::config::PoolConfig;

/// The prices of a pool, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Prices {
    /// From when on, and what a share costs for an hour; the first from the start of the run.
    steps: Vec<(Timestamp, Money)>,
}

/// Time at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// Which price: index into the pool's.
    pub(crate) step: usize,
    /// Of a share for an hour.
    pub(crate) price: Money,
}

impl Prices {
    pub(crate) fn of(pool: &PoolConfig) -> Self {
        let changes = pool.price_changes.iter();
        let changes =
            changes.map(|change| (Timestamp::ZERO + change.at, change.price_per_slot_hour));
        let first = (Timestamp::ZERO, pool.price_per_slot_hour);
        Self { steps: std::iter::once(first).chain(changes).collect() }
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.steps.len()
    }

    /// The price of this index.
    pub(crate) fn price(&self, step: usize) -> Money {
        self.steps[step].1
    }

    /// The price that holds at an instant.
    pub(crate) fn at(&self, instant: Timestamp) -> Money {
        self.price(self.step_at(instant))
    }

    /// Time from one instant to another, cut where the price changes. No time is one stretch of none.
    pub(crate) fn stretches(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Stretch> {
        let first = self.step_at(from);
        let steps = self.steps.iter().enumerate().skip(first);
        let begun = steps.take_while(move |&(step, &(begins, _))| step == first || begins < until);
        begun.map(move |(step, &(begins, price))| {
            let ends = self.steps.get(step + 1).map_or(until, |&(ends, _)| ends.min(until));
            Stretch { from: begins.max(from), until: ends, step, price }
        })
    }

    fn step_at(&self, instant: Timestamp) -> usize {
        // The first begins with the run, so that there is one before every instant.
        self.steps.partition_point(|&(begins, _)| begins <= instant).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use connector::Duration;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    fn prices() -> Prices {
        let money = Money::from_nanos;
        Prices { steps: vec![(at(0), money(1)), (at(10), money(2)), (at(20), money(3))] }
    }

    fn cut(from: u64, until: u64) -> Vec<(u64, u64, usize, i128)> {
        let seconds = |instant: Timestamp| instant.as_nanos() / 1_000_000_000;
        let stretches = prices().stretches(at(from), at(until)).collect::<Vec<_>>().into_iter();
        stretches
            .map(|one| (seconds(one.from), seconds(one.until), one.step, one.price.as_nanos()))
            .collect()
    }

    #[test]
    fn time_is_cut_where_the_price_changes() {
        assert_eq!(cut(5, 25), [(5, 10, 0, 1), (10, 20, 1, 2), (20, 25, 2, 3)]);
        assert_eq!(cut(2, 7), [(2, 7, 0, 1)]);
        assert_eq!(cut(12, 99), [(12, 20, 1, 2), (20, 99, 2, 3)]);
    }

    #[test]
    fn an_instant_of_change_is_at_the_new_price_and_cuts_nothing_empty_off() {
        assert_eq!(cut(0, 10), [(0, 10, 0, 1)]);
        assert_eq!(cut(10, 20), [(10, 20, 1, 2)]);
        assert_eq!(prices().at(at(10)), Money::from_nanos(2));
    }

    #[test]
    fn no_time_is_one_stretch_of_none() {
        assert_eq!(cut(5, 5), [(5, 5, 0, 1)]);
        assert_eq!(cut(10, 10), [(10, 10, 1, 2)]);
    }
}
