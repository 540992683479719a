//! How much slower than stated each model runs on each cable, pessimistically.
//!
//! A moving average that takes a worse measurement over at once and comes down slowly: peak EWMA,
//! from Finagle (`com.twitter.finagle.loadbalancer.p2c`), also linkerd's default. What is averaged is
//! not latency but latency over the stated time of the request's own lengths, because a long answer
//! takes longer on any pool. Without news the average returns to the stated pace.

use connector::{CableId, Duration, ModelId, Timestamp};

use super::fading::Fading;
use crate::per_pair::PerPair;

/// 8.6 s; Finagle's decay time of 10 s is a half-life of 6.9 s.
const MEMORY: Fading = Fading::halving_every_two_to_the(33);

#[derive(Clone, Debug)]
pub(super) struct Peaks {
    table: PerPair<Peak>,
}

#[derive(Clone, Copy, Debug)]
struct Peak {
    slowdown: f64,
    at: Timestamp,
}

impl Peaks {
    pub(super) fn new(cables: usize, models: usize) -> Self {
        let stated = Peak { slowdown: 1.0, at: Timestamp::ZERO };
        Self { table: PerPair::new(cables, models, stated) }
    }

    /// By how much the stated pace is to be multiplied.
    pub(super) fn slowdown(&self, now: Timestamp, cable: CableId, model: ModelId) -> f64 {
        let peak = &self.table[(cable, model)];
        1.0 + (peak.slowdown - 1.0) * MEMORY.left(now.since(peak.at))
    }

    /// One more measurement: `expected` is the stated time in nanoseconds.
    pub(super) fn observe(
        &mut self,
        now: Timestamp,
        pair: (CableId, ModelId),
        took: Duration,
        expected: f64,
    ) {
        if expected <= 0.0 {
            return;
        }
        let measured = took.as_nanos() as f64 / expected;
        let peak = &mut self.table[pair];
        let keep = MEMORY.left(now.since(peak.at));
        let average = measured + (peak.slowdown - measured) * keep;
        *peak = Peak { slowdown: average.max(measured), at: now };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: (CableId, ModelId) = (CableId(1), ModelId(1));

    #[test]
    fn a_peak_counts_at_once_and_comes_down_slowly() {
        let mut peaks = Peaks::new(2, 2);
        let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
        let slowdown = |peaks: &Peaks, seconds| peaks.slowdown(at(seconds), HERE.0, HERE.1);
        peaks.observe(at(1), HERE, Duration::from_secs(9), 1e9);
        assert!((slowdown(&peaks, 1) - 9.0).abs() < 1e-9);
        peaks.observe(at(2), HERE, Duration::from_secs(1), 1e9);
        let after = slowdown(&peaks, 2);
        assert!((8.0..9.0).contains(&after), "{after}");
        assert!((slowdown(&peaks, 3_600) - 1.0).abs() < 1e-9);
        assert!((peaks.slowdown(at(2), CableId(0), ModelId(1)) - 1.0).abs() < 1e-9);
    }
}
