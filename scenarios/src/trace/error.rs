use std::path::{Path, PathBuf};

use connector::Duration;

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file system refused.
    #[error("{}: cannot be read: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// A compressed file ends in the middle, or its content does not match its checksum.
    #[error("{}: the compressed file is cut off or damaged after line {line}: {error}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The last line that could be read.
        line: u64,
        /// What the decompressor said.
        #[source]
        error: std::io::Error,
    },
    /// No request at all.
    #[error("{}: holds no request", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No number of instances at all.
    #[error("{}: holds no point of time", path.display())]
    NoPoints {
        /// The file.
        path: PathBuf,
    },
    /// The first line fits no known form of a trace of spot capacity.
    #[error(
        "{}: is no trace of spot capacity: that is JSON with `metadata.gap_seconds` and `data`, or lines of \
         `milliseconds,add|remove,node`, or of `date, time, count`",
        path.display()
    )]
    NoSpotTrace {
        /// The file.
        path: PathBuf,
    },
    /// The first line fits no known format.
    #[error(
        "{}: the format is not known: the first line is `{first_line}`, but a trace begins with \
         `TIMESTAMP,ContextTokens,GeneratedTokens` (azure), a JSON object (mooncake), or a header with \
         `arrived_s` or `arrived_ms`, `prompt_tokens` and `output_tokens` (own)",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its beginning.
        first_line: String,
    },
    /// A column that the format needs is not in the header.
    #[error("{}:1: the column `{column}` is missing; the header has {found}", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The columns that are there.
        found: String,
    },
    /// Two columns hold the same.
    #[error("{}:1: {first} and {second} both state the {what} of a request", path.display())]
    TwoColumns {
        /// The file.
        path: PathBuf,
        /// The column further left: its number, from 1, and name.
        first: String,
        /// The other one.
        second: String,
        /// What they hold.
        what: &'static str,
    },
    /// One row is not valid.
    #[error("{}:{line}: {problem}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: RowProblem,
    },
}

impl TraceError {
    pub(crate) fn row(path: &Path, line: u64, problem: RowProblem) -> Self {
        Self::Row { path: path.to_owned(), line, problem }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::Damaged { path, .. }
            | Self::Empty { path }
            | Self::NoPoints { path }
            | Self::NoSpotTrace { path }
            | Self::UnknownFormat { path, .. }
            | Self::MissingColumn { path, .. }
            | Self::TwoColumns { path, .. }
            | Self::Row { path, .. } => path,
        }
    }

    /// What to do about it, where that is not obvious.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Row { problem: RowProblem::BackInTime { late_by, .. }, .. } => Some(format!(
                "put the file in order, or set `sort_window` to {late_by} or more to let it be sorted"
            )),
            Self::Damaged { .. } => {
                Some("fetch the file again and compare its checksum".to_owned())
            }
            Self::TwoColumns { .. } => Some("remove or rename one of them".to_owned()),
            Self::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
                Some("check the path".to_owned())
            }
            Self::Io { .. }
            | Self::Empty { .. }
            | Self::NoPoints { .. }
            | Self::NoSpotTrace { .. }
            | Self::UnknownFormat { .. }
            | Self::MissingColumn { .. }
            | Self::Row { .. } => None,
        }
    }
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowProblem {
    /// Longer than any valid row.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// Longest line read.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("the line is not text in UTF-8")]
    NotText,
    /// More or fewer columns than the header.
    #[error("{found} columns where {expected} are expected")]
    Columns {
        /// Columns of the header.
        expected: usize,
        /// Columns of this row.
        found: usize,
    },
    /// Not a valid number.
    #[error("{column}: `{text}` is not {expected}")]
    NotANumber {
        /// The column.
        column: &'static str,
        /// What is there.
        text: String,
        /// What should be.
        expected: &'static str,
    },
    /// Not what the column of a table holds.
    #[error("{column}: `{text}` must be {expected}")]
    Unexpected {
        /// The column.
        column: &'static str,
        /// What is there.
        text: String,
        /// What should be.
        expected: String,
    },
    /// A number outside its range.
    #[error("{column}: `{text}` is out of range: it must be {range}")]
    OutOfRange {
        /// The column.
        column: &'static str,
        /// What is there.
        text: String,
        /// The range in words.
        range: &'static str,
    },
    /// Not a JSON object with the expected fields.
    #[error("not a request of this format: {message}")]
    Json {
        /// What the JSON reader said.
        message: String,
    },
    /// Not a JSON object with a series of numbers.
    #[error("not a series of numbers with its `metadata.gap_seconds`: {message}")]
    Series {
        /// What the JSON reader said.
        message: String,
    },
    /// A node comes that is there, or goes that is not.
    #[error("node `{node}` {}", if *is_there { "is added, but it is there" } else { "is removed, but it is not there" })]
    NodeTwice {
        /// Its name.
        node: String,
        /// Whether it is there.
        is_there: bool,
    },
    /// More points than are kept in memory.
    #[error("more than {limit} points")]
    TooManyPoints {
        /// Most points.
        limit: usize,
    },
    /// A name that the scenario does not define.
    #[error("unknown {column} `{name}`: {help}")]
    UnknownName {
        /// The column.
        column: &'static str,
        /// What is there.
        name: String,
        /// The nearest name, or all of them.
        help: String,
    },
    /// Earlier than a row before it, by more than the sort window covers.
    #[error("the row goes back in time by {late_by}, but at most {window} is allowed")]
    BackInTime {
        /// How much.
        late_by: Duration,
        /// The sort window.
        window: Duration,
    },
    /// More rows within the sort window than are kept.
    #[error("more than {limit} rows lie within the sort window of {window}")]
    SortWindowFull {
        /// Most rows kept.
        limit: usize,
        /// The sort window.
        window: Duration,
    },
}
