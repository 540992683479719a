use std::collections::BTreeMap;

use connector::{CovenantOutcome, Outcome, PoolGauge, RequestRecord, Timestamp};
use hdrhistogram::Histogram;

use crate::distribution::{HIGHEST_NS, Moments, quantile_ns};

/// What the histograms of intervals tell apart at the lower end, in nanoseconds: 0.1 ms, below
/// which nothing shows on a picture of a run.
pub(crate) const SKETCH_LOWEST_NS: u64 = 100_000;
const SKETCH_SIGNIFICANT_FIGURES: u8 = 2;
/// Room for 17 ms to begin with; histograms grow by themselves.
const SKETCH_HIGH_NS: u64 = 16_000_000;

/// What happened in one interval.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interval {
    pub(crate) arrivals: u64,
    pub(crate) completions: u64,
    /// Completions that broke no promise: goodput.
    pub(crate) in_time: u64,
    pub(crate) failures: u64,
    /// Failures by kind, rejections by reason.
    pub(crate) failed_by: BTreeMap<&'static str, u64>,
    /// Strikes begun, and those of them that were retries where the last strike had been.
    pub(crate) strikes: u64,
    pub(crate) retries: u64,
    pub(crate) output_tokens: u64,
    pub(crate) first_token: Sketch,
    pub(crate) end_to_end: Sketch,
    /// Most requests in flight at once, where somebody looked.
    pub(crate) in_flight: Option<u64>,
    /// Most requests in all lines together at any look.
    pub(crate) queued: Option<u64>,
    /// By cable, the worst that any look showed; empty as long as nobody looked.
    pub(crate) passages: Vec<Passage>,
    /// By pool; empty as long as no gauge was seen.
    pub(crate) pools: Vec<PoolPoint>,
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Passage {
    /// Everything.
    #[default]
    Free,
    /// Probes.
    Probing,
    /// Nothing.
    Shut,
}

impl Passage {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Free => "closed",
            Self::Probing => "half-open",
            Self::Shut => "open",
        }
    }
}

/// The last gauge of a pool within an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolPoint {
    /// `None`: no gauge in this interval.
    pub(crate) at: Option<Timestamp>,
    pub(crate) busy_card_ns: u128,
    pub(crate) card_ns: u128,
    pub(crate) held_slot_ns: u128,
    /// Most that waited in any gauge of the interval.
    pub(crate) waiting: u32,
}

impl Interval {
    #[inline]
    pub(super) fn complete(&mut self, record: &RequestRecord) {
        self.completions += 1;
        self.in_time += u64::from(!matches!(record.covenant, CovenantOutcome::Broken(_)));
        self.output_tokens += u64::from(record.output_tokens.get());
        if let Some(time) = record.time_to_first_token() {
            self.first_token.record(time.as_nanos());
        }
        self.end_to_end.record(record.end_to_end().as_nanos());
    }

    pub(super) fn fail(&mut self, record: &RequestRecord) {
        self.failures += 1;
        let reason = match (record.outcome, record.rejection) {
            (Outcome::Rejected, Some(reason)) => reason.name(),
            (outcome, _) => outcome.name(),
        };
        *self.failed_by.entry(reason).or_default() += 1;
    }

    pub(super) fn look(&mut self, queued: u64, passages: &[Passage]) {
        self.queued = self.queued.max(Some(queued));
        self.worsen(passages);
    }

    fn worsen(&mut self, passages: &[Passage]) {
        if self.passages.len() < passages.len() {
            self.passages.resize(passages.len(), Passage::Free);
        }
        self.passages.iter_mut().zip(passages).for_each(|(mine, &seen)| *mine = seen.max(*mine));
    }

    pub(super) fn gauge(&mut self, pools: usize, at: Timestamp, gauge: &PoolGauge) {
        if self.pools.is_empty() {
            self.pools = vec![PoolPoint::default(); pools];
        }
        let point = &mut self.pools[gauge.pool.index()];
        *point = PoolPoint {
            at: Some(at),
            busy_card_ns: gauge.busy_card_ns,
            card_ns: gauge.card_ns,
            held_slot_ns: gauge.held_slot_ns,
            waiting: point.waiting.max(gauge.waiting),
        };
    }

    /// Takes in the interval that follows this one.
    pub(super) fn absorb(&mut self, later: Self) {
        self.arrivals += later.arrivals;
        self.completions += later.completions;
        self.in_time += later.in_time;
        self.failures += later.failures;
        for (reason, count) in later.failed_by {
            *self.failed_by.entry(reason).or_default() += count;
        }
        self.strikes += later.strikes;
        self.retries += later.retries;
        self.output_tokens += later.output_tokens;
        self.first_token.absorb(later.first_token);
        self.end_to_end.absorb(later.end_to_end);
        self.in_flight = self.in_flight.max(later.in_flight);
        self.queued = self.queued.max(later.queued);
        self.worsen(&later.passages);
        if self.pools.is_empty() {
            self.pools = later.pools;
        } else {
            self.pools.iter_mut().zip(later.pools).for_each(|(mine, next)| mine.absorb(next));
        }
    }
}

impl PoolPoint {
    fn absorb(&mut self, later: Self) {
        let waiting = self.waiting.max(later.waiting);
        if later.at.is_some() {
            *self = later;
        }
        self.waiting = waiting;
    }
}

/// A distribution of durations to two significant figures, with an exact mean.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    moments: Moments,
    histogram: Option<Histogram<u32>>,
}

impl Sketch {
    #[inline]
    fn record(&mut self, ns: u64) {
        self.moments.record(ns);
        let histogram = self.histogram.get_or_insert_with(new_histogram);
        histogram.record(ns.min(HIGHEST_NS)).expect("it grows to any value up to 24 h");
    }

    fn absorb(&mut self, later: Self) {
        self.moments.absorb(&later.moments);
        match (&mut self.histogram, later.histogram) {
            (Some(mine), Some(theirs)) => {
                mine.add(theirs).expect("it grows to what the other has");
            }
            (None, theirs) => self.histogram = theirs,
            (Some(_), None) => {}
        }
    }

    /// In seconds; `None` for no values.
    pub(crate) fn mean_s(&self) -> Option<f64> {
        self.moments.mean_s()
    }

    /// In seconds; `None` for no values.
    pub(crate) fn p95_s(&self) -> Option<f64> {
        self.quantile_s(95_000)
    }

    /// The median, in seconds; `None` for no values.
    pub(crate) fn p50_s(&self) -> Option<f64> {
        self.quantile_s(50_000)
    }

    fn quantile_s(&self, share: u32) -> Option<f64> {
        let ns = quantile_ns(self.histogram.as_ref()?, share)?;
        Some(self.moments.cut(ns) as f64 / 1e9)
    }
}

fn new_histogram() -> Histogram<u32> {
    let mut histogram =
        Histogram::new_with_bounds(SKETCH_LOWEST_NS, SKETCH_HIGH_NS, SKETCH_SIGNIFICANT_FIGURES)
            .expect("the bounds are apart and the figures within the library's limit");
    histogram.auto(true);
    histogram
}
