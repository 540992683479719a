//! Text of a body that may be absent, without a copy where it has no escapes.
//!
//! serde borrows a `Cow<str>` if it is told to, but makes a copy of every `Option<Cow<str>>`, told or not: streams
//! have such a field in each of their events.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// For `deserialize_with`.
pub(crate) fn text<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'a, str>>, D::Error> {
    Ok(Option::<Text<'a>>::deserialize(deserializer)?.map(|Text(text)| text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(default, borrow, deserialize_with = "text")]
        said: Option<Cow<'a, str>>,
    }

    #[test]
    fn only_text_with_escapes_is_copied() {
        let read = |body| serde_json::from_str::<Body<'_>>(body).unwrap().said;
        assert!(matches!(read(r#"{"said":"the "}"#), Some(Cow::Borrowed("the "))));
        assert!(matches!(read(r#"{"said":"a\n"}"#), Some(Cow::Owned(text)) if text == "a\n"));
        assert_eq!((read(r#"{"said":null}"#), read("{}")), (None, None));
    }
}
