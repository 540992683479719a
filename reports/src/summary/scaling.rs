use connector::{Duration, PoolId};
use serde::Serialize;

use super::{Amount, Measured};
use crate::pools::PoolTrack;

/// How the cards of a pool came and went, spare and draining ones included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scaling {
    /// Cards there in the mean of the measured time; `None` if no time was measured.
    pub cards_mean: Option<f64>,
    /// Fewest cards there at any gauge in the measured time.
    pub cards_least: u32,
    /// Most cards there at any gauge in the measured time.
    pub cards_most: u32,
    /// How often in the measured time the number of cards wanted was raised.
    pub scaled_out: u64,
    /// How often it was lowered.
    pub scaled_in: u64,
    /// What the cards cost while they were there, over the whole run, warm-up included; `None` if
    /// their price is not stated.
    pub provisioned_cost: Option<Amount>,
}

impl Scaling {
    /// Of one pool; `None` if its cards are always there.
    pub(super) fn of(measured: &Measured, pool: PoolId) -> Option<Self> {
        let growth = measured.pools.of(pool).and_then(PoolTrack::scaling)?;
        let price = measured.card_prices.get(pool.index()).copied().flatten();
        Some(Self {
            cards_mean: mean(growth.measured_card_ns, measured.time),
            cards_least: growth.cards_least,
            cards_most: growth.cards_most,
            scaled_out: growth.scaled_out,
            scaled_in: growth.scaled_in,
            provisioned_cost: price.map(|price| Amount(price.per_slot_hour_over(growth.card_ns))),
        })
    }

    /// What the cards of all pools that scale cost; `None` if no price is stated.
    pub(super) fn provisioned_cost(measured: &Measured) -> Option<Amount> {
        let pools = (0..measured.names.pools.len()).map(|index| PoolId(index as u32));
        let costs = pools.filter_map(|pool| Self::of(measured, pool)?.provisioned_cost);
        costs.map(|Amount(cost)| cost).reduce(|sum, cost| sum + cost).map(Amount)
    }
}

fn mean(card_ns: u128, time: Duration) -> Option<f64> {
    (!time.is_zero()).then(|| card_ns as f64 / time.as_nanos() as f64)
}
