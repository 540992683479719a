//! What a simulated model says: words without meaning, the same every time.

const WORDS: [&str; 16] = [
    "the ", "pool ", "has ", "a ", "slot ", "for ", "every ", "token ", "and ", "a ", "token ",
    "for ", "every ", "slot ", "it ", "sold ",
];

/// Bytes of the longest word.
pub(super) const LONGEST_WORD: usize = 6;

/// The word of the token at this place.
pub(super) const fn word(index: u32) -> &'static str {
    WORDS[index as usize % WORDS.len()]
}

/// A text of this many tokens.
pub(super) fn text(tokens: u32) -> String {
    let mut text = String::with_capacity(tokens as usize * LONGEST_WORD);
    text.extend((0..tokens).map(word));
    text
}

/// Length of a prompt in tokens, for callers that do not say: a token per four bytes, at least one.
pub(super) fn count_tokens(prompt: &str) -> u32 {
    tokens_of(prompt.len())
}

/// The same of a text of so many bytes.
pub(super) fn tokens_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(4).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_tokens_in_order() {
        assert_eq!(text(4), "the pool has a ");
        assert_eq!(text(20), (0..20).map(word).collect::<String>());
        assert_eq!(text(0), "");
        assert_eq!(WORDS.map(str::len).into_iter().max(), Some(LONGEST_WORD));
    }

    #[test]
    fn a_prompt_is_a_token_per_four_bytes() {
        assert_eq!((count_tokens(""), count_tokens("abcd"), count_tokens("abcde")), (1, 1, 2));
    }
}
