//! What a message says: text, or parts of several kinds.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};

/// What was said: text, or parts of which some are text. Absent and `null` say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageContent<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Parts.
    Parts(Vec<ContentPart<'a>>),
}

/// A part of what was said. Pictures and sound are read as parts without text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentPart<'a> {
    /// `text`, `image_url` or another word.
    #[serde(default, rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The text, of a part that is text.
    #[serde(default, borrow, deserialize_with = "crate::borrowed::text")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
}

impl MessageContent<'_> {
    /// The pieces of text, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let (text, parts) = match self {
            Self::Text(text) => (Some(&**text), &[][..]),
            Self::Parts(parts) => (None, &parts[..]),
        };
        text.into_iter().chain(parts.iter().filter_map(|part| part.text.as_deref()))
    }
}

impl Default for MessageContent<'_> {
    fn default() -> Self {
        Self::Text(Cow::Borrowed(""))
    }
}

impl Serialize for MessageContent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::Parts(parts) => parts.serialize(serializer),
        }
    }
}

/// By hand: what serde derives for either of two shapes copies everything first.
impl<'de: 'a, 'a> Deserialize<'de> for MessageContent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = MessageContent<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list of parts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(MessageContent::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(MessageContent::Text(Cow::Owned(text.into())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(MessageContent::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = sequence.next_element()? {
            parts.push(part);
        }
        Ok(MessageContent::Parts(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_parts_say_the_same() {
        for (written, texts) in [
            (r#""hello""#, &["hello"][..]),
            (r#""a\nb""#, &["a\nb"]),
            ("null", &[""]),
            (r#"[{"type":"text","text":"hel"},{"type":"text","text":"lo"}]"#, &["hel", "lo"]),
            (r#"[{"type":"image_url","image_url":{"url":"x"}},{"text":"b\nc"}]"#, &["b\nc"]),
            ("[]", &[]),
        ] {
            let content: MessageContent<'_> = serde_json::from_str(written).unwrap();
            assert!(content.texts().eq(texts.iter().copied()), "{written}: {content:?}");
        }
        serde_json::from_str::<MessageContent<'_>>("7").unwrap_err();
    }
}
