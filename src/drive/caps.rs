//! Limits on what a run may send and spend.
//!
//! A cap on requests ends the traffic when one request more would be sent; those under way are answered.
//! A cap on money is looked at every [`LOOK`]: what is booked, and what the shares that are held have
//! cost since. At the cap the run ends as an interrupted one does, so it may cost more by what is
//! held until then.

use std::fmt;

use connector::{Duration, Money};

/// Between two looks at what a run has cost.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// Limits on what a run may send and spend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Most requests; `None`: any number.
    pub requests: Option<u64>,
    /// Most that shares may cost, at the prices of the scenario; `None`: anything.
    pub cost: Option<Money>,
}

/// The limit that ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// So many requests were sent, and there were more.
    Requests(u64),
    /// So much was allowed.
    Cost(Money),
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(most) => write!(f, "--max-requests {most} was reached"),
            Self::Cost(most) => write!(f, "--max-cost {most} was reached"),
        }
    }
}
