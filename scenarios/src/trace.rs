//! Request traces: lists of arrivals with prompt and output lengths, read as streams.
//!
//! A file may be plain or compressed with gzip or zstd; which one is told by its content. Rows are
//! read one at a time into one buffer, so memory does not depend on the size of the file. A row that
//! is not valid ends the reading with its line number. Rows without prompt or output tokens (calls
//! that failed at their origin) are left out and counted in a warning.

mod csv;
mod describe;
mod error;
mod lines;
mod mooncake;
mod rows;

use std::{fmt, sync::Arc};

use connector::Duration;

pub(crate) use csv::{Fields, civil, decimal};
pub use describe::describe;
pub use error::{RowProblem, TraceError};
pub(crate) use lines::Lines;
pub(crate) use rows::{Rows, TraceFile};

/// Most tokens of one prompt or one answer.
pub(crate) const MAX_TOKENS: u32 = 1 << 22;

/// How a trace is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV of the Azure LLM inference traces: `TIMESTAMP,ContextTokens,GeneratedTokens`.
    Azure,
    /// JSON lines of Mooncake: `timestamp` (ms), `input_length`, `output_length`, `hash_ids`.
    Mooncake,
    /// CSV with a header: `arrived_s` or `arrived_ms`, `prompt_tokens`, `output_tokens`, and
    /// optionally `tenant`, `class`, `model`.
    Own,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Azure, Self::Mooncake, Self::Own];

    /// Stable name, as in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Azure => "azure",
            Self::Mooncake => "mooncake",
            Self::Own => "own",
        }
    }

    /// The format of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The format of a file that begins with this line.
    fn guess(first_line: &str) -> Option<Self> {
        if first_line.trim_start().starts_with('{') {
            Some(Self::Mooncake)
        } else if first_line.contains("TIMESTAMP") || first_line.contains("ContextTokens") {
            Some(Self::Azure)
        } else if first_line.contains("arrived_") || first_line.contains("prompt_tokens") {
            Some(Self::Own)
        } else {
            None
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One request of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    /// Nanoseconds since an origin that all rows of the file share.
    pub(crate) at: u64,
    pub(crate) prompt_tokens: u32,
    pub(crate) output_tokens: u32,
    /// Indexes of the names in the row, where it names anything.
    pub(crate) tenant: Option<u32>,
    pub(crate) class: Option<u32>,
    pub(crate) model: Option<u32>,
    /// Ids of the prompt's blocks, where the trace tells.
    pub(crate) blocks: Option<Arc<[u64]>>,
}

/// What a trace holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How it is written.
    pub format: Format,
    /// Rows.
    pub requests: u64,
    /// From the first arrival to the last.
    pub span: Duration,
    /// Requests per second: requests / span.
    pub mean_rate: f64,
    /// Most requests in one second; seconds count from the first arrival.
    pub busiest_second: u64,
    /// Most requests in one minute; minutes count from the first arrival.
    pub busiest_minute: u64,
    /// Standard deviation / mean of the times between arrivals.
    pub interarrival_cv: f64,
    /// Variance / mean of the requests per second; 1 for a Poisson process.
    pub dispersion: f64,
    /// Lengths of prompts.
    pub prompt_tokens: TokenSummary,
    /// Lengths of answers.
    pub output_tokens: TokenSummary,
    /// Shared prefixes, for formats that tell.
    pub prefixes: Option<PrefixSummary>,
    /// What was noticed but did not stop the reading.
    pub warnings: Vec<String>,
}

/// A distribution of lengths in tokens, exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenSummary {
    /// Median; between two rows the value is interpolated.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Longest.
    pub max: u32,
    /// Mean.
    pub mean: f64,
    /// All rows together.
    pub total: u64,
}

/// Blocks of prompts that are shared between requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrefixSummary {
    /// Blocks of all prompts.
    pub blocks: u64,
    /// Distinct blocks.
    pub distinct_blocks: u64,
    /// Share of blocks that an endless prefix cache would have held when they were asked for.
    pub endless_cache_hit_rate: f64,
}
