use connector::PoolId;
use serde::Serialize;

use super::Measured;

/// What became in the measured time of shares that were taken away but not lost, of a pool or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Requeue {
    /// Shares that were set aside, each as often as it was.
    pub requeued: u64,
    /// Shares that got another place.
    pub resumed: u64,
    /// Tokens that their inferences had computed and lost.
    pub recomputed_tokens: u64,
}

impl Requeue {
    /// Of one pool, or of all together; `None` if there was nothing of the kind.
    pub(super) fn of(measured: &Measured, pool: Option<PoolId>) -> Option<Self> {
        let growth = measured.pools.set_aside(pool);
        let nothing = growth.requeued == 0 && growth.resumed == 0;
        (!nothing).then_some(Self {
            requeued: growth.requeued,
            resumed: growth.resumed,
            recomputed_tokens: growth.recomputed_tokens,
        })
    }
}
