//! A live endpoint behind the [`Connector`](connector::Connector) contract: sans-IO outside, tokio
//! inside.
//!
//! # Mechanism
//!
//! Every operation handed over becomes one task that makes the HTTP exchanges which the dialect has
//! for it, one module per dialect (`speaker.rs` is the border), and reports what arrives through a
//! bounded channel; [`HttpConnector::woken`] tells the driver that there is something to poll. All
//! state (what is in flight, which wire id is which number) stays on the caller's side of the channel,
//! so there is nothing to lock but the credentials, which exchanges renew.
//!
//! # Edges
//!
//! * *Late answers.* The time allowed for an exchange is meant to be longer than the platform's own
//!   time-outs: the platform gives up first and the late grant still arrives as an event. Only what
//!   exceeds even that is answered with [`Timeout`](connector::ErrorKind::Timeout), which is
//!   ambiguous.
//! * *Whether the provider acted.* A failure before the question left is
//!   `Unavailable { reached: false }`; everything later is `reached: true`.
//! * *Bounds.* Calls in flight, bytes of an answer, bytes of a line and of a prompt are bounded by
//!   [`HttpLimits`]; a stream that never ends runs into the time allowed.
//! * *Endpoints without shares* ([`Dialect::OpenAi`]). The connector keeps shares of its own, so that
//!   the platform strikes there as it does everywhere.
//! * *HostedAI's own API* ([`Dialect::Gpuaas`]). An operation takes several exchanges, some at once, in one
//!   task all the same.
//! * *Progress.* A stream tells how far it is as often as it is asked to, and before it fails or is
//!   stopped; of an answer that comes whole nothing is told.
//! * *TLS.* The machine's authorities are trusted, and those of [`HttpOptions::ca_file`]; an endpoint that is not
//!   who it should be was not reached, and the failure names the way out.
//! * *Credentials.* Redirects are answers (`Protocol`), never followed, so a key goes to the
//!   configured host alone; no proxy is taken from the environment; plain HTTP with a key is refused
//!   except to this machine.

mod call;
mod client;
mod connector;
mod covenant_v1;
mod credentials;
mod endpoint;
mod filler;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod gaps;
mod gpuaas;
mod growth;
mod harpoon_v1;
mod line;
mod openai;
mod options;
mod speaker;
mod sse;
mod table;
mod tls;

pub use connector::HttpConnector;
#[cfg(fuzzing)]
pub use fuzz::fuzz;
pub use options::{
    ApiKey, AuthScheme, Dialect, HttpLimits, HttpOptions, HttpTimeouts, SetupError, TokenExchange,
};
