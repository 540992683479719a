//! A stream of tokens from what the keeper says, in the words of a dialect.
//!
//! The stream is pulled by the connection: a client that does not read holds nothing but its own
//! line, and one that hangs up drops the stream and with it the inference. Between a stream's first token
//! and its end the pen lies on the sheet ([`voice`](super::voice)), for whoever hears the provider to write with.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use connector::{Error, ErrorKind, Reply, Usage};
use futures_util::stream;

use super::{desk::Answers, pen::Pen, voice::Said};

/// A stream that begins with what was said first.
pub(super) fn body(first: Said, answers: Answers, pen: Pen) -> Body {
    let speech = Speech { answers, pen, unheard: Some(first), ending: None };
    Body::from_stream(stream::unfold(speech, async |speech| {
        let (piece, speech) = speech.next_piece().await?;
        Some((Ok::<_, Infallible>(piece), speech))
    }))
}

struct Speech {
    answers: Answers,
    pen: Pen,
    unheard: Option<Said>,
    ending: Option<Ending>,
}

/// What is left to say once the answer is known.
enum Ending {
    /// Tokens up to this one, then the result.
    Tokens {
        until: u32,
        result: Result<Usage, Error>,
    },
    Over,
}

impl Speech {
    /// The next bytes for the HTTP server, or `None` after the last.
    async fn next_piece(mut self) -> Option<(Bytes, Self)> {
        self.pen.take_the_long_way();
        loop {
            match self.ending.take() {
                Some(Ending::Over) => return None,
                Some(Ending::Tokens { until, result }) => {
                    return Some((self.finish(until, result), self));
                }
                None => {}
            }
            let made = self.answers.made().get();
            if self.pen.sent > 0 && self.pen.sent < made {
                return Some((self.pen.tokens_until(made).into(), self));
            }
            let said;
            (self.pen, said) = match self.unheard.take() {
                Some(said) => (self.pen, Some(said)),
                None => self.answers.next_or_more(self.pen).await,
            };
            match said {
                None => {}
                Some(Said::FirstToken) => return Some((self.pen.tokens_until(1).into(), self)),
                Some(Said::Preempted { grace }) => {
                    let mut piece = Vec::new();
                    self.pen.script.notice(grace, &mut piece);
                    if !piece.is_empty() {
                        return Some((piece.into(), self));
                    }
                }
                Some(Said::Answered(result)) => self.ending = Some(self.end(result)),
            }
        }
    }

    /// What was made before a failure is sent before.
    fn end(&self, result: Result<Reply, Error>) -> Ending {
        let result = usage_of(result);
        let until = match &result {
            Ok(usage) => usage.output,
            Err(_) => self.answers.made(),
        };
        Ending::Tokens { until: until.get(), result }
    }

    /// The tokens left, then the result and the end.
    fn finish(&mut self, until: u32, result: Result<Usage, Error>) -> Bytes {
        let mut piece = self.pen.tokens_until(until);
        self.ending = Some(if self.pen.sent < until {
            Ending::Tokens { until, result }
        } else {
            self.pen.script.end(&result, &mut piece);
            Ending::Over
        });
        piece.into()
    }
}

/// What an inference has used.
///
/// # Errors
/// Its own, and `Protocol` for an answer to something else.
pub(super) fn usage_of(result: Result<Reply, Error>) -> Result<Usage, Error> {
    match result? {
        Reply::Generated { usage, .. } => Ok(usage),
        Reply::Granted { .. }
        | Reply::Cancelled
        | Reply::Released
        | Reply::Inspected(_)
        | Reply::Listed(_)
        | Reply::Pools(_) => {
            let words = "the provider answered an inference with something else";
            Err(Error::new(ErrorKind::Protocol, words))
        }
    }
}

/// Adds a server-sent event.
pub(super) fn event(data: &[u8], into: &mut Vec<u8>) {
    into.reserve(data.len() + 8);
    into.extend_from_slice(b"data: ");
    into.extend_from_slice(data);
    into.extend_from_slice(b"\n\n");
}
