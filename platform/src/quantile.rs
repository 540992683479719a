//! One quantile of a stream of times, as it was lately.
//!
//! # Problem
//!
//! Whoever acts on the 95th percentile of a latency asks for it with every request and learns one more
//! latency from every request. A sorted list is too slow, a list of all is unbounded, and a sketch that
//! never forgets is wrong for ever after a pool has changed.
//!
//! # Mechanism
//!
//! A histogram whose buckets grow with the values, as HDR histograms have it: 256 of equal width between
//! one power of two and the next, so a bucket is at most 0.4 % of its values wide. The quantile is the
//! upper edge of the bucket that it lies in: it is never too low, so that times that are all alike do not
//! exceed it. Finding it takes a pass over the sums of 32 powers of two and over one of them; that is done
//! after every 32nd time, and asking costs nothing.
//!
//! When the window is full, its older half is forgotten: what came in since then is counted apart. The
//! window is as large as it takes for 200 times above the quantile, and never less than half full again.
//! Halving all counts would do with half the memory, but most of a tail's buckets hold a single time.
//!
//! # Edges
//!
//! A quantile is not known before 5 times lie above it: the 95th percentile after 100 times. Times below
//! 16 us count as 16 us, and those above 19 h as 19 h. Where the tail is rarer than 200 in 60,000 times
//! (beyond the 99.67th percentile), the window holds fewer of them.
//!
//! # Source
//!
//! Buckets: Tene, `HdrHistogram`. Its own recorder has no forgetting, and finds a quantile by a pass over
//! everything; that is why it is not used here.

use connector::{BasisPoints, Duration};

/// Buckets between one power of two and the next, as a power of two.
const FINE_BITS: u32 = 8;
const FINE: usize = 1 << FINE_BITS;
/// The first bucket begins at 2^14 ns...
const LEAST_BITS: u32 = 14;
/// ... and the last one ends at 2^(14 + 32) ns.
const OCTAVES: usize = 32;
/// Times that have to lie above the quantile before it is known.
const WITNESSES: u32 = 5;
/// Times above the quantile in a full window.
const TAIL: u32 = 200;
/// Counts are of 16 bits.
const WINDOW_MAX: u32 = 60_000;
/// Times from one finding to the next.
const REFRESH: u32 = 32;

/// See the module text. Takes 33 KiB.
#[derive(Clone, Debug)]
pub(crate) struct Quantile {
    /// Basis points of all times that lie above it.
    above: u32,
    window: u32,
    all: Counts,
    /// Those of the newer half.
    recent: Counts,
    /// As it was found last.
    value: Option<Duration>,
    since_found: u32,
}

impl Quantile {
    /// Of this share of all times, below one.
    pub(crate) fn new(share: BasisPoints) -> Self {
        let above = BasisPoints::ONE.get().saturating_sub(share.get()).max(1);
        let window = TAIL.saturating_mul(BasisPoints::ONE.get()) / above;
        Self {
            above,
            window: window.min(WINDOW_MAX),
            all: Counts::new(),
            recent: Counts::new(),
            value: None,
            since_found: 0,
        }
    }

    /// The quantile; `None` while too little is known.
    pub(crate) const fn value(&self) -> Option<Duration> {
        self.value
    }

    /// One more time. Of a time that was cut short while it was above the quantile, it is enough to know
    /// that much.
    pub(crate) fn observe(&mut self, time: Duration) {
        if self.recent.total >= self.window / 2 {
            std::mem::swap(&mut self.all, &mut self.recent);
            self.recent.clear();
        }
        let bucket = bucket(time.as_nanos());
        self.all.add(bucket);
        self.recent.add(bucket);
        self.since_found += 1;
        if self.since_found >= REFRESH || self.value.is_none() {
            self.since_found = 0;
            self.value = self.find();
        }
    }

    fn find(&self) -> Option<Duration> {
        let above = BasisPoints::new(self.above).of(u64::from(self.all.total)) as u32;
        if above < WITNESSES {
            return None;
        }
        let bucket = self.all.bucket_of_rank(self.all.total - above)?;
        Some(Duration::from_nanos(upper_edge(bucket)))
    }
}

/// A histogram.
#[derive(Clone, Debug)]
struct Counts {
    total: u32,
    octaves: [u32; OCTAVES],
    buckets: Box<[u16]>,
}

impl Counts {
    fn new() -> Self {
        Self { total: 0, octaves: [0; OCTAVES], buckets: vec![0; OCTAVES * FINE].into() }
    }

    fn clear(&mut self) {
        self.total = 0;
        self.octaves.fill(0);
        self.buckets.fill(0);
    }

    fn add(&mut self, bucket: usize) {
        self.total += 1;
        self.octaves[bucket / FINE] += 1;
        self.buckets[bucket] += 1;
    }

    /// The bucket of the time of this rank in order, from 1.
    fn bucket_of_rank(&self, mut rank: u32) -> Option<usize> {
        let octave = place(&mut rank, self.octaves.iter().copied())?;
        let buckets = &self.buckets[octave * FINE..][..FINE];
        let fine = place(&mut rank, buckets.iter().map(|&count| u32::from(count)))?;
        Some(octave * FINE + fine)
    }
}

/// The first place by which the counts add up to the rank; what is left of the rank is within it.
fn place(rank: &mut u32, mut counts: impl Iterator<Item = u32>) -> Option<usize> {
    counts.position(|count| {
        let within = *rank <= count;
        if !within {
            *rank -= count;
        }
        within
    })
}

fn bucket(ns: u64) -> usize {
    let ns = ns.max(1 << LEAST_BITS);
    let octave = ns.ilog2();
    let fine = (ns >> (octave - FINE_BITS)) as usize & (FINE - 1);
    let index = (octave - LEAST_BITS) as usize * FINE + fine;
    index.min(OCTAVES * FINE - 1)
}

/// The greatest time that is counted in a bucket.
const fn upper_edge(bucket: usize) -> u64 {
    let (octave, fine) = ((bucket / FINE) as u32, (bucket % FINE) as u64);
    let width_bits = LEAST_BITS + octave - FINE_BITS;
    ((FINE as u64 + fine + 1) << width_bits) - 1
}

#[cfg(test)]
mod tests;
