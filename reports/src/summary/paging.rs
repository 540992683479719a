use connector::PoolId;
use serde::Serialize;

use super::Measured;

/// What changing from one tenant of a card to the next took in the measured time, of a pool or of all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paging {
    /// Share of the cards' time that went into changing, paging included; `None` if no card was ever
    /// in service.
    pub changing_share: Option<f64>,
    /// Bytes paged in and out.
    pub paged_bytes: u64,
}

impl Paging {
    /// Of one pool, or of all together; `None` if nobody looked at it.
    pub(super) fn of(measured: &Measured, pool: Option<PoolId>) -> Option<Self> {
        let growth = measured.pools.paging(pool)?;
        Some(Self { changing_share: growth.share(), paged_bytes: growth.bytes })
    }
}
