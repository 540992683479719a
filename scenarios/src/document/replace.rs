//! `--set path=value`, and what overlays have of it, applied to the tree, before anything is decoded.
//!
//! The new value is parsed as YAML and takes the old one's place; problems in it point into the
//! argument. Keys that the file leaves out are added, so that a default can be replaced too; whether
//! the key exists in the language is then the decoder's question. A list item that is a word is one that
//! has no more than this name: a path into it gives it keys.

use std::sync::Arc;

use super::{Document, Kind, NodeId, Place};
use crate::{
    Diagnostics, Override, Problem,
    diagnostics::{Source, SourcePosition},
    near,
    overrides::Value,
};

impl Document {
    /// Applies overrides in order.
    ///
    /// # Errors
    /// Every override whose path leads nowhere or whose value is no YAML.
    pub(crate) fn apply(&mut self, overrides: &[Override]) -> Result<(), Diagnostics> {
        let mut problems = Vec::new();
        for replacement in overrides {
            if let Err(found) = self.apply_one(replacement) {
                problems.extend_from_slice(found.problems());
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Diagnostics::new(problems)) }
    }

    fn apply_one(&mut self, replacement: &Override) -> Result<(), Diagnostics> {
        let (value, place) = match replacement.value() {
            &Value::Argument(at) => {
                let text = replacement.text().to_owned();
                let argument = Arc::new(Source { name: "--set".to_owned(), text });
                (self.graft(&argument, at)?, place(&argument))
            }
            Value::Overlay { overlay, key, value } => {
                (self.import(overlay, *value), overlay.entry(*key).place.clone())
            }
        };
        let (last, parents) =
            replacement.path().split_last().expect("a parsed path has at least one part");
        let mut at = self.root;
        let mut walked = String::new();
        for part in parents {
            at = match self.step(at, part, &walked, &place)? {
                Step::Existing(next) => {
                    if matches!(self.kind(at), Kind::Sequence(_)) {
                        self.give_keys(next);
                    }
                    next
                }
                Step::Absent => {
                    let below = self.push(Kind::Mapping(Vec::new()), place.clone());
                    self.add_key(at, part, below, &place);
                    below
                }
            };
            extend(&mut walked, part);
        }
        match self.step(at, last, &walked, &place)? {
            Step::Existing(old) => self.swap(old, value),
            Step::Absent => self.add_key(at, last, value, &place),
        }
        Ok(())
    }

    /// Makes `word` read `name: word`.
    fn give_keys(&mut self, item: NodeId) {
        if !matches!(self.kind(item), Kind::Scalar(scalar) if !scalar.is_null()) {
            return;
        }
        let place = self.entry(item).place.clone();
        let keys = self.push(Kind::Mapping(Vec::new()), place.clone());
        self.swap(item, keys);
        self.add_key(item, "name", keys, &place);
    }

    /// Copies a node of another tree.
    fn import(&mut self, other: &Self, id: NodeId) -> NodeId {
        let kind = match other.kind(id) {
            Kind::Scalar(scalar) => Kind::Scalar(scalar.clone()),
            Kind::Sequence(items) => {
                Kind::Sequence(items.iter().map(|&item| self.import(other, item)).collect())
            }
            Kind::Mapping(pairs) => {
                let pair = |&(key, value): &(NodeId, NodeId)| {
                    (self.import(other, key), self.import(other, value))
                };
                Kind::Mapping(pairs.iter().map(pair).collect())
            }
        };
        self.push(kind, other.entry(id).place.clone())
    }

    /// The replacements of an overlay: paths with their new values.
    ///
    /// # Errors
    /// If it is no YAML, or every key that is no path.
    pub(crate) fn replacements(self) -> Result<Vec<Override>, Diagnostics> {
        let overlay = Arc::new(self);
        let problem = |at: NodeId, message: String| {
            let Place { source, position } = overlay.entry(at).place.clone();
            let help = Some("write `provider.pools[name].count: 8`, a path and a value".to_owned());
            Problem { message, help, key: String::new(), position: Some(position), source }
        };
        let pairs = match overlay.kind(overlay.root) {
            Kind::Mapping(pairs) => pairs,
            Kind::Scalar(_) | Kind::Sequence(_) => {
                let found = overlay.describe(overlay.root);
                let message = format!("an overlay has paths with values, not {found}");
                return Err(Diagnostics::new(vec![problem(overlay.root, message)]));
            }
        };
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for &(key, value) in pairs {
            if let Some(replacement) = Override::in_overlay(&overlay, key, value) {
                found.push(replacement);
            } else {
                let message = format!("{} is no path", overlay.describe(key));
                problems.push(problem(key, message));
            }
        }
        if problems.is_empty() { Ok(found) } else { Err(Diagnostics::new(problems)) }
    }

    /// One part of a path further down.
    fn step(
        &self,
        at: NodeId,
        part: &str,
        walked: &str,
        place: &Place,
    ) -> Result<Step, Diagnostics> {
        let (message, help) = match self.kind(at) {
            Kind::Mapping(pairs) => {
                let found = pairs.iter().find(|(key, _)| self.text(*key) == Some(part));
                return Ok(found.map_or(Step::Absent, |&(_, value)| Step::Existing(value)));
            }
            Kind::Scalar(scalar) if scalar.is_null() => return Ok(Step::Absent),
            Kind::Scalar(_) => (format!("`{walked}` is a single value and has no `{part}`"), None),
            Kind::Sequence(items) => {
                if let Some(item) = self.item(items, part) {
                    return Ok(Step::Existing(item));
                }
                let names: Vec<&str> = items.iter().filter_map(|&item| self.name(item)).collect();
                let size = match items.len() {
                    1 => "1 item".to_owned(),
                    n => format!("{n} items"),
                };
                let help = (!names.is_empty()).then(|| near::help(part, "names", names));
                (format!("`{walked}` has {size}, but none at `{part}`"), help)
            }
        };
        let Place { source, position } = place.clone();
        let problem =
            Problem { message, help, key: String::new(), position: Some(position), source };
        Err(Diagnostics::new(vec![problem]))
    }

    /// A list item by its name, else by its index.
    fn item(&self, items: &[NodeId], part: &str) -> Option<NodeId> {
        let named = items.iter().copied().find(|&item| self.name(item) == Some(part));
        named.or_else(|| items.get(part.parse::<usize>().ok()?).copied())
    }

    /// The name of a list item: its `name` key, or the item itself where it is a word.
    fn name(&self, item: NodeId) -> Option<&str> {
        match self.kind(item) {
            Kind::Scalar(scalar) => Some(&scalar.text),
            Kind::Sequence(_) => None,
            Kind::Mapping(pairs) => pairs
                .iter()
                .find(|(key, _)| self.text(*key) == Some("name"))
                .and_then(|&(_, value)| self.text(value)),
        }
    }

    fn add_key(&mut self, at: NodeId, key: &str, value: NodeId, place: &Place) {
        let text = super::Scalar { text: key.to_owned(), plain: true };
        let key = self.push(Kind::Scalar(text), place.clone());
        match &mut self.entries[at.0 as usize].kind {
            Kind::Mapping(pairs) => pairs.push((key, value)),
            // What was nothing becomes keys.
            kind @ (Kind::Scalar(_) | Kind::Sequence(_)) => {
                *kind = Kind::Mapping(vec![(key, value)]);
            }
        }
    }

    /// Puts the content of `new` at `old`, so that `old`'s parent need not be known.
    fn swap(&mut self, old: NodeId, new: NodeId) {
        self.entries.swap(old.0 as usize, new.0 as usize);
    }
}

enum Step {
    Existing(NodeId),
    Absent,
}

fn extend(walked: &mut String, part: &str) {
    if !walked.is_empty() {
        walked.push('.');
    }
    walked.push_str(part);
}

/// The path of the argument, which is where a wrong path is shown.
fn place(argument: &Arc<Source>) -> Place {
    let length = argument.text.find('=').unwrap_or(argument.text.len());
    Place {
        source: argument.clone(),
        position: SourcePosition { line: 1, column: 1, offset: 0, length },
    }
}
