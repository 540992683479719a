//! Smooth weighted round robin, as in nginx (commit 52327e0627f4, 2012).
//!
//! Every pick adds each candidate's weight to its credit, takes the largest credit, and charges the
//! winner with the sum of weights. Weights 5, 1, 1 give `a a b a c a a` and not `a a a a a b c`. Over
//! one period, which is the sum of weights, each is picked exactly as often as its weight says.

use super::{
    choice::{Choice, List},
    places::Places,
};
use crate::config::{PlatformConfig, PoolWeight};

#[derive(Clone, Debug)]
pub(super) struct Weighted {
    /// By list and place.
    shares: Vec<Vec<Share>>,
}

#[derive(Clone, Copy, Debug)]
struct Share {
    weight: i64,
    credit: i64,
}

impl Weighted {
    pub(super) fn new(config: &PlatformConfig, weights: &[PoolWeight], lists: &[List]) -> Self {
        let weight = |choice: &Choice| {
            let pool = config.cables[choice.cable.index()].pool;
            weights.iter().find(|one| one.pool == pool).map_or(0, |one| i64::from(one.weight))
        };
        let share = |choice| Share { weight: weight(choice), credit: 0 };
        Self { shares: lists.iter().map(|list| list.choices.iter().map(share).collect()).collect() }
    }

    /// A first choice is charged; whoever goes on from there takes the largest credit for nothing.
    pub(super) fn pick(
        &mut self,
        list: &List,
        open: Places,
        before: Option<usize>,
    ) -> Option<usize> {
        let shares = &mut self.shares[list.number];
        let is_first = before.is_none();
        let mut total = 0;
        let mut best: Option<usize> = None;
        for place in open.iter() {
            if is_first {
                shares[place].credit += shares[place].weight;
                total += shares[place].weight;
            }
            let rank = |place: usize| (shares[place].weight > 0, shares[place].credit);
            if best.is_none_or(|best| rank(place) > rank(best)) {
                best = Some(place);
            }
        }
        let best = best?;
        shares[best].credit -= total;
        Some(best)
    }
}
