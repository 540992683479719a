//! Prompts known by length only.
//!
//! Traces carry token counts. A live endpoint wants words, so it gets that many short ones:
//! tokenizers of the field spend about one token per four bytes of English, and a common
//! three-letter word with its space is one token in each.

use std::borrow::Cow;

use connector::{Error, ErrorKind, Prompt};

const WORD: &str = "the ";

/// The words of a prompt, made up where there are none.
///
/// # Errors
/// `Invalid` beyond `limit` bytes.
pub(super) fn words(prompt: &Prompt, limit: usize) -> Result<Cow<'_, str>, Error> {
    let tokens = prompt.tokens.get() as usize;
    let text = prompt.content.text();
    let length = text.map_or(tokens.saturating_mul(WORD.len()), str::len);
    if length > limit {
        let words = format!("prompt of {length} bytes is longer than the limit of {limit}");
        return Err(Error::new(ErrorKind::Invalid, words));
    }
    Ok(match text {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(WORD.repeat(tokens)),
    })
}

#[cfg(test)]
mod tests {
    use connector::{Content, Tokens};

    use super::*;

    #[test]
    fn filler_is_four_bytes_per_token() {
        let prompt = Prompt::of_length(Tokens::new(3));
        assert_eq!(words(&prompt, 12).unwrap(), "the the the ");
        assert_eq!(words(&Prompt::of_length(Tokens::ZERO), 0).unwrap(), "");
    }

    #[test]
    fn a_prompt_beyond_the_limit_is_refused_before_it_is_built() {
        let prompt = Prompt::of_length(Tokens::new(u32::MAX));
        assert_eq!(words(&prompt, 1 << 20).unwrap_err().kind, ErrorKind::Invalid);
        let prompt = Prompt { tokens: Tokens::new(1), content: Content::Text("long".into()) };
        assert_eq!(words(&prompt, 3).unwrap_err().kind, ErrorKind::Invalid);
        assert_eq!(words(&prompt, 4).unwrap(), "long");
    }
}
