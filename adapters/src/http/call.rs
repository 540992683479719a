//! One call: the exchanges that answer one operation, and what is reported of them meanwhile.

use std::{fmt, ops::Range, pin::Pin, sync::Arc};

use connector::{AllocationInfo, Duration, Error, ErrorKind, PoolInfo, Ticket, Timestamp, Usage};
use tokio::sync::{Notify, mpsc};

use super::{
    gaps::StreamGaps,
    growth::{Bell, Curiosity},
    line::Line,
};

/// How long the end of an answer that is complete is awaited, so that the connection can be used
/// again.
const MAX_LINGER: std::time::Duration = std::time::Duration::from_secs(1);

pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

type Speech = Box<dyn for<'a> FnOnce(&'a mut Line) -> Answering<'a> + Send>;

/// An answer on its way.
pub(super) type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

/// The exchanges that an operation takes, ready to begin.
pub(super) struct Dialogue {
    /// For messages.
    address: &'static str,
    speech: Speech,
}

impl Dialogue {
    /// `address` is what is asked first, for messages.
    pub(super) fn new(
        address: &'static str,
        speech: impl for<'a> FnOnce(&'a mut Line) -> Answering<'a> + Send + 'static,
    ) -> Self {
        Self { address, speech: Box::new(speech) }
    }
}

impl fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dialogue").field(&self.address).finish()
    }
}

/// A dialogue and the bounds that it keeps.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) dialogue: Dialogue,
    /// What is to be told while the answer streams in.
    pub(super) curiosity: Option<Curiosity>,
    /// Of all its exchanges together.
    pub(super) timeout: Duration,
}

/// A successful answer, as far as the wire alone tells it.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// The share of this name.
    Granted(String),
    Generated {
        usage: Usage,
        text: String,
    },
    Released,
    Inspected(AllocationInfo),
    Listed(Vec<Row>),
    /// The endpoint lists nothing: what is known here is the answer.
    KnownHere,
    Pools(Vec<PoolInfo>),
}

/// One line of a listing.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    /// The share's name.
    pub(super) id: String,
    /// What is told of it. Its number means nothing yet: the connector gives it.
    pub(super) info: AllocationInfo,
}

/// What an event of a stream says before the end.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// More of the answer, a token perhaps: here in the stream's text. The text of a thought is not kept.
    Piece(Range<usize>),
    Preempted {
        grace: Duration,
    },
}

/// What is heard of a call.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    FirstToken,
    /// There is more of the answer on its sheet.
    Progress,
    Preempted {
        grace: Duration,
    },
    Answered(Result<Answer, Error>),
}

/// News of one call, with the time of receipt.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) ticket: Ticket,
    /// Number of the call: a ticket may be used again once it is answered.
    pub(super) call: u64,
    pub(super) at: Timestamp,
    /// When the call's question was handed to the HTTP client.
    pub(super) sent: Timestamp,
    pub(super) news: News,
}

/// The way back to the connector. Answers even if the call's task dies: a ticket without an answer
/// would hold its lease for ever.
pub(super) struct Reporter {
    pub(super) ticket: Ticket,
    pub(super) call: u64,
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) woken: Arc<Notify>,
    pub(super) clock: Clock,
    pub(super) bell: Option<Bell>,
    /// Where to note the times between pieces.
    pub(super) gaps: Option<StreamGaps>,
    /// When it began to send.
    pub(super) sent: Timestamp,
    pub(super) begun: bool,
    pub(super) answered: bool,
}

impl Reporter {
    async fn report(&mut self, at: Timestamp, news: News) {
        self.answered |= matches!(news, News::Answered(_));
        let arrival = self.arrival(at, news);
        // A closed channel means that the connector is gone and nobody wants the answer.
        let _ = self.arrivals.send(arrival).await;
        self.woken.notify_one();
    }

    /// The first content was there at this time; told once.
    pub(super) async fn begin(&mut self, at: Timestamp) {
        if !std::mem::replace(&mut self.begun, true) {
            self.report(at, News::FirstToken).await;
        }
    }

    /// The time by the connector's clock.
    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// This was received at this time, of an answer whose text is this. A piece is on the sheet before its
    /// first token is told, so whoever has heard of the token can read there what was made.
    pub(super) async fn hear(&mut self, at: Timestamp, heard: Heard, text: &str) {
        match heard {
            Heard::Piece(place) => {
                self.gaps.iter_mut().for_each(|gaps| gaps.piece(at));
                if let Some(bell) = &self.bell {
                    bell.note(&text[place]);
                }
                self.begin(at).await;
            }
            Heard::Preempted { grace } => self.report(at, News::Preempted { grace }).await,
        }
    }

    pub(super) async fn ring(&mut self) {
        let now = self.now();
        if self.bell.as_mut().is_some_and(|bell| bell.rings(now)) {
            self.report(now, News::Progress).await;
        }
    }

    /// How long until the bell must ring if nothing more is heard.
    pub(super) fn quiet(&self) -> Option<Duration> {
        self.bell.as_ref()?.wait(self.now())
    }

    fn arrival(&self, at: Timestamp, news: News) -> Arrival {
        Arrival { ticket: self.ticket, call: self.call, at, sent: self.sent, news }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if !self.answered {
            let error = Error::new(ErrorKind::Protocol, "the call ended without an answer");
            // The channel has room for every call's news, so this fails only when it is closed.
            let _ = self.arrivals.try_send(self.arrival(self.now(), News::Answered(Err(error))));
            self.woken.notify_one();
        }
    }
}

/// Holds the dialogue and reports all of it.
pub(super) async fn make(dialogue: Dialogue, timeout: Duration, mut line: Line) {
    let Dialogue { address, speech } = dialogue;
    line.reporter.sent = line.reporter.now();
    let answering = tokio::time::timeout(timeout.to_std(), speech(&mut line));
    let result = answering.await.unwrap_or_else(|_elapsed| {
        let words = format!("{address} was not answered within {timeout}");
        Err(Error::new(ErrorKind::Timeout, words))
    });
    let at = line.reporter.now();
    line.reporter.report(at, News::Answered(result)).await;
    let _ = tokio::time::timeout(MAX_LINGER, line.read_to_the_end()).await;
}
