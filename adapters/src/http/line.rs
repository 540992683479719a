//! The line of one call: HTTP exchanges, within the bounds of the call.

use std::sync::Arc;

use connector::{Error, ErrorKind};
use hyper::{
    StatusCode,
    body::Bytes,
    header::{self, HeaderValue},
};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{
    call::{Answer, Heard, Reporter},
    client::{Request, Response},
    endpoint::Endpoint,
    options::HttpLimits,
    sse::Events,
};
use crate::harpoon_v1::readable;

/// Bytes of a failure's body that are read; its words are cut much shorter.
const MAX_FAILURE: usize = 64 << 10;

/// How a dialect words its failures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failures {
    /// What an answer means that is not a success: of its status, `Retry-After` and body.
    pub(super) read: fn(u16, Option<&str>, &[u8]) -> Error,
    /// The failure in the body of an answer that calls itself a success. Some providers do that.
    pub(super) hidden: fn(&[u8]) -> Option<Error>,
}

/// A streamed answer, folded from the data of its events.
pub(super) trait Stream: Send {
    /// Takes the data of one event before the last; adds what it says to `heard`.
    ///
    /// # Errors
    /// That of an event that tells one; `Protocol` for data that cannot be understood.
    fn take(&mut self, data: &str, heard: &mut Vec<Heard>) -> Result<(), Error>;

    /// The text so far.
    fn text(&self) -> &str;

    /// The answer, once the stream is over.
    ///
    /// # Errors
    /// `Protocol` for a stream that was cut short.
    fn finish(self) -> Result<Answer, Error>;
}

/// An answer that is not a success.
struct Refusal {
    status: StatusCode,
    retry_after: Option<HeaderValue>,
    body: Vec<u8>,
}

impl Refusal {
    async fn of(response: Response) -> Self {
        let status = response.status();
        let retry_after = response.header(header::RETRY_AFTER).cloned();
        Self { status, retry_after, body: response.read_up_to(MAX_FAILURE).await }
    }

    fn read(&self, failures: Failures) -> Error {
        let retry_after = self.retry_after.as_ref().and_then(|value| value.to_str().ok());
        (failures.read)(self.status.as_u16(), retry_after, &self.body)
    }

    fn is_nothing_there(&self, failures: Failures) -> bool {
        let nothing = matches!(
            self.status,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
        );
        nothing && (failures.hidden)(&self.body).is_none()
    }
}

/// With whom exchanges are made, and within which bounds.
#[derive(Clone, Debug)]
pub(super) struct Exchanges {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) failures: Failures,
    pub(super) limits: HttpLimits,
}

/// Where a dialogue is held.
pub(super) struct Line {
    pub(super) exchanges: Exchanges,
    pub(super) reporter: Reporter,
    /// A response whose answer is complete but whose end was not yet read.
    pub(super) unread: Option<Response>,
}

impl Exchanges {
    /// The body of a success, whatever it is.
    ///
    /// # Errors
    /// As [`Line::json`], but for the shape.
    pub(super) async fn body(&self, request: Request) -> Result<Vec<u8>, Error> {
        let response = self.success(request).await?;
        self.read_whole(response).await.map(String::into_bytes)
    }

    async fn success(&self, request: Request) -> Result<Response, Error> {
        self.exchange(request).await?.map_err(|refusal| refusal.read(self.failures))
    }

    /// The answer if it is a success, or how it was refused.
    async fn exchange(&self, request: Request) -> Result<Result<Response, Refusal>, Error> {
        let response = self.endpoint.send(request).await?;
        if response.status().is_success() {
            Ok(Ok(response))
        } else {
            Ok(Err(Refusal::of(response).await))
        }
    }

    async fn read_json<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        let status = response.status().as_u16();
        let body = self.read_whole(response).await?;
        serde_json::from_str(&body).map_err(|error| {
            let words = format!("HTTP {status}, but {error}");
            (self.failures.hidden)(body.as_bytes()).unwrap_or_else(|| unreadable(&words))
        })
    }

    /// JSON is UTF-8 (RFC 8259, section 8.1), and so is every body that means something here. A reader
    /// that skips what it does not know would not notice.
    async fn read_whole(&self, mut response: Response) -> Result<String, Error> {
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await? {
            self.check_size(body.len() + bytes.len())?;
            body.extend_from_slice(&bytes);
        }
        String::from_utf8(body).map_err(|_| unreadable("the answer is not UTF-8"))
    }

    fn check_size(&self, bytes: usize) -> Result<(), Error> {
        let most = self.limits.answer_bytes;
        if bytes <= most {
            return Ok(());
        }
        let words = format!("the answer is longer than {most} bytes");
        Err(Error::new(ErrorKind::Protocol, words))
    }
}

impl Line {
    /// Makes an exchange whose answer is JSON.
    ///
    /// # Errors
    /// What the far side refuses with; `Protocol` for an answer of another shape or beyond the limit;
    /// what happens below HTTP, see [`ErrorKind::Unavailable`].
    pub(super) async fn json<T: DeserializeOwned>(&mut self, request: Request) -> Result<T, Error> {
        let response = self.exchanges.success(request).await?;
        self.exchanges.read_json(response).await
    }

    /// The same of an address that an endpoint need not serve: `None` where nothing is there.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub(super) async fn json_if_served<T: DeserializeOwned>(
        &mut self,
        request: Request,
    ) -> Result<Option<T>, Error> {
        match self.exchanges.exchange(request).await? {
            Ok(response) => self.exchanges.read_json(response).await.map(Some),
            // A failure in words of the dialect is by somebody who knows the address.
            Err(refusal) if refusal.is_nothing_there(self.exchanges.failures) => Ok(None),
            Err(refusal) => Err(refusal.read(self.exchanges.failures)),
        }
    }

    /// Makes an exchange whose answer says nothing but that it is a success, perhaps in JSON of any shape.
    /// A page that somebody in between answers with is not that success, whatever its status.
    ///
    /// # Errors
    /// As [`json`](Self::json), but for the shape.
    pub(super) async fn done(&mut self, request: Request) -> Result<(), Error> {
        let response = self.exchanges.success(request).await?;
        let (status, body) = (response.status(), self.exchanges.read_whole(response).await?);
        if let Some(failure) = (self.exchanges.failures.hidden)(body.as_bytes()) {
            return Err(failure);
        }
        if body.trim().is_empty() {
            return Ok(());
        }
        let read = serde_json::from_str::<IgnoredAny>(&body);
        read.map(drop)
            .map_err(|error| unreadable(&format!("HTTP {}, but {error}", status.as_u16())))
    }

    /// Makes an exchange whose answer was asked for as a stream, folded by `stream`, or else comes
    /// whole and is read by `whole`. An endpoint that answers streams whole is understood too: all of
    /// it is the first content.
    ///
    /// # Errors
    /// As [`json`](Self::json), and those of the stream.
    pub(super) async fn generation<T: DeserializeOwned>(
        &mut self,
        request: Request,
        stream: Option<impl Stream>,
        whole: impl FnOnce(T) -> Result<Answer, Error> + Send,
    ) -> Result<Answer, Error> {
        let response = self.exchanges.success(request).await?;
        let is_streamed = stream.is_some();
        if let Some(stream) = stream.filter(|_| is_event_stream(&response)) {
            return self.read_stream(stream, response).await;
        }
        let answer = whole(self.exchanges.read_json(response).await?)?;
        let has_text = matches!(&answer, Answer::Generated { text, .. } if !text.is_empty());
        if is_streamed && has_text {
            self.reporter.begin(self.reporter.now()).await;
        }
        Ok(answer)
    }

    async fn read_stream(
        &mut self,
        mut stream: impl Stream,
        mut response: Response,
    ) -> Result<Answer, Error> {
        let mut events = Events::new(self.exchanges.limits.line_bytes);
        let (mut received, mut heard) = (0, Vec::new());
        while let Some(bytes) = self.next_chunk(&mut response).await? {
            received += bytes.len();
            self.exchanges.check_size(received)?;
            let at = self.reporter.now();
            let taken = events.push(&bytes, &mut |data| stream.take(data, &mut heard));
            for item in heard.drain(..) {
                self.reporter.hear(at, item, stream.text()).await;
            }
            taken?;
            self.reporter.ring().await;
            if events.is_over() {
                self.unread = Some(response);
                break;
            }
        }
        stream.finish()
    }

    /// The next bytes; rings when it is time to, while there are none.
    async fn next_chunk(&mut self, response: &mut Response) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(quiet) = self.reporter.quiet() else {
                return response.chunk().await;
            };
            match tokio::time::timeout(quiet.to_std(), response.chunk()).await {
                Ok(bytes) => return bytes,
                Err(_elapsed) => self.reporter.ring().await,
            }
        }
    }

    /// Reads what is left of an answer that is complete.
    pub(super) async fn read_to_the_end(&mut self) {
        if let Some(response) = self.unread.take() {
            response.read_up_to(MAX_FAILURE).await;
        }
    }
}

/// What cannot be read is told in bounded words: a reader's complaint may repeat what it found.
pub(super) fn unreadable(complaint: &str) -> Error {
    Error::new(ErrorKind::Protocol, readable(complaint))
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.header(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().starts_with("text/event-stream"))
}
