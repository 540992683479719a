//! HostedAI's pools in virtual time.
//!
//! [`Simulator`] implements [`connector::Connector`]: the platform cannot tell it from a live
//! endpoint. It holds regions with a control plane, pools of cards, shares held on them, and the
//! inferences running there; see [`config`] for everything that can be set.
//!
//! * [`config`]: what a provider consists of. [`catalogue`]: published cards and models.
//! * [`delivery`]: how records of use get to whoever bills them.
//! * [`placement`]: which card takes a share, and which node of a cluster a pod.
//! * [`random`]: named random streams derived from one seed.

mod autoscaler;
mod breakdowns;
mod card;
pub mod catalogue;
pub mod config;
mod control;
pub mod delivery;
mod line;
mod meter;
mod neighbour;
pub mod placement;
mod pool;
mod prices;
pub mod random;
mod renewal;
pub mod serving;
mod sharing;
mod simulator;
mod spot;
mod standing;
pub mod step_time;
mod timing;
mod usage;
mod victims;

pub use config::ProviderConfig;
pub use control::Sampler;
pub use simulator::Simulator;
pub use timing::{Pace, pace, roofline};
