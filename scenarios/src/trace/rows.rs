//! The rows of a trace in order of time.
//!
//! A file that is not in order is sorted in a window: a row is handed on once a row that is later by
//! the whole window has been read, since nothing earlier can follow it then. What is later than the
//! window allows is refused with its line, and the window holds a bounded number of rows.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    path::{Path, PathBuf},
    sync::Arc,
};

use connector::{Duration, Names};

use super::{
    Format, Row,
    csv::Columns,
    error::{RowProblem, TraceError},
    lines::Lines,
    mooncake,
};

/// Most rows held for sorting.
const MAX_SORTED: usize = 1_000_000;

/// What to read and how.
#[derive(Clone, Debug)]
pub(crate) struct TraceFile {
    pub(crate) path: PathBuf,
    /// `None`: guessed from the first line.
    pub(crate) format: Option<Format>,
    pub(crate) sort_window: Duration,
    /// What names in rows refer to; `None` passes them over.
    pub(crate) names: Option<Arc<Names>>,
}

impl TraceFile {
    /// A file to be read as it is.
    pub(crate) fn new(path: &Path, format: Option<Format>) -> Self {
        Self { path: path.to_owned(), format, sort_window: Duration::ZERO, names: None }
    }

    /// Opens the file and reads its header, if it has one.
    pub(crate) fn open(&self) -> Result<Rows, TraceError> {
        let mut lines = Lines::open(&self.path)?;
        if !lines.advance()? {
            return Err(TraceError::Empty { path: self.path.clone() });
        }
        let format = match self.format {
            Some(format) => format,
            None => Format::guess(lines.text()?).ok_or_else(|| TraceError::UnknownFormat {
                path: self.path.clone(),
                first_line: crate::document::shorten(lines.text().unwrap_or_default()),
            })?,
        };
        let columns = match format {
            Format::Azure => Some(Columns::of_header(&lines, true)?),
            Format::Own => Some(Columns::of_header(&lines, false)?),
            Format::Mooncake => None,
        };
        Ok(Rows {
            first_is_read: columns.is_none(),
            lines,
            format,
            columns,
            names: self.names.clone(),
            window: self.sort_window,
            pending: BinaryHeap::new(),
            latest: 0,
            ended: false,
            notes: Notes::default(),
        })
    }
}

/// What was noticed in a file but did not stop the reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    without_tokens: u64,
    first_without_tokens: u64,
    late: u64,
    first_late: u64,
    latest_by: u64,
}

impl Notes {
    /// In words, one sentence per kind.
    pub(crate) fn warnings(&self, path: &Path) -> Vec<String> {
        let file = path.display();
        let rows = |count| if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
        let mut warnings = Vec::new();
        if self.without_tokens > 0 {
            warnings.push(format!(
                "{file}: {} without prompt or output tokens left out, the first on line {}",
                rows(self.without_tokens),
                self.first_without_tokens
            ));
        }
        if self.late > 0 {
            warnings.push(format!(
                "{file}: {} out of order by up to {} put in order, the first on line {}",
                rows(self.late),
                Duration::from_nanos(self.latest_by),
                self.first_late
            ));
        }
        warnings
    }
}

/// The rows of one file.
#[derive(Debug)]
pub(crate) struct Rows {
    lines: Lines,
    format: Format,
    columns: Option<Columns>,
    names: Option<Arc<Names>>,
    window: Duration,
    /// The first line is a row and has been read already.
    first_is_read: bool,
    pending: BinaryHeap<Reverse<Pending>>,
    /// The latest time read.
    latest: u64,
    ended: bool,
    notes: Notes,
}

/// A row in the sort window; ties keep the order of the file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    at: u64,
    line: u64,
    row: Row,
}

impl Rows {
    /// How the file is written.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// What was noticed so far.
    pub(crate) fn notes(&self) -> Notes {
        self.notes
    }

    /// The next row in order of time.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, TraceError> {
        if self.window.is_zero() {
            return self.next_in_file();
        }
        while !self.ended && !self.is_settled() {
            match self.next_in_file()? {
                Some(row) => self.hold(row)?,
                None => self.ended = true,
            }
        }
        Ok(self.pending.pop().map(|Reverse(pending)| pending.row))
    }

    /// Whether nothing can come before the earliest row held.
    fn is_settled(&self) -> bool {
        let earliest = self.pending.peek().map(|Reverse(pending)| pending.at);
        earliest.is_some_and(|at| at.saturating_add(self.window.as_nanos()) <= self.latest)
    }

    fn hold(&mut self, row: Row) -> Result<(), TraceError> {
        if self.pending.len() >= MAX_SORTED {
            let window = self.window;
            return Err(self
                .lines
                .refuse(RowProblem::SortWindowFull { limit: MAX_SORTED, window }));
        }
        self.pending.push(Reverse(Pending { at: row.at, line: self.lines.number(), row }));
        Ok(())
    }

    /// The next row that has tokens, checked against the order of time.
    fn next_in_file(&mut self) -> Result<Option<Row>, TraceError> {
        loop {
            if !std::mem::take(&mut self.first_is_read) && !self.lines.advance()? {
                return Ok(None);
            }
            let row = self.parse()?;
            self.check_order(row.at)?;
            if row.prompt_tokens > 0 && row.output_tokens > 0 {
                return Ok(Some(row));
            }
            self.notes.without_tokens += 1;
            if self.notes.without_tokens == 1 {
                self.notes.first_without_tokens = self.lines.number();
            }
        }
    }

    fn parse(&self) -> Result<Row, TraceError> {
        let text = self.lines.text()?;
        let row = match &self.columns {
            Some(columns) => columns.row(text, self.names.as_deref()),
            None => mooncake::row(text),
        };
        row.map_err(|problem| self.lines.refuse(problem))
    }

    fn check_order(&mut self, at: u64) -> Result<(), TraceError> {
        let late_by = self.latest.saturating_sub(at);
        self.latest = self.latest.max(at);
        if late_by == 0 {
            return Ok(());
        }
        if late_by > self.window.as_nanos() {
            return Err(self.lines.refuse(RowProblem::BackInTime {
                late_by: Duration::from_nanos(late_by),
                window: self.window,
            }));
        }
        self.notes.late += 1;
        self.notes.latest_by = self.notes.latest_by.max(late_by);
        if self.notes.late == 1 {
            self.notes.first_late = self.lines.number();
        }
        Ok(())
    }
}
