use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest id that is believed, in bytes: a UUID has 36.
const MAX_ID: usize = 128;

/// An id that comes as a number in one answer and as text in the next (pathology 15). Both are the
/// same id; it is sent as a number where it is one, because that is what the clients send.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireId(Box<str>);

impl WireId {
    /// An id of this text; `None` if it is empty, too long, or has other characters than letters,
    /// digits, `-`, `_` and `.`.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let usable = !text.is_empty() && text.len() <= MAX_ID && text.bytes().all(plain);
        usable.then(|| Self(text.into()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a number, if it is one.
    pub fn number(&self) -> Option<u64> {
        let number: u64 = self.0.parse().ok()?;
        (number.to_string() == *self.0).then_some(number)
    }
}

impl From<u64> for WireId {
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl fmt::Display for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for WireId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number() {
            Some(number) => serializer.serialize_u64(number),
            None => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for WireId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(number.into()),
            Either::Text(text) => {
                Self::new(&text).ok_or_else(|| de::Error::custom("this text is no id"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<WireId> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn p15_a_number_and_its_text_are_the_same_id() {
        assert_eq!(read("42"), read("\"42\""));
        assert_eq!(serde_json::to_string(&read("\"42\"")).unwrap(), "42");
        let uuid = "\"550e8400-e29b-41d4-a716-446655440000\"";
        assert_eq!(serde_json::to_string(&read(uuid)).unwrap(), uuid);
        assert_eq!(serde_json::to_string(&read("\"007\"")).unwrap(), "\"007\"");
    }

    #[test]
    fn p31_what_is_no_id_is_none() {
        for text in ["null", "\"\"", "-1", "1.5", "{}", "\"a/b\"", "\" \"", "[1]", "true"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&format!("\"{}\"", "x".repeat(129))), None);
    }
}
