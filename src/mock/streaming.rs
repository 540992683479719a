//! A stream of tokens from what the keeper says.
//!
//! The stream is pulled by the connection: a client that does not read holds nothing but its own
//! channel, and one that hangs up drops the stream and with it the inference.

use adapters::harpoon_v1::{DONE, ErrorDetail, PreemptedNotice, StreamFrame, UsageBody};
use axum::body::{Body, Bytes};
use connector::{Duration, Error, ErrorKind, Reply};
use futures_util::stream;
use tokio::time::Instant;

use super::{
    desk::{Answers, Said},
    filler,
};

/// Tokens in one piece of the stream, which bounds what is held of a long answer.
const PIECE: u32 = 1024;

/// A stream of so many tokens that begins with what was said first.
pub(super) fn body(first: Said, answers: Answers, tokens: u32) -> Body {
    let unheard = Some(first);
    let speech = Speech { answers, unheard, tokens, sent: 0, rhythm: None, ending: None };
    Body::from_stream(stream::unfold(speech, |mut speech| async move {
        let piece = speech.next_piece().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), speech))
    }))
}

struct Speech {
    answers: Answers,
    unheard: Option<Said>,
    /// Tokens asked for.
    tokens: u32,
    /// Tokens sent.
    sent: u32,
    rhythm: Option<Rhythm>,
    ending: Option<Ending>,
}

/// When tokens after the first are due.
#[derive(Clone, Copy)]
struct Rhythm {
    first: Instant,
    per_token: Duration,
}

/// What is left to say once the answer is known.
enum Ending {
    Tokens { usage: UsageBody },
    Over,
}

impl Speech {
    /// The next bytes, or `None` after the last.
    async fn next_piece(&mut self) -> Option<Bytes> {
        loop {
            match self.ending {
                Some(Ending::Over) => return None,
                Some(Ending::Tokens { usage }) => return Some(self.finish(usage)),
                None => {}
            }
            let said = match self.unheard.take() {
                Some(said) => said,
                None => match self.hear_or_wait().await {
                    Some(said) => said,
                    None => return Some(self.tokens_due()),
                },
            };
            match said {
                Said::FirstToken { per_token } => {
                    let first = Instant::now();
                    self.rhythm = per_token.map(|per_token| Rhythm { first, per_token });
                    return Some(self.tokens(1).into());
                }
                Said::Preempted { grace } => {
                    let grace_ms = grace.as_nanos().div_ceil(1_000_000);
                    let preempted = Some(PreemptedNotice { grace_ms });
                    return Some(
                        frame(&StreamFrame { preempted, ..StreamFrame::default() }).into(),
                    );
                }
                Said::Answered(Ok(Reply::Generated { usage, .. })) => {
                    self.ending = Some(Ending::Tokens { usage: usage.into() });
                }
                Said::Answered(Ok(_)) => return Some(self.fail(&odd_answer())),
                Said::Answered(Err(error)) => return Some(self.fail(&error)),
            }
        }
    }

    /// What is said next, or `None` when the next token is due before.
    async fn hear_or_wait(&mut self) -> Option<Said> {
        match self.due(self.sent) {
            Some(due) => tokio::time::timeout_at(due, self.answers.next()).await.ok(),
            None => Some(self.answers.next().await),
        }
    }

    /// When this token is due. The last one comes with the end only: a model that is slower than it
    /// was must not have said everything before it is done.
    fn due(&self, token: u32) -> Option<Instant> {
        let rhythm = self.rhythm.filter(|_| token.saturating_add(1) < self.tokens)?;
        rhythm.first.checked_add((rhythm.per_token * u64::from(token)).to_std())
    }

    /// All tokens that are due by now, at least one: a timer is coarser than a fast model.
    fn tokens_due(&mut self) -> Bytes {
        let now = Instant::now();
        let mut count = 1;
        while count < PIECE && self.due(self.sent + count).is_some_and(|due| due <= now) {
            count += 1;
        }
        self.tokens(count).into()
    }

    fn tokens(&mut self, count: u32) -> String {
        let words = (self.sent..self.sent.saturating_add(count)).map(filler::word);
        self.sent = self.sent.saturating_add(count);
        let frames = words
            .map(|word| frame(&StreamFrame { delta: Some(word.into()), ..StreamFrame::default() }));
        frames.collect()
    }

    /// The tokens left, then usage and the end.
    fn finish(&mut self, usage: UsageBody) -> Bytes {
        let left = usage.output_tokens.saturating_sub(self.sent);
        let mut piece = self.tokens(left.min(PIECE));
        if left <= PIECE {
            let last = StreamFrame { usage: Some(usage), ..StreamFrame::default() };
            piece.push_str(&frame(&last));
            piece.push_str(&event(DONE));
            self.ending = Some(Ending::Over);
        }
        piece.into()
    }

    fn fail(&mut self, error: &Error) -> Bytes {
        self.ending = Some(Ending::Over);
        let failed =
            StreamFrame { error: Some(ErrorDetail::from(error)), ..StreamFrame::default() };
        (frame(&failed) + &event(DONE)).into()
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
