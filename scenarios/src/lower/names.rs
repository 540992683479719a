use crate::{
    document::{Node, NodeId, Report, shorten},
    near,
};

/// The names of one kind of thing, by index.
pub(super) struct NameTable {
    singular: &'static str,
    plural: &'static str,
    names: Vec<String>,
    /// The list and every name in it could be read; otherwise an unknown name may be one of them.
    complete: bool,
}

impl NameTable {
    /// Checks the names of a list and reports those that are given twice.
    pub(super) fn new<'a>(
        report: &Report<'_>,
        singular: &'static str,
        plural: &'static str,
        names: impl Iterator<Item = (NodeId, Option<&'a str>)>,
    ) -> Self {
        let mut table = Self { singular, plural, names: Vec::new(), complete: true };
        let mut places = Vec::new();
        for (at, name) in names {
            table.complete &= name.is_some();
            if let Some(name) = name {
                check(report, at, name);
            }
            let name = name.unwrap_or_default();
            if let Some(first) = table.position(name).filter(|_| !name.is_empty()) {
                let line = report.document().line(places[first]);
                report.problem_with_help(
                    at,
                    format!("there are two {plural} `{}`", shorten(name)),
                    format!("rename this one; the first is on line {line}"),
                );
            }
            table.names.push(name.to_owned());
            places.push(at);
        }
        table
    }

    /// The same table, of a list that may not have been readable at all.
    pub(super) fn of_readable(self, readable: bool) -> Self {
        Self { complete: self.complete && readable, ..self }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Adds a name that the text does not state.
    pub(super) fn push(&mut self, name: String) {
        self.names.push(name);
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// What a node refers to; an unknown name is reported.
    pub(super) fn find(&self, report: &Report<'_>, node: &Node<String>) -> Option<usize> {
        self.find_text(report, node.at, node.get()?)
    }

    /// What a text at a node refers to; an unknown name is reported.
    pub(super) fn find_text(&self, report: &Report<'_>, at: NodeId, name: &str) -> Option<usize> {
        let found = self.position(name);
        if found.is_none() && self.complete {
            report.problem_with_help(at, self.unknown(name), self.help(name));
        }
        found
    }

    /// The complaint about an unknown name.
    pub(super) fn unknown(&self, name: &str) -> String {
        format!("unknown {} `{}`", self.singular, shorten(name))
    }

    /// The way out for an unknown name.
    pub(super) fn help(&self, name: &str) -> String {
        near::help(name, self.plural, self.names())
    }
}

/// A name outside the tables, checked alike.
pub(super) fn checked(report: &Report<'_>, node: &Node<String>) -> Option<String> {
    let name = node.get()?;
    check(report, node.at, name);
    Some(name.clone())
}

/// Names appear in objectives (`ttft.p95{pool=x}`), candidates (`model@pool`), files and metrics.
fn check(report: &Report<'_>, at: NodeId, name: &str) {
    /// In characters.
    const LONGEST: usize = 100;
    let reserved = |c: char| c.is_control() || "@{},=\"".contains(c);
    let message = if name.trim() != name || name.is_empty() {
        "a name must not be empty or begin or end with a blank".to_owned()
    } else if name.chars().count() > LONGEST {
        format!("`{}` is longer than {LONGEST} characters", shorten(name))
    } else if let Some(bad) = name.chars().find(|&c| reserved(c)) {
        format!("`{}` contains `{}`, which names must not", shorten(name), bad.escape_default())
    } else {
        return;
    };
    report.problem(at, message);
}
