//! `--set path=value`: one value of a scenario replaced without editing its file; and overlays, files
//! of such replacements.

use std::{fmt, str::FromStr, sync::Arc};

use crate::document::{Document, NodeId};

/// One replacement: a path and the new value in YAML.
///
/// The path's parts are keys, indexes of list items, or names of list items:
/// `seed=7`, `provider.pools.0.count=8`, `provider.pools[shared-l4].count=8`.
#[derive(Clone, Debug)]
pub struct Override {
    text: String,
    path: Vec<String>,
    value: Value,
}

/// Where the new value is written.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// In the argument, from this byte on.
    Argument(usize),
    /// In an overlay, behind this key.
    Overlay { overlay: Arc<Document>, key: NodeId, value: NodeId },
}

/// Longest path; the language needs nine parts.
const MAX_PARTS: usize = 32;

/// A text that is not `path=value`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not of the form path=value, such as provider.pools.0.count=8")]
pub struct OverrideError {
    /// What was read.
    text: String,
}

impl Override {
    /// The parts of the path.
    pub(crate) fn path(&self) -> &[String] {
        &self.path
    }

    /// The whole argument; of an overlay, the path.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The new value.
    pub(crate) const fn value(&self) -> &Value {
        &self.value
    }

    /// The replacement that stands in an overlay under this key; `None` if the key is no path.
    pub(crate) fn in_overlay(overlay: &Arc<Document>, key: NodeId, value: NodeId) -> Option<Self> {
        let text = overlay.text(key)?.to_owned();
        let path = parts(&text)?;
        let value = Value::Overlay { overlay: overlay.clone(), key, value };
        Some(Self { text, path, value })
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Override {
    type Err = OverrideError;

    fn from_str(text: &str) -> Result<Self, OverrideError> {
        let refused = || OverrideError { text: text.to_owned() };
        let (path, _) = text.split_once('=').ok_or_else(refused)?;
        let parts = parts(path).ok_or_else(refused)?;
        Ok(Self { text: text.to_owned(), path: parts, value: Value::Argument(path.len() + 1) })
    }
}

/// `a.b[c.d].0` as `a`, `b`, `c.d`, `0`: brackets keep the dots of a name together.
fn parts(path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        let (part, after) = if let Some(inside) = rest.strip_prefix('[') {
            inside.split_once(']')?
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            rest.split_at(end)
        };
        if part.is_empty() {
            return None;
        }
        parts.push(part.to_owned());
        rest = match after.strip_prefix('.') {
            Some("") => return None,
            Some(next) => next,
            None if after.is_empty() || after.starts_with('[') => after,
            None => return None,
        };
    }
    (1..=MAX_PARTS).contains(&parts.len()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_keys_indexes_and_names() {
        for (text, path, value) in [
            ("seed=7", &["seed"][..], "7"),
            ("provider.pools.0.count=8", &["provider", "pools", "0", "count"], "8"),
            (
                "provider.pools[shared-l4].count=8",
                &["provider", "pools", "shared-l4", "count"],
                "8",
            ),
            ("models[v1.5].pool=premium", &["models", "v1.5", "pool"], "premium"),
            ("objectives.0=cost <= 5", &["objectives", "0"], "cost <= 5"),
            ("description=", &["description"], ""),
        ] {
            let parsed: Override = text.parse().expect("valid");
            let &Value::Argument(at) = parsed.value() else { panic!("{text} is an argument") };
            let read = (parsed.path(), &parsed.text[at..]);
            assert_eq!(read, (&owned(path)[..], value), "{text}");
        }
    }

    #[test]
    fn a_text_without_path_or_value_is_refused() {
        for text in ["seed", "=7", "a..b=1", "a.=1", "a[=1", "a[]=1", ".a=1", "a]b[=1", "a[b]c=1"] {
            let error = text.parse::<Override>().expect_err(text).to_string();
            assert_eq!(
                error,
                format!("`{text}` is not of the form path=value, such as provider.pools.0.count=8")
            );
        }
    }

    fn owned(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|&part| part.to_owned()).collect()
    }
}
