//! The outside world behind the connector contract: live HTTP and its wire types.
//!
//! * [`harpoon_v1`]: the wire types of the dialect, shared by the client here and the mock server.
//! * [`HttpConnector`]: a live endpoint as a [`connector::Connector`].

pub mod harpoon_v1;
mod http;

pub use http::{HttpConnector, HttpLimits, HttpOptions, HttpTimeouts, SetupError};
