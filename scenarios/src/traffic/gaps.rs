//! Times between arrivals.
//!
//! Renewal processes start in their steady state: the time to the first arrival follows the law of
//! the residual life, so that the expected number of arrivals in any interval is rate x length from
//! the very beginning, however bursty the law (Cox, "Renewal Theory", 1962, section 5). A process that
//! started with a whole gap would have about (cv^2 - 1) / 2 arrivals too many.
//!
//! A residual life is a uniform share of a length-biased gap. Length-biased, a Gamma of shape k is a
//! Gamma of shape k + 1; a Weibull of shape k and scale l is l G^(1/k) with G a Gamma of shape
//! 1 + 1/k.

use connector::Duration;
use sim::random::Stream;

/// The law of the gaps; times in seconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum GapLaw {
    Exponential { mean: f64 },
    Gamma { shape: f64, scale: f64 },
    Weibull { shape: f64, scale: f64 },
    Mmpp { states: Vec<MmppState> },
}

/// A state of a Markov-modulated Poisson process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MmppState {
    /// Arrivals per second, from 0.
    pub(crate) rate: f64,
    /// Mean time in the state, seconds.
    pub(crate) mean_stay: f64,
}

impl GapLaw {
    /// Independent arrivals.
    pub(crate) fn poisson(rate: f64) -> Self {
        Self::Exponential { mean: 1.0 / rate }
    }

    /// Gamma gaps of this rate and coefficient of variation: shape 1 / cv^2.
    pub(crate) fn gamma(rate: f64, cv: f64) -> Self {
        Self::gamma_of_shape(rate, 1.0 / (cv * cv))
    }

    /// Gamma gaps of this rate and shape.
    pub(crate) fn gamma_of_shape(rate: f64, shape: f64) -> Self {
        Self::Gamma { shape, scale: 1.0 / (rate * shape) }
    }

    /// Weibull gaps of this rate and coefficient of variation.
    pub(crate) fn weibull(rate: f64, cv: f64) -> Self {
        Self::weibull_of_shape(rate, weibull_shape(cv))
    }

    /// Weibull gaps of this rate and shape.
    pub(crate) fn weibull_of_shape(rate: f64, shape: f64) -> Self {
        Self::Weibull { shape, scale: 1.0 / (rate * libm::tgamma(1.0 + 1.0 / shape)) }
    }

    /// Arrivals per second in the long run.
    pub(crate) fn mean_rate(&self) -> f64 {
        match self {
            Self::Exponential { mean } => 1.0 / mean,
            Self::Gamma { shape, scale } => 1.0 / (shape * scale),
            Self::Weibull { shape, scale } => 1.0 / (scale * libm::tgamma(1.0 + 1.0 / shape)),
            Self::Mmpp { states } => {
                let time: f64 = states.iter().map(|state| state.mean_stay).sum();
                states.iter().map(|state| state.rate * state.mean_stay).sum::<f64>() / time
            }
        }
    }
}

/// The shape of a Weibull law with this coefficient of variation, by bisection: cv falls as the
/// shape grows, from 10 at 0.27 to 0.1 at 12.2.
fn weibull_shape(cv: f64) -> f64 {
    let cv_of = |shape: f64| {
        let first = libm::tgamma(1.0 + 1.0 / shape);
        libm::sqrt((libm::tgamma(1.0 + 2.0 / shape) / (first * first) - 1.0).max(0.0))
    };
    let (mut low, mut high) = (0.2, 20.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if cv_of(middle) > cv { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The instants of a process, in seconds from its start.
#[derive(Clone, Debug)]
pub(crate) struct Instants {
    law: GapLaw,
    stream: Stream,
    now: f64,
    started: bool,
    /// Of a modulated process: the state and when it ends.
    state: usize,
    state_ends: f64,
}

impl Instants {
    pub(crate) fn new(law: GapLaw, stream: Stream) -> Self {
        Self { law, stream, now: 0.0, started: false, state: 0, state_ends: 0.0 }
    }

    /// The next instant; never earlier than the last one.
    pub(crate) fn next(&mut self) -> f64 {
        let first = !std::mem::replace(&mut self.started, true);
        let stream = &mut self.stream;
        let gap = match &self.law {
            GapLaw::Exponential { mean } => stream.exponential(*mean),
            GapLaw::Gamma { shape, scale } if first => {
                stream.uniform() * stream.gamma(shape + 1.0, *scale)
            }
            GapLaw::Gamma { shape, scale } => stream.gamma(*shape, *scale),
            GapLaw::Weibull { shape, scale } if first => {
                let biased = libm::pow(stream.gamma(1.0 + 1.0 / shape, 1.0), 1.0 / shape);
                stream.uniform() * scale * biased
            }
            GapLaw::Weibull { shape, scale } => stream.weibull(*shape, *scale),
            GapLaw::Mmpp { .. } => return self.next_modulated(first),
        };
        self.now += gap;
        self.now
    }

    /// Exponential gaps have no memory, so a gap that crosses the end of a state is drawn anew from
    /// there at the next state's rate.
    fn next_modulated(&mut self, first: bool) -> f64 {
        let GapLaw::Mmpp { states } = &self.law else { return self.now };
        if first {
            self.state_ends = self.stream.exponential(states[0].mean_stay);
        }
        loop {
            let state = states[self.state];
            if state.rate > 0.0 {
                let at = self.now + self.stream.exponential(1.0 / state.rate);
                if at < self.state_ends {
                    self.now = at;
                    return at;
                }
            }
            self.now = self.state_ends;
            let others = states.len() as u64 - 1;
            let next = self.stream.below(others) as usize;
            self.state = if next < self.state { next } else { next + 1 };
            self.state_ends = self.now + self.stream.exponential(states[self.state].mean_stay);
        }
    }
}

/// The nearest instant of a run; saturates at "never".
pub(crate) fn instant(seconds: f64) -> connector::Timestamp {
    connector::Timestamp::ZERO + Duration::from_secs_f64(seconds)
}

#[cfg(test)]
mod tests {
    use sim::random::Streams;

    use super::*;

    /// Mean and coefficient of variation of the gaps of 200,000 arrivals.
    fn moments(law: GapLaw) -> (f64, f64) {
        const N: u32 = 200_000;
        let mut instants = Instants::new(law, Streams::new(7).stream("gaps"));
        let mut last = instants.next();
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..N {
            let now = instants.next();
            sum += now - last;
            squares += (now - last) * (now - last);
            last = now;
        }
        let mean = sum / f64::from(N);
        (mean, libm::sqrt(squares / f64::from(N) - mean * mean) / mean)
    }

    #[test]
    fn gaps_have_the_stated_rate_and_burstiness() {
        for (law, mean, cv) in [
            (GapLaw::poisson(20.0), 0.05, 1.0),
            (GapLaw::gamma(5.0, 1.09), 0.2, 1.09),
            (GapLaw::gamma(5.0, 0.5), 0.2, 0.5),
            (GapLaw::weibull(2.0, 2.0), 0.5, 2.0),
            (GapLaw::weibull(2.0, 0.3), 0.5, 0.3),
        ] {
            let (m, c) = moments(law.clone());
            assert!((m / mean - 1.0).abs() < 0.02, "{law:?}: mean {m}");
            assert!((c / cv - 1.0).abs() < 0.03, "{law:?}: cv {c}");
            assert!((law.mean_rate() * mean - 1.0).abs() < 1e-9, "{law:?}");
        }
    }

    #[test]
    fn a_modulated_process_is_burstier_than_poisson_and_keeps_its_mean_rate() {
        let states = vec![
            MmppState { rate: 100.0, mean_stay: 1.0 },
            MmppState { rate: 0.0, mean_stay: 2.0 },
            MmppState { rate: 10.0, mean_stay: 2.0 },
        ];
        let law = GapLaw::Mmpp { states };
        assert!((law.mean_rate() - 24.0).abs() < 1e-9);
        let (mean, cv) = moments(law);
        assert!((mean * 24.0 - 1.0).abs() < 0.05, "mean {mean}");
        assert!(cv > 2.0, "cv {cv}");
    }

    #[test]
    fn a_bursty_process_has_its_mean_rate_from_the_start() {
        for law in [GapLaw::gamma(1.0, 4.0), GapLaw::weibull(1.0, 4.0)] {
            let mut count = 0;
            for seed in 0..4_000 {
                let mut instants = Instants::new(law.clone(), Streams::new(seed).stream("start"));
                while instants.next() < 10.0 {
                    count += 1;
                }
            }
            // 4,000 x 10 expected; a process that begins with a whole gap would have about 20,000
            // more. The standard error is about 4 x sqrt(40,000) = 800.
            assert!((f64::from(count) - 40_000.0).abs() < 3_200.0, "{law:?}: {count}");
        }
    }
}
