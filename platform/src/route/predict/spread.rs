use connector::{Duration, Timestamp};

use crate::route::fading::Fading;

/// Half of what was seen is forgotten every 34.4 s.
pub(super) const MEMORY: Fading = Fading::halving_every_two_to_the(35);
/// Times count for no more than so many of the same instant: a pool that served thousands a moment
/// ago and is slow now would otherwise be trusted for minutes.
const COUNT_MAX: f64 = 256.0;
/// Weights are relative to a mark that moves on after this many half-lives.
const HALVINGS_MAX: f64 = 4_294_967_296.0;
/// Buckets between one power of two and the next, as a power of two: 4, at most 25 % wide.
const FINE_BITS: u32 = 2;
const FINE: usize = 1 << FINE_BITS;
/// The first bucket begins at 2^14 ns, 16 us...
const LEAST_BITS: u32 = 14;
/// ... and the last one ends at 2^46 ns, 19 h.
const BUCKETS: usize = 32 * FINE;

/// How times are spread, as it was lately: one quantile and the mean.
///
/// A histogram in whose buckets weights are summed. The weight of a time grows with when it was seen
/// instead of fading afterwards (forward decay: Cormode et al., ICDE 2009), so that the passing of
/// time changes no weight and the quantile stays where it is: a pointer that moves a bucket or two
/// with every time.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    share: f64,
    weights: Box<[f64; BUCKETS]>,
    total: f64,
    /// Weight x time in ns.
    sum: f64,
    /// The bucket of the quantile, and the weight of those before it.
    bucket: usize,
    below: f64,
    /// A time seen at this instant weighs 1.
    mark: Timestamp,
}

impl Spread {
    /// Nothing seen yet; the quantile is that of this share of all times.
    pub(super) fn new(share: f64) -> Self {
        Self {
            share,
            weights: Box::new([0.0; BUCKETS]),
            total: 0.0,
            sum: 0.0,
            bucket: 0,
            below: 0.0,
            mark: Timestamp::ZERO,
        }
    }

    /// One more time.
    pub(super) fn observe(&mut self, now: Timestamp, time: Duration) {
        let weight = self.weight(now);
        let bucket = bucket_of(time.as_nanos());
        self.weights[bucket] += weight;
        self.total += weight;
        self.sum += weight * time.as_nanos() as f64;
        if bucket < self.bucket {
            self.below += weight;
        }
        if self.total > COUNT_MAX * weight {
            self.scale(0.5);
        }
        self.find();
    }

    /// The weight of a time seen now. Moves the mark on when weights have grown too much.
    fn weight(&mut self, now: Timestamp) -> f64 {
        let left = MEMORY.left(now.since(self.mark));
        if left * HALVINGS_MAX > 1.0 {
            return 1.0 / left;
        }
        self.scale(left);
        self.mark = now;
        1.0
    }

    fn scale(&mut self, factor: f64) {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
        self.total = self.weights.iter().sum();
        self.sum *= factor;
        self.below = self.weights[..self.bucket].iter().sum();
    }

    fn find(&mut self) {
        let rank = self.share * self.total;
        while self.bucket > 0 && self.below > rank {
            self.bucket -= 1;
            self.below -= self.weights[self.bucket];
        }
        while self.bucket < BUCKETS - 1 && self.below + self.weights[self.bucket] < rank {
            self.below += self.weights[self.bucket];
            self.bucket += 1;
        }
    }

    /// The quantile in nanoseconds, in a straight line within its bucket.
    pub(super) fn quantile(&self) -> f64 {
        let (from, to) = edges(self.bucket);
        let within = (self.share * self.total - self.below) / self.weights[self.bucket];
        if within.is_finite() { from + (to - from) * within.clamp(0.0, 1.0) } else { from }
    }

    /// The mean in nanoseconds; 0 while nothing was seen.
    pub(super) fn mean(&self) -> f64 {
        if self.total > 0.0 { self.sum / self.total } else { 0.0 }
    }

    /// How many times of this instant what was seen is worth.
    pub(super) fn count(&self, now: Timestamp) -> f64 {
        self.total * MEMORY.left(now.since(self.mark))
    }
}

fn bucket_of(ns: u64) -> usize {
    let ns = ns.max(1 << LEAST_BITS);
    let octave = ns.ilog2();
    let fine = (ns >> (octave - FINE_BITS)) as usize & (FINE - 1);
    ((octave - LEAST_BITS) as usize * FINE + fine).min(BUCKETS - 1)
}

/// Where a bucket begins and ends. The first one holds everything down to nothing.
fn edges(bucket: usize) -> (f64, f64) {
    let edge = |bucket: usize| {
        let octave = LEAST_BITS as usize + bucket / FINE;
        ((FINE + bucket % FINE) as u64) << (octave - FINE_BITS as usize)
    };
    let from = if bucket == 0 { 0 } else { edge(bucket) };
    (from as f64, edge(bucket + 1) as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(ms)
    }

    proptest! {
        /// Against sorting, which nobody here wrote.
        #[test]
        fn the_quantile_is_that_of_a_sorted_list_within_a_bucket(
            times in proptest::collection::vec(20_000u64..100_000_000_000, 20..200),
            share in 0.05f64..0.99,
        ) {
            let mut spread = Spread::new(share);
            let mut sorted = times.clone();
            sorted.sort_unstable();
            for &ns in &times {
                spread.observe(at(1), Duration::from_nanos(ns));
            }
            let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize - 1;
            let exact = sorted[rank] as f64;
            let found = spread.quantile();
            prop_assert!((exact * 0.79..=exact * 1.26).contains(&found), "{found} for {exact}");
            let mean = sorted.iter().sum::<u64>() as f64 / sorted.len() as f64;
            prop_assert!((spread.mean() / mean - 1.0).abs() < 1e-9);
        }

        #[test]
        fn it_stays_bounded_and_finite_whatever_the_gaps(
            gaps in proptest::collection::vec(0u64..10_000_000, 1..300),
        ) {
            let mut spread = Spread::new(0.95);
            let mut now = 0;
            for gap in gaps {
                now += gap;
                spread.observe(at(now), Duration::from_millis(1 + gap % 1_000));
                prop_assert!(spread.count(at(now)) <= COUNT_MAX + 1.0);
                prop_assert!(spread.count(at(now)) >= 1.0 - 1e-9);
                prop_assert!((spread.quantile() - 1e6).max(spread.mean()) <= 1.3e9);
                let below: f64 = spread.weights[..spread.bucket].iter().sum();
                prop_assert!((below - spread.below).abs() <= 1e-6 * spread.total);
            }
        }
    }

    #[test]
    fn what_was_seen_is_worth_half_after_a_half_life_and_nothing_in_the_end() {
        let mut spread = Spread::new(0.5);
        (0..8).for_each(|_| spread.observe(at(0), Duration::from_secs(1)));
        let half_life = Timestamp::from_nanos(1 << 35);
        assert!((spread.count(half_life) - 4.0).abs() < 1e-9);
        assert!(spread.count(at(3_600_000)) < 1e-9);
    }

    #[test]
    fn a_change_shows_in_the_quantile_within_as_many_times_as_are_remembered() {
        let mut spread = Spread::new(0.5);
        (0..10_000).for_each(|_| spread.observe(at(0), Duration::from_secs(10)));
        let until = (0..10_000).find(|_| {
            spread.observe(at(1), Duration::from_millis(10));
            spread.quantile() < 1e8
        });
        assert!(until.is_some_and(|times| times <= 300), "{until:?}");
    }
}
