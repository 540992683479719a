//! Lengths of prompts and answers, in tokens.

use std::sync::Arc;

use connector::Tokens;
use sim::random::Stream;

/// A law of lengths; every length is at least 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LengthSampler {
    Fixed(u32),
    /// Of the logarithm: mean and standard deviation.
    Lognormal {
        mu: f64,
        sigma: f64,
        max: u32,
    },
    Uniform {
        min: u32,
        max: u32,
    },
    Empirical(Arc<Empirical>),
    Quantiles(Quantiles),
}

impl LengthSampler {
    /// Lognormal with this median and 95th percentile.
    pub(crate) fn lognormal(p50: u32, p95: u32, max: u32) -> Self {
        /// The 95th percentile of the standard normal distribution.
        const Z95: f64 = 1.644_853_626_951_472_2;
        let (low, high) = (f64::from(p50), f64::from(p95));
        Self::Lognormal { mu: libm::log(low), sigma: libm::log(high / low) / Z95, max }
    }

    /// One length.
    pub(crate) fn sample(&self, stream: &mut Stream) -> Tokens {
        Tokens::new(match self {
            Self::Fixed(tokens) => *tokens,
            Self::Lognormal { mu, sigma, max } => whole(stream.lognormal(*mu, *sigma)).min(*max),
            Self::Uniform { min, max } => min + stream.below(u64::from(max - min) + 1) as u32,
            Self::Empirical(table) => table.at(stream.uniform()),
            Self::Quantiles(quantiles) => whole(quantiles.at(stream.uniform())),
        })
    }
}

/// The nearest length of at least 1.
fn whole(tokens: f64) -> u32 {
    ((tokens + 0.5) as u32).max(1)
}

/// Some lengths, each with a weight.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Empirical {
    lengths: Vec<u32>,
    /// Sum of the weights up to and including each length.
    cumulative: Vec<f64>,
}

impl Empirical {
    /// A table of (length, weight). `None` without any weight.
    pub(crate) fn new(weights: impl IntoIterator<Item = (u32, f64)>) -> Option<Self> {
        let (mut lengths, mut cumulative, mut sum) = (Vec::new(), Vec::new(), 0.0);
        for (length, weight) in weights {
            sum += weight;
            lengths.push(length.max(1));
            cumulative.push(sum);
        }
        (sum > 0.0).then_some(Self { lengths, cumulative })
    }

    fn at(&self, share: f64) -> u32 {
        let sum = self.cumulative.last().copied().unwrap_or_default();
        let index = self.cumulative.partition_point(|&below| below <= share * sum);
        self.lengths[index.min(self.lengths.len() - 1)]
    }
}

/// A distribution known by its mean and a few quantiles.
///
/// Between quantiles the logarithm of the length is linear in the share of the sample. Below the
/// median nothing is known but what the mean leaves over, so there the length is
/// `median x (2 share)^a` with `a` chosen so that the mean is as stated, if it can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantiles {
    median: f64,
    exponent: f64,
    /// (share, length) from the median up.
    upper: [(f64, f64); 4],
}

impl Quantiles {
    /// From mean, median, 95th and 99th percentile and maximum; each is raised to the one before it.
    pub(crate) fn new(mean: f64, p50: f64, p95: f64, p99: f64, max: f64) -> Self {
        /// Beyond this the lower half is nearly all ones.
        const STEEPEST: f64 = 50.0;
        let p50 = p50.max(1.0);
        let p95 = p95.max(p50);
        let p99 = p99.max(p95);
        let upper = [(0.5, p50), (0.95, p95), (0.99, p99), (1.0, max.max(p99))];
        let above: f64 = upper.windows(2).map(|pair| log_linear_area(pair[0], pair[1])).sum();
        let below = (mean - above).max(0.0) * 2.0;
        let exponent = if below > 0.0 { p50 / below - 1.0 } else { STEEPEST };
        Self { median: p50, exponent: exponent.clamp(0.0, STEEPEST), upper }
    }

    fn at(&self, share: f64) -> f64 {
        if share < 0.5 {
            return self.median * libm::pow(2.0 * share, self.exponent);
        }
        let above = self.upper.partition_point(|&(known, _)| known <= share).clamp(1, 3);
        let ((from, low), (to, high)) = (self.upper[above - 1], self.upper[above]);
        low * libm::pow(high / low, (share - from) / (to - from))
    }
}

/// The integral of a length whose logarithm is linear between two shares.
fn log_linear_area((from, low): (f64, f64), (to, high): (f64, f64)) -> f64 {
    let growth = libm::log(high / low);
    let mean = if growth > 1e-9 { (high - low) / growth } else { low };
    (to - from) * mean
}

#[cfg(test)]
mod tests {
    use sim::random::Streams;

    use super::*;

    fn sorted(law: &LengthSampler) -> Vec<u32> {
        let mut stream = Streams::new(3).stream("lengths");
        let mut sample: Vec<u32> = (0..200_000).map(|_| law.sample(&mut stream).get()).collect();
        sample.sort_unstable();
        sample
    }

    fn quantile(sample: &[u32], share: f64) -> f64 {
        f64::from(sample[(share * sample.len() as f64) as usize])
    }

    #[test]
    fn a_lognormal_has_the_stated_quantiles() {
        let sample = sorted(&LengthSampler::lognormal(1020, 4083, 14_050));
        assert!((quantile(&sample, 0.5) / 1020.0 - 1.0).abs() < 0.02);
        assert!((quantile(&sample, 0.95) / 4083.0 - 1.0).abs() < 0.02);
        assert_eq!(sample.last(), Some(&14_050), "longer ones are cut");
    }

    #[test]
    fn an_empirical_table_keeps_its_weights() {
        let table = Empirical::new([(10, 1.0), (0, 2.0), (300, 1.0)]).expect("has weight");
        let sample = sorted(&LengthSampler::Empirical(Arc::new(table)));
        let share =
            |length| sample.iter().filter(|&&l| l == length).count() as f64 / sample.len() as f64;
        assert!((share(10) - 0.25).abs() < 0.01);
        assert!((share(1) - 0.5).abs() < 0.01, "a length of nothing becomes one token");
        assert!((share(300) - 0.25).abs() < 0.01);
        assert_eq!(Empirical::new([(1, 0.0)]), None);
    }

    #[test]
    fn a_distribution_from_quantiles_keeps_them_and_the_mean() {
        // Client 0 of the deepseek-r1 table, first window.
        let law = Quantiles::new(1398.525, 1172.0, 3211.0, 6329.0, 17_997.0);
        let sample = sorted(&LengthSampler::Quantiles(law));
        for (share, length) in [(0.5, 1172.0), (0.95, 3211.0), (0.99, 6329.0)] {
            let measured = quantile(&sample, share);
            assert!((measured / length - 1.0).abs() < 0.05, "{share}: {measured}");
        }
        let mean = sample.iter().map(|&l| f64::from(l)).sum::<f64>() / sample.len() as f64;
        assert!((mean / 1398.525 - 1.0).abs() < 0.02, "mean {mean}");
        assert!(*sample.last().expect("not empty") <= 17_997);
    }

    #[test]
    fn a_uniform_law_reaches_both_bounds() {
        let sample = sorted(&LengthSampler::Uniform { min: 5, max: 9 });
        assert_eq!((sample.first(), sample.last()), (Some(&5), Some(&9)));
    }
}
