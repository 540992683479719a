use connector::{Duration, Timestamp};

/// When the pools are looked at: at the start, at regular intervals, once at a given instant (the
/// end of the warm-up), and at the end.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    next: Timestamp,
    every: Duration,
    once: Option<Timestamp>,
    /// When the interval doubles, if it does.
    doubles: Option<Timestamp>,
}

/// A look at the pools that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) at: Timestamp,
    /// Whether it is the one at the given instant.
    pub(super) is_once: bool,
}

impl Sampling {
    /// Looks every `every`, at least a nanosecond, and once at `once`.
    pub fn new(every: Duration, once: Timestamp) -> Self {
        let every = every.max(Duration::from_nanos(1));
        Self { next: Timestamp::ZERO, every, once: Some(once), doubles: None }
    }

    /// Doubles the interval whenever a run outgrows `looks` of them, so that a jump over years
    /// takes no longer than one over hours. Gauges carry integrals: nothing is lost but detail.
    #[must_use]
    pub fn doubling_after(mut self, looks: usize) -> Self {
        self.doubles = Some(Timestamp::ZERO + self.every * looks.max(1) as u64);
        self
    }

    /// Whether the time of a look has come.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.next <= now || self.once.is_some_and(|once| once <= now)
    }

    /// The next look at the pools, if its time has come.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Look> {
        if let Some(at) = self.once.take_if(|once| *once <= self.next.min(now)) {
            return Some(Look { at, is_once: true });
        }
        let next = self.next;
        if next > now {
            return None;
        }
        while self.doubles.is_some_and(|end| next >= end) {
            self.every = self.every * 2;
            self.doubles = self.doubles.map(|end| end + end.since(Timestamp::ZERO));
        }
        self.next = next + self.every;
        Some(Look { at: next, is_once: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(sampling: &mut Sampling, now: u64) -> Vec<u64> {
        let now = Timestamp::ZERO + Duration::from_secs(now);
        let due = std::iter::from_fn(|| sampling.due(now));
        due.map(|look| look.at.since(Timestamp::ZERO).as_nanos() / 1_000_000_000).collect()
    }

    #[test]
    fn it_looks_at_regular_intervals_and_once_in_between() {
        let once = Timestamp::ZERO + Duration::from_secs(25);
        let mut sampling = Sampling::new(Duration::from_secs(10), once);
        assert_eq!(looks(&mut sampling, 19), [0, 10]);
        assert_eq!(looks(&mut sampling, 40), [20, 25, 30, 40]);
    }

    #[test]
    fn the_look_at_the_given_instant_is_told_apart_and_comes_before_a_regular_one() {
        let second = Duration::from_secs(1);
        let mut sampling = Sampling::new(second, Timestamp::ZERO + second);
        let due = std::iter::from_fn(|| sampling.due(Timestamp::ZERO + second));
        let is_once: Vec<bool> = due.map(|look| look.is_once).collect();
        assert_eq!(is_once, [false, true, false]);
    }

    #[test]
    fn the_interval_doubles_whenever_the_run_outgrows_the_looks() {
        let mut sampling = Sampling::new(Duration::from_secs(1), Timestamp::ZERO).doubling_after(4);
        assert_eq!(looks(&mut sampling, 30), [0, 0, 1, 2, 3, 4, 6, 8, 12, 16, 24]);
    }

    #[test]
    fn a_jump_to_the_end_of_time_takes_few_looks() {
        let second = Duration::from_secs(1);
        let mut sampling = Sampling::new(second, Timestamp::ZERO).doubling_after(2_048);
        let before_the_end = Timestamp::from_nanos(u64::MAX - 1);
        let looks = std::iter::from_fn(|| sampling.due(before_the_end)).count();
        assert!(looks < 30_000, "{looks}");
    }
}
