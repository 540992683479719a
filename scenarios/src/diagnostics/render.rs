use std::fmt::Write as _;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use super::{Diagnostics, Problem};

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
            Rendering::Plain => return self.problems().iter().map(plain).collect(),
            Rendering::Framed => GraphicalTheme::unicode_nocolor(),
            Rendering::Colored => GraphicalTheme::unicode(),
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(1);
        let mut text = String::new();
        for problem in self.problems() {
            handler
                .render_report(&mut text, &Framed::new(problem))
                .expect("writing to a string does not fail");
        }
        text
    }
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
        let _ = writeln!(text, "   | {}", problem.excerpt().trim_end());
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
