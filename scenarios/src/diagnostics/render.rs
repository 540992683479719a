use std::fmt::Write as _;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use super::{Diagnostics, Problem};
use crate::document::printable;

/// How diagnostics are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rendering {
    /// `file:line:column`, one block per problem; for pipes and logs.
    Plain,
    /// Framed excerpts without colour.
    Framed,
    /// Framed excerpts in colour; for terminals.
    Colored,
}

impl Diagnostics {
    /// All problems as text that ends in a line break.
    pub fn render(&self, rendering: Rendering) -> String {
        let theme = match rendering {
            Rendering::Plain => None,
            Rendering::Framed => Some(GraphicalTheme::unicode_nocolor()),
            Rendering::Colored => Some(GraphicalTheme::unicode()),
        };
        let handler =
            theme.map(|theme| GraphicalReportHandler::new_themed(theme).with_context_lines(1));
        let mut text = String::new();
        for problem in self.problems() {
            match &handler {
                Some(handler) if can_be_framed(problem) => {
                    // Writing to a string does not fail.
                    let _ = handler.render_report(&mut text, &Framed::new(problem));
                }
                Some(_) | None => text.push_str(&plain(problem)),
            }
        }
        if self.more() > 0 {
            let _ = writeln!(text, "... and {} more", self.more());
        }
        text
    }
}

/// A frame shows lines as they are: not where they flood the terminal, or steer it.
fn can_be_framed(problem: &Problem) -> bool {
    let shown = problem.position.map_or(0, |position| position.line.saturating_sub(2));
    let lines = problem.source.text.lines().skip(shown).take(3);
    lines.into_iter().all(|line| line.len() <= LONGEST_EXCERPT && is_printable(line))
}

fn is_printable(line: &str) -> bool {
    line.chars().all(|c| !c.is_control() || c == '\t')
}

/// Longest line that is shown whole, in bytes.
const LONGEST_EXCERPT: usize = 240;

/// The line of the problem, or of a long line the part where the problem is.
fn excerpt(problem: &Problem) -> String {
    /// Characters in front of the problem.
    const BEFORE: usize = 40;
    let line = problem.excerpt().trim_end();
    let Some(position) = problem.position.filter(|_| line.len() > LONGEST_EXCERPT) else {
        return printable(line);
    };
    let skipped = position.column.saturating_sub(1 + BEFORE);
    let shown: String = line.chars().skip(skipped).take(2 * BEFORE).collect();
    let (before, after) = (if skipped > 0 { "..." } else { "" }, "...");
    format!("{before}{}{after}", printable(&shown))
}

/// ```text
/// error: `0` is not a duration: ...
///   --> quickstart.yaml:4:11: duration
///    | duration: 0
///   help: ...
/// ```
fn plain(problem: &Problem) -> String {
    let mut text = format!("error: {}\n  --> {}", problem.message, problem.file());
    if let Some(position) = problem.position {
        let _ = write!(text, ":{}:{}", position.line, position.column);
    }
    if !problem.key.is_empty() {
        let _ = write!(text, ": {}", problem.key);
    }
    text.push('\n');
    if !problem.excerpt().is_empty() {
        let _ = writeln!(text, "   | {}", excerpt(problem));
    }
    if let Some(help) = &problem.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

/// A problem in the shape that miette draws.
#[derive(Debug)]
struct Framed<'a> {
    problem: &'a Problem,
    source: NamedSource<String>,
}

impl<'a> Framed<'a> {
    fn new(problem: &'a Problem) -> Self {
        let source = NamedSource::new(problem.file(), problem.source.text.clone());
        Self { problem, source }
    }
}

impl std::fmt::Display for Framed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.problem.position {
            Some(_) => f.write_str(&self.problem.message),
            None => write!(f, "{}: {}", self.problem.file(), self.problem.message),
        }
    }
}

impl std::error::Error for Framed<'_> {}

impl Diagnostic for Framed<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn std::fmt::Display + 'b>> {
        let help = self.problem.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.problem.position.map(|_| &self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let position = self.problem.position?;
        let key = (!self.problem.key.is_empty()).then(|| self.problem.key.clone());
        let label = LabeledSpan::new(key, position.offset, position.length);
        Some(Box::new(std::iter::once(label)))
    }
}
