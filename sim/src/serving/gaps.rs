//! Inter-token latencies, recorded by stretch.
//!
//! All sequences that decode see the same gap in a step, and the gaps of a stretch are an arithmetic
//! progression, so a stretch adds one number to each bucket that the progression passes.
//!
//! Buckets are those of a high dynamic range histogram of two significant figures
//! ([`histogram`]), but an engine keeps none: steps often take as long as the last, so that it counts
//! into one bucket at a time, and a list of the buckets before is handed on and short. Where nobody
//! asks for it, a histogram takes it over.

use hdrhistogram::Histogram;

use super::clock::Clock;
use crate::step_time::Line;

/// Two significant figures: a bucket is at most 1 % wide, so a stretch passes few of them.
const SIGNIFICANT_FIGURES: u8 = 2;
/// The first this many buckets of each power of two are told apart: the least that does.
const BUCKET_BITS: u32 = 8;
/// Shorter gaps are not told apart.
const SHORTEST_NS: u64 = 1_000;
/// Longer gaps count as this one (a day).
const LONGEST_NS: u64 = 86_400_000_000_000;
/// Entries of the list that are tolerated before a histogram takes them over.
const SETTLED: usize = 64;
/// Entries of the list that are worth handing out.
const MANY: usize = 16;

/// A histogram for gaps, in nanoseconds: values are rounded up by at most 1 % or a microsecond.
pub(crate) fn histogram() -> Histogram<u64> {
    // It grows with what is recorded: most models see a narrow range.
    let histogram = Histogram::new_with_bounds(SHORTEST_NS, 2 * SHORTEST_NS, SIGNIFICANT_FIGURES);
    let mut histogram = histogram.expect("the bounds are in order");
    histogram.auto(true);
    histogram
}

/// Gaps between the tokens of one answer. With speculative decoding, between the steps that make
/// them.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// Gaps of one bucket that are not in the list yet.
    recent: Bucket,
    /// Some bucket more than once, perhaps.
    settled: Vec<Bucket>,
    /// What was in the list when nobody asked for it.
    unasked: Option<Box<Histogram<u64>>>,
}

/// Gaps between the bounds, which are those of a bucket of the histogram.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    lowest: u64,
    highest: u64,
    count: u64,
}

impl Bucket {
    /// The bucket of this gap, with nothing in it.
    fn of(ns: u64) -> Self {
        let ns = ns.min(LONGEST_NS);
        let bits = (u64::BITS - ns.leading_zeros()).max(SHORTEST_NS.ilog2() + BUCKET_BITS);
        let width = 1 << (bits - BUCKET_BITS);
        let lowest = ns & !(width - 1);
        Self { lowest, highest: lowest + (width - 1), count: 0 }
    }

    fn holds(&self, ns: u64) -> bool {
        (self.lowest..=self.highest).contains(&ns.min(LONGEST_NS))
    }
}

impl Gaps {
    /// Hands out what occurred since the last time: a gap as the upper bound of its bucket, and how
    /// often. The same gap may come more than once.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.settle();
        self.recent = Bucket::default();
        if let Some(unasked) = self.unasked.take() {
            let buckets = unasked.iter_recorded();
            self.settled.extend(buckets.map(|bucket| Bucket {
                count: bucket.count_at_value(),
                ..Bucket::of(bucket.value_iterated_to())
            }));
        }
        self.settled.drain(..).map(|bucket| (bucket.highest, bucket.count))
    }

    /// As [`Gaps::drain`], but nothing until it is worth while.
    #[inline]
    pub(super) fn drain_if_many(&mut self) -> Option<impl Iterator<Item = (u64, u64)> + '_> {
        (self.settled.len() >= MANY).then(|| self.drain())
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
        let room = if rises {
            self.recent.highest.saturating_sub(first)
        } else {
            first - self.recent.lowest
        };
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
        self.recent = Bucket::of(ns);
    }

    fn settle(&mut self) {
        if self.recent.count == 0 {
            return;
        }
        if self.settled.len() >= SETTLED {
            let unasked = self.unasked.get_or_insert_with(|| Box::new(histogram()));
            for bucket in self.settled.drain(..) {
                let recorded = unasked.record_n(bucket.lowest, bucket.count);
                recorded.expect("the histogram grows");
            }
        }
        self.settled.push(self.recent);
        self.recent.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gap() -> impl Strategy<Value = u64> {
        (0..48_u32, any::<u64>()).prop_map(|(bits, ns)| ns >> (63 - bits))
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_the_histogram(ns in gap()) {
            let histogram = histogram();
            let Bucket { lowest, highest, .. } = Bucket::of(ns);
            let ns = ns.min(LONGEST_NS);
            prop_assert_eq!(lowest, histogram.lowest_equivalent(ns));
            prop_assert_eq!(highest, histogram.highest_equivalent(ns));
        }

        #[test]
        fn what_was_recorded_is_handed_out_once(recorded in prop::collection::vec((gap(), 1..9_u64), 0..500)) {
            let (mut gaps, mut wanted, mut found) = (Gaps::default(), histogram(), histogram());
            for &(ns, count) in &recorded {
                gaps.record(ns, count);
                wanted.record_n(ns.min(LONGEST_NS), count).expect("it grows");
            }
            for (ns, count) in gaps.drain() {
                found.record_n(ns, count).expect("it grows");
            }
            prop_assert_eq!(found, wanted);
            prop_assert_eq!(gaps.drain().count(), 0);
        }
    }
}
