//! The outside world behind the connector contract: live HTTP and its wire types.
//!
//! * [`harpoon_v1`]: the wire types of the dialect, shared by the client here and the mock server.
//! * [`openai`]: chat completions, the dialect of local engines.
//! * [`HttpConnector`]: a live endpoint as a [`connector::Connector`].

pub mod harpoon_v1;
mod http;
pub mod openai;

pub use http::{Dialect, HttpConnector, HttpLimits, HttpOptions, HttpTimeouts, SetupError};
