//! Spot capacity: cards that get notice, go and come back.

use connector::{Duration, Timestamp};

use super::{Refusal, Simulator, Wake};
use crate::{
    renewal::Renewal,
    spot::{Move, Spot, Unit},
    standing::Cause,
};

/// Cards of a pool that are sold together: the pool, and their number there.
pub(super) type UnitRef = (usize, usize);

impl Simulator {
    /// The run begins: with as many cards as the trace says, or with all.
    pub(super) fn start_spot(&mut self, pool: usize) {
        let Some(spot) = &mut self.pools[pool].spot else { return };
        if let Some(cursor) = spot.cursor() {
            let wanted = cursor.take() as usize;
            for change in spot.follow(wanted) {
                if let Move::Fall(unit) = change {
                    self.unit_leaves(Timestamp::ZERO, (pool, unit), Duration::ZERO, None);
                }
            }
            return self.schedule_level(pool);
        }
        for unit in 0..self.spot(pool).units() {
            self.unit_is_there(Timestamp::ZERO, (pool, unit));
        }
        self.await_shortage(Timestamp::ZERO, pool);
    }

    fn schedule_level(&mut self, pool: usize) {
        if let Some(due) = self.spot(pool).cursor().and_then(crate::spot::Cursor::due) {
            self.queue.schedule(due, Wake::SpotLevel(pool));
        }
    }

    /// The trace has another number of cards from now on.
    #[cold]
    pub(super) fn spot_level(&mut self, now: Timestamp, pool: usize) {
        let spot = self.spot(pool);
        let grace = spot.grace;
        let wanted = spot.cursor().map_or(0, crate::spot::Cursor::take) as usize;
        for change in spot.follow(wanted) {
            match change {
                Move::Fall(unit) => self.unit_leaves(now, (pool, unit), grace, None),
                Move::Ask(unit) => self.ask_for_unit(now, (pool, unit), Duration::ZERO),
                Move::CallOff(arrival) => {
                    self.queue.cancel(arrival);
                }
            }
        }
        self.schedule_level(pool);
    }

    /// A unit's time is over, and with it perhaps that of others.
    #[cold]
    pub(super) fn spot_falls(&mut self, now: Timestamp, (pool, unit): UnitRef) {
        let spot = self.spot(pool);
        let grace = spot.grace;
        let (down, others) = spot.fall(unit);
        self.unit_leaves(now, (pool, unit), grace, Some(down));
        for other in others {
            if let Unit::There { falls: Some(key) } = self.spot(pool).unit(other) {
                self.queue.cancel(key);
            }
            self.unit_leaves(now, (pool, other), grace, Some(down));
        }
    }

    /// The cards of a unit get notice; `back` is how long they are away, if that is known.
    fn unit_leaves(
        &mut self,
        now: Timestamp,
        (pool, unit): UnitRef,
        grace: Duration,
        back: Option<Duration>,
    ) {
        let spot = self.spot(pool);
        spot.set(unit, Unit::Leaving { back });
        for card in spot.cards_of(unit) {
            self.reclaim_card(now, (pool, card), Cause::Spot, grace);
        }
        if grace.is_zero() {
            self.unit_is_gone(now, (pool, unit));
        } else {
            self.queue.schedule(now + grace, Wake::SpotGone(pool, unit));
        }
    }

    /// The grace of a unit is over.
    #[cold]
    pub(super) fn unit_is_gone(&mut self, now: Timestamp, (pool, unit): UnitRef) {
        for card in self.spot(pool).cards_of(unit) {
            self.withdraw_card(now, (pool, card), Cause::Spot, Refusal::Preempted);
        }
        match self.spot(pool).unit(unit) {
            Unit::Leaving { back: Some(away) } => self.ask_for_unit(now, (pool, unit), away),
            Unit::Leaving { back: None }
            | Unit::There { .. }
            | Unit::Away
            | Unit::Coming { .. } => {
                self.spot(pool).set(unit, Unit::Away);
            }
        }
    }

    /// There is capacity for a unit after this time; it takes shares when it is provisioned.
    fn ask_for_unit(&mut self, now: Timestamp, (pool, unit): UnitRef, after: Duration) {
        let provisioning = self.spot(pool).provisioning();
        if after.is_zero() && provisioning.is_zero() {
            return self.unit_comes(now, (pool, unit));
        }
        let due = now + after + provisioning;
        let arrives = self.queue.schedule(due, Wake::SpotComes(pool, unit));
        self.spot(pool).set(unit, Unit::Coming { arrives });
    }

    /// The cards of a unit are provisioned.
    #[cold]
    pub(super) fn unit_comes(&mut self, now: Timestamp, (pool, unit): UnitRef) {
        for card in self.spot(pool).cards_of(unit) {
            self.return_card(now, (pool, card), Cause::Spot);
        }
        self.unit_is_there(now, (pool, unit));
    }

    fn unit_is_there(&mut self, now: Timestamp, (pool, unit): UnitRef) {
        let stay = self.spot(pool).stay(unit);
        let falls = stay.map(|stay| self.queue.schedule(now + stay, Wake::SpotFalls(pool, unit)));
        self.spot(pool).set(unit, Unit::There { falls });
    }

    fn await_shortage(&mut self, now: Timestamp, pool: usize) {
        if let Some(shortage) = self.spot(pool).shortage() {
            let begins = now + shortage.up();
            self.queue.schedule(begins, Wake::ShortageBegins(pool));
        }
    }

    /// There is nothing to spare any more: all cards have notice.
    #[cold]
    pub(super) fn shortage_begins(&mut self, now: Timestamp, pool: usize) {
        let grace = self.spot(pool).grace;
        for card in 0..self.pools[pool].cards.len() {
            self.reclaim_card(now, (pool, card), Cause::Shortage, grace);
        }
        self.queue.schedule(now + grace, Wake::ShortageTakes(pool));
    }

    /// The grace of all cards is over.
    #[cold]
    pub(super) fn shortage_takes(&mut self, now: Timestamp, pool: usize) {
        for card in 0..self.pools[pool].cards.len() {
            self.withdraw_card(now, (pool, card), Cause::Shortage, Refusal::Preempted);
        }
        let spot = self.spot(pool);
        let lasts = spot.shortage().map_or(Duration::ZERO, Renewal::down);
        let ends = now + lasts + spot.provisioning();
        self.queue.schedule(ends, Wake::ShortageEnds(pool));
    }

    /// There is something to spare again, and it is provisioned.
    #[cold]
    pub(super) fn shortage_ends(&mut self, now: Timestamp, pool: usize) {
        for card in 0..self.pools[pool].cards.len() {
            self.return_card(now, (pool, card), Cause::Shortage);
        }
        self.await_shortage(now, pool);
    }

    fn spot(&mut self, pool: usize) -> &mut Spot {
        self.pools[pool].spot.as_mut().expect("only spot pools have such events")
    }
}
