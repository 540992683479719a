//! HTTP/1.1 and HTTP/2 to whoever is named in a request, over connections that are used again.
//!
//! # Mechanism
//!
//! hyper's pooled client, with TLS by rustls. It goes nowhere but where it is sent: redirects are answers, and no
//! proxy is taken from the environment. HTTP/2 is spoken where the far side offers it in the TLS handshake.
//!
//! # Edges
//!
//! * *A connection that was closed meanwhile*: a request of which nothing was sent goes out on another one.
//! * *Time*: only to connect is bounded here, name lookup and TLS included. A dialogue bounds the rest.

use std::{
    error::Error as StdError,
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use connector::{Error, ErrorKind};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Uri,
    body::{Bytes, Incoming},
    header::{ACCEPT, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tower_service::Service;

use super::{
    options::{HttpOptions, SetupError},
    tls,
};
use crate::harpoon_v1::readable;

/// How long a connection is quiet before the system asks whether its other end is there, and how often
/// in a row nobody may answer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const MISSED: u32 = 3;

/// Longest time that a connection waits for another request.
const IDLE: Duration = Duration::from_secs(90);

/// Who we say that we are.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("harpoon/", env!("CARGO_PKG_VERSION")));
/// What we say that we understand.
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

/// See the module text. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Client(legacy::Client<Connecting, Full<Bytes>>);

/// What is asked. Secrets are in headers marked as sensitive, so that it can be printed.
#[derive(Clone, Debug)]
pub(super) struct Request {
    method: Method,
    /// Absolute, escaped.
    address: String,
    headers: HeaderMap,
    body: Bytes,
}

/// The head of an answer, and what comes of its body.
#[derive(Debug)]
pub(super) struct Response(hyper::Response<Incoming>);

impl Request {
    /// Without a body.
    pub(super) fn new(method: Method, address: String) -> Self {
        let headers = HeaderMap::from_iter([(USER_AGENT, AGENT), (ACCEPT, ANYTHING)]);
        Self { method, address, headers, body: Bytes::new() }
    }

    #[must_use]
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    #[must_use]
    pub(super) fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The same with these parameters, escaped; there were none before.
    #[must_use]
    pub(super) fn query(mut self, parameters: &[(&str, &str)]) -> Self {
        if !parameters.is_empty() {
            self.address.push('?');
            let start = self.address.len();
            let mut query = url::form_urlencoded::Serializer::for_suffix(self.address, start);
            self.address = query.extend_pairs(parameters).finish();
        }
        self
    }
}

impl Response {
    pub(super) fn status(&self) -> hyper::StatusCode {
        self.0.status()
    }

    pub(super) fn header(&self, name: HeaderName) -> Option<&HeaderValue> {
        self.0.headers().get(name)
    }

    /// The next bytes of the body; `None` after the last.
    ///
    /// # Errors
    /// `Unavailable`, reached: the connection broke, or the framing of the body did.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let body = self.0.body_mut();
        while let Some(frame) = body.frame().await.transpose().map_err(|error| cut_off(&error))? {
            // Trailers say nothing here.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The beginning of a body whose end does not matter.
    pub(super) async fn read_up_to(mut self, limit: usize) -> Vec<u8> {
        let mut body = Vec::new();
        while body.len() < limit
            && let Ok(Some(bytes)) = self.chunk().await
        {
            body.extend_from_slice(&bytes[..bytes.len().min(limit - body.len())]);
        }
        body
    }
}

impl Client {
    /// One that trusts whom these options say.
    ///
    /// # Errors
    /// `CaFile`; `Client` on a machine whose own authorities cannot be read.
    pub(super) fn new(options: &HttpOptions) -> Result<Self, SetupError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_keepalive_interval(Some(KEEP_ALIVE));
        tcp.set_keepalive_retries(Some(MISSED));
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(options.ca_file.as_deref())?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let connecting = Connecting { tls, within: options.timeouts.connect.to_std() };
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connecting);
        Ok(Self(client))
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// `Invalid` for an address that is none; `Unavailable`, reached unless no connection came about.
    pub(super) async fn send(&self, request: Request) -> Result<Response, Error> {
        let Request { method, address, headers, body } = request;
        let address = Uri::try_from(address)
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        let mut request = hyper::Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = address;
        *request.headers_mut() = headers;
        self.0.request(request).await.map(Response).map_err(|error| not_answered(&error))
    }
}

/// A failure before the head of an answer came.
fn not_answered(error: &legacy::Error) -> Error {
    let is_unreached = error.is_connect();
    // It says itself only at which step; what is behind it says why.
    let words = causes(error.source().unwrap_or(error));
    let way_out = tls::way_out(error).filter(|_| is_unreached);
    let words = way_out.map_or(words.to_string(), |way_out| format!("{words} ({way_out})"));
    Error::new(ErrorKind::Unavailable { reached: !is_unreached }, words)
}

/// A failure after the head of an answer came.
fn cut_off(error: &hyper::Error) -> Error {
    Error::new(ErrorKind::Unavailable { reached: true }, causes(error))
}

/// The error and what is behind it.
fn causes(error: &dyn StdError) -> Box<str> {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    readable(&words.join(": "))
}

/// Opens connections in time.
#[derive(Clone)]
struct Connecting {
    tls: HttpsConnector<HttpConnector>,
    within: Duration,
}

type Connection = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type AnyError = Box<dyn StdError + Send + Sync>;

impl Service<Uri> for Connecting {
    type Response = Connection;
    type Error = AnyError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, AnyError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AnyError>> {
        self.tls.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let (connecting, within) = (self.tls.call(address), self.within);
        Box::pin(async move {
            tokio::time::timeout(within, connecting).await.unwrap_or_else(|_elapsed| {
                let words = format!("connecting timed out after {within:?}");
                Err(io::Error::new(io::ErrorKind::TimedOut, words).into())
            })
        })
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").field("within", &self.within).finish_non_exhaustive()
    }
}
