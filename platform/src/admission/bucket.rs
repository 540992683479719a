//! A token bucket in integers: so many at once, and so many a second.
//!
//! The level is counted in 1/10^9 of a token, so that a nanosecond at one token a second is one step
//! and nothing is ever rounded. In any time `t` at most `burst + per_second * t` are taken.

use connector::{Duration, Timestamp};

use super::{Excess, Quota};

/// One token.
const TOKEN: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_second: u32,
    burst: u32,
    level: u64,
    at: Timestamp,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let level = u64::from(burst) * TOKEN;
        Self { per_second, burst, level, at: Timestamp::ZERO }
    }

    /// Whether there is a token.
    pub(super) fn check(&mut self, now: Timestamp) -> Result<(), Excess> {
        let flown = u128::from(now.since(self.at).as_nanos()) * u128::from(self.per_second);
        let full = u64::from(self.burst) * TOKEN;
        let level = u128::from(self.level).saturating_add(flown);
        self.level = u64::try_from(level).unwrap_or(u64::MAX).min(full);
        self.at = now;
        if self.level >= TOKEN {
            return Ok(());
        }
        let missing = (TOKEN - self.level).div_ceil(u64::from(self.per_second));
        Err(Excess {
            quota: Quota::Requests,
            used: u128::from(self.burst),
            asked: 1,
            limit: u128::from(self.burst),
            retry_after: Some(Duration::from_nanos(missing)),
        })
    }

    /// Takes the token that was there.
    pub(super) fn take(&mut self) {
        self.level -= TOKEN;
    }
}
