use connector::{Duration, Money};

use super::{ConfigError, PoolConfig};

/// A price that holds from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceChange {
    /// Since the start of the run; above zero, since before it the pool's first price holds.
    pub at: Duration,
    /// Of one share for an hour.
    pub price_per_slot_hour: Money,
}

/// Refuses changes that are out of order, or at the start, where there is nothing to change.
pub(super) fn check(pool: &PoolConfig) -> Result<(), ConfigError> {
    let mut before = Duration::ZERO;
    for change in &pool.price_changes {
        if change.at <= before {
            let (pool, at) = (pool.name.clone(), change.at);
            return Err(ConfigError::PriceChange { pool, at, before });
        }
        before = change.at;
    }
    Ok(())
}
