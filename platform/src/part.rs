use connector::{Content, Prompt, Timestamp, Tokens, Usage};

use crate::interface::Request;

/// The part of an answer that a strike has made, as far as the far side told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) tokens: Tokens,
    pub(crate) text: String,
    /// When its first token came.
    pub(crate) begun: Option<Timestamp>,
    /// When more of it was told last.
    pub(crate) grown: Option<Timestamp>,
}

impl Part {
    /// More was told: so many tokens since the beginning, and the text since the last time. False
    /// if that is not news.
    pub(crate) fn grow(&mut self, now: Timestamp, tokens: Tokens, text: Option<&str>) -> bool {
        if tokens <= self.tokens {
            return false;
        }
        self.tokens = tokens;
        self.text.push_str(text.unwrap_or_default());
        self.grown = Some(now);
        true
    }

    /// What the next strike made comes after this.
    pub(crate) fn append(&mut self, next: &Self) {
        self.tokens = Tokens::new(self.tokens.get().saturating_add(next.tokens.get()));
        self.text.push_str(&next.text);
        self.begun = self.begun.or(next.begun);
    }

    /// What is asked of a strike that goes on from here: everything so far is its prompt.
    pub(crate) fn prompt(&self, request: &Request) -> Prompt {
        let content = match &request.content {
            Content::Text(text) if !self.text.is_empty() => {
                Content::Text(format!("{text}{}", self.text).into())
            }
            // Ids say how a prompt begins, and it still begins like that.
            Content::Text(_) | Content::Blocks(_) | Content::Unknown => request.content.clone(),
        };
        let tokens = request.prompt_tokens.get().saturating_add(self.tokens.get());
        Prompt { tokens: Tokens::new(tokens), content }
    }

    /// What is left of an answer of this length, at least one token.
    pub(crate) fn rest(&self, length: Tokens) -> Tokens {
        Tokens::new(length.get().saturating_sub(self.tokens.get()).max(1))
    }

    /// The whole answer, of which the last strike counts its own part only.
    pub(crate) fn complete(
        &self,
        usage: Usage,
        text: Option<Box<str>>,
    ) -> (Usage, Option<Box<str>>) {
        let prompt = Tokens::new(usage.prompt.get().saturating_sub(self.tokens.get()));
        let whole = Usage {
            prompt,
            cached: usage.cached.min(prompt),
            output: Tokens::new(usage.output.get().saturating_add(self.tokens.get())),
        };
        (whole, text.map(|text| format!("{}{text}", self.text).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_tokens_than_were_told_are_no_news() {
        let mut part = Part::default();
        assert!(part.grow(Timestamp::ZERO, Tokens::new(3), Some("abc")));
        assert!(!part.grow(Timestamp::ZERO, Tokens::new(3), Some("abc")));
        assert!(!part.grow(Timestamp::ZERO, Tokens::new(2), None));
        assert_eq!((part.tokens.get(), part.text.as_str()), (3, "abc"));
    }

    #[test]
    fn parts_add_up_to_the_whole_answer_and_the_prompt_is_counted_once() {
        let mut part = Part { tokens: Tokens::new(3), text: "ab".into(), ..Part::default() };
        part.append(&Part { tokens: Tokens::new(2), text: "c".into(), ..Part::default() });
        assert_eq!(part.rest(Tokens::new(9)).get(), 4);
        assert_eq!(part.rest(Tokens::new(5)).get(), 1);
        let last =
            Usage { cached: Tokens::new(12), ..Usage::computed(Tokens::new(15), Tokens::new(4)) };
        let (usage, text) = part.complete(last, Some("d".into()));
        assert_eq!((usage.prompt.get(), usage.cached.get(), usage.output.get()), (10, 10, 9));
        assert_eq!(text.as_deref(), Some("abcd"));
    }
}
