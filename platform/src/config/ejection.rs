//! When a pool is left out because it does worse than its peers.

use connector::{BasisPoints, Duration};

use super::{
    ConfigError,
    check::{at_least, at_most},
};

/// The rules of ejection. What each does stands in [`crate::ejection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionConfig {
    /// How often pools are compared, above zero.
    pub interval: Duration,
    /// Results in an interval without which a pool is not compared, at least 1.
    pub minimum_calls: u32,
    /// By how much its share of failures is above the median of its peers', above 0 and at most
    /// 100 %.
    pub failure_margin: BasisPoints,
    /// Its time to the first token as a share of the median of its peers', above 100 %.
    pub slowness: BasisPoints,
    /// How long it is left out for the first time, above zero; so many times as long as it was
    /// left out already.
    pub base: Duration,
    /// Longest time out.
    pub longest: Duration,
    /// Most pools that may be out at once, as a share of all, at most 100 %; rounded down.
    pub most: BasisPoints,
}

impl Default for EjectionConfig {
    /// Every 10 s from 20 results on; 20 points more failures or 3 times as slow; 30 s, 60 s, ... up
    /// to 5 min; never more than half of the pools.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            minimum_calls: 20,
            failure_margin: BasisPoints::from_percent(20),
            slowness: BasisPoints::from_percent(300),
            base: Duration::from_secs(30),
            longest: Duration::from_secs(300),
            most: BasisPoints::from_percent(50),
        }
    }
}

impl EjectionConfig {
    /// The first thing that cannot be.
    ///
    /// # Errors
    /// Times and shares of nothing, and shares of more than everything.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let one = BasisPoints::ONE.get();
        at_least(1, "interval of ejection in ns", self.interval.as_nanos())?;
        at_least(1, "minimum calls of ejection", self.minimum_calls)?;
        let margin = "failure margin of ejection in hundredths of a percent";
        at_least(1, margin, self.failure_margin.get())?;
        at_most(one, margin, self.failure_margin.get())?;
        let slowness = "slowness of ejection in hundredths of a percent";
        at_least(u64::from(one) + 1, slowness, self.slowness.get())?;
        at_least(1, "base time of ejection in ns", self.base.as_nanos())?;
        at_most(one, "share of ejected pools in hundredths of a percent", self.most.get())
    }
}
