use std::path::{Path, PathBuf};

use super::{Document, Kind, NodeId, Scalar};

/// The effective text of a scenario: overrides applied, comments and layout gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Without the keys that do not belong to the experiment.
    body: String,
    /// What its paths are relative to.
    base_dir: PathBuf,
    /// Whether it names any.
    names_files: bool,
}

/// Keys that say nothing about the experiment, and are no part of its hash.
pub(crate) const BESIDE: [&str; 2] = ["seed", "paths_from"];

impl Effective {
    pub(crate) fn new(document: &Document, base_dir: &Path, names_files: bool) -> Self {
        let mut body = String::new();
        document.write_yaml(document.root, 0, &BESIDE, &mut body);
        Self { body: body.trim_start().to_owned(), base_dir: base_dir.to_owned(), names_files }
    }

    /// The scenario with this seed as a file that may stand anywhere: loaded again it is the same
    /// scenario, of the same hash. If it names files it says what their paths are relative to.
    pub fn to_yaml(&self, seed: u64) -> String {
        let absolute = std::path::absolute(&self.base_dir);
        let base_dir = absolute.as_deref().unwrap_or(&self.base_dir).display().to_string();
        let paths = if self.names_files {
            format!("paths_from: {}\n", quoted(&base_dir))
        } else {
            String::new()
        };
        format!("seed: {seed}\n{paths}{}", self.body)
    }
}

impl Document {
    /// Writes a node that stands behind `key:` or `-`, on the same line or below.
    fn write_yaml(&self, id: NodeId, indent: usize, left_out: &[&str], out: &mut String) {
        match self.kind(id) {
            Kind::Scalar(scalar) => {
                let text = written(scalar);
                if !text.is_empty() {
                    out.push(' ');
                }
                out.push_str(&text);
                out.push('\n');
            }
            Kind::Sequence(items) if items.is_empty() => out.push_str(" []\n"),
            Kind::Mapping(pairs) if pairs.is_empty() => out.push_str(" {}\n"),
            Kind::Sequence(items) => {
                out.push('\n');
                for &item in items {
                    out.push_str(&" ".repeat(indent));
                    out.push('-');
                    self.write_yaml(item, indent + 2, &[], out);
                }
            }
            Kind::Mapping(pairs) => {
                out.push('\n');
                for &(key, value) in pairs {
                    if left_out.contains(&self.text(key).unwrap_or_default()) {
                        continue;
                    }
                    out.push_str(&" ".repeat(indent));
                    if let Kind::Scalar(key) = self.kind(key) {
                        let text = written(key);
                        out.push_str(if text.is_empty() { "\"\"" } else { &text });
                    }
                    out.push(':');
                    self.write_yaml(value, indent + 2, &[], out);
                }
            }
        }
    }
}

/// What was written without quotes needs none: plain text within brackets is plain text outside of
/// them, unless it went over lines.
fn written(scalar: &Scalar) -> String {
    let Scalar { text, plain } = scalar;
    if *plain && !text.contains(char::is_control) { text.clone() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // YAML takes these for line breaks or for no text.
            '\u{2028}' | '\u{2029}' | '\u{feff}' => out.push_str(&escaped(c)),
            c if c.is_control() => out.push_str(&escaped(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn escaped(c: char) -> String {
    format!("\\u{:04x}", u32::from(c))
}
