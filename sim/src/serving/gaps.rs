//! Inter-token latencies, recorded by stretch.
//!
//! All sequences that decode see the same gap in a step, and the gaps of a stretch are an arithmetic
//! progression, so a stretch adds one number to each bucket that the progression passes.

use connector::Duration;
use hdrhistogram::Histogram;

use super::clock::Clock;
use crate::step_time::Line;

/// Two significant figures: a bucket is at most 1 % wide, so a stretch passes few of them.
const SIGNIFICANT_FIGURES: u8 = 2;
/// Shorter gaps are not told apart.
const SHORTEST_NS: u64 = 1_000;
/// Longer gaps count as this one (a day).
const LONGEST_NS: u64 = 86_400_000_000_000;

/// A distribution of gaps between the tokens of one answer. With speculative decoding, of the gaps
/// between the steps that make them.
#[derive(Debug)]
pub struct Gaps {
    histogram: Histogram<u64>,
}

impl Gaps {
    pub(super) fn new() -> Self {
        // It grows with what is recorded: most engines see a narrow range.
        let histogram =
            Histogram::new_with_bounds(SHORTEST_NS, 2 * SHORTEST_NS, SIGNIFICANT_FIGURES);
        let mut histogram = histogram.expect("the bounds are in order");
        histogram.auto(true);
        Self { histogram }
    }

    /// How many gaps there were.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The gap that this share of all gaps do not exceed, within 1 %; `None` if there were none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.histogram.value_at_quantile(share)))
    }

    /// Every gap that occurred, rounded up by at most 1 %, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.histogram.iter_recorded().map(|bucket| {
            (Duration::from_nanos(bucket.value_iterated_to()), bucket.count_at_value())
        })
    }

    pub(super) fn record(&mut self, ns: u64, count: u64) {
        let recorded = self.histogram.record_n(ns.min(LONGEST_NS), count);
        recorded.expect("the histogram grows");
    }

    /// Records the steps `from..to` of a line for so many sequences.
    pub(super) fn record_line(
        &mut self,
        line: &Line,
        steps: std::ops::Range<u64>,
        sequences: u32,
        clock: &Clock,
    ) {
        let count = u64::from(sequences);
        let mut at = steps.start;
        while at < steps.end {
            let ns = clock.wall_ns(line.step(at));
            let next = if line.slope == 0 {
                steps.end
            } else {
                self.leaves_bucket(line, at, ns, steps.end, clock)
            };
            self.record(ns, (next - at) * count);
            at = next;
        }
    }

    /// The first step after `at` whose gap is in another bucket, at most `end`.
    fn leaves_bucket(&self, line: &Line, at: u64, ns: u64, end: u64, clock: &Clock) -> u64 {
        let lowest = self.histogram.lowest_equivalent(ns);
        let highest = self.histogram.highest_equivalent(ns);
        let stays = |step: u64| (lowest..=highest).contains(&clock.wall_ns(line.step(step)));
        let room = if line.slope > 0 { highest - ns + 1 } else { ns - lowest + 1 };
        let per_step = clock.wall_ns(line.slope.abs()).max(1);
        let mut guess = (at + 1 + room / per_step).min(end);
        while guess > at + 1 && !stays(guess - 1) {
            guess -= 1;
        }
        while guess < end && stays(guess) {
            guess += 1;
        }
        guess
    }
}
