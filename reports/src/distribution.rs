//! Distributions of durations: exact count, sum, least and most, and quantiles to three significant
//! figures in bounded memory.
//!
//! # Mechanism
//!
//! Counts go into HDR histograms (Gil Tene's; buckets of equal relative width). They are kept per
//! combination of pool, model, tenant and class, of which a run may have many with little in them,
//! so a distribution grows: none before the first value, a histogram of 16-bit counters, which
//! cannot overflow, up to 65,535 values, and one of 32-bit counters beyond. All lose the same bits,
//! so merging gives what recording into one would have given.
//!
//! # Edges
//!
//! Values are told apart down to [`LOWEST_NS`] (1 us) and up to [`HIGHEST_NS`] (24 h); a longer one
//! counts as 24 h among the quantiles, while mean and maximum stay exact. A counter of 32 bits
//! saturates after 4 x 10^9 values in one bucket. Quantiles are nearest-rank: the upper edge of the
//! bucket that holds the value of rank `ceil(q n)`, cut to the exact least and most, hence never
//! below that value and at most 0.1 % (or 1 us) above it.

use connector::Statistic;
use hdrhistogram::{Counter, Histogram};

/// What is told apart at the lower end, in nanoseconds.
pub(crate) const LOWEST_NS: u64 = 1_000;
/// Where quantiles end, in nanoseconds.
pub(crate) const HIGHEST_NS: u64 = 86_400_000_000_000;
const SIGNIFICANT_FIGURES: u8 = 3;

/// Values that 16-bit counters can take, whatever their distribution.
const NARROW: u64 = u16::MAX as u64;

/// A growing distribution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distribution {
    moments: Moments,
    buckets: Buckets,
}

#[derive(Clone, Debug, Default)]
enum Buckets {
    #[default]
    None,
    Narrow(Histogram<u16>),
    Wide(Histogram<u32>),
}

/// What is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moments {
    pub(crate) count: u64,
    pub(crate) sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
}

impl Default for Moments {
    fn default() -> Self {
        Self { count: 0, sum_ns: 0, min_ns: u64::MAX, max_ns: 0 }
    }
}

impl Moments {
    #[inline]
    pub(crate) fn record(&mut self, ns: u64) {
        self.record_n(ns, 1);
    }

    #[inline]
    fn record_n(&mut self, ns: u64, times: u64) {
        self.count += times;
        self.sum_ns += u128::from(ns) * u128::from(times);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// In seconds; `None` for no values.
    pub(crate) fn mean_s(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns as f64 / self.count as f64 / 1e9)
    }

    /// A bucket's edge cut to what was really there.
    pub(crate) fn cut(&self, ns: u64) -> u64 {
        ns.clamp(self.min_ns, self.max_ns)
    }

    fn min_s(&self) -> Option<f64> {
        (self.count > 0).then(|| seconds(self.min_ns))
    }

    /// 0 for no values.
    pub(crate) fn most_ns(&self) -> u64 {
        self.max_ns
    }

    fn max_s(&self) -> Option<f64> {
        (self.count > 0).then(|| seconds(self.max_ns))
    }
}

impl Distribution {
    pub(crate) fn moments(&self) -> &Moments {
        &self.moments
    }

    #[inline]
    pub(crate) fn record(&mut self, ns: u64) {
        self.moments.record(ns);
        let kept = ns.min(HIGHEST_NS);
        match &mut self.buckets {
            Buckets::Wide(histogram) => count(histogram, kept, 1),
            Buckets::Narrow(histogram) if self.moments.count <= NARROW => count(histogram, kept, 1),
            Buckets::None | Buckets::Narrow(_) => self.record_larger(kept),
        }
    }

    #[cold]
    fn record_larger(&mut self, kept: u64) {
        // A little more than what was seen, so that growing again, which may double the memory
        // behind the histogram, is rare.
        let high = self.moments.max_ns.saturating_mul(2).clamp(2 * LOWEST_NS, HIGHEST_NS);
        self.buckets = match &self.buckets {
            Buckets::None => {
                let mut histogram = new_histogram(high);
                count(&mut histogram, kept, 1);
                Buckets::Narrow(histogram)
            }
            Buckets::Narrow(_) | Buckets::Wide(_) => {
                let mut histogram = new_histogram(high);
                self.buckets.pour_into(&mut histogram);
                count(&mut histogram, kept, 1);
                Buckets::Wide(histogram)
            }
        };
    }
}

impl Buckets {
    fn pour_into<T: Counter>(&self, target: &mut Histogram<T>) {
        match self {
            Self::None => {}
            Self::Narrow(source) => pour(source, target),
            Self::Wide(source) => pour(source, target),
        }
    }
}

/// The sum of any number of distributions, and what is asked of it. Its counters are wide enough for
/// single tokens.
#[derive(Clone, Debug)]
pub(crate) struct Merged {
    moments: Moments,
    histogram: Histogram<u64>,
}

impl Merged {
    /// With room for `most_ns`, the most of what will be added; more is taken too.
    pub(crate) fn new(most_ns: u64) -> Self {
        let high = most_ns.clamp(2 * LOWEST_NS, HIGHEST_NS);
        Self { moments: Moments::default(), histogram: new_histogram(high) }
    }

    pub(crate) fn record(&mut self, ns: u64) {
        self.record_n(ns, 1);
    }

    /// So many equal values, at least one.
    pub(crate) fn record_n(&mut self, ns: u64, times: u64) {
        self.moments.record_n(ns, times);
        count(&mut self.histogram, ns.min(HIGHEST_NS), times);
    }

    pub(crate) fn absorb_merged(&mut self, part: &Self) {
        self.moments.absorb(&part.moments);
        pour(&part.histogram, &mut self.histogram);
    }

    pub(crate) fn absorb(&mut self, part: &Distribution) {
        self.moments.absorb(&part.moments);
        part.buckets.pour_into(&mut self.histogram);
    }

    pub(crate) fn count(&self) -> u64 {
        self.moments.count
    }

    /// In seconds; `None` for no values.
    pub(crate) fn value_s(&self, statistic: Statistic) -> Option<f64> {
        match statistic {
            Statistic::Mean => self.moments.mean_s(),
            Statistic::Min | Statistic::Percentile(0) => self.moments.min_s(),
            Statistic::Max => self.moments.max_s(),
            Statistic::Percentile(share) => {
                let ns = quantile_ns(&self.histogram, share)?;
                Some(seconds(self.moments.cut(ns)))
            }
        }
    }
}

/// The upper edge of the bucket that holds the value of rank `ceil(share x n / 100,000)`.
pub(crate) fn quantile_ns<T: Counter>(histogram: &Histogram<T>, share: u32) -> Option<u64> {
    const WHOLE: u128 = 100_000;
    let count = u128::from(histogram.len());
    if count == 0 {
        return None;
    }
    let rank = (u128::from(share) * count).div_ceil(WHOLE).clamp(1, count);
    // The library rounds `quantile x count` up; aiming half a rank low hits the rank in spite of
    // floating point.
    Some(histogram.value_at_quantile((rank as f64 - 0.5) / count as f64))
}

/// A histogram that grows by itself, with room for values up to `high`.
fn new_histogram<T: Counter>(high: u64) -> Histogram<T> {
    let mut histogram = Histogram::new_with_bounds(LOWEST_NS, high, SIGNIFICANT_FIGURES)
        .expect("the bounds are apart and the figures within the library's limit");
    histogram.auto(true);
    histogram
}

#[inline]
fn count<T: Counter>(histogram: &mut Histogram<T>, ns: u64, times: T) {
    histogram.record_n(ns, times).expect("a histogram that resizes takes any value up to 24 h");
}

fn pour<S: Counter, T: Counter>(source: &Histogram<S>, target: &mut Histogram<T>) {
    for step in source.iter_recorded() {
        let times = T::from_u64(step.count_at_value().as_u64())
            .expect("the target's counters are at least as wide");
        count(target, step.value_iterated_to(), times);
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests;
