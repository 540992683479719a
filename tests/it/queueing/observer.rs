//! What a run shows, summed over windows of equal length: the batches of the method of batch means.
//!
//! Windows end where the driver looks at the pools, so that the pools' own integrals belong to the
//! same stretch of time as the customers that finished in it. The number of customers present is
//! followed from arrival to arrival and from record to record, and integrated over time.

use connector::{Duration, Outcome, PoolGauge, RequestRecord, Timestamp};
use harpoon::drive::Observer;

use super::{
    arrivals::TOKENS_PER_SECOND,
    spread::{Spread, Time},
};

/// A first token this soon came without waiting: an iteration takes a microsecond or a few.
const AT_ONCE: Duration = Duration::from_micros(10);

/// Where customers wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitsAt {
    /// In the line of the cable.
    Line,
    /// For a place in the batch of a card.
    Card,
    /// Wherever it was: all that is not service, interruptions included.
    BesideService,
}

/// What of a system counts as busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Busy {
    /// Cards, by the pool's own account.
    Cards,
    /// As many servers as customers are present.
    Present,
    /// As much of the servers' time as the work that was done.
    Work,
}

/// How to read a system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) waits_at: WaitsAt,
    pub(super) busy: Busy,
    pub(super) servers: u32,
    /// Whether customers are those at the cable's places; the line before it is no part then.
    pub(super) closed: bool,
    /// Pools that are looked at.
    pub(super) pools: u32,
}

impl Reading {
    pub(super) fn open(waits_at: WaitsAt, servers: u32) -> Self {
        Self { waits_at, busy: Busy::Cards, servers, closed: false, pools: 1 }
    }

    /// Wait and response of a customer that was served.
    fn times(self, record: &RequestRecord) -> (Duration, Duration) {
        let before = if self.closed {
            record.queued + record.allocating.unwrap_or_default()
        } else {
            Duration::ZERO
        };
        let wait = match self.waits_at {
            WaitsAt::Line => record.queued,
            WaitsAt::Card => {
                let first = record.time_to_first_token().unwrap_or_default();
                let wait = first.saturating_sub(before);
                if wait > AT_ONCE { wait } else { Duration::ZERO }
            }
            WaitsAt::BesideService => {
                let tokens = f64::from(record.output_tokens.get());
                let service = Duration::from_secs_f64(tokens / TOKENS_PER_SECOND);
                record.end_to_end().saturating_sub(service)
            }
        };
        (wait, record.end_to_end().saturating_sub(before))
    }
}

/// Sums of one window. Times in seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    pub(super) span: f64,
    /// Time of all servers.
    pub(super) server_time: f64,
    pub(super) completed: f64,
    pub(super) refused: f64,
    pub(super) abandoned: f64,
    pub(super) attempts: f64,
    /// Customers that waited at all, the abandoned ones included.
    pub(super) waited: f64,
    /// Waits of those that were served.
    pub(super) wait_served: f64,
    pub(super) wait_abandoned: f64,
    pub(super) response: f64,
    pub(super) response_squared: f64,
    pub(super) slowdown: f64,
    pub(super) service: f64,
    pub(super) present: f64,
    pub(super) present_squared: f64,
    pub(super) in_service: f64,
    pub(super) empty: f64,
    pub(super) all_busy: f64,
    pub(super) busy_cards: f64,
    pub(super) cards: f64,
    /// Of the classes of customers.
    pub(super) classes: Vec<OfClass>,
    /// The percentiles asked for, in that order.
    pub(super) percentiles: Vec<f64>,
}

/// Sums of one class of customers in one window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfClass {
    pub(super) completed: f64,
    pub(super) wait: f64,
    pub(super) response: f64,
}

/// What all pools tell together.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    told: u32,
    busy: u128,
    cards: u128,
}

/// The observer of a run.
#[derive(Debug)]
pub(super) struct Windows {
    reading: Reading,
    percentiles: Vec<(Time, f64)>,
    warm_up: usize,
    keep: usize,
    seen: usize,
    pub(super) closed: Vec<Window>,
    open: Window,
    opened: Timestamp,
    settled: Timestamp,
    present: usize,
    look: Look,
    /// The look before.
    seen_then: Look,
    waits: Spread,
    responses: Spread,
}

impl Windows {
    /// Leaves out the first `warm_up` windows and keeps so many of the others.
    pub(super) fn new(
        reading: Reading,
        percentiles: Vec<(Time, f64)>,
        warm_up: usize,
        keep: usize,
    ) -> Self {
        Self {
            reading,
            percentiles,
            warm_up,
            keep,
            seen: 0,
            closed: Vec::new(),
            open: Window::default(),
            opened: Timestamp::ZERO,
            settled: Timestamp::ZERO,
            present: 0,
            look: Look::default(),
            seen_then: Look::default(),
            waits: Spread::new(),
            responses: Spread::new(),
        }
    }

    /// A percentile over all windows that were kept.
    pub(super) fn percentile(&self, time: Time, share: f64) -> f64 {
        self.spread(time).whole(share)
    }

    /// The percentiles asked for.
    pub(super) fn percentiles(&self) -> &[(Time, f64)] {
        &self.percentiles
    }

    fn spread(&self, time: Time) -> &Spread {
        match time {
            Time::Wait => &self.waits,
            Time::Response => &self.responses,
        }
    }

    /// Integrates over the time since the last change.
    fn settle(&mut self, now: Timestamp) {
        let time = now.since(self.settled).as_secs_f64();
        self.settled = now;
        let present = self.present as f64;
        let servers = f64::from(self.reading.servers);
        self.open.present += present * time;
        self.open.present_squared += present * present * time;
        self.open.in_service += present.min(servers) * time;
        self.open.empty += if self.present == 0 { time } else { 0.0 };
        self.open.all_busy += if present >= servers { time } else { 0.0 };
    }

    fn count(&mut self, record: &RequestRecord) {
        let kept = self.is_kept();
        let window = &mut self.open;
        window.attempts += f64::from(record.attempts);
        match record.outcome {
            Outcome::Completed => {
                let (wait, response) = self.reading.times(record);
                window.complete(wait, response, f64::from(record.output_tokens.get()));
                window.complete_of(record.tenant.index(), wait, response);
                if kept && !self.percentiles.is_empty() {
                    self.waits.record(wait);
                    self.responses.record(response);
                }
            }
            Outcome::Rejected if !record.queued.is_zero() => window.abandon(record.queued),
            Outcome::Rejected | Outcome::Failed(_) | Outcome::Cancelled => window.refused += 1.0,
        }
    }

    /// Whether the open window is one of those that count.
    fn is_kept(&self) -> bool {
        self.seen >= self.warm_up && self.closed.len() < self.keep
    }

    fn close(&mut self, now: Timestamp) {
        let mut window = std::mem::take(&mut self.open);
        window.span = now.since(self.opened).as_secs_f64();
        window.server_time = window.span * f64::from(self.reading.servers);
        self.opened = now;
        let ask = |&(time, share): &(Time, f64)| self.spread(time).here(share);
        window.percentiles = self.percentiles.iter().map(ask).collect();
        if self.is_kept() {
            self.closed.push(window);
            self.waits.keep();
            self.responses.keep();
        }
        self.seen += 1;
    }
}

impl Window {
    fn abandon(&mut self, wait: Duration) {
        self.abandoned += 1.0;
        self.waited += 1.0;
        self.wait_abandoned += wait.as_secs_f64();
    }

    fn complete_of(&mut self, class: usize, wait: Duration, response: Duration) {
        if self.classes.len() <= class {
            self.classes.resize(class + 1, OfClass::default());
        }
        let of = &mut self.classes[class];
        of.completed += 1.0;
        of.wait += wait.as_secs_f64();
        of.response += response.as_secs_f64();
    }

    fn complete(&mut self, wait: Duration, response: Duration, tokens: f64) {
        let (wait, response) = (wait.as_secs_f64(), response.as_secs_f64());
        let service = tokens / TOKENS_PER_SECOND;
        self.completed += 1.0;
        self.waited += if wait > 0.0 { 1.0 } else { 0.0 };
        self.wait_served += wait;
        self.response += response;
        self.response_squared += response * response;
        self.slowdown += response / service;
        self.service += service;
    }
}

impl Observer for Windows {
    fn record(&mut self, record: &RequestRecord) {
        let never_asked = record.attempts == 0;
        if self.reading.closed && never_asked {
            return;
        }
        self.settle(record.finished);
        // Whoever is turned away on arrival was never counted as present.
        if !(never_asked && record.queued.is_zero()) {
            self.present = self.present.saturating_sub(1);
        }
        self.count(record);
    }

    fn gauge(&mut self, at: Timestamp, gauge: &PoolGauge) {
        self.settle(at);
        self.look.told += 1;
        self.look.busy += gauge.busy_card_ns;
        self.look.cards += gauge.card_ns;
        if self.look.told < self.reading.pools {
            return;
        }
        let look = std::mem::take(&mut self.look);
        self.open.busy_cards = (look.busy - self.seen_then.busy) as f64;
        self.open.cards = (look.cards - self.seen_then.cards) as f64;
        self.seen_then = look;
        if at > self.opened {
            self.close(at);
        }
    }

    fn in_flight(&mut self, at: Timestamp, requests: usize) {
        self.settle(at);
        self.present = requests;
    }
}
