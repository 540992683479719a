//! How many strikes a pool may have at once, where that is found out and not stated.

use connector::{BasisPoints, Duration};

use super::{ConfigError, check::at_least};

/// An adaptive limit. What each rule does stands in [`crate::limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitConfig {
    /// How the limit moves.
    pub rule: LimitRule,
    /// The limit after the first look at the idle pool, at least `least`.
    pub initial: u32,
    /// The lowest limit, at least 1, at which the idle pool is looked at.
    pub least: u32,
    /// Time to the first token and per token, as a share of the idle pool's, above which the pool
    /// has more than it should; above 100 %.
    pub tolerance: BasisPoints,
    /// How long a look at the idle pool is good for; above zero.
    pub recalibrate: Duration,
}

impl Default for LimitConfig {
    /// Gradient from 20, never below 4, twice the idle pool's times, looked at every 30 minutes.
    fn default() -> Self {
        Self {
            rule: LimitRule::Gradient,
            initial: 20,
            least: 4,
            tolerance: BasisPoints::from_percent(200),
            recalibrate: Duration::from_secs(1_800),
        }
    }
}

/// How an adaptive limit moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitRule {
    /// One more per window of answers, or this share of it when the pool has too much; above 0 and
    /// below 100 %.
    Aimd {
        /// What is left of the limit.
        backoff: BasisPoints,
    },
    /// Ever more while the pool has not enough, and less in proportion to what is too much.
    Gradient,
}

impl LimitConfig {
    /// The first thing that cannot be. `of` adds whose limit it is.
    ///
    /// # Errors
    /// Bounds of nothing and shares that never move.
    pub(crate) fn check(&self, of: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        at_least(1, of("least limit"), self.least)?;
        at_least(u64::from(self.least), of("initial limit"), self.initial)?;
        let least = u64::from(BasisPoints::ONE.get()) + 1;
        let tolerance = of("tolerance of the limit in hundredths of a percent");
        at_least(least, tolerance, self.tolerance.get())?;
        at_least(1, of("recalibration of the limit in ns"), self.recalibrate.as_nanos())?;
        if let LimitRule::Aimd { backoff } = self.rule {
            let what = "backoff of the limit in hundredths of a percent";
            at_least(1, of(what), backoff.get())?;
            super::check::at_most(BasisPoints::ONE.get() - 1, of(what), backoff.get())?;
        }
        Ok(())
    }
}
