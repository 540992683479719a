//! A stream of tokens from what the keeper says, in the words of a dialect.
//!
//! The stream is pulled by the connection: a client that does not read holds nothing but its own
//! line, and one that hangs up drops the stream and with it the inference.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use connector::{Duration, Error, ErrorKind, Reply, Usage};
use futures_util::stream;

use super::{desk::Answers, voice::Said};

/// Tokens in one piece of the stream, which bounds what is held of a long answer.
const PIECE: u32 = 1024;

/// How a dialect puts a stream.
pub(super) trait Script: Send + 'static {
    /// The tokens from one up to another.
    fn tokens(&mut self, from: u32, until: u32, into: &mut Vec<u8>);

    /// The share under the inference will be taken away.
    fn notice(&mut self, grace: Duration, into: &mut Vec<u8>);

    /// The end, after all tokens that there are.
    fn end(&mut self, result: &Result<Usage, Error>, into: &mut Vec<u8>);
}

/// A stream that begins with what was said first.
pub(super) fn body(first: Said, answers: Answers, script: impl Script) -> Body {
    let speech = Speech { answers, script, unheard: Some(first), sent: 0, ending: None };
    Body::from_stream(stream::unfold(speech, |mut speech| async move {
        let piece = speech.next_piece().await?;
        Some((Ok::<_, Infallible>(piece), speech))
    }))
}

struct Speech<S> {
    answers: Answers,
    script: S,
    unheard: Option<Said>,
    /// Tokens sent.
    sent: u32,
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

impl<S: Script> Speech<S> {
    /// The next bytes, or `None` after the last.
    async fn next_piece(&mut self) -> Option<Bytes> {
        loop {
            match self.ending.take() {
                Some(Ending::Over) => return None,
                Some(Ending::Tokens { until, result }) => return Some(self.finish(until, result)),
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
                    let mut piece = Vec::new();
                    self.script.notice(grace, &mut piece);
                    if !piece.is_empty() {
                        return Some(piece.into());
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

    /// The next tokens up to this one, or as many of them as one piece holds.
    fn tokens_until(&mut self, until: u32) -> Vec<u8> {
        let until = until.min(self.sent.saturating_add(PIECE)).max(self.sent);
        let mut piece = Vec::new();
        self.script.tokens(self.sent, until, &mut piece);
        self.sent = until;
        piece
    }

    /// The tokens left, then the result and the end.
    fn finish(&mut self, until: u32, result: Result<Usage, Error>) -> Bytes {
        let mut piece = self.tokens_until(until);
        self.ending = Some(if self.sent < until {
            Ending::Tokens { until, result }
        } else {
            self.script.end(&result, &mut piece);
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
