use secrecy::{ExposeSecret, SecretString};

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// So many characters of a secret at the end of a text that was cut are taken for the rest of it too.
const TELLTALE: usize = 8;

/// Takes secrets out of what others say.
///
/// Words of a provider are cut to a length, so a secret may be there in part: at the end.
#[derive(Debug, Default)]
pub(super) struct Scrubber {
    secrets: Vec<SecretString>,
}

impl Scrubber {
    /// Of these secrets, as they are and as JSON writes them.
    pub(super) fn new(secrets: &[SecretString]) -> Self {
        let mut known: Vec<SecretString> = Vec::new();
        for secret in secrets.iter().filter(|secret| !secret.expose_secret().is_empty()) {
            known.push(secret.clone());
            let written = serde_json::Value::from(secret.expose_secret()).to_string();
            let inside = &written[1..written.len() - 1];
            if inside != secret.expose_secret() {
                known.push(inside.into());
            }
        }
        Self { secrets: known }
    }

    /// The text without secrets; `None` where there are none.
    pub(super) fn cleaned(&self, text: &str) -> Option<Box<str>> {
        let mut cleaned = None;
        for secret in self.secrets.iter().map(ExposeSecret::expose_secret) {
            let seen: &str = cleaned.as_deref().unwrap_or(text);
            let mut next = seen.contains(secret).then(|| seen.replace(secret, REDACTED));
            let seen = next.as_deref().unwrap_or(seen);
            if let Some(cut) = cut_off(seen, secret) {
                next = Some(format!("{}{REDACTED}", &seen[..cut]));
            }
            cleaned = next.or(cleaned);
        }
        cleaned.map(String::into_boxed_str)
    }
}

/// Where a text breaks off within a secret.
fn cut_off(text: &str, secret: &str) -> Option<usize> {
    let ends = secret.char_indices().skip(TELLTALE).map(|(end, _)| end);
    ends.filter(|&end| text.ends_with(&secret[..end])).last().map(|end| text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_whole_written_as_json_and_cut_off() {
        let scrubber = Scrubber::new(&["sk-\"quoted\"-0123456789".into(), "".into()]);
        for (text, clean) in [
            ("nothing here", None),
            ("key sk-\"quoted\"-0123456789 is wrong", Some("key [redacted] is wrong")),
            (r#"{"key":"sk-\"quoted\"-0123456789"}"#, Some(r#"{"key":"[redacted]"}"#)),
            (
                "twice sk-\"quoted\"-0123456789, sk-\"quoted\"-01234",
                Some("twice [redacted], [redacted]"),
            ),
            ("too little to tell: sk-\"quo", None),
        ] {
            assert_eq!(scrubber.cleaned(text).as_deref(), clean, "{text}");
        }
    }
}
