//! A host whose memory does not suffice for what is paged out: somebody is killed.

use connector::Timestamp;

use super::{Refusal, Simulator, StationRef, capacity::CardRef};

impl Simulator {
    /// Kills whoever has most in the host's memory until the rest fits.
    #[cold]
    pub(super) fn free_host_memory(&mut self, now: Timestamp, card: CardRef) {
        while let Some(member) = self.pools[card.0].cards[card.1].sharing.victim() {
            let neighbours = self.pools[card.0].cards[card.1].neighbours.len();
            let place = |station| StationRef { pool: card.0, card: card.1, station };
            match member.checked_sub(neighbours) {
                Some(station) => self.kill_process(now, place(station)),
                None => self.kill_neighbour(now, place(member)),
            }
        }
    }

    /// A serving process is gone with what it was doing; the next inference starts it anew. (If it
    /// started by itself, two that do not fit would kill each other for ever.)
    fn kill_process(&mut self, now: Timestamp, at: StationRef) {
        let place = |of: StationRef| (of.pool, of.card, of.station);
        for share in self.shares_where(|share| share.at.map(place) == Some(place(at))) {
            self.stop_inferences(now, share, Refusal::Killed);
        }
        self.with_engine(now, at, |engine| engine.evict(now));
        self.pools[at.pool].cards[at.card].lose_process(at.station);
    }

    /// What a neighbour was working on is lost, and it rests.
    fn kill_neighbour(&mut self, now: Timestamp, at: StationRef) {
        let card = &mut self.pools[at.pool].cards[at.card];
        let neighbour = &mut card.neighbours[at.station];
        let member = neighbour.member;
        card.sharing.forget(member);
        if neighbour.ready {
            let rested = neighbour.rest(now);
            self.wake_neighbour(at, Some(rested));
            self.set_ready(now, at, member, false);
        }
    }
}
