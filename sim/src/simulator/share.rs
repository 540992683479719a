//! Who has a card, and what follows when that changes.

use connector::Timestamp;

use super::{Simulator, StationRef, Wake};
use crate::sharing::Sharing;

impl Simulator {
    /// Those who share a card are neighbours first and models after them; one of them has work from
    /// now on, or none any more.
    pub(super) fn set_ready(&mut self, now: Timestamp, at: StationRef, member: usize, ready: bool) {
        self.share_anew(now, at, |sharing, working| {
            sharing.set_ready(now, member, ready, working);
        });
    }

    /// A turn may be over.
    pub(super) fn turn(&mut self, now: Timestamp, at: StationRef) {
        self.pools[at.pool].cards[at.card].turn = None;
        self.share_anew(now, at, |sharing, working| sharing.tick(now, working));
    }

    fn share_anew(
        &mut self,
        now: Timestamp,
        at: StationRef,
        act: impl FnOnce(&mut Sharing, &dyn Fn(usize) -> u64),
    ) {
        let pool = &mut self.pools[at.pool];
        let card = &mut pool.cards[at.card];
        let (was, paged) = (card.sharing.activity(), card.sharing.paged_bytes());
        card.with_sharing(now, act);
        let (is, paged) = (card.sharing.activity(), card.sharing.paged_bytes() - paged);
        if card.sharing.victim().is_some() {
            self.queue.schedule(now, Wake::HostFull((at.pool, at.card)));
        }
        pool.note_activity(now, was, is, paged);
        self.set_speeds(now, at);
        self.schedule_turn(at);
    }

    /// Somebody has more shares of a card or fewer: with slices, for one, that is a part of
    /// the card.
    pub(super) fn shares_changed(&mut self, now: Timestamp, at: StationRef) {
        if self.pools[at.pool].cards[at.card].sharing.goes_by_shares() {
            self.set_speeds(now, at);
        }
    }

    /// Gives everybody the part of the card that is theirs now.
    fn set_speeds(&mut self, now: Timestamp, at: StationRef) {
        let stations = self.pools[at.pool].cards[at.card].stations.len();
        for station in 0..stations {
            let card = &mut self.pools[at.pool].cards[at.card];
            let of = &mut card.stations[station];
            let fraction = card.sharing.fraction(of.member);
            let unchanged = fraction.to_bits() == of.fraction.to_bits();
            // Who has no work learns of its part when it has some.
            if unchanged || (!of.ready && fraction > 0.0) {
                continue;
            }
            of.fraction = fraction;
            of.engine.set_speed(now, fraction);
            self.pools[at.pool].note_engine(now, at.card, station);
            self.schedule_engine(now, StationRef { station, ..at });
        }
        let neighbours = self.pools[at.pool].cards[at.card].neighbours.len();
        for index in 0..neighbours {
            let card = &mut self.pools[at.pool].cards[at.card];
            let neighbour = &mut card.neighbours[index];
            let fraction = card.sharing.fraction(neighbour.member);
            if neighbour.ready && neighbour.set_fraction(now, fraction) {
                let due = neighbour.done_at();
                self.wake_neighbour(StationRef { station: index, ..at }, due);
            }
        }
    }

    fn schedule_turn(&mut self, at: StationRef) {
        let card = &mut self.pools[at.pool].cards[at.card];
        let due = card.sharing.deadline();
        if due == card.turn.map(|(set, _)| set) {
            return;
        }
        if let Some((_, key)) = card.turn.take() {
            self.queue.cancel(key);
        }
        card.turn = due.map(|due| (due, self.queue.schedule(due, Wake::Turn(at))));
    }

    /// Everybody else's load begins.
    pub(super) fn start_neighbours(&mut self, now: Timestamp, pool: usize, card: usize) {
        for station in 0..self.pools[pool].cards[card].neighbours.len() {
            let at = StationRef { pool, card, station };
            let begins = self.pools[pool].cards[card].neighbours[station].rest(now);
            self.wake_neighbour(at, Some(begins));
        }
    }

    /// A card is gone, and everybody else's load with it.
    pub(super) fn stop_neighbours(&mut self, now: Timestamp, pool: usize, card: usize) {
        for station in 0..self.pools[pool].cards[card].neighbours.len() {
            let at = StationRef { pool, card, station };
            let neighbour = &mut self.pools[pool].cards[card].neighbours[station];
            let was_ready = std::mem::take(&mut neighbour.ready);
            let member = neighbour.member;
            self.wake_neighbour(at, None);
            if was_ready {
                self.set_ready(now, at, member, false);
            }
        }
    }

    /// A neighbour's rest is over, or its work may be done.
    pub(super) fn neighbour_wakes(&mut self, now: Timestamp, at: StationRef) {
        let neighbour = &mut self.pools[at.pool].cards[at.card].neighbours[at.station];
        neighbour.wake = None;
        let member = neighbour.member;
        if !neighbour.ready {
            neighbour.start(now);
            self.set_ready(now, at, member, true);
        } else if neighbour.is_done(now) {
            let rested = neighbour.rest(now);
            self.wake_neighbour(at, Some(rested));
            self.set_ready(now, at, member, false);
        } else {
            let due = neighbour.done_at();
            self.wake_neighbour(at, due);
        }
    }

    pub(super) fn wake_neighbour(&mut self, at: StationRef, due: Option<Timestamp>) {
        let neighbour = &mut self.pools[at.pool].cards[at.card].neighbours[at.station];
        if let Some(key) = neighbour.wake.take() {
            self.queue.cancel(key);
        }
        neighbour.wake = due.map(|due| self.queue.schedule(due, Wake::Neighbour(at)));
    }
}
