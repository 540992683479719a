//! Traffic of a case: requests whose lengths are service times.

use connector::{Duration, RequestId, TenantId, Timestamp, Tokens};
use platform::Request;
use scenarios::TrafficError;
use sim::random::{Stream, Streams};

use super::distribution::{Distribution, GapSource, Gaps};

/// A request of so many tokens takes as many microseconds on a card of its own.
pub(super) const TOKENS_PER_SECOND: f64 = 1e6;

/// What arrives, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    pub(super) gaps: Gaps,
    /// Customers that arrive together.
    pub(super) batch: u32,
    /// How often customers of each class come, relative to each other, and their service.
    pub(super) classes: Vec<(f64, Distribution)>,
    /// How long customers wait before they leave, where each has a patience of its own.
    pub(super) patience: Option<Distribution>,
}

/// The requests of one run.
#[derive(Debug)]
pub(super) struct Arrivals {
    gaps: GapSource,
    classes: Vec<(f64, Distribution)>,
    class: Stream,
    services: Stream,
    patience: Option<Distribution>,
    patiences: Stream,
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
            classes: traffic.classes,
            class: stream("classes"),
            services: stream("services"),
            patience: traffic.patience,
            patiences: stream("patience"),
            batch: traffic.batch,
            left_in_batch: 0,
            now: Timestamp::ZERO,
            until,
            arrived: 0,
        }
    }
}

impl Arrivals {
    fn draw_class(&mut self) -> usize {
        if self.classes.len() == 1 {
            return 0;
        }
        let all: f64 = self.classes.iter().map(|(often, _)| often).sum();
        let mut left = self.class.uniform() * all;
        let passed = self.classes.iter().position(|(often, _)| {
            left -= often;
            left < 0.0
        });
        passed.unwrap_or(self.classes.len() - 1)
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
        let class = self.draw_class();
        let service = self.classes[class].1.sample(&mut self.services) * TOKENS_PER_SECOND;
        let patience = self.patience.map(|law| law.sample(&mut self.patiences));
        let patience = patience.map(Duration::from_secs_f64);
        Some(Ok(Request {
            id,
            tenant: TenantId(class as u32),
            arrived: self.now,
            prompt_tokens: Tokens::ZERO,
            output_tokens: Tokens::new(service.round().clamp(1.0, f64::from(u32::MAX)) as u32),
            content: connector::Content::Unknown,
            class: None,
            model: None,
            patience,
            terms: None,
            fan_out: None,
        }))
    }
}
