//! What the keeper counts of every share that is held, for whoever asks for its metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use connector::{AllocationId, Duration, Timestamp};

/// The tallies of all shares: kept by the keeper, read by handlers.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies(Arc<Mutex<BTreeMap<AllocationId, Tally>>>);

/// What a share has done, in virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    granted: Timestamp,
    /// Inferences that were answered well.
    pub(super) completed: u64,
    /// How long these took together.
    took: Duration,
    running: u32,
    /// Since when something has been running without a break.
    busy_since: Timestamp,
    busy: Duration,
}

impl Tally {
    /// Part of its life in which something ran, 0 to 1.
    pub(super) fn utilization(&self, now: Timestamp) -> f64 {
        let running = if self.running > 0 { now.since(self.busy_since) } else { Duration::ZERO };
        let life = now.since(self.granted);
        if life.is_zero() { 0.0 } else { (self.busy + running).as_secs_f64() / life.as_secs_f64() }
    }

    /// Mean time of a completed inference; zero without any.
    pub(super) fn mean(&self) -> Duration {
        self.took.scale((self.completed.max(1) as f64).recip())
    }

    fn begin(&mut self, now: Timestamp) {
        if self.running == 0 {
            self.busy_since = now;
        }
        self.running += 1;
    }

    fn end(&mut self, now: Timestamp, took: Option<Duration>) {
        self.running = self.running.saturating_sub(1);
        if self.running == 0 {
            self.busy += now.since(self.busy_since);
        }
        if let Some(took) = took {
            self.completed += 1;
            self.took += took;
        }
    }
}

impl Tallies {
    /// `None` for a share that is not held.
    pub(super) fn of(&self, share: AllocationId) -> Option<Tally> {
        self.sheet().get(&share).copied()
    }

    pub(super) fn granted(&self, share: AllocationId, now: Timestamp) {
        self.sheet().insert(share, Tally { granted: now, ..Tally::default() });
    }

    pub(super) fn gone(&self, share: AllocationId) {
        self.sheet().remove(&share);
    }

    /// An inference begins on it.
    pub(super) fn begin(&self, share: AllocationId, now: Timestamp) {
        self.sheet().entry(share).and_modify(|tally| tally.begin(now));
    }

    /// An inference on it has ended, after so long if it ended well.
    pub(super) fn end(&self, share: AllocationId, now: Timestamp, took: Option<Duration>) {
        self.sheet().entry(share).and_modify(|tally| tally.end(now, took));
    }

    fn sheet(&self) -> MutexGuard<'_, BTreeMap<AllocationId, Tally>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: AllocationId = AllocationId(1);

    #[test]
    fn a_share_is_busy_while_anything_runs_on_it() {
        let tallies = Tallies::default();
        tallies.granted(SHARE, at(0));
        tallies.begin(SHARE, at(10));
        tallies.begin(SHARE, at(20));
        tallies.end(SHARE, at(30), Some(Duration::from_secs(10)));
        assert_eq!(busy(&tallies, 40), 75);
        tallies.end(SHARE, at(40), None);
        assert_eq!(busy(&tallies, 60), 50);
        tallies.begin(SHARE, at(60));
        tallies.end(SHARE, at(80), Some(Duration::from_secs(20)));
        let tally = tallies.of(SHARE).unwrap();
        assert_eq!((tally.completed, tally.mean()), (2, Duration::from_secs(15)));
    }

    #[test]
    fn a_share_that_is_gone_has_no_tally_and_gets_none() {
        let tallies = Tallies::default();
        tallies.granted(SHARE, at(0));
        assert_eq!(tallies.of(SHARE).unwrap().mean(), Duration::ZERO);
        tallies.gone(SHARE);
        tallies.end(SHARE, at(1), None);
        assert_eq!(tallies.of(SHARE), None);
    }

    fn busy(tallies: &Tallies, now: u64) -> u64 {
        (tallies.of(SHARE).unwrap().utilization(at(now)) * 100.0).round() as u64
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }
}
