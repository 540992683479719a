//! A stream of tokens from what the keeper says.
//!
//! The stream is pulled by the connection: a client that does not read holds nothing but its own
//! channel, and one that hangs up drops the stream and with it the inference.

use adapters::harpoon_v1::{DONE, ErrorDetail, PreemptedNotice, StreamFrame};
use axum::body::{Body, Bytes};
use connector::{Error, ErrorKind, Reply};
use futures_util::stream;

use super::super::{
    desk::{Answers, Said},
    filler,
};

/// Tokens in one piece of the stream, which bounds what is held of a long answer.
const PIECE: u32 = 1024;

/// A stream that begins with what was said first.
pub(in crate::mock) fn body(first: Said, answers: Answers) -> Body {
    let speech = Speech { answers, unheard: Some(first), sent: 0, ending: None };
    Body::from_stream(stream::unfold(speech, |mut speech| async move {
        let piece = speech.next_piece().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), speech))
    }))
}

struct Speech {
    answers: Answers,
    unheard: Option<Said>,
    /// Tokens sent.
    sent: u32,
    ending: Option<Ending>,
}

/// What is left to say once the answer is known.
enum Ending {
    /// Tokens up to this one, then the last frame.
    Tokens {
        until: u32,
        last: StreamFrame<'static>,
    },
    Over,
}

impl Speech {
    /// The next bytes, or `None` after the last.
    async fn next_piece(&mut self) -> Option<Bytes> {
        loop {
            match self.ending.take() {
                Some(Ending::Over) => return None,
                Some(Ending::Tokens { until, last }) => return Some(self.finish(until, last)),
                None => {}
            }
            if self.sent > 0 && self.sent < self.answers.made().get() {
                return Some(self.tokens_until(self.answers.made().get()).into());
            }
            let said = match self.unheard.take() {
                Some(said) => Some(said),
                None => self.answers.next_or_more().await,
            };
            match said {
                None => {}
                Some(Said::FirstToken) => return Some(self.tokens_until(1).into()),
                Some(Said::Preempted { grace }) => {
                    let grace_ms = grace.as_nanos().div_ceil(1_000_000);
                    let preempted = Some(PreemptedNotice { grace_ms });
                    return Some(
                        frame(&StreamFrame { preempted, ..StreamFrame::default() }).into(),
                    );
                }
                Some(Said::Answered(result)) => self.ending = Some(self.end(result)),
            }
        }
    }

    fn end(&self, result: Result<Reply, Error>) -> Ending {
        match result {
            Ok(Reply::Generated { usage, .. }) => {
                let last = StreamFrame { usage: Some(usage.into()), ..StreamFrame::default() };
                Ending::Tokens { until: usage.output.get(), last }
            }
            Ok(_) => self.failure(&odd_answer()),
            Err(error) => self.failure(&error),
        }
    }

    /// What was made before is sent before.
    fn failure(&self, error: &Error) -> Ending {
        let last = StreamFrame { error: Some(ErrorDetail::from(error)), ..StreamFrame::default() };
        Ending::Tokens { until: self.answers.made().get(), last }
    }

    /// The next tokens up to this one, or as many of them as one piece holds.
    fn tokens_until(&mut self, until: u32) -> String {
        self.tokens(until.saturating_sub(self.sent).min(PIECE))
    }

    fn tokens(&mut self, count: u32) -> String {
        let words = (self.sent..self.sent.saturating_add(count)).map(filler::word);
        self.sent = self.sent.saturating_add(count);
        let frames = words
            .map(|word| frame(&StreamFrame { delta: Some(word.into()), ..StreamFrame::default() }));
        frames.collect()
    }

    /// The tokens left, then the last frame and the end.
    fn finish(&mut self, until: u32, last: StreamFrame<'static>) -> Bytes {
        let mut piece = self.tokens_until(until);
        self.ending = Some(if self.sent < until {
            Ending::Tokens { until, last }
        } else {
            piece.push_str(&frame(&last));
            piece.push_str(&event(DONE));
            Ending::Over
        });
        piece.into()
    }
}

fn odd_answer() -> Error {
    Error::new(ErrorKind::Protocol, "the provider answered an inference with something else")
}

fn frame(frame: &StreamFrame<'_>) -> String {
    event(&serde_json::to_string(frame).expect("a frame is made of text and numbers"))
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}
