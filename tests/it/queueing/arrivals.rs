//! Traffic of a case: requests whose lengths are service times.

use connector::{Duration, RequestId, TenantId, Timestamp, Tokens};
use platform::Request;
use scenarios::TrafficError;
use sim::random::{Stream, Streams};

use super::distribution::{Distribution, GapSource, Gaps};

/// A request of so many tokens takes as many microseconds on a card of its own.
pub(super) const TOKENS_PER_SECOND: f64 = 1e6;

/// What arrives, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traffic {
    pub(super) gaps: Gaps,
    /// Customers that arrive together.
    pub(super) batch: u32,
    pub(super) service: Distribution,
}

/// The requests of one run.
#[derive(Debug)]
pub(super) struct Arrivals {
    gaps: GapSource,
    service: Distribution,
    services: Stream,
    batch: u32,
    left_in_batch: u32,
    now: Timestamp,
    until: Timestamp,
    arrived: u64,
}

impl Arrivals {
    /// Arrivals until `until`; every case draws from streams of its own name.
    pub(super) fn new(traffic: Traffic, case: &str, streams: Streams, until: Timestamp) -> Self {
        let stream = |purpose| streams.stream(&format!("{purpose}/{case}"));
        Self {
            gaps: GapSource::new(traffic.gaps, stream("gaps")),
            service: traffic.service,
            services: stream("services"),
            batch: traffic.batch,
            left_in_batch: 0,
            now: Timestamp::ZERO,
            until,
            arrived: 0,
        }
    }
}

impl Iterator for Arrivals {
    type Item = Result<Request, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left_in_batch == 0 {
            self.now = self.now + Duration::from_secs_f64(self.gaps.draw());
            self.left_in_batch = self.batch;
        }
        if self.now > self.until {
            return None;
        }
        self.left_in_batch -= 1;
        let id = RequestId(self.arrived);
        self.arrived += 1;
        let service = self.service.sample(&mut self.services) * TOKENS_PER_SECOND;
        Some(Ok(Request {
            id,
            tenant: TenantId(0),
            arrived: self.now,
            prompt_tokens: Tokens::ZERO,
            output_tokens: Tokens::new(service.round().clamp(1.0, f64::from(u32::MAX)) as u32),
            content: connector::Content::Unknown,
            class: None,
            model: None,
        }))
    }
}
