//! Laws of latencies, and which of them explains a sample.
//!
//! Each law's constants are those of greatest likelihood, but for the uniform law's and the least time of
//! Pareto's, which are the least and the greatest value. Likelihoods are compared by Akaike's criterion, a
//! constant costing one unit of log-likelihood.

use connector::Duration;
use sim::config::Latency;

use super::HELD_BACK;
use crate::calibrate::statistics::quantile;

/// Quantile of the standard normal distribution at 95 %.
const Z95: f64 = 1.644_853_626_951_472_7;
/// Values that spread no more than this share of their median are one value.
const ONE_VALUE: f64 = 0.02;
/// Least and greatest exponent of Pareto's law that a scenario takes.
const ALPHA: (f64, f64) = (0.1, 10.0);
/// Halvings of an interval in which a quantile is sought.
const HALVINGS: u32 = 64;

/// A law, and how well it explains what was held back.
#[derive(Clone, Debug)]
pub struct FittedLaw {
    /// The law.
    pub law: Latency,
    /// How well.
    pub quality: Quality,
}

/// How far a law is from values that it was not fitted to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// How many values.
    pub values: usize,
    /// The largest difference of the two distributions (Kolmogorov-Smirnov), 0 to 1.
    pub ks: f64,
    /// The law's median, 95th and 99th percentile over those of the values, less 1.
    pub quantiles: [f64; 3],
    /// Mean difference of quantiles, in nanoseconds: how far a value is moved on average.
    pub mean_error: f64,
}

/// Values to fit to, and values held back: every fifth.
pub fn split(values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let is_kept = |index: usize| index % HELD_BACK != HELD_BACK - 1;
    let of = |kept: bool| {
        let some = values.iter().enumerate().filter(|(index, _)| is_kept(*index) == kept);
        some.map(|(_, &value)| value).collect()
    };
    (of(true), of(false))
}

/// Fits positive values in nanoseconds, of which there must be enough to hold one back.
pub fn fit(values: &[f64]) -> FittedLaw {
    let (mut kept, held_back) = split(values);
    kept.sort_by(f64::total_cmp);
    let law = best(&kept);
    FittedLaw { quality: Quality::of(&law, &held_back), law }
}

fn best(sorted: &[f64]) -> Latency {
    let at = |share| quantile(sorted, share);
    if at(0.99) - at(0.01) <= (ONE_VALUE * at(0.5)).max(1_000.0) {
        return Latency::Fixed(time(at(0.5)));
    }
    let laws = [uniform(sorted), exponential(sorted), lognormal(sorted), pareto(sorted)];
    let best = laws.into_iter().flatten().max_by(|a, b| a.1.total_cmp(&b.1));
    best.map_or(Latency::Fixed(time(at(0.5))), |(law, _)| law)
}

/// A law and its log-likelihood less its number of constants.
type Candidate = Option<(Latency, f64)>;

fn uniform(sorted: &[f64]) -> Candidate {
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let likelihood = -(sorted.len() as f64) * libm::log(max - min);
    Some((Latency::Uniform { min: time(min), max: time(max) }, likelihood - 2.0))
}

fn exponential(sorted: &[f64]) -> Candidate {
    let mean = mean(sorted);
    let likelihood = -(sorted.len() as f64) * (libm::log(mean) + 1.0);
    (mean > 0.0).then(|| (Latency::Exponential { mean: time(mean) }, likelihood - 1.0))
}

fn lognormal(sorted: &[f64]) -> Candidate {
    let logs: Vec<f64> = sorted.iter().map(|&value| libm::log(value.max(1.0))).collect();
    let mu = mean(&logs);
    let variance = mean(&logs.iter().map(|log| (log - mu) * (log - mu)).collect::<Vec<_>>());
    let sigma = libm::sqrt(variance);
    let spread = 0.5 * libm::log(2.0 * std::f64::consts::PI * variance) + 0.5;
    let likelihood = -(sorted.len() as f64) * (mu + spread);
    let (p50, p95) = (time(libm::exp(mu)), time(libm::exp(mu + Z95 * sigma)));
    (p50 > Duration::ZERO).then_some((Latency::LogNormal { p50, p95 }, likelihood - 2.0))
}

fn pareto(sorted: &[f64]) -> Candidate {
    let least = sorted.first()?.max(1.0);
    let logs: Vec<f64> = sorted.iter().map(|&value| libm::log(value.max(1.0) / least)).collect();
    // Three digits are written, so with three it is judged.
    let alpha = ((1.0 / mean(&logs)) * 1e3).round() / 1e3;
    if !(ALPHA.0..=ALPHA.1).contains(&alpha) {
        return None;
    }
    let each = libm::log(alpha) - libm::log(least) - (alpha + 1.0) * mean(&logs);
    let likelihood = sorted.len() as f64 * each;
    Some((Latency::Pareto { least: time(least), alpha }, likelihood - 2.0))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Rounded as it is written: to microseconds, and to nanoseconds where that would be coarse.
fn time(ns: f64) -> Duration {
    let ns = ns.round().max(0.0) as u64;
    if ns < 100_000 { Duration::from_nanos(ns) } else { Duration::from_micros((ns + 500) / 1_000) }
}

/// The share of times that are no longer than this.
pub fn share_within(law: &Latency, ns: f64) -> f64 {
    let of = |time: &Duration| time.as_nanos() as f64;
    match law {
        Latency::Fixed(time) => f64::from(u8::from(ns >= of(time))),
        Latency::Uniform { min, max } => {
            ((ns - of(min)) / (of(max) - of(min)).max(1.0)).clamp(0.0, 1.0)
        }
        Latency::Exponential { mean } => 1.0 - libm::exp(-ns.max(0.0) / of(mean).max(1.0)),
        Latency::LogNormal { p50, p95 } => {
            let mu = libm::log(of(p50).max(1.0));
            let sigma = ((libm::log(of(p95).max(1.0)) - mu) / Z95).max(1e-9);
            let z = (libm::log(ns.max(1.0)) - mu) / sigma;
            0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
        }
        Latency::Pareto { least, alpha } => {
            1.0 - libm::pow(of(least).max(1.0) / ns.max(of(least).max(1.0)), *alpha)
        }
    }
}

/// The time that this share of times is no longer than.
fn time_of(law: &Latency, share: f64) -> f64 {
    let mut range = (0.0, 1.0);
    while share_within(law, range.1) < share && range.1 < 1e18 {
        range.1 *= 2.0;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(range.0, range.1);
        if share_within(law, middle) < share {
            range.0 = middle;
        } else {
            range.1 = middle;
        }
    }
    range.1
}

impl Quality {
    /// Of a law, by values that it was not fitted to.
    pub fn of(law: &Latency, held_back: &[f64]) -> Self {
        let mut sorted = held_back.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len().max(1) as f64;
        let apart = |(index, &value): (usize, &f64)| {
            let expected = share_within(law, value);
            // What is written is rounded, so a value that is the law's only one may miss it narrowly.
            let below = share_within(law, value - 1_000.0);
            let (before, after) = (index as f64 / count, (index as f64 + 1.0) / count);
            (after - expected).max(below - before).max(0.0)
        };
        let ks = sorted.iter().enumerate().map(apart).fold(0.0, f64::max);
        let off = |share| time_of(law, share) / quantile(&sorted, share).max(1.0) - 1.0;
        let moved = sorted
            .iter()
            .enumerate()
            .map(|(index, value)| (time_of(law, (index as f64 + 0.5) / count) - value).abs());
        let mean_error = moved.sum::<f64>() / count;
        Self { values: sorted.len(), ks, quantiles: [0.5, 0.95, 0.99].map(off), mean_error }
    }
}

#[cfg(test)]
mod tests {
    use sim::{Sampler, random::Streams};

    use super::*;

    fn drawn(law: Latency, count: usize) -> Vec<f64> {
        let mut stream = Streams::new(7).stream("latency");
        let sampler = Sampler::new(law);
        (0..count).map(|_| sampler.draw(&mut stream).as_nanos() as f64).collect()
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_law_that_was_drawn_from_is_found_with_its_constants() {
        let near = |found: Duration, truth: Duration| {
            (found.as_nanos() as f64 / truth.as_nanos() as f64 - 1.0).abs() < 0.05
        };
        let find = |law| fit(&drawn(law, 4_000));
        assert_eq!(find(Latency::Fixed(ms(20))).law, Latency::Fixed(ms(20)));
        let found = find(Latency::Uniform { min: ms(10), max: ms(90) }).law;
        assert!(
            matches!(found, Latency::Uniform { min, max } if near(min, ms(10)) && near(max, ms(90))),
            "{found:?}"
        );
        let found = find(Latency::Exponential { mean: ms(30) }).law;
        assert!(matches!(found, Latency::Exponential { mean } if near(mean, ms(30))), "{found:?}");
        let found = find(Latency::LogNormal { p50: ms(40), p95: ms(120) }).law;
        assert!(
            matches!(found, Latency::LogNormal { p50, p95 } if near(p50, ms(40)) && near(p95, ms(120))),
            "{found:?}"
        );
        let found = find(Latency::Pareto { least: ms(5), alpha: 1.5 }).law;
        assert!(
            matches!(found, Latency::Pareto { least, alpha } if near(least, ms(5)) && (alpha - 1.5).abs() < 0.08),
            "{found:?}"
        );
    }

    #[test]
    fn a_right_law_is_near_what_was_held_back_and_a_wrong_one_is_not() {
        let law = Latency::LogNormal { p50: ms(40), p95: ms(120) };
        let values = drawn(law, 5_000);
        let FittedLaw { quality, .. } = fit(&values);
        assert_eq!(quality.values, 1_000);
        // The critical value at 1 in 1,000 for 1,000 values is 0.062.
        assert!(quality.ks < 0.062, "{quality:?}");
        assert!(quality.quantiles.iter().all(|off| off.abs() < 0.2), "{quality:?}");
        let wrong = Quality::of(&Latency::Exponential { mean: ms(55) }, &split(&values).1);
        assert!(wrong.ks > 0.1 && wrong.mean_error > quality.mean_error, "{wrong:?}");
        let fixed = fit(&drawn(Latency::Fixed(ms(20)), 100)).quality;
        assert!(fixed.ks < 1e-9 && fixed.mean_error < 1_000.0, "{fixed:?}");
    }

    #[test]
    fn a_fifth_is_held_back_in_order() {
        let values: Vec<f64> = (0..12).map(f64::from).collect();
        let (kept, held_back) = split(&values);
        assert_eq!(held_back, [4.0, 9.0]);
        assert_eq!(kept.len(), 10);
    }
}
