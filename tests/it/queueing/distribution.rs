//! Service times and gaps between arrivals, drawn from the simulator's own streams.

use serde::Deserialize;
use sim::random::Stream;

/// A distribution of times in seconds.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(tag = "dist", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Distribution {
    Exp { mean: f64 },
    Det { mean: f64 },
    Erlang { k: u32, mean: f64 },
    Hyperexp { p: f64, mean1: f64, mean2: f64 },
    Lognormal { mean: f64, scv: f64 },
    Uniform { lo: f64, hi: f64 },
    Bimodal { p: f64, a: f64, b: f64 },
    Pareto { alpha: f64, xm: f64 },
}

impl Distribution {
    pub(super) fn mean(self) -> f64 {
        match self {
            Self::Exp { mean }
            | Self::Det { mean }
            | Self::Erlang { mean, .. }
            | Self::Lognormal { mean, .. } => mean,
            Self::Hyperexp { p, mean1, mean2 } => p * mean1 + (1.0 - p) * mean2,
            Self::Uniform { lo, hi } => f64::midpoint(lo, hi),
            Self::Bimodal { p, a, b } => p * a + (1.0 - p) * b,
            Self::Pareto { alpha, xm } => alpha * xm / (alpha - 1.0),
        }
    }

    pub(super) fn sample(self, stream: &mut Stream) -> f64 {
        match self {
            Self::Exp { mean } => stream.exponential(mean),
            Self::Det { mean } => mean,
            Self::Erlang { k, mean } => stream.gamma(f64::from(k), mean / f64::from(k)),
            Self::Hyperexp { p, mean1, mean2 } => {
                let mean = if stream.uniform() < p { mean1 } else { mean2 };
                stream.exponential(mean)
            }
            Self::Lognormal { mean, scv } => {
                let variance = scv.ln_1p();
                stream.lognormal(mean.ln() - variance / 2.0, variance.sqrt())
            }
            Self::Uniform { lo, hi } => lo + (hi - lo) * stream.uniform(),
            Self::Bimodal { p, a, b } => {
                if stream.uniform() < p {
                    a
                } else {
                    b
                }
            }
            Self::Pareto { alpha, xm } => xm * stream.uniform_positive().powf(-1.0 / alpha),
        }
    }
}

/// How arrivals follow each other.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Gaps {
    Renewal(Distribution),
    Modulated(Mmpp2),
}

/// A Poisson stream whose rate switches between two values at exponential times.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(tag = "dist", rename = "mmpp2")]
pub(super) struct Mmpp2 {
    rate1: f64,
    rate2: f64,
    switch12: f64,
    switch21: f64,
}

/// Gaps under way.
#[derive(Clone, Debug)]
pub(super) struct GapSource {
    gaps: Gaps,
    stream: Stream,
    /// Whether a modulated stream is at its second rate.
    second: bool,
}

impl GapSource {
    pub(super) fn new(gaps: Gaps, stream: Stream) -> Self {
        Self { gaps, stream, second: false }
    }

    pub(super) fn draw(&mut self) -> f64 {
        match self.gaps {
            Gaps::Renewal(distribution) => distribution.sample(&mut self.stream),
            Gaps::Modulated(mmpp) => self.draw_modulated(mmpp),
        }
    }

    /// Arrival and switch compete; switches pass until an arrival wins.
    fn draw_modulated(&mut self, mmpp: Mmpp2) -> f64 {
        let mut gap = 0.0;
        loop {
            let (rate, switch) =
                if self.second { (mmpp.rate2, mmpp.switch21) } else { (mmpp.rate1, mmpp.switch12) };
            gap += self.stream.exponential(1.0 / (rate + switch));
            if self.stream.uniform() * (rate + switch) < rate {
                return gap;
            }
            self.second = !self.second;
        }
    }
}

#[test]
fn samples_have_the_mean_of_their_distribution() {
    const SAMPLES: usize = 40_000;
    let mut stream = sim::random::Streams::new(1).stream("means");
    for distribution in [
        Distribution::Exp { mean: 2.0 },
        Distribution::Det { mean: 2.0 },
        Distribution::Erlang { k: 3, mean: 2.0 },
        Distribution::Hyperexp { p: 0.2, mean1: 5.0, mean2: 0.5 },
        Distribution::Lognormal { mean: 2.0, scv: 2.0 },
        Distribution::Uniform { lo: 1.0, hi: 4.0 },
        Distribution::Bimodal { p: 0.9, a: 1.0, b: 10.0 },
        Distribution::Pareto { alpha: 3.0, xm: 1.0 },
    ] {
        let samples: Vec<f64> = (0..SAMPLES).map(|_| distribution.sample(&mut stream)).collect();
        let measured = super::estimate::ratio(samples.iter().map(|sample| (*sample, 1.0)));
        let off = (measured.value - distribution.mean()).abs();
        let allowed = 4.5 * measured.standard_error + 1e-12;
        assert!(off <= allowed, "{distribution:?}: {measured:?}");
    }
}
