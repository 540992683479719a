//! One chat completion, whole or folded from its chunks.

use connector::{Error, ErrorKind, Tokens, Usage};

use super::super::{
    call::{Answer, Heard},
    line::{Stream, unreadable},
};
use crate::openai::{ChatChunk, ChatResponse, Delta};

/// The status under which an error in the middle of a stream is read: the answer had begun well.
const FAILED_INSIDE: u16 = 500;

/// What a stream has said so far.
#[derive(Debug)]
pub(in crate::http) struct ChatStream {
    /// Length of the prompt as we count it, for engines that do not.
    prompt: Tokens,
    text: String,
    /// Chunks with something in them; engines send one for each token.
    pieces: u32,
    /// As it was counted last, which some engines do all along.
    usage: Option<Usage>,
    /// The engine said why the answer ends, or counted it when there was nothing else to say.
    finished: bool,
}

impl ChatStream {
    pub(in crate::http) const fn new(prompt: Tokens) -> Self {
        let text = String::new();
        Self { prompt, text, pieces: 0, usage: None, finished: false }
    }

    fn piece(&mut self, delta: &Delta<'_>, heard: &mut Vec<Heard>) {
        let content = delta.content.as_deref().unwrap_or_default();
        let thought = delta.reasoning_content.as_deref().unwrap_or_default();
        if content.is_empty() && thought.is_empty() {
            return;
        }
        self.pieces = self.pieces.saturating_add(1);
        let begin = self.text.len();
        self.text.push_str(content);
        heard.push(Heard::Piece(begin..self.text.len()));
    }
}

impl Stream for ChatStream {
    fn take(&mut self, data: &str, heard: &mut Vec<Heard>) -> Result<(), Error> {
        let chunk: ChatChunk<'_> = serde_json::from_str(data)
            .map_err(|error| unreadable(&format!("stream chunk: {error}")))?;
        if let Some(error) = chunk.error {
            return Err(error.to_error(FAILED_INSIDE));
        }
        match chunk.choices.first() {
            Some(choice) => {
                self.piece(&choice.delta, heard);
                self.finished |= choice.finish_reason.is_some();
            }
            None => self.finished |= chunk.usage.is_some(),
        }
        self.usage = chunk.usage.map(Into::into).or(self.usage);
        Ok(())
    }

    fn text(&self) -> &str {
        &self.text
    }

    /// An engine that does not count is believed to have sent one chunk for each token, but only
    /// when it said that the answer was complete.
    fn finish(self) -> Result<Answer, Error> {
        let counted = Usage::computed(self.prompt, Tokens::new(self.pieces));
        if !self.finished {
            let words = "the stream ended before the answer did";
            return Err(Error::new(ErrorKind::Protocol, words));
        }
        Ok(Answer::Generated { usage: self.usage.unwrap_or(counted), text: self.text })
    }
}

/// An answer that was not streamed.
///
/// # Errors
/// `Protocol` without a choice or a count of tokens: there are no chunks to count.
pub(in crate::http) fn whole(body: ChatResponse) -> Result<Answer, Error> {
    let incomplete = |what: &str| {
        Error::new(ErrorKind::Protocol, format!("the completion comes without {what}"))
    };
    let choice = body.choices.into_iter().next().ok_or_else(|| incomplete("a choice"))?;
    let usage = body.usage.ok_or_else(|| incomplete("usage"))?;
    Ok(Answer::Generated { usage: usage.into(), text: choice.message.content.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_with_usage_is_believed() {
        let (heard, answer) = fold(&[
            r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"content":"hi "}}],"usage":null}"#,
            r#"{"choices":[{"delta":{"content":"there"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":19,"completion_tokens":3}}"#,
        ]);
        assert_eq!(heard, [Heard::Piece(0..3), Heard::Piece(3..8)]);
        assert_eq!(answer, Ok(generated(19, 3, "hi there")));
    }

    #[test]
    fn an_engine_that_does_not_count_is_counted_if_it_finished() {
        let pieces = [
            r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"content":"hi"}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#,
        ];
        assert_eq!(fold(&pieces).1, Ok(generated(7, 2, "hi")));
        assert_eq!(fold(&pieces[..2]).1.unwrap_err().kind, ErrorKind::Protocol);
    }

    #[test]
    fn a_count_all_along_is_no_end() {
        let pieces = [
            r#"{"choices":[{"delta":{"content":"hi"}}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#,
            r#"{"choices":[{"delta":{"content":" there"}}],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        ];
        assert_eq!(fold(&pieces[..2]).1.unwrap_err().kind, ErrorKind::Protocol);
        assert_eq!(fold(&pieces).1, Ok(generated(9, 3, "hi there")));
    }

    #[test]
    fn what_fails_or_cannot_be_understood_is_an_error_of_its_kind() {
        for (chunks, kind) in [
            (&["{"][..], ErrorKind::Protocol),
            (&[r#"{"choices":[{"delta":{"content":7}}]}"#], ErrorKind::Protocol),
            (&[], ErrorKind::Protocol),
            (
                &[
                    r#"{"error":{"message":"out of memory","type":"InternalServerError","code":500}}"#,
                ],
                ErrorKind::Unavailable { reached: true },
            ),
        ] {
            assert_eq!(fold(chunks).1.unwrap_err().kind, kind, "{chunks:?}");
        }
    }

    #[test]
    fn an_answer_in_one_piece_needs_its_count() {
        let read = |text| whole(serde_json::from_str(text).unwrap());
        let body = r#"{"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":1,"total_tokens":5}}"#;
        assert_eq!(read(body), Ok(generated(4, 1, "hi")));
        assert_eq!(read(r#"{"choices":[]}"#).unwrap_err().kind, ErrorKind::Protocol);
        let uncounted = r#"{"choices":[{"message":{"content":"hi"}}]}"#;
        assert_eq!(read(uncounted).unwrap_err().kind, ErrorKind::Protocol);
    }

    fn generated(prompt: u32, output: u32, text: &str) -> Answer {
        let usage = Usage::computed(Tokens::new(prompt), Tokens::new(output));
        Answer::Generated { usage, text: text.into() }
    }

    fn fold(chunks: &[&str]) -> (Vec<Heard>, Result<Answer, Error>) {
        let (mut stream, mut heard) = (ChatStream::new(Tokens::new(7)), Vec::new());
        for chunk in chunks {
            if let Err(error) = stream.take(chunk, &mut heard) {
                return (heard, Err(error));
            }
        }
        (heard, stream.finish())
    }
}
