//! The API in front of the pools: how long answers take, how many calls it allows, and how it fails
//! and misbehaves.
//!
//! # Mechanism
//!
//! Every behaviour draws from a stream of its own, named after region, behaviour and operation, and
//! latencies are drawn for calls that fail too: switching a behaviour on changes the calls it
//! strikes and no other call's luck.

mod failures;
mod quirks;

use connector::{Duration, OperationKind, TenantId, Timestamp};

use self::{failures::Failures, quirks::Misbehaviour};
pub(crate) use self::{
    failures::{Failure, Fate},
    quirks::Telling,
};
use crate::{
    config::{ControlPlane, Latency, Quirks, RateLimit},
    random::{Stream, Streams},
};

/// 95th percentile of the standard normal distribution.
const Z95: f64 = 1.644_853_626_951_472_7;

/// A [`Latency`] ready to be drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Sampler(Law);

#[derive(Clone, Copy, Debug)]
enum Law {
    Fixed(Duration),
    Uniform { min: f64, span: f64 },
    Exponential { mean: f64 },
    LogNormal { mu: f64, sigma: f64 },
    Pareto { least: f64, mean_log: f64 },
}

impl Sampler {
    /// Of this distribution.
    pub fn new(latency: Latency) -> Self {
        Self(match latency {
            Latency::Fixed(time) => Law::Fixed(time),
            Latency::Uniform { min, max } => Law::Uniform {
                min: min.as_nanos() as f64,
                span: max.saturating_sub(min).as_nanos() as f64,
            },
            Latency::Exponential { mean } => Law::Exponential { mean: mean.as_nanos() as f64 },
            Latency::LogNormal { p50, p95 } => {
                let mu = libm::log(p50.as_nanos().max(1) as f64);
                let sigma = (libm::log(p95.as_nanos().max(1) as f64) - mu).max(0.0) / Z95;
                Law::LogNormal { mu, sigma }
            }
            Latency::Pareto { least, alpha } => {
                Law::Pareto { least: least.as_nanos() as f64, mean_log: 1.0 / alpha }
            }
        })
    }

    /// The next time, drawn from this stream.
    pub fn draw(self, stream: &mut Stream) -> Duration {
        let ns = match self.0 {
            Law::Fixed(time) => return time,
            Law::Uniform { min, span } => min + span * stream.uniform(),
            Law::Exponential { mean } => stream.exponential(mean),
            Law::LogNormal { mu, sigma } => stream.lognormal(mu, sigma),
            // The logarithm of a Pareto time is exponential.
            Law::Pareto { least, mean_log } => least * libm::exp(stream.exponential(mean_log)),
        };
        Duration::from_nanos((ns + 0.5) as u64)
    }
}

/// A region's API.
#[derive(Debug)]
pub(crate) struct Gateway {
    latencies: [Sampler; OperationKind::ALL.len()],
    /// One stream per kind of operation, so that one more release does not move allocations.
    streams: Vec<Stream>,
    limiter: Option<Limiter>,
    failures: Failures,
    misbehaviour: Misbehaviour,
    no_access: Vec<TenantId>,
    /// How long a caller waits for an answer that never comes.
    pub(crate) timeout: Duration,
    pub(crate) quirks: Quirks,
}

impl Gateway {
    pub(crate) fn new(name: &str, plane: &ControlPlane, streams: Streams) -> Self {
        let stream = |kind: OperationKind| streams.stream(&format!("control/{name}/{kind}"));
        Self {
            latencies: OperationKind::ALL.map(|kind| Sampler::new(plane.latency(kind))),
            streams: OperationKind::ALL.map(stream).into(),
            limiter: plane.rate_limit.map(Limiter::new),
            failures: Failures::new(name, &plane.failures, streams),
            misbehaviour: Misbehaviour::new(name, &plane.quirks, streams),
            no_access: plane.no_access.clone(),
            timeout: plane.timeout,
            quirks: plane.quirks,
        }
    }

    /// How long the answer to this call takes.
    pub(crate) fn latency(&mut self, kind: OperationKind) -> Duration {
        self.latencies[kind as usize].draw(&mut self.streams[kind as usize])
    }

    /// What chance has in store for the next call.
    pub(crate) fn draw(&mut self, kind: OperationKind) -> Fate {
        self.failures.draw(kind)
    }

    /// Counts one call; `Err` with what becomes of one that is not acted on.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        kind: OperationKind,
        fate: Fate,
    ) -> Result<(), Failure> {
        if fate.is_lost {
            return Err(Failure::Lost);
        }
        let is_of_cards = matches!(kind, OperationKind::Infer | OperationKind::Cancel);
        match &mut self.limiter {
            Some(limiter) if !is_of_cards => limiter.admit(now).map_err(Failure::OverLimit)?,
            Some(_) | None => {}
        }
        fate.refused.map_or(Ok(()), Err)
    }

    /// Whether the tenant's resource policy lists the region.
    pub(crate) fn lets_in(&self, tenant: TenantId) -> bool {
        !self.no_access.contains(&tenant)
    }

    /// How a grant is answered.
    pub(crate) fn tell_grant(&mut self) -> Telling {
        self.misbehaviour.tell_grant()
    }

    /// How long a share stays after its release was confirmed.
    pub(crate) fn release_time(&mut self) -> Duration {
        self.misbehaviour.release_time()
    }
}

impl ControlPlane {
    const fn latency(&self, kind: OperationKind) -> Latency {
        match kind {
            OperationKind::Allocate => self.allocate,
            OperationKind::Infer => self.infer,
            OperationKind::Cancel => self.cancel,
            OperationKind::Release => self.release,
            OperationKind::Inspect => self.inspect,
            OperationKind::List => self.list,
            OperationKind::Pools => self.pools,
        }
    }
}

/// The generic cell rate algorithm (ITU-T I.371): a token bucket in one timestamp, the time at
/// which the bucket would be full again.
#[derive(Debug)]
struct Limiter {
    interval: Duration,
    tolerance: Duration,
    full_at: Timestamp,
}

impl Limiter {
    fn new(limit: RateLimit) -> Self {
        let interval = Duration::from_nanos(1_000_000_000 / u64::from(limit.per_second.max(1)));
        let tolerance = interval * u64::from(limit.burst.max(1) - 1);
        Self { interval, tolerance, full_at: Timestamp::ZERO }
    }

    fn admit(&mut self, now: Timestamp) -> Result<(), Duration> {
        let wait = self.full_at.since(now).saturating_sub(self.tolerance);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.full_at = self.full_at.max(now) + self.interval;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_long_run_rate_holds() {
        let mut limiter = Limiter::new(RateLimit { per_second: 10, burst: 3 });
        let start = Timestamp::ZERO;
        for _ in 0..3 {
            assert_eq!(limiter.admit(start), Ok(()));
        }
        assert_eq!(limiter.admit(start), Err(Duration::from_millis(100)));
        assert_eq!(limiter.admit(start + Duration::from_millis(100)), Ok(()));
        assert!(limiter.admit(start + Duration::from_millis(150)).is_err());
    }

    #[test]
    fn a_lognormal_latency_has_the_stated_quantiles() {
        let sampler = Sampler::new(Latency::LogNormal {
            p50: Duration::from_millis(40),
            p95: Duration::from_millis(120),
        });
        let mut stream = Streams::new(3).stream("latency");
        let mut sample: Vec<_> =
            (0..100_000).map(|_| sampler.draw(&mut stream).as_millis_f64()).collect();
        sample.sort_by(f64::total_cmp);
        let within = |q: usize, ms: f64| (sample[q * 1000] / ms - 1.0).abs() < 0.02;
        assert!(within(50, 40.0), "{}", sample[50_000]);
        assert!(within(95, 120.0), "{}", sample[95_000]);
    }

    #[test]
    fn a_pareto_latency_has_the_quantiles_of_its_formula() {
        let least = Duration::from_millis(10);
        let sampler = Sampler::new(Latency::Pareto { least, alpha: 1.5 });
        let mut stream = Streams::new(3).stream("latency");
        let mut sample: Vec<_> =
            (0..100_000).map(|_| sampler.draw(&mut stream).as_millis_f64()).collect();
        sample.sort_by(f64::total_cmp);
        assert!(sample[0] >= 10.0);
        for (share, rank) in [(0.5_f64, 50_000), (0.95, 95_000), (0.99, 99_000)] {
            let exact = 10.0 * libm::pow(1.0 - share, -1.0 / 1.5);
            assert!((sample[rank] / exact - 1.0).abs() < 0.03, "{share}: {}", sample[rank]);
        }
    }
}
