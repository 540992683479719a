//! One HTTP exchange, from sending the question to the last byte of the answer.

use std::{ops::Deref, sync::Arc};

use connector::{Duration, Error, ErrorKind, Ticket, Timestamp, Tokens, Usage};
use reqwest::{RequestBuilder, Response, header};
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, mpsc};

use super::{
    chat::{self, ChatStream},
    generation::Generation,
    growth::{Bell, Curiosity},
    options::HttpLimits,
    sse::Events,
};
use crate::{
    harpoon_v1::{
        AllocateResponse, AllocationBody, AllocationList, ErrorBody, InferenceResponse, PoolBody,
        PoolList, read_failure, readable,
    },
    openai::{self, ModelList},
};

/// Bytes of a failure's body that are read; its words are cut much shorter.
const MAX_FAILURE: usize = 64 << 10;
/// How long the end of an answer that is complete is awaited, so that the connection can be used
/// again.
const MAX_LINGER: std::time::Duration = std::time::Duration::from_secs(1);

pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A question ready to be sent.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) request: RequestBuilder,
    pub(super) expects: Expects,
    /// What is to be told while the answer streams in.
    pub(super) curiosity: Option<Curiosity>,
    /// For messages.
    pub(super) address: &'static str,
    pub(super) timeout: Duration,
    pub(super) limits: HttpLimits,
}

/// The shape of the answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expects {
    Grant,
    Generation {
        stream: bool,
    },
    Release,
    Inspection,
    Listing,
    Pools,
    /// In the dialect of OpenAI, to a prompt of so many tokens.
    Chat {
        stream: bool,
        prompt: Tokens,
    },
    /// In the dialect of OpenAI.
    Models,
}

impl Expects {
    /// What an answer that is not a success means.
    fn failure(self, status: u16, retry_after: Option<&str>, body: &[u8]) -> Error {
        match self {
            Self::Chat { .. } | Self::Models => openai::read_failure(status, retry_after, body),
            Self::Grant
            | Self::Generation { .. }
            | Self::Release
            | Self::Inspection
            | Self::Listing
            | Self::Pools => read_failure(status, retry_after, body),
        }
    }
}

/// A streamed answer, folded from the data of its events.
pub(super) trait Stream {
    /// Takes the data of one event before the last; adds what it says to `heard`.
    ///
    /// # Errors
    /// That of an event that tells one; `Protocol` for data that cannot be understood.
    fn take(&mut self, data: &str, heard: &mut Vec<Heard>) -> Result<(), Error>;

    /// The answer, once the stream is over.
    ///
    /// # Errors
    /// `Protocol` for a stream that was cut short.
    fn finish(self) -> Result<Answer, Error>;
}

/// A successful answer in the wire's words.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Granted(String),
    Generated { usage: Usage, text: String },
    Released,
    Inspected(AllocationBody),
    Listed(Vec<AllocationBody>),
    Pools(Vec<PoolBody>),
    Models,
}

/// What an event of a stream says before the end.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// More of the answer, a token perhaps; the text of a thought is not kept.
    Piece(String),
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
    pub(super) begun: bool,
    pub(super) answered: bool,
}

impl Reporter {
    async fn report(&mut self, news: News) {
        self.answered |= matches!(news, News::Answered(_));
        let arrival = self.arrival(news);
        // A closed channel means that the connector is gone and nobody wants the answer.
        let _ = self.arrivals.send(arrival).await;
        self.woken.notify_one();
    }

    /// A piece is on the sheet before its first token is told, so whoever has heard of the token can
    /// read there what was made.
    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Piece(text) => {
                self.bell.iter().for_each(|bell| bell.note(&text));
                if !std::mem::replace(&mut self.begun, true) {
                    self.report(News::FirstToken).await;
                }
            }
            Heard::Preempted { grace } => self.report(News::Preempted { grace }).await,
        }
    }

    async fn ring(&mut self) {
        let now = (self.clock)();
        if self.bell.as_mut().is_some_and(|bell| bell.rings(now)) {
            self.report(News::Progress).await;
        }
    }

    /// How long until the bell must ring if nothing more is heard.
    fn quiet(&self) -> Option<Duration> {
        self.bell.as_ref()?.wait((self.clock)())
    }

    fn arrival(&self, news: News) -> Arrival {
        Arrival { ticket: self.ticket, call: self.call, at: (self.clock)(), news }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if !self.answered {
            let error = Error::new(ErrorKind::Protocol, "the call ended without an answer");
            // The channel has room for every call's news, so this fails only when it is closed.
            let _ = self.arrivals.try_send(self.arrival(News::Answered(Err(error))));
            self.woken.notify_one();
        }
    }
}

/// Makes the exchange and reports all of it.
pub(super) async fn make(call: Call, mut reporter: Reporter) {
    let (allowed, address) = (call.timeout, call.address);
    let mut unread = None;
    let exchange = exchange(call, &mut reporter, &mut unread);
    let result = tokio::time::timeout(allowed.to_std(), exchange).await.unwrap_or_else(|_| {
        let words = format!("{address} was not answered within {allowed}");
        Err(Error::new(ErrorKind::Timeout, words))
    });
    reporter.report(News::Answered(result)).await;
    if let Some(response) = unread {
        let _ = tokio::time::timeout(MAX_LINGER, read_up_to(response, MAX_FAILURE)).await;
    }
}

/// Leaves in `unread` a response whose answer is complete but whose end was not yet read.
async fn exchange(
    call: Call,
    reporter: &mut Reporter,
    unread: &mut Option<Response>,
) -> Result<Answer, Error> {
    let response = call.request.send().await.map_err(not_answered)?;
    let status = response.status();
    if !status.is_success() {
        let retry_after = response.headers().get(header::RETRY_AFTER).cloned();
        let retry_after = retry_after.as_ref().and_then(|value| value.to_str().ok());
        let body = read_up_to(response, MAX_FAILURE).await;
        return Err(call.expects.failure(status.as_u16(), retry_after, &body));
    }
    match call.expects {
        Expects::Generation { stream } if stream && is_event_stream(&response) => {
            read_stream(Generation::default(), response, call.limits, reporter, unread).await
        }
        Expects::Chat { stream, prompt } if stream && is_event_stream(&response) => {
            read_stream(ChatStream::new(prompt), response, call.limits, reporter, unread).await
        }
        Expects::Chat { stream, .. } => {
            let answer = chat::whole(read_json(response, call.limits).await?)?;
            if stream && matches!(&answer, Answer::Generated { text, .. } if !text.is_empty()) {
                reporter.report(News::FirstToken).await;
            }
            Ok(answer)
        }
        Expects::Models => {
            read_json::<ModelList>(response, call.limits).await?;
            Ok(Answer::Models)
        }
        Expects::Generation { stream } => {
            let body: InferenceResponse = read_json(response, call.limits).await?;
            if stream && !body.text.is_empty() {
                // The endpoint answers streams whole: all of it is the first content.
                reporter.report(News::FirstToken).await;
            }
            Ok(Answer::Generated { usage: body.usage.into(), text: body.text })
        }
        Expects::Release => {
            read_up_to(response, MAX_FAILURE).await;
            Ok(Answer::Released)
        }
        Expects::Grant => {
            let body: AllocateResponse = read_json(response, call.limits).await?;
            Ok(Answer::Granted(body.allocation_id))
        }
        Expects::Inspection => Ok(Answer::Inspected(read_json(response, call.limits).await?)),
        Expects::Listing => {
            let body: AllocationList = read_json(response, call.limits).await?;
            Ok(Answer::Listed(body.allocations))
        }
        Expects::Pools => {
            let body: PoolList = read_json(response, call.limits).await?;
            Ok(Answer::Pools(body.pools))
        }
    }
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().starts_with("text/event-stream"))
}

async fn read_stream(
    mut stream: impl Stream,
    mut response: Response,
    limits: HttpLimits,
    reporter: &mut Reporter,
    unread: &mut Option<Response>,
) -> Result<Answer, Error> {
    let mut events = Events::new(limits.line_bytes);
    let mut received = 0;
    while let Some(bytes) = next_chunk(&mut response, reporter).await? {
        received += bytes.len();
        check_size(received, limits)?;
        let mut heard = Vec::new();
        let taken = events.push(&bytes, &mut |data| stream.take(data, &mut heard));
        for item in heard {
            reporter.hear(item).await;
        }
        taken?;
        reporter.ring().await;
        if events.is_over() {
            *unread = Some(response);
            break;
        }
    }
    stream.finish()
}

/// The next bytes; rings when it is time to, while there are none.
async fn next_chunk(
    response: &mut Response,
    reporter: &mut Reporter,
) -> Result<Option<impl Deref<Target = [u8]> + use<>>, Error> {
    loop {
        let Some(quiet) = reporter.quiet() else {
            return response.chunk().await.map_err(cut_off);
        };
        match tokio::time::timeout(quiet.to_std(), response.chunk()).await {
            Ok(bytes) => return bytes.map_err(cut_off),
            Err(_elapsed) => reporter.ring().await,
        }
    }
}

async fn read_json<T: DeserializeOwned>(
    mut response: Response,
    limits: HttpLimits,
) -> Result<T, Error> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(cut_off)? {
        check_size(body.len() + bytes.len(), limits)?;
        body.extend_from_slice(&bytes);
    }
    serde_json::from_slice(&body).map_err(|error| {
        // Some providers answer a refusal with a success status and the error as the body.
        match serde_json::from_slice::<ErrorBody>(&body).ok().and_then(|b| b.error.to_error()) {
            Some(refusal) => refusal,
            None => Error::new(ErrorKind::Protocol, format!("HTTP {status}, but {error}")),
        }
    })
}

fn check_size(bytes: usize, limits: HttpLimits) -> Result<(), Error> {
    if bytes <= limits.answer_bytes {
        return Ok(());
    }
    let words = format!("the answer is longer than {} bytes", limits.answer_bytes);
    Err(Error::new(ErrorKind::Protocol, words))
}

/// The beginning of a body whose end does not matter.
async fn read_up_to(mut response: Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < limit
        && let Ok(Some(bytes)) = response.chunk().await
    {
        body.extend_from_slice(&bytes[..bytes.len().min(limit - body.len())]);
    }
    body
}

/// A failure before the head of an answer came.
fn not_answered(error: reqwest::Error) -> Error {
    let kind = if error.is_builder() {
        ErrorKind::Invalid
    } else if error.is_connect() {
        ErrorKind::Unavailable { reached: false }
    } else if error.is_timeout() {
        ErrorKind::Timeout
    } else {
        ErrorKind::Unavailable { reached: true }
    };
    Error::new(kind, causes(error))
}

/// A failure after the head of an answer came: the connection broke, or the framing of the body did.
fn cut_off(error: reqwest::Error) -> Error {
    Error::new(ErrorKind::Unavailable { reached: true }, causes(error))
}

/// The error and what is behind it, without the address: the driver knows it, and a log need not.
fn causes(error: reqwest::Error) -> Box<str> {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    readable(&words)
}
