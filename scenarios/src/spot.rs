//! Traces of spot capacity: how many instances there were, and when.
//!
//! Three forms that such traces are published in are told by their content: `SkyPilot`'s JSON (a number
//! every so many seconds), Bamboo's events (`ms,add|remove,node`) and Bamboo's counts
//! (`date, time, count`). Files may be compressed, as request traces may.
//!
//! A count that stands before others in the file, but after them in time, is overtaken: what was
//! written later is what was known later.

mod fit;
mod read;
mod summary;

use std::{fmt, path::Path};

use connector::Duration;
use sim::config::Levels;

pub use fit::SpotFit;
pub use summary::{Spell, SpotSummary};

use crate::trace::TraceError;

/// Most points of a trace of spot capacity.
pub(crate) const MOST_POINTS: usize = 1_000_000;

/// How a trace of spot capacity is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpotFormat {
    /// JSON of the `SkyPilot` project: `metadata.gap_seconds` and `data`.
    Skypilot,
    /// CSV of the Bamboo project without a header: milliseconds, `add` or `remove`, node.
    BambooEvents,
    /// Text of the Bamboo project: date, time, number of instances.
    BambooCounts,
}

impl fmt::Display for SpotFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skypilot => "skypilot",
            Self::BambooEvents => "bamboo events",
            Self::BambooCounts => "bamboo counts",
        })
    }
}

/// A trace of spot capacity, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotTrace {
    /// How it is written.
    pub format: SpotFormat,
    /// Time between two points, for formats that state it.
    pub gap: Option<Duration>,
    /// The number at every point, as written.
    points: Vec<u32>,
    /// From when on how many, the first at zero; neighbours differ.
    steps: Vec<(Duration, u32)>,
    length: Duration,
    /// Instances that came and that went.
    came: u64,
    went: u64,
}

impl SpotTrace {
    /// Reads a trace; `None` if the beginning of the file is of none of the known forms.
    ///
    /// # Errors
    /// When the file cannot be read, or at the first point that is not valid.
    pub fn read_if_known(path: &Path) -> Result<Option<Self>, TraceError> {
        read::read(path)
    }

    /// Reads a trace.
    ///
    /// # Errors
    /// When the file cannot be read, is of no known form, or at the first point that is not valid.
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        Self::read_if_known(path)?.ok_or_else(|| TraceError::NoSpotTrace { path: path.to_owned() })
    }

    /// What was seen by looking every `gap`, above zero; `None` without a look.
    pub fn of_looks(gap: Duration, counts: &[u32]) -> Option<Self> {
        let at = |index: usize| gap * index as u64;
        let points: Vec<_> = counts.iter().enumerate().map(|(i, &count)| (at(i), count)).collect();
        let trace = Self::new(SpotFormat::Skypilot, &points, at(points.len()))?;
        Some(Self { gap: Some(gap), ..trace })
    }

    /// From points of which each holds until the next one; `None` without any.
    fn new(format: SpotFormat, points: &[(Duration, u32)], length: Duration) -> Option<Self> {
        let mut steps: Vec<(Duration, u32)> = Vec::new();
        for &(at, count) in points {
            while steps.last().is_some_and(|&(before, _)| before >= at) {
                steps.pop();
            }
            steps.push((at, count));
        }
        steps.dedup_by_key(|&mut (_, count)| count);
        let change = |up: bool| {
            let pairs = steps.windows(2).map(|pair| match *pair {
                [(_, from), (_, to)] if up => to.saturating_sub(from),
                [(_, from), (_, to)] => from.saturating_sub(to),
                _ => 0,
            });
            pairs.map(u64::from).sum()
        };
        let (came, went) = (change(true), change(false));
        let counts = points.iter().map(|&(_, count)| count).collect();
        let trace = Self { format, gap: None, points: counts, steps, length, came, went };
        (!points.is_empty()).then_some(trace)
    }

    /// From the first point to the end of the last.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Most instances at once.
    pub fn most(&self) -> u32 {
        self.steps.iter().map(|&(_, count)| count).max().unwrap_or(0)
    }

    /// The trace as cards of a pool: in proportion, so that the most instances at once are all of the
    /// `cards`, or one card for each instance.
    pub fn levels(&self, cards: u32, in_proportion: bool) -> Levels {
        let most = u64::from(self.most().max(1));
        let scaled = |count: u32| {
            let nearest = (2 * u64::from(count) * u64::from(cards) + most) / (2 * most);
            if in_proportion { nearest as u32 } else { count.min(cards) }
        };
        Levels {
            steps: self.steps.iter().map(|&(at, count)| (at, scaled(count))).collect(),
            length: self.length,
            start: Duration::ZERO,
            repeats: true,
        }
    }

    /// The levels, each with how long it holds.
    fn holds(&self) -> impl Iterator<Item = (Duration, u32)> {
        let ends = self.steps.iter().skip(1).map(|&(at, _)| at).chain([self.length]);
        self.steps.iter().zip(ends).map(|(&(at, count), end)| (end.saturating_sub(at), count))
    }
}
