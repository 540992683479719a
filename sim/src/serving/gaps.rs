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
pub(super) struct Gaps {
    histogram: Histogram<u64>,
    /// Gaps of one bucket that are not in the histogram yet: steps often take as long as the last.
    recent: Recent,
}

/// Gaps between the bounds, which are those of a bucket.
#[derive(Clone, Copy, Debug)]
struct Recent {
    lowest: u64,
    highest: u64,
    count: u64,
}

impl Recent {
    fn holds(&self, ns: u64) -> bool {
        (self.lowest..=self.highest).contains(&ns)
    }
}

impl Gaps {
    pub(super) fn new() -> Self {
        // It grows with what is recorded: most engines see a narrow range.
        let histogram =
            Histogram::new_with_bounds(SHORTEST_NS, 2 * SHORTEST_NS, SIGNIFICANT_FIGURES);
        let mut histogram = histogram.expect("the bounds are in order");
        histogram.auto(true);
        Self { histogram, recent: Recent { lowest: 0, highest: 0, count: 0 } }
    }

    /// Every gap that occurred, rounded up by at most 1 % or a microsecond, and how often.
    pub(super) fn iter(&mut self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.settle();
        self.histogram.iter_recorded().map(|bucket| {
            (Duration::from_nanos(bucket.value_iterated_to()), bucket.count_at_value())
        })
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.histogram.reset();
        self.recent.count = 0;
    }

    #[inline]
    pub(super) fn record(&mut self, ns: u64, count: u64) {
        if !self.recent.holds(ns) {
            self.turn_to(ns);
        }
        self.recent.count += count;
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
        let ns = |step| clock.wall_ns(line.step(step));
        let mut at = steps.start;
        while at < steps.end {
            let first = ns(at);
            if !self.recent.holds(first) {
                self.turn_to(first);
            }
            let next = if line.slope == 0 || self.recent.holds(ns(steps.end - 1)) {
                steps.end
            } else {
                self.leaves_bucket(at, first, clock.wall_ns(line.slope.abs()), steps.end, ns)
            };
            self.recent.count += (next - at) * count;
            at = next;
        }
    }

    /// The first step after `at` whose gap is not in the present bucket, at most `end`. Gaps rise or
    /// fall by about `per_step` from step to step.
    fn leaves_bucket(
        &self,
        at: u64,
        first: u64,
        per_step: u64,
        end: u64,
        ns: impl Fn(u64) -> u64,
    ) -> u64 {
        let rises = ns(end - 1) > first;
        let room = if rises { self.recent.highest - first } else { first - self.recent.lowest };
        let mut guess = (at + 1 + room / per_step.max(1)).min(end);
        while guess > at + 1 && !self.recent.holds(ns(guess - 1)) {
            guess -= 1;
        }
        while guess < end && self.recent.holds(ns(guess)) {
            guess += 1;
        }
        guess
    }

    /// Counts into the bucket of this gap from now on.
    fn turn_to(&mut self, ns: u64) {
        self.settle();
        let ns = ns.min(LONGEST_NS);
        let lowest = self.histogram.lowest_equivalent(ns);
        self.recent = Recent { lowest, highest: self.histogram.highest_equivalent(ns), count: 0 };
        if ns == LONGEST_NS {
            self.recent.highest = u64::MAX;
        }
    }

    fn settle(&mut self) {
        if self.recent.count > 0 {
            let recorded = self.histogram.record_n(self.recent.lowest, self.recent.count);
            recorded.expect("the histogram grows");
            self.recent.count = 0;
        }
    }
}
