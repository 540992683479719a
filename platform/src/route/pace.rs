use connector::{CableId, Duration, ModelId, Timestamp};

use crate::per_pair::PerPair;

/// Weight of a new measurement (1/8, as TCP smooths its round-trip time; RFC 6298).
const GAIN: f64 = 0.125;
/// An estimate that is not renewed fades to the stated pace over this time, so that a pool that was
/// slow once is tried again.
const MEMORY: Duration = Duration::from_secs(60);

/// How much slower than its stated pace each model runs on each cable, measured end to end, waiting
/// in line included: a moving average of measured over expected time.
#[derive(Clone, Debug)]
pub(crate) struct Estimates {
    table: PerPair<Estimate>,
}

#[derive(Clone, Copy, Debug)]
struct Estimate {
    slowdown: f64,
    at: Timestamp,
}

impl Estimates {
    pub(crate) fn new(cables: usize, models: usize) -> Self {
        let stated = Estimate { slowdown: 1.0, at: Timestamp::ZERO };
        Self { table: PerPair::new(cables, models, stated) }
    }

    /// By how much the stated pace is to be multiplied.
    pub(crate) fn slowdown(&self, now: Timestamp, cable: CableId, model: ModelId) -> f64 {
        let estimate = &self.table[(cable, model)];
        let age = now.since(estimate.at).as_nanos() as f64 / MEMORY.as_nanos() as f64;
        1.0 + (estimate.slowdown - 1.0) * (1.0 - age).max(0.0)
    }

    /// One more measurement: `expected` is the stated time in nanoseconds.
    pub(crate) fn observe(
        &mut self,
        now: Timestamp,
        cable: CableId,
        model: ModelId,
        took: Duration,
        expected: f64,
    ) {
        if expected <= 0.0 {
            return;
        }
        let present = self.slowdown(now, cable, model);
        let measured = took.as_nanos() as f64 / expected;
        let slowdown = present + GAIN * (measured - present);
        self.table[(cable, model)] = Estimate { slowdown, at: now };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: (CableId, ModelId) = (CableId(1), ModelId(1));

    #[test]
    fn measurements_pull_the_estimate_and_time_lets_it_go() {
        let mut estimates = Estimates::new(2, 2);
        let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
        for _ in 0..100 {
            estimates.observe(at(1), HERE.0, HERE.1, Duration::from_secs(4), 1e9);
        }
        let slowdown = |estimates: &Estimates, now| estimates.slowdown(now, HERE.0, HERE.1);
        assert!((slowdown(&estimates, at(1)) - 4.0).abs() < 1e-3);
        assert!((slowdown(&estimates, at(31)) - 2.5).abs() < 1e-3);
        assert!((slowdown(&estimates, at(3600)) - 1.0).abs() < 1e-9);
        assert!((estimates.slowdown(at(1), CableId(0), ModelId(1)) - 1.0).abs() < 1e-9);
    }
}
