//! What the keeper counts of a share, for whoever asks for its metrics.

use connector::{Duration, Timestamp};

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
    /// That of a share which is new.
    pub(super) fn granted(now: Timestamp) -> Self {
        Self { granted: now, ..Self::default() }
    }

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

    /// An inference begins.
    pub(super) fn begin(&mut self, now: Timestamp) {
        if self.running == 0 {
            self.busy_since = now;
        }
        self.running += 1;
    }

    /// An inference has ended, after so long if it ended well.
    pub(super) fn end(&mut self, now: Timestamp, took: Option<Duration>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_busy_while_anything_runs_on_it() {
        let mut tally = Tally::granted(at(0));
        tally.begin(at(10));
        tally.begin(at(20));
        tally.end(at(30), Some(Duration::from_secs(10)));
        assert_eq!(busy(&tally, 40), 75);
        tally.end(at(40), None);
        assert_eq!(busy(&tally, 60), 50);
        tally.begin(at(60));
        tally.end(at(80), Some(Duration::from_secs(20)));
        assert_eq!((tally.completed, tally.mean()), (2, Duration::from_secs(15)));
    }

    fn busy(tally: &Tally, now: u64) -> u64 {
        (tally.utilization(at(now)) * 100.0).round() as u64
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }
}
