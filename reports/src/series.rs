//! A run over time, in fixed memory.
//!
//! # Mechanism
//!
//! The run is cut into intervals of equal length. Whenever it outgrows [`MAX_INTERVALS`] of them,
//! neighbours are merged and the length doubles, so a run of any length has between half and all of
//! that number. Everything kept per interval can be merged without loss: counts, sums, histograms
//! (for the 95th percentiles: HDR with two significant figures, 0.1 ms resolution at least),
//! maxima, the worst state of each breaker, and the last gauge of each pool. Gauges carry integrals, so the difference between the
//! last gauges of two intervals is an exact mean over the time between them, however many gauges
//! lie between.
//!
//! # Edges
//!
//! Warm-up is part of the series: it is where one sees whether it was long enough. Requests count
//! in the interval in which they arrived as arrivals, and in the one in which they finished for the
//! rest. A gauge or a look at the very end of an interval belongs to that interval; what grew since the
//! look before is taken to have grown there. A breaker that opened and closed again between two looks
//! counts as open.

mod interval;

use connector::{Duration, Outcome, PoolGauge, RequestRecord, Timestamp};
use platform::{BreakerState, CableStatus};

pub(crate) use interval::{Interval, Passage, PoolPoint};

/// Most intervals that a series has.
pub const MAX_INTERVALS: usize = 2_048;

/// A run cut into intervals.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    length_ns: u64,
    intervals: Vec<Interval>,
    pools: usize,
    /// What the cables had done by the last look.
    looked: Looked,
    /// The interval looked up last, and where it begins: time mostly moves by little.
    recent: Recent,
}

/// What cables had done by a look.
#[derive(Clone, Debug, Default)]
struct Looked {
    strikes: u64,
    retries: u64,
    /// By cable, how often its breaker had opened.
    openings: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    begins_ns: u64,
    index: usize,
}

impl Series {
    /// A length of zero reads as one second.
    pub(crate) fn new(length: Duration, pools: usize) -> Self {
        let length = if length.is_zero() { Duration::from_secs(1) } else { length };
        Self {
            length_ns: length.as_nanos(),
            intervals: Vec::new(),
            pools,
            looked: Looked::default(),
            recent: Recent::default(),
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, record: &RequestRecord) {
        self.at(record.arrived).arrivals += 1;
        let ended_in = self.at(record.finished);
        if matches!(record.outcome, Outcome::Completed) {
            ended_in.complete(record);
        } else {
            ended_in.fail(record);
        }
    }

    #[inline]
    pub(crate) fn in_flight(&mut self, at: Timestamp, requests: u64) {
        let interval = self.at(at);
        interval.in_flight = interval.in_flight.max(Some(requests));
    }

    pub(crate) fn gauge(&mut self, at: Timestamp, gauge: &PoolGauge) {
        let pools = self.pools;
        let last_instant_of_interval = at - Duration::from_nanos(1);
        self.at(last_instant_of_interval).gauge(pools, at, gauge);
    }

    /// Somebody looked at all cables.
    pub(crate) fn look(&mut self, at: Timestamp, cables: impl Iterator<Item = CableStatus>) {
        let mut looked = Looked::default();
        let mut queued = 0;
        let mut passages = Vec::with_capacity(self.looked.openings.len());
        for (index, cable) in cables.enumerate() {
            let statistics = &cable.statistics;
            looked.strikes += statistics.strikes;
            looked.retries += statistics.retries;
            queued += u64::from(cable.queued);
            let before = self.looked.openings.get(index).copied().unwrap_or_default();
            passages.push(passage(cable.breaker, statistics.openings > before));
            looked.openings.push(statistics.openings);
        }
        let strikes = looked.strikes.saturating_sub(self.looked.strikes);
        let retries = looked.retries.saturating_sub(self.looked.retries);
        self.looked = looked;
        let interval = self.at(at - Duration::from_nanos(1));
        interval.strikes += strikes;
        interval.retries += retries;
        interval.look(queued, &passages);
    }

    /// The same run in at most `most` intervals, each the sum of as many, perhaps but the last.
    pub(crate) fn coarsened(&self, most: usize) -> Self {
        let each = self.intervals.len().div_ceil(most.max(1)).max(1);
        let together = |few: &[Interval]| {
            let whole = few.iter().cloned().reduce(|mut earlier, later| {
                earlier.absorb(later);
                earlier
            });
            whole.unwrap_or_default()
        };
        Self {
            length_ns: self.length_ns.saturating_mul(each as u64),
            intervals: self.intervals.chunks(each).map(together).collect(),
            pools: self.pools,
            looked: self.looked.clone(),
            recent: Recent::default(),
        }
    }

    /// Length of an interval as it is now.
    pub(crate) fn length(&self) -> Duration {
        Duration::from_nanos(self.length_ns)
    }

    pub(crate) fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    #[inline]
    fn at(&mut self, instant: Timestamp) -> &mut Interval {
        let ns = instant.as_nanos();
        let since = ns.wrapping_sub(self.recent.begins_ns);
        if since >= self.length_ns || self.recent.index >= self.intervals.len() {
            self.look_up(ns);
        }
        &mut self.intervals[self.recent.index]
    }

    fn look_up(&mut self, ns: u64) {
        while ns / self.length_ns >= MAX_INTERVALS as u64 {
            self.double();
        }
        let index = (ns / self.length_ns) as usize;
        if index >= self.intervals.len() {
            self.intervals.resize_with(index + 1, Interval::default);
        }
        self.recent = Recent { begins_ns: index as u64 * self.length_ns, index };
    }

    #[cold]
    fn double(&mut self) {
        self.length_ns = self.length_ns.saturating_mul(2);
        let mut halves = std::mem::take(&mut self.intervals).into_iter();
        while let Some(mut earlier) = halves.next() {
            if let Some(later) = halves.next() {
                earlier.absorb(later);
            }
            self.intervals.push(earlier);
        }
    }
}

fn passage(breaker: BreakerState, opened: bool) -> Passage {
    match breaker {
        _ if opened => Passage::Shut,
        BreakerState::Open | BreakerState::ForcedOpen => Passage::Shut,
        BreakerState::HalfOpen => Passage::Probing,
        BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => Passage::Free,
    }
}

#[cfg(test)]
mod tests;
