//! Every mistake of a scenario at once, each with its place, its key and a way out.

mod render;

use std::{fmt, sync::Arc};

pub use render::Rendering;

/// A text that problems point into: a scenario file, or one `--set` argument.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// How it is called in messages.
    pub(crate) name: String,
    /// All of it.
    pub(crate) text: String,
}

/// A place in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePosition {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// First byte.
    pub offset: usize,
    /// Length in bytes; 0 points between two characters.
    pub length: usize,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, with the value received.
    pub message: String,
    /// The way out, where there is an obvious one.
    pub help: Option<String>,
    /// The key, such as `provider.pools[0].count`; empty for the file as a whole.
    pub key: String,
    /// Where; `None` if there is no text to point at, as for a file that is missing.
    pub position: Option<SourcePosition>,
    /// What `position` points into.
    pub(crate) source: Arc<Source>,
}

impl Problem {
    /// The name of the file (or `--set` argument) with the mistake.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The line of the mistake as it is written; empty where there is none.
    pub fn excerpt(&self) -> &str {
        self.position
            .and_then(|position| self.source.text.lines().nth(position.line - 1))
            .unwrap_or_default()
    }
}

/// Most mistakes that are told: nobody reads more, and a hostile text could have a hundred thousand.
pub(crate) const MOST_PROBLEMS: usize = 100;

/// All mistakes of one scenario, up to a hundred, in the order of the text; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    problems: Vec<Problem>,
    more: usize,
}

impl Diagnostics {
    /// Sorts the problems by file and place and drops repetitions.
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (a.file(), a.position).cmp(&(b.file(), b.position)));
        problems.dedup();
        let more = problems.len().saturating_sub(MOST_PROBLEMS);
        problems.truncate(MOST_PROBLEMS);
        Self { problems, more }
    }

    /// The same, with this many mistakes more than those that are told.
    pub(crate) fn and_more(self, more: usize) -> Self {
        Self { more: self.more + more, ..self }
    }

    /// The mistakes as data.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many more there are than those told.
    pub fn more(&self) -> usize {
        self.more
    }
}

impl std::error::Error for Diagnostics {}

/// Plain text; see [`Diagnostics::render`] for terminals.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Rendering::Plain))
    }
}
