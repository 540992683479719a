//! What a metric asks for.

use connector::BasisPoints;

/// The cards of a pool as a metric sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cards {
    /// There, and taking shares.
    pub(crate) ready: u32,
    /// That should be: ready, on their way, or out of order.
    pub(crate) wanted: u32,
}

/// `amount / per_card` cards would have the metric exactly on its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) amount: u128,
    /// Above 0.
    pub(crate) per_card: u128,
}

impl Load {
    /// How many cards there should be: `ceil(amount / per_card)`, which is
    /// `ceil(present number x metric / target)` for a metric that is a mean over cards.
    ///
    /// Nothing changes while the metric is within the tolerance. Cards that are on their way have no
    /// load yet: they count when the wish is for more, and turn it down if they will do. With no card
    /// ready there is no mean, and the wish is never for fewer.
    pub(crate) fn wish(self, cards: Cards, tolerance: BasisPoints) -> u32 {
        let Cards { ready, wanted } = cards;
        let needed = u32::try_from(self.amount.div_ceil(self.per_card)).unwrap_or(u32::MAX);
        if ready == 0 {
            return needed.max(wanted);
        }
        let asks_for_more = self.amount > self.per_card * u128::from(ready);
        let will_do = asks_for_more && ready < wanted && needed <= wanted;
        let is_near = |cards| self.is_near(cards, tolerance);
        if is_near(ready) || will_do || (asks_for_more && is_near(wanted)) {
            return wanted;
        }
        needed
    }

    fn is_near(self, cards: u32, tolerance: BasisPoints) -> bool {
        let target = self.per_card * u128::from(cards);
        let tolerated = target * u128::from(tolerance.get());
        self.amount.abs_diff(target) * u128::from(BasisPoints::ONE.get()) <= tolerated
    }
}
