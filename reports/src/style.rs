use std::{env, io::IsTerminal};

/// How text for people looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether headings and verdicts are marked by terminal codes.
    pub colour: bool,
}

impl Style {
    /// No terminal codes: for files, pipes and tests.
    pub const PLAIN: Self = Self { colour: false };

    /// What suits standard output: coloured on a terminal, unless the variable `NO_COLOR` is set
    /// and not empty (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: std::io::stdout().is_terminal() && !refused }
    }

    pub(crate) fn heading(self, text: &str) -> String {
        self.code("1", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.code("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.code("1;31", text)
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
