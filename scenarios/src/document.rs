//! A scenario's text as a tree whose every node knows its place.
//!
//! The tree is deliberately small: no anchors, aliases or tags (with them a kilobyte of text can
//! stand for gigabytes), no duplicate keys, bounded size and depth. Scalars keep the text as it was
//! written, so that `0.35` becomes a price without passing through a float, `no` stays a word, and
//! each key's own type says what the text means.

mod build;
mod canonical;
mod decode;
mod node;
mod replace;
mod report;
mod written;

use std::sync::Arc;

pub(crate) use build::MAX_BYTES;
pub(crate) use decode::decode;
pub(crate) use node::Node;
pub(crate) use report::Report;
pub(crate) use written::BESIDE;
pub use written::Effective;

use crate::diagnostics::{Source, SourcePosition};

/// Index of a node in its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// A tree of nodes.
#[derive(Debug)]
pub(crate) struct Document {
    entries: Vec<Entry>,
    root: NodeId,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    place: Place,
}

#[derive(Debug)]
enum Kind {
    Scalar(Scalar),
    Sequence(Vec<NodeId>),
    /// Keys are scalar nodes, so that problems can point at them.
    Mapping(Vec<(NodeId, NodeId)>),
}

#[derive(Clone, Debug)]
struct Scalar {
    text: String,
    /// Written without quotes: `null` and `true` have a meaning of their own.
    plain: bool,
}

impl Scalar {
    fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null")
    }
}

/// Where a node is written.
#[derive(Clone, Debug)]
struct Place {
    source: Arc<Source>,
    position: SourcePosition,
}

impl Document {
    fn entry(&self, id: NodeId) -> &Entry {
        &self.entries[id.0 as usize]
    }

    fn kind(&self, id: NodeId) -> &Kind {
        &self.entry(id).kind
    }

    /// The text of a scalar.
    pub(crate) fn text(&self, id: NodeId) -> Option<&str> {
        match self.kind(id) {
            Kind::Scalar(scalar) => Some(&scalar.text),
            Kind::Sequence(_) | Kind::Mapping(_) => None,
        }
    }

    /// The node of the whole document.
    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    /// The line that a node begins on.
    pub(crate) fn line(&self, id: NodeId) -> usize {
        self.entry(id).place.position.line
    }

    /// The way from the root to a node, such as `provider.pools[0].count`.
    pub(crate) fn path(&self, wanted: NodeId) -> String {
        self.path_below(self.root, wanted).unwrap_or_default()
    }

    fn path_below(&self, from: NodeId, wanted: NodeId) -> Option<String> {
        if from == wanted {
            return Some(String::new());
        }
        match self.kind(from) {
            Kind::Scalar(_) => None,
            Kind::Sequence(items) => items.iter().enumerate().find_map(|(index, &item)| {
                let below = self.path_below(item, wanted)?;
                Some(format!("[{index}]{}{below}", dot(&below)))
            }),
            Kind::Mapping(pairs) => pairs.iter().find_map(|&(key, value)| {
                let below =
                    if key == wanted { String::new() } else { self.path_below(value, wanted)? };
                let key = shorten(self.text(key).unwrap_or_default());
                Some(format!("{key}{}{below}", dot(&below)))
            }),
        }
    }

    /// What a node is, for messages: `text "abc"`, `a list`, `keys`, `nothing`.
    pub(crate) fn describe(&self, id: NodeId) -> String {
        match self.kind(id) {
            Kind::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Kind::Scalar(scalar) => format!("`{}`", shorten(&scalar.text)),
            Kind::Sequence(_) => "a list".to_owned(),
            Kind::Mapping(_) => "keys".to_owned(),
        }
    }
}

/// What stands between a key or an index and the rest of a path.
fn dot(below: &str) -> &'static str {
    if below.is_empty() || below.starts_with('[') { "" } else { "." }
}

/// Hostile input can be long, and can hold what steers a terminal: a message quotes the beginning
/// only, and control characters as they would be escaped.
pub(crate) fn shorten(text: &str) -> String {
    const LIMIT: usize = 60;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", printable(&text[..end])),
        None => printable(text),
    }
}

/// The text with control characters escaped.
pub(crate) fn printable(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(escaped).collect()
}
