//! What shares used lately: compute and memory over windows that end now.
//!
//! # Mechanism
//!
//! All shares of a model on a card are served by one process and use equal parts of what it uses. So
//! one running integral per process serves them all: `C(t)`, the time of the whole card that one share
//! has had, and `B(t)`, its bytes times time. A share used `(C(t1) - C(t0)) / (t1 - t0)` of the card
//! between two instants.
//!
//! ```text
//! dC/dt = part of the card that the process computes at / shares
//! dB/dt = bytes that it has in use, on the card or paged out / shares
//! ```
//!
//! Both are straight between changes. Points of the past are kept apart by at least a second and a
//! 256th of their age, so that seven days take some two thousand points, and are joined by straight
//! lines: a window is off by at most a 256th of its length at its far end.
//!
//! # Edges
//!
//! Compute is measured by time held, as utilisation counters do, and not by operations: the parts of a
//! card add up to at most one at any instant (V2). Windows longer than a share's life are averages
//! over its life.
//!
//! # Source
//!
//! hostedai-scheduler notes V1, V2, M9. By what TFLOPS are measured is not documented.

use std::collections::VecDeque;

use connector::{Duration, Mebibytes, ShareUsage, ShareUsages, Tflops, Timestamp, UsageWindow};

/// Points this much closer than their age are put together.
const RESOLUTION: u64 = 256;
const LEAST_APART: Duration = Duration::from_secs(1);
/// Points at which the past is thinned out.
const MOST_POINTS: usize = 4096;

/// What one share has had since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    at: Timestamp,
    /// Nanoseconds of the whole card.
    card_ns: f64,
    /// Bytes times nanoseconds.
    byte_ns: f64,
}

impl Totals {
    /// On the line from here to `later`.
    fn towards(self, later: Self, at: Timestamp) -> Self {
        let whole = later.at.since(self.at).as_nanos();
        if whole == 0 {
            return later;
        }
        let part = at.since(self.at).as_nanos() as f64 / whole as f64;
        Self {
            at,
            card_ns: self.card_ns + part * (later.card_ns - self.card_ns),
            byte_ns: self.byte_ns + part * (later.byte_ns - self.byte_ns),
        }
    }
}

/// What a share uses at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    /// Part of the card.
    pub(crate) card: f64,
    pub(crate) bytes: f64,
}

/// The past of one process. See the module text.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    past: VecDeque<Totals>,
    latest: Totals,
    rate: Rate,
}

impl History {
    /// From now on a share uses this much.
    pub(crate) fn note(&mut self, now: Timestamp, rate: Rate) {
        let before = self.latest;
        self.latest = self.totals(now);
        self.rate = rate;
        if self.past.back().is_none_or(|last| now.since(last.at) >= LEAST_APART) {
            // What changed shortly after the last point has its own: lines are straight in between.
            if self.past.back().is_some_and(|last| last.at < before.at) {
                self.past.push_back(before);
            }
            self.past.push_back(self.latest);
            if self.past.len() > MOST_POINTS {
                self.thin_out(now);
            }
        }
    }

    /// What a share has had by now.
    pub(crate) fn totals(&self, now: Timestamp) -> Totals {
        let elapsed = now.since(self.latest.at).as_nanos() as f64;
        Totals {
            at: now,
            card_ns: self.latest.card_ns + elapsed * self.rate.card,
            byte_ns: self.latest.byte_ns + elapsed * self.rate.bytes,
        }
    }

    /// What a share that had had `granted` when it was granted used over each window, on a card of
    /// this much compute.
    pub(crate) fn usages(&self, now: Timestamp, granted: Totals, card: Tflops) -> ShareUsages {
        let is = self.totals(now);
        UsageWindow::ALL.map(|window| {
            let begins = window.length().map_or(Timestamp::ZERO, |length| now - length);
            let was = if begins <= granted.at { granted } else { self.then(begins) };
            let elapsed = is.at.since(was.at).as_nanos() as f64;
            if elapsed == 0.0 {
                return ShareUsage::default();
            }
            let gflops = card.as_gflops() as f64 * (is.card_ns - was.card_ns) / elapsed;
            let bytes = (is.byte_ns - was.byte_ns) / elapsed;
            ShareUsage {
                tflops: Tflops::from_gflops(gflops as u64),
                vram: Mebibytes::new((bytes / Mebibytes::new(1).as_bytes() as f64) as u64),
            }
        })
    }

    /// What a share had had at an instant of the past.
    fn then(&self, at: Timestamp) -> Totals {
        if self.latest.at <= at {
            return self.totals(at);
        }
        let later = self.past.partition_point(|point| point.at <= at);
        let before = later.checked_sub(1).and_then(|before| self.past.get(before));
        let next = self.past.get(later).unwrap_or(&self.latest);
        before.copied().unwrap_or_default().towards(*next, at)
    }

    fn thin_out(&mut self, now: Timestamp) {
        let mut last = Timestamp::ZERO;
        self.past.retain(|point| {
            let kept = point.at.since(last) >= now.since(point.at) / RESOLUTION;
            last = if kept { point.at } else { last };
            kept
        });
    }
}

#[cfg(test)]
mod tests;
