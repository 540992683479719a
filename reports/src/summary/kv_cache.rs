use connector::PoolId;
use serde::Serialize;

use super::Measured;
use crate::pools::ratio;

/// What the KV caches of a pool, or of all, did in the measured time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct KvCache {
    /// Blocks of prompts (hash ids) that were looked up.
    pub prompt_blocks_asked: u64,
    /// Those that were found, so that nothing had to be computed for them.
    pub prompt_blocks_found: u64,
    /// Found / asked; `None` if no prompt said what it consists of.
    pub hit_rate: Option<f64>,
    /// Sequences that lost their KV blocks and were recomputed, each as often as it did.
    pub recomputations: u64,
}

impl KvCache {
    /// Of one pool, or of all together; `None` if nobody looked at it.
    pub(super) fn of(measured: &Measured, pool: Option<PoolId>) -> Option<Self> {
        let growth = measured.pools.cache(pool)?;
        Some(Self {
            prompt_blocks_asked: growth.asked,
            prompt_blocks_found: growth.found,
            hit_rate: ratio(u128::from(growth.found), u128::from(growth.asked)),
            recomputations: growth.recomputations,
        })
    }
}
