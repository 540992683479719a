//! What a trace holds, in one pass.
//!
//! Lengths are counted exactly in a table with one counter per number of tokens, which grows to the
//! longest length seen (at most 4,194,304 counters); memory does not depend on the number of rows,
//! except for the set of distinct blocks of a Mooncake trace.

use std::{collections::HashSet, path::Path};

use connector::Duration;

use super::{
    Format, PrefixSummary, Row, Summary, TokenSummary, TraceError,
    rows::{Rows, TraceFile},
};

const SECOND: u64 = 1_000_000_000;

/// Reads a whole trace once and says what is in it; the format is guessed from the first line
/// unless given.
///
/// # Errors
/// When the file cannot be opened, or at the first row that is not valid.
pub fn describe(path: &Path, format: Option<Format>) -> Result<Summary, TraceError> {
    let mut rows = TraceFile::new(path, format).open()?;
    let Some(first) = rows.next()? else {
        return Err(TraceError::Empty { path: path.to_owned() });
    };
    let mut counted = Counted::new(&first);
    counted.prefixes(&first);
    while let Some(row) = rows.next()? {
        counted.row(&row);
        counted.prefixes(&row);
    }
    Ok(counted.summary(&rows, path))
}

struct Counted {
    first: u64,
    last: u64,
    requests: u64,
    gaps: Moments,
    seconds: Windows,
    minutes: Windows,
    prompts: Lengths,
    outputs: Lengths,
    blocks: HashSet<u64>,
    all_blocks: u64,
    hits: u64,
}

impl Counted {
    fn new(first: &Row) -> Self {
        let mut counted = Self {
            first: first.at,
            last: first.at,
            requests: 0,
            gaps: Moments::default(),
            seconds: Windows::new(SECOND),
            minutes: Windows::new(60 * SECOND),
            prompts: Lengths::default(),
            outputs: Lengths::default(),
            blocks: HashSet::new(),
            all_blocks: 0,
            hits: 0,
        };
        counted.row(first);
        counted
    }

    fn row(&mut self, row: &Row) {
        if self.requests > 0 {
            self.gaps.add((row.at - self.last) as f64 / SECOND as f64);
        }
        self.requests += 1;
        self.last = row.at;
        self.seconds.add(row.at - self.first);
        self.minutes.add(row.at - self.first);
        self.prompts.add(row.prompt_tokens);
        self.outputs.add(row.output_tokens);
    }

    /// A block is a hit if it and all before it in the prompt were seen in earlier prompts.
    fn prefixes(&mut self, row: &Row) {
        let blocks = row.blocks.as_deref().unwrap_or_default();
        self.all_blocks += blocks.len() as u64;
        self.hits += blocks.iter().take_while(|block| self.blocks.contains(block)).count() as u64;
        self.blocks.extend(blocks);
    }

    fn summary(self, rows: &Rows, path: &Path) -> Summary {
        let span = Duration::from_nanos(self.last - self.first);
        let (_, seconds) = self.seconds.finish();
        let prefixes = (rows.format() == Format::Mooncake).then_some(PrefixSummary {
            blocks: self.all_blocks,
            distinct_blocks: self.blocks.len() as u64,
            endless_cache_hit_rate: ratio(self.hits as f64, self.all_blocks as f64),
        });
        Summary {
            format: rows.format(),
            requests: self.requests,
            span,
            mean_rate: ratio(self.requests as f64, span.as_secs_f64()),
            busiest_second: self.seconds.finish().0,
            busiest_minute: self.minutes.finish().0,
            interarrival_cv: ratio(libm::sqrt(self.gaps.variance()), self.gaps.mean()),
            dispersion: ratio(seconds.variance(), seconds.mean()),
            prompt_tokens: self.prompts.summary(self.requests),
            output_tokens: self.outputs.summary(self.requests),
            prefixes,
            warnings: rows.notes().warnings(path),
        }
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Mean and variance in one pass (Welford 1962): sums of squares of nanosecond gaps would cancel.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.squares += off * (value - self.mean);
    }

    /// As if `times` zeros were added.
    fn add_zeros(&mut self, times: u64) {
        let times = times as f64;
        let count = self.count + times;
        if count > 0.0 {
            self.squares += self.mean * self.mean * self.count * times / count;
            self.mean *= self.count / count;
            self.count = count;
        }
    }

    fn mean(&self) -> f64 {
        self.mean
    }

    fn variance(&self) -> f64 {
        ratio(self.squares, self.count)
    }
}

/// Arrivals per window of fixed length from the first arrival on, empty windows included.
#[derive(Clone, Copy)]
struct Windows {
    length: u64,
    index: u64,
    count: u64,
    most: u64,
    closed: Moments,
}

impl Windows {
    fn new(length: u64) -> Self {
        Self { length, index: 0, count: 0, most: 0, closed: Moments::default() }
    }

    fn add(&mut self, at: u64) {
        let index = at / self.length;
        if index > self.index {
            self.close();
            self.closed.add_zeros(index - self.index - 1);
            self.index = index;
        }
        self.count += 1;
    }

    fn close(&mut self) {
        self.most = self.most.max(self.count);
        self.closed.add(self.count as f64);
        self.count = 0;
    }

    /// The fullest window, and the moments of all.
    fn finish(mut self) -> (u64, Moments) {
        self.close();
        (self.most, self.closed)
    }
}

/// A count per length.
#[derive(Default)]
struct Lengths {
    counts: Vec<u64>,
    total: u64,
}

impl Lengths {
    fn add(&mut self, tokens: u32) {
        let index = tokens as usize;
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
        self.total += u64::from(tokens);
    }

    fn summary(&self, rows: u64) -> TokenSummary {
        TokenSummary {
            p50: self.quantile(rows, 0.50),
            p95: self.quantile(rows, 0.95),
            p99: self.quantile(rows, 0.99),
            max: self.counts.len().saturating_sub(1) as u32,
            mean: ratio(self.total as f64, rows as f64),
            total: self.total,
        }
    }

    /// Linear between the two rows around the quantile, as `numpy` does by default.
    fn quantile(&self, rows: u64, share: f64) -> f64 {
        let rank = share * (rows - 1) as f64;
        let below = libm::floor(rank);
        let low = self.at_rank(below as u64);
        let high = self.at_rank((below as u64 + 1).min(rows - 1));
        low + (rank - below) * (high - low)
    }

    /// The length of the row at this rank, from 0, in order of length.
    fn at_rank(&self, rank: u64) -> f64 {
        let mut before = 0;
        let found = self.counts.iter().position(|&count| {
            before += count;
            before > rank
        });
        found.unwrap_or_default() as f64
    }
}
