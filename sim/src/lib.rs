//! HostedAI's pools in virtual time.
//!
//! [`Simulator`] implements [`connector::Connector`]: the platform cannot tell it from a live
//! endpoint. It holds regions with a control plane, pools of cards, shares held on them, and the
//! inferences running there; see [`config`] for everything that can be set.
//!
//! * [`config`]: what a provider consists of. [`catalogue`]: published cards and models.
//! * [`random`]: named random streams derived from one seed.

pub mod catalogue;
pub mod config;
mod control;
pub mod random;
mod serving;
mod timing;

pub use config::ProviderConfig;
pub use timing::{Pace, pace};
