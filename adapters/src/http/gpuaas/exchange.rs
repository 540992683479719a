//! One exchange with the provider, its body included.

use connector::{Error, ErrorKind};
use hyper::Method;
use serde::Serialize;

use super::Account;
use crate::{gpuaas::refusal_in, http::client::Request};

/// Questions that change nothing, while they fail in passing.
pub(super) const MOST_LOOKS: u32 = 5;

impl Account {
    pub(super) fn get(&self, segments: &[&str], query: &[(&str, &str)]) -> Request {
        self.provider.endpoint.request(Method::GET, &below_root(segments)).query(query)
    }

    /// # Errors
    /// `Invalid` for a body that cannot be written: nothing is sent.
    pub(super) fn post(&self, segments: &[&str], body: &impl Serialize) -> Result<Request, Error> {
        self.provider.endpoint.post(&below_root(segments), body)
    }

    /// The body of a success that is one: a success whose body is an error's is that error.
    ///
    /// The time allowed is that to the last byte: a published client stops counting when the head is
    /// there, and was held up by a body that did not come (pathology 26).
    pub(super) async fn ask(&self, request: Request, what: &str) -> Result<Vec<u8>, Error> {
        let allowed = self.options.exchange_within;
        let exchange = tokio::time::timeout(allowed.to_std(), self.exchange(request));
        exchange.await.unwrap_or_else(|_| {
            let words = format!("{what} was not answered within {allowed}");
            Err(Error::new(ErrorKind::Timeout, words))
        })
    }

    /// The same of a question that changes nothing and so may be repeated while it fails in passing.
    pub(super) async fn look_up(&self, request: Request, what: &str) -> Result<Vec<u8>, Error> {
        for _ in 1..MOST_LOOKS {
            match self.ask(request.clone(), what).await {
                Err(error) if is_passing(error.kind) => self.pause().await,
                answer => return answer,
            }
        }
        self.ask(request, what).await
    }

    async fn exchange(&self, request: Request) -> Result<Vec<u8>, Error> {
        let body = self.provider.body(request).await?;
        refusal_in(&body).map_or(Ok(body), Err)
    }

    /// Waits until it is worthwhile to look again.
    pub(super) async fn pause(&self) {
        tokio::time::sleep(self.options.look_every.to_std()).await;
    }
}

/// Every address is below `/api`.
fn below_root<'a>(segments: &[&'a str]) -> Vec<&'a str> {
    [&["api"], segments].concat()
}

/// Whether asking again may help: the provider was not there, or answered what nobody understands.
pub(super) const fn is_passing(kind: ErrorKind) -> bool {
    kind.retryable() || kind.ambiguous()
}

/// A failure before anything was asked for that costs money.
pub(super) fn untouched(error: Error) -> Error {
    if error.kind.ambiguous() {
        return Error { kind: ErrorKind::Unavailable { reached: false }, ..error };
    }
    error
}

/// A failure after a share was asked for: it may be held, whatever failed since.
pub(super) fn perhaps_held(error: Error) -> Error {
    if error.kind.ambiguous() {
        return error;
    }
    Error { kind: ErrorKind::Unavailable { reached: true }, ..error }
}
