//! The best of many contestants, kept while they change one at a time.
//!
//! A complete binary tree: each contestant is a leaf and each inner place holds the higher rank of the
//! two below, so a change costs one way up and an answer one way down. Among equal ranks the lowest
//! number wins.

/// Contestants by rank; rank 0 cannot win.
#[derive(Clone, Debug)]
pub(super) struct Tournament {
    /// The root at 1, the two below `i` at `2 i` and `2 i + 1`, contestants from `leaves` on.
    ranks: Vec<u64>,
    leaves: usize,
}

impl Tournament {
    pub(super) fn new(count: u32, rank: impl Fn(u32) -> u64) -> Self {
        let leaves = (count as usize).next_power_of_two();
        let mut ranks = vec![0; 2 * leaves];
        for (place, contestant) in ranks[leaves..].iter_mut().zip(0..count) {
            *place = rank(contestant);
        }
        for place in (1..leaves).rev() {
            ranks[place] = ranks[2 * place].max(ranks[2 * place + 1]);
        }
        Self { ranks, leaves }
    }

    pub(super) fn set(&mut self, contestant: u32, rank: u64) {
        let mut place = self.leaves + contestant as usize;
        self.ranks[place] = rank;
        while place > 1 {
            place /= 2;
            let higher = self.ranks[2 * place].max(self.ranks[2 * place + 1]);
            if self.ranks[place] == higher {
                return;
            }
            self.ranks[place] = higher;
        }
    }

    /// The one of highest rank.
    pub(super) fn winner(&self) -> Option<u32> {
        let best = self.ranks[1];
        (best > 0).then(|| self.first_below(1, best))
    }

    /// The first that can win, from this one on and then from the start.
    pub(super) fn next_from(&self, first: u32) -> Option<u32> {
        let from_start = || (self.ranks[1] > 0).then(|| self.first_below(1, 1));
        let mut place = self.leaves + first as usize;
        if self.ranks[place] > 0 {
            return Some(first);
        }
        while place > 1 {
            let is_left = place.is_multiple_of(2);
            if is_left && self.ranks[place + 1] > 0 {
                return Some(self.first_below(place + 1, 1));
            }
            place /= 2;
        }
        from_start()
    }

    /// The first contestant below this place that has at least this rank; there is one.
    fn first_below(&self, mut place: usize, rank: u64) -> u32 {
        while place < self.leaves {
            place *= 2;
            if self.ranks[place] < rank {
                place += 1;
            }
        }
        (place - self.leaves) as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tournament_of_one_has_a_winner_or_none() {
        let mut one = Tournament::new(1, |_| 7);
        assert_eq!((one.winner(), one.next_from(0)), (Some(0), Some(0)));
        one.set(0, 0);
        assert_eq!((one.winner(), one.next_from(0)), (None, None));
    }

    proptest! {
        #[test]
        fn winners_are_those_that_a_look_at_everybody_finds(
            mut ranks in prop::collection::vec(0..4_u64, 1..40),
            changes in prop::collection::vec((0..40_usize, 0..4_u64, 0..40_usize), 0..60),
        ) {
            let count = ranks.len();
            let mut tournament = Tournament::new(count as u32, |one| ranks[one as usize]);
            for (changed, rank, first) in changes {
                let (changed, first) = (changed % count, first % count);
                ranks[changed] = rank;
                tournament.set(changed as u32, rank);
                let best = ranks.iter().max().filter(|best| **best > 0);
                let winner = best.and_then(|best| ranks.iter().position(|rank| rank == best));
                prop_assert_eq!(tournament.winner(), winner.map(|one| one as u32));
                let next = (first..count).chain(0..first).find(|one| ranks[*one] > 0);
                prop_assert_eq!(tournament.next_from(first as u32), next.map(|one| one as u32));
            }
        }
    }
}
