use connector::Duration;
use sim::{
    config::Latency,
    random::{Stream, Streams},
};

/// The standard normal quantile of 95 %.
const Z95: f64 = 1.644_853_626_951_472_7;

/// How long callers of one stream wait, drawn from a random stream of its own.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    law: Latency,
    stream: Stream,
}

impl Patience {
    /// Of the stream of this number of a source.
    pub(super) fn new(law: Latency, name: &str, number: usize, seed: u64) -> Self {
        let stream = Streams::new(seed).stream(&format!("patience/{name}/{number}"));
        Self { law, stream }
    }

    pub(super) fn sample(&mut self) -> Duration {
        match self.law {
            Latency::Fixed(time) => time,
            Latency::Uniform { min, max } => {
                min + max.saturating_sub(min).scale(self.stream.uniform())
            }
            Latency::Exponential { mean } => mean.scale(self.stream.exponential(1.0)),
            Latency::LogNormal { p50, p95 } => {
                let sigma = libm::log(p95.as_secs_f64() / p50.as_secs_f64()) / Z95;
                p50.scale(self.stream.lognormal(0.0, sigma))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_has_the_quantiles_it_is_stated_by() {
        let (p50, p95) = (Duration::from_secs(2), Duration::from_secs(10));
        let mut patience = Patience::new(Latency::LogNormal { p50, p95 }, "chat", 0, 1);
        let mut drawn: Vec<Duration> = (0..40_000).map(|_| patience.sample()).collect();
        drawn.sort_unstable();
        for (place, expected) in [(20_000, 2.0), (38_000, 10.0)] {
            let found = drawn[place].as_secs_f64();
            assert!((found / expected - 1.0).abs() < 0.03, "{found} for {expected}");
        }
    }
}
