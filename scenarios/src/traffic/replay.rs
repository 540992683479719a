//! A trace as traffic, with more or fewer requests than it has.
//!
//! *Fewer*: each row is kept with the same probability, independently (thinning). *More*: copies of
//! the whole trace are laid over it (superposition). The first copy is the trace itself; each other one
//! begins at a random instant of the trace, runs to its end and wraps around to its beginning, so that
//! every copy has all rows once and peaks of different copies fall on different times. The fractional
//! copy is thinned. Neither touches the clock within a copy: gaps, bursts and the order of rows stay
//! as they were; a faster clock, which squeezes them, is `time_scale`.
//!
//! Copies are read as streams, each from a reader of its own. The period of a copy is the span of the
//! trace plus one mean gap, so that wrapping around joins no two arrivals.

use std::path::PathBuf;

use connector::{Content, Duration, Timestamp, Tokens};
use sim::random::{Stream, Streams};

use super::{Arrival, Labels};
use crate::trace::{Row, Rows, TraceError, TraceFile};

/// Most copies of a trace at once.
pub(crate) const MAX_COPIES: u32 = 64;

/// A trace as a source of traffic.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    pub(crate) file: TraceFile,
    /// For rows that do not name their own.
    pub(crate) labels: Labels,
    /// Stretch of every gap, above zero.
    pub(crate) time_scale: f64,
    /// Requests per row, above zero.
    pub(crate) rate: f64,
    /// When the first row arrives.
    pub(crate) start: Duration,
}

impl Replay {
    /// One stream per copy.
    pub(super) fn streams(
        &self,
        name: &str,
        seed: u64,
        end: Option<Duration>,
    ) -> Result<Vec<ReplayStream>, TraceError> {
        let whole = libm::floor(self.rate) as u32;
        let rest = self.rate - f64::from(whole);
        let shares = (0..whole).map(|_| None).chain((rest > 1e-9).then_some(Some(rest)));
        let period = if self.rate > 1.0 { self.period()? } else { 0 };
        shares
            .enumerate()
            .map(|(copy, share)| self.stream(name, seed, end, copy as u32, share, period))
            .collect()
    }

    fn stream(
        &self,
        name: &str,
        seed: u64,
        end: Option<Duration>,
        copy: u32,
        share: Option<f64>,
        period: u64,
    ) -> Result<ReplayStream, TraceError> {
        let streams = Streams::new(seed);
        let shift = match copy {
            0 => 0,
            _ => streams.stream(&format!("copies/{name}/{copy}")).below(period),
        };
        Ok(ReplayStream {
            rows: self.file.open()?,
            origin: None,
            wrap: (shift > 0).then_some(Wrap { period, shift, wrapped: false }),
            thinning: share
                .map(|share| (share, streams.stream(&format!("thinning/{name}/{copy}")))),
            end: end.map_or(Timestamp::MAX, |end| Timestamp::ZERO + end),
            source: self.clone(),
            tells: copy == 0,
        })
    }

    /// Reads the trace once and tells its span plus one mean gap, in nanoseconds.
    fn period(&self) -> Result<u64, TraceError> {
        let mut rows = self.file.open()?;
        let Some(first) = rows.next()? else {
            return Err(TraceError::Empty { path: self.file.path.clone() });
        };
        let (mut last, mut count) = (first.at, 1);
        while let Some(row) = rows.next()? {
            (last, count) = (row.at, count + 1);
        }
        let span = last - first.at;
        Ok(span + span / (count - 1).max(1) + 1)
    }
}

/// A copy that begins in the middle.
#[derive(Clone, Copy, Debug)]
struct Wrap {
    period: u64,
    shift: u64,
    wrapped: bool,
}

/// The requests of one copy of a trace.
#[derive(Debug)]
pub(super) struct ReplayStream {
    source: Replay,
    rows: Rows,
    /// The time of the first row.
    origin: Option<u64>,
    wrap: Option<Wrap>,
    thinning: Option<(f64, Stream)>,
    end: Timestamp,
    /// Every copy notices the same; one of them tells.
    tells: bool,
}

impl ReplayStream {
    pub(super) fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        loop {
            let Some((after, row)) = self.next_row()? else { return Ok(None) };
            let at = Timestamp::ZERO
                + self.source.start
                + Duration::from_nanos(after).scale(self.source.time_scale);
            if at >= self.end {
                return Ok(None);
            }
            let kept = match &mut self.thinning {
                None => true,
                Some((share, stream)) => stream.uniform() < *share,
            };
            if kept {
                return Ok(Some(self.arrival(at, &row)));
            }
        }
    }

    /// The next row of this copy, and how long after the copy's start it comes.
    fn next_row(&mut self) -> Result<Option<(u64, Row)>, TraceError> {
        loop {
            let row = self.rows.next()?;
            match (row, &mut self.wrap) {
                (None, Some(wrap)) if !wrap.wrapped => {
                    wrap.wrapped = true;
                    self.rows = self.source.file.open()?;
                }
                (None, _) if self.origin.is_none() => {
                    let path: PathBuf = self.source.file.path.clone();
                    return Err(TraceError::Empty { path });
                }
                (None, _) => return Ok(None),
                (Some(row), wrap) => {
                    let after = row.at - *self.origin.get_or_insert(row.at);
                    match wrap.map(|wrap| wrap.shifted(after)) {
                        None => return Ok(Some((after, row))),
                        Some(Shifted::At(after)) => return Ok(Some((after, row))),
                        Some(Shifted::NotYet) => {}
                        Some(Shifted::Over) => return Ok(None),
                    }
                }
            }
        }
    }

    fn arrival(&self, at: Timestamp, row: &Row) -> Arrival {
        Arrival {
            at,
            prompt_tokens: Tokens::new(row.prompt_tokens),
            output_tokens: Tokens::new(row.output_tokens),
            labels: self.source.labels.or_of(row),
            content: row.blocks.clone().map_or(Content::Unknown, Content::Blocks),
            fan_out: None,
        }
    }

    /// What was noticed in the file so far.
    pub(super) fn warnings(&self) -> Vec<String> {
        if self.tells { self.rows.notes().warnings(&self.source.file.path) } else { Vec::new() }
    }
}

enum Shifted {
    At(u64),
    NotYet,
    Over,
}

impl Wrap {
    fn shifted(self, after: u64) -> Shifted {
        match (self.wrapped, after >= self.shift) {
            (false, true) => Shifted::At(after - self.shift),
            (false, false) => Shifted::NotYet,
            (true, false) => Shifted::At(after + (self.period - self.shift)),
            (true, true) => Shifted::Over,
        }
    }
}
