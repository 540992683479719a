//! Whose memory is on a card, and what has to move when somebody's turn comes.
//!
//! # Mechanism
//!
//! Everybody has a *working set* of `w` bytes, of which `r` are on the card. For a turn all of `w` has
//! to be there. What went out before comes in; what is new takes room only; as far as the room does not suffice, others' pages go out,
//! those of whoever had the card longest ago first. A working set that grows during a turn pushes
//! others out as well; that traffic is charged to the next change.
//!
//! # Edges
//!
//! A working set is at most the card. Who leaves takes their memory with them: nothing moves.
//!
//! Source: hostedai-scheduler notes M2, M3, M6, M7.

use connector::Timestamp;

/// Bytes that cross the host's link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) out: u64,
    pub(crate) into: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Set {
    working: u64,
    resident: u64,
    last_used: Timestamp,
}

impl Set {
    fn paged_out(&self) -> u64 {
        self.working.saturating_sub(self.resident)
    }
}

/// The memory of one card.
#[derive(Debug)]
pub(crate) struct Residency {
    capacity: u64,
    sets: Vec<Set>,
    /// Pushed out since the last change.
    pushed: u64,
}

impl Residency {
    pub(crate) fn new(capacity: u64) -> Self {
        Self { capacity, sets: Vec::new(), pushed: 0 }
    }

    /// One more.
    pub(crate) fn join(&mut self) {
        self.sets.push(Set::default());
    }

    /// What somebody has in use now, and all of it is on the card.
    pub(crate) fn use_card(&mut self, who: usize, now: Timestamp, working: u64) {
        let set = &mut self.sets[who];
        set.working = working.min(self.capacity);
        set.resident = set.working;
        set.last_used = now;
        self.pushed += self.make_room_beside(who);
    }

    /// Brings everything of somebody onto the card; at a `strict` change everything else leaves it.
    pub(crate) fn bring_in(
        &mut self,
        who: usize,
        now: Timestamp,
        working: u64,
        strict: bool,
    ) -> Moved {
        let mut out = std::mem::take(&mut self.pushed);
        if strict {
            for index in (0..self.sets.len()).filter(|index| *index != who) {
                out += std::mem::take(&mut self.sets[index].resident);
            }
        }
        let set = &mut self.sets[who];
        let before = std::mem::replace(&mut set.working, working.min(self.capacity));
        // Neither what was given back in the meantime nor what is new has to come in.
        let into = before.min(set.working).saturating_sub(set.resident);
        set.resident = set.working;
        set.last_used = now;
        out += self.make_room_beside(who);
        Moved { out, into }
    }

    /// All of somebody's memory goes to the host while nobody waits for it.
    pub(crate) fn page_out(&mut self, who: usize) {
        self.sets[who].resident = 0;
    }

    /// Somebody's memory is given back.
    pub(crate) fn forget(&mut self, who: usize) {
        self.sets[who] = Set::default();
    }

    /// Whether these working sets fit on the card together.
    pub(crate) fn fit(&self, working: impl Iterator<Item = u64>) -> bool {
        working.map(u128::from).sum::<u128>() <= u128::from(self.capacity)
    }

    /// Bytes on the card.
    pub(crate) fn resident(&self) -> u64 {
        self.sets.iter().map(|set| set.resident).sum()
    }

    /// Bytes of working sets that are in system memory.
    fn paged_out(&self) -> u64 {
        self.sets.iter().map(Set::paged_out).sum()
    }

    /// Who has most in system memory, if together it is more than this.
    pub(crate) fn beyond(&self, host_memory: u64) -> Option<usize> {
        let sets = (self.paged_out() > host_memory).then_some(&self.sets)?;
        (0..sets.len()).rev().max_by_key(|&who| sets[who].paged_out())
    }

    /// Pushes others out until the card suffices; returns how much.
    fn make_room_beside(&mut self, who: usize) -> u64 {
        let mut excess = self.resident().saturating_sub(self.capacity);
        let pushed = excess;
        while excess > 0 {
            let others = self
                .sets
                .iter_mut()
                .enumerate()
                .filter(|(index, set)| *index != who && set.resident > 0);
            let (_, oldest) = others
                .min_by_key(|(index, set)| (set.last_used, *index))
                .expect("one alone fits on the card");
            let leaves = oldest.resident.min(excess);
            oldest.resident -= leaves;
            excess -= leaves;
        }
        pushed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn three(capacity: u64) -> Residency {
        let mut memory = Residency::new(capacity);
        (0..3).for_each(|_| memory.join());
        memory
    }

    #[test]
    fn m2_what_fits_together_moves_once_only() {
        let mut memory = three(100);
        for who in 0..3 {
            assert_eq!(memory.bring_in(who, at(who as u64), 30, false), Moved::default());
        }
        for who in 0..3 {
            assert_eq!(memory.bring_in(who, at(3), 30, false), Moved::default());
        }
    }

    #[test]
    fn m3_who_had_the_card_longest_ago_makes_room() {
        let mut memory = three(100);
        memory.bring_in(0, at(0), 60, false);
        memory.bring_in(1, at(1), 40, false);
        assert_eq!(memory.bring_in(2, at(2), 50, false), Moved { out: 50, into: 0 });
        assert_eq!(memory.paged_out(), 50);
        // 50 of its 60 are missing; the 40 of the second go, and 10 of the third.
        assert_eq!(memory.bring_in(0, at(3), 60, false), Moved { out: 50, into: 50 });
        assert_eq!((memory.resident(), memory.paged_out()), (100, 50));
    }

    #[test]
    fn m3_at_worst_a_whole_card_goes_each_way() {
        let mut memory = three(100);
        memory.bring_in(0, at(0), 100, false);
        assert_eq!(memory.bring_in(1, at(1), 100, false), Moved { out: 100, into: 0 });
        assert_eq!(memory.bring_in(0, at(2), 100, false), Moved { out: 100, into: 100 });
    }

    #[test]
    fn a_strict_change_leaves_nothing_of_others() {
        let mut memory = three(100);
        memory.bring_in(0, at(0), 30, true);
        assert_eq!(memory.bring_in(1, at(1), 30, true), Moved { out: 30, into: 0 });
        assert_eq!(memory.bring_in(0, at(2), 30, true), Moved { out: 30, into: 30 });
    }

    #[test]
    fn a_set_that_grows_pushes_others_out_on_the_next_change() {
        let mut memory = three(100);
        memory.bring_in(0, at(0), 60, false);
        memory.bring_in(1, at(1), 30, false);
        memory.use_card(1, at(2), 70);
        assert_eq!(memory.bring_in(0, at(3), 60, false), Moved { out: 30 + 30, into: 30 });
    }

    #[test]
    fn m6_after_a_long_rest_everything_comes_in_again() {
        let mut memory = three(100);
        memory.bring_in(0, at(0), 60, false);
        memory.page_out(0);
        assert_eq!(memory.bring_in(0, at(900), 60, false), Moved { out: 0, into: 60 });
    }
}
