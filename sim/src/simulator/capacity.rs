//! Cards that come and go: closing, withdrawing, returning.

use connector::{Duration, Timestamp};

use super::{Refusal, Share, ShareKey, Simulator, StationRef, preempt::Notice};
use crate::standing::{Cause, Standing};

/// A card: its pool, and its number there.
pub(super) type CardRef = (usize, usize);

impl Simulator {
    /// Nobody new comes onto the card; it goes when the last share on it has.
    pub(super) fn close_card(&mut self, now: Timestamp, card: CardRef, cause: Cause) {
        self.pools[card.0].change_standing(now, card.1, |standing| standing.close(cause));
        self.leave_if_empty(now, card);
    }

    /// Nobody new comes onto the card, and everybody on it has notice: whoever is still there after
    /// the grace is to be [withdrawn](Self::withdraw_card) with it.
    pub(super) fn reclaim_card(
        &mut self,
        now: Timestamp,
        card: CardRef,
        cause: Cause,
        grace: Duration,
    ) {
        let notice = Notice { grace, successor: None, reason: Refusal::Preempted };
        for share in self.shares_on(card) {
            if self.shares[share].may_go() {
                self.give_notice(now, share, notice);
            }
        }
        self.close_card(now, card, cause);
    }

    /// The card goes, and every share on it is lost for this reason; those with notice may wait for
    /// another place instead, if it is [`Refusal::Preempted`].
    pub(super) fn withdraw_card(
        &mut self,
        now: Timestamp,
        card: CardRef,
        cause: Cause,
        reason: Refusal,
    ) {
        self.pools[card.0].change_standing(now, card.1, |standing| standing.close(cause));
        for share in self.shares_on(card) {
            if reason == Refusal::Preempted {
                self.grace_over(now, share);
            }
            if self.shares.get(share).is_some_and(|share| share.at.is_some()) {
                self.take_away(now, share, reason);
            }
        }
        self.leave_if_empty(now, card);
    }

    /// A cause for which the card was closed is gone.
    pub(super) fn return_card(&mut self, now: Timestamp, card: CardRef, cause: Cause) {
        let came = self.pools[card.0].change_standing(now, card.1, |of| of.lift(cause));
        if came {
            self.start_neighbours(now, card.0, card.1);
        }
        self.serve_line(now, card.0);
    }

    /// A card that takes nobody new and has nobody left goes, with what is in its memory.
    pub(super) fn leave_if_empty(&mut self, now: Timestamp, card: CardRef) {
        let pool = &mut self.pools[card.0];
        let standing = pool.standing(card.1);
        if standing.stays() || !standing.is_there() || pool.held_on(card.1) > 0 {
            return;
        }
        pool.change_standing(now, card.1, Standing::leave);
        for station in 0..pool.cards[card.1].stations.len() {
            let at = StationRef { pool: card.0, card: card.1, station };
            self.with_engine(now, at, |engine| engine.evict(now));
        }
        for arrival in self.pools[card.0].cards[card.1].lose_memory() {
            self.queue.cancel(arrival);
        }
        self.stop_neighbours(now, card.0, card.1);
    }

    /// Looks through all shares, but only if there is one to be found.
    fn shares_on(&self, card: CardRef) -> Vec<ShareKey> {
        if self.pools[card.0].held_on(card.1) == 0 {
            return Vec::new();
        }
        self.shares_where(|share| share.at.is_some_and(|at| (at.pool, at.card) == card))
    }

    pub(super) fn shares_where(&self, wanted: impl Fn(&Share) -> bool) -> Vec<ShareKey> {
        self.shares.iter().filter(|(_, share)| wanted(share)).map(|(key, _)| key).collect()
    }
}
