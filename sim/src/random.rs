//! Named random streams: independent generators derived from one seed.
//!
//! A stream is named after its purpose (`arrivals/chat`, `lengths/chat`, `faults/pool-a`), so that
//! one more consumer of one stream never moves another. Two variants of a scenario with the same
//! seed see the same arrivals (common random numbers), and their difference is the variants' own.
//!
//! Samples that need a logarithm or an exponential use the `libm` crate. The ziggurat samplers of
//! `rand_distr` go through the C library's functions as soon as any crate of the build turns on
//! `num-traits/std`, and C libraries differ in the last bit: the same seed would give another
//! digest on another machine.

use connector::BasisPoints;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The seed of a run, from which every stream is derived.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// All streams of the run with this seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream of this name. The same name gives the same samples.
    pub fn stream(self, name: &str) -> Stream {
        let seed = xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), self.seed);
        Stream { generator: Xoshiro256PlusPlus::seed_from_u64(seed), spare_normal: None }
    }
}

/// One named source of randomness.
#[derive(Clone, Debug)]
pub struct Stream {
    generator: Xoshiro256PlusPlus,
    /// Normal variates come in pairs; the second of the last pair.
    spare_normal: Option<f64>,
}

impl Stream {
    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.generator.random()
    }

    /// Uniform on [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.generator.random()
    }

    /// Uniform on (0, 1], safe for a logarithm.
    pub fn uniform_positive(&mut self) -> f64 {
        1.0 - self.uniform()
    }

    /// Uniform on 0..n.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.generator.random_range(0..n)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: BasisPoints) -> bool {
        self.below(10_000) < u64::from(probability.get())
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(self.uniform_positive())
    }

    /// Standard normal, by Marsaglia's polar method, which makes two at a time.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        loop {
            let u = 2.0 * self.uniform() - 1.0;
            let v = 2.0 * self.uniform() - 1.0;
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let scale = libm::sqrt(-2.0 * libm::log(s) / s);
                self.spare_normal = Some(v * scale);
                return u * scale;
            }
        }
    }

    /// Lognormal: `exp(mu + sigma Z)`; its median is `exp(mu)`.
    pub fn lognormal(&mut self, mu: f64, sigma: f64) -> f64 {
        libm::exp(mu + sigma * self.normal())
    }

    /// Weibull with this shape and scale.
    pub fn weibull(&mut self, shape: f64, scale: f64) -> f64 {
        let exponential = -libm::log(self.uniform_positive());
        scale * libm::exp(libm::log(exponential) / shape)
    }

    /// Gamma with this shape and scale (Marsaglia and Tsang, "A simple method for generating gamma
    /// variables", ACM TOMS 26(3), 2000; for shapes below 1 by the usual boost).
    pub fn gamma(&mut self, shape: f64, scale: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::exp(libm::log(self.uniform_positive()) / shape);
            return self.gamma(shape + 1.0, scale) * boost;
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let root = 1.0 + x / libm::sqrt(9.0 * d);
            if root <= 0.0 {
                continue;
            }
            let (v, u) = (root * root * root, self.uniform_positive());
            let squeezed = u < 1.0 - 0.0331 * x * x * x * x;
            if squeezed || libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut sample: impl FnMut() -> f64) -> (f64, f64) {
        const N: u32 = 400_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..N {
            let x = sample();
            sum += x;
            squares += x * x;
        }
        let mean = sum / f64::from(N);
        (mean, squares / f64::from(N) - mean * mean)
    }

    /// Mean and variance against the textbook, within five standard errors of a 400,000 sample.
    fn assert_moments(name: &str, mean: f64, variance: f64, sample: impl FnMut() -> f64) {
        let (m, v) = moments(sample);
        let error = libm::sqrt(variance / 400_000.0);
        assert!((m - mean).abs() < 5.0 * error, "{name}: mean {m}, expected {mean}");
        assert!((v / variance - 1.0).abs() < 0.1, "{name}: variance {v}, expected {variance}");
    }

    #[test]
    fn samples_have_the_textbook_moments() {
        let mut s = Streams::new(1).stream("moments");
        assert_moments("uniform", 0.5, 1.0 / 12.0, || s.uniform());
        assert_moments("exponential", 2.0, 4.0, || s.exponential(2.0));
        assert_moments("normal", 0.0, 1.0, || s.normal());
        assert_moments("gamma", 6.0, 18.0, || s.gamma(2.0, 3.0));
        assert_moments("gamma below one", 1.5, 4.5, || s.gamma(0.5, 3.0));
        assert_moments("weibull 1", 2.0, 4.0, || s.weibull(1.0, 2.0));
        assert_moments("weibull 2", 0.886_226_925, 0.214_601_837, || s.weibull(2.0, 1.0));
        let e = libm::exp(0.125);
        assert_moments("lognormal", e, e * e * (libm::exp(0.25) - 1.0), || s.lognormal(0.0, 0.5));
    }

    #[test]
    fn a_name_and_a_seed_name_a_sequence() {
        let first = |seed, name: &str| Streams::new(seed).stream(name).bits();
        assert_eq!(first(1, "arrivals"), first(1, "arrivals"));
        assert_ne!(first(1, "arrivals"), first(1, "lengths"));
        assert_ne!(first(1, "arrivals"), first(2, "arrivals"));
    }
}
