//! The outside world behind the connector contract: live HTTP and its wire types, and the stores of
//! the durable ledger.
//!
//! * [`gpuaas`]: HostedAI's own API, shared by the client here and the mock server.
//! * [`harpoon_v1`]: the wire types of the dialect, shared by the client here and the mock server.
//! * [`covenant_v1`]: the same for shares that are asked for by covenant and for a time.
//! * [`openai`]: chat completions, the dialect of local engines.
//! * [`ledger`]: where a ledger's journal outlasts the program.
//! * [`billing_summary`]: what a team is charged, as HostedAI says it.
//! * [`recording`]: a conversation with a far side, written down and read again.
//! * [`replay`]: a recording as a far side.
//! * [`HttpConnector`]: a live endpoint as a [`connector::Connector`].

pub mod billing_summary;
mod borrowed;
pub mod covenant_v1;
pub mod gpuaas;
pub mod harpoon_v1;
mod http;
pub mod ledger;
pub mod openai;
pub mod recording;
pub mod replay;

#[cfg(fuzzing)]
pub use http::fuzz;
pub use http::{
    ApiKey, AuthScheme, Dialect, HttpConnector, HttpLimits, HttpOptions, HttpTimeouts, SetupError,
    TokenExchange,
};
