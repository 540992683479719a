use super::{Document, Kind, NodeId};

impl Document {
    /// The document in a form that does not depend on layout, comments, quotes or the order of
    /// keys, without the top-level keys in `left_out`.
    pub(crate) fn canonical(&self, left_out: &[&str]) -> String {
        let mut out = String::new();
        self.write(self.root, left_out, &mut out);
        out
    }

    fn write(&self, id: NodeId, left_out: &[&str], out: &mut String) {
        match self.kind(id) {
            Kind::Scalar(scalar) => write_text(&scalar.text, out),
            Kind::Sequence(items) => {
                out.push('[');
                for &item in items {
                    self.write(item, &[], out);
                    out.push(',');
                }
                out.push(']');
            }
            Kind::Mapping(pairs) => {
                let mut sorted: Vec<_> = pairs
                    .iter()
                    .map(|&(key, value)| (self.text(key).unwrap_or_default(), value))
                    .filter(|(key, _)| !left_out.contains(key))
                    .collect();
                sorted.sort_unstable_by_key(|&(key, _)| key);
                out.push('{');
                for (key, value) in sorted {
                    write_text(key, out);
                    out.push(':');
                    self.write(value, &[], out);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

/// Length first, so that no text can pass for structure.
fn write_text(text: &str, out: &mut String) {
    out.push_str(&text.len().to_string());
    out.push('"');
    out.push_str(text);
}
