//! How much work may be sent again.
//!
//! # Problem
//!
//! Whoever retries a failed call three times sends four times the work just when there is too much
//! of it. A limit on the retries of each request does not help: in an outage every request uses all
//! of its retries. What has to be limited is the share of retries in all traffic.
//!
//! # Mechanism
//!
//! A bucket of tokens. Every first try puts a part of a token in (the *share*), time puts in some
//! more (the *minimum rate*, for when there is little traffic), and every retry or hedge takes a
//! whole one. The bucket holds no more than the *burst* and is full at first. In any stretch of
//! time, no more is sent again than `burst + share x first tries + rate x time`.
//!
//! # Edges
//!
//! Tokens are counted in parts of 10^-9, so that neither shares nor times are rounded. Time that
//! goes back counts as no time. What was withdrawn and not used can be put back.
//!
//! # Source
//!
//! `RetryBudget` of Finagle (Twitter) and linkerd's retry budgets: a share of traffic and a minimum
//! rate. Those let tokens expire after 10 s; here the bound on what is saved up does the same.

use connector::{BasisPoints, Timestamp};

pub use crate::config::BudgetConfig;

/// One token, in the unit that is counted.
const TOKEN: u64 = 1_000_000_000;
/// What one basis point of a first try is worth.
const PER_BASIS_POINT: u64 = TOKEN / BasisPoints::ONE.get() as u64;

/// See the module text.
#[derive(Clone, Debug)]
pub struct Budget {
    level: u64,
    most: u64,
    per_try: u64,
    per_second: u64,
    updated: Timestamp,
}

impl Budget {
    /// A full budget.
    pub const fn new(config: BudgetConfig) -> Self {
        let most = config.burst as u64 * TOKEN;
        Self {
            level: most,
            most,
            per_try: config.share.get() as u64 * PER_BASIS_POINT,
            per_second: config.per_second as u64,
            updated: Timestamp::ZERO,
        }
    }

    /// Takes note of a first try.
    pub fn deposit(&mut self, now: Timestamp) {
        self.refill(now);
        self.add(self.per_try);
    }

    /// Takes what one retry or hedge costs; false if there is not enough, and then nothing is taken.
    #[must_use = "work may be sent again only if this is true"]
    pub fn withdraw(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        let enough = self.level >= TOKEN;
        if enough {
            self.level -= TOKEN;
        }
        enough
    }

    /// Puts back what was withdrawn for a retry that was not sent after all.
    pub fn put_back(&mut self) {
        self.add(TOKEN);
    }

    /// Whole retries that could be sent now, without what time has added since the last call.
    pub const fn available(&self) -> u32 {
        (self.level / TOKEN) as u32
    }

    fn refill(&mut self, now: Timestamp) {
        // A rate per second is the same number of parts per nanosecond.
        let elapsed = now.since(self.updated).as_nanos();
        self.add(elapsed.saturating_mul(self.per_second));
        self.updated = self.updated.max(now);
    }

    fn add(&mut self, parts: u64) {
        self.level = self.level.saturating_add(parts).min(self.most);
    }
}

#[cfg(test)]
mod tests;
