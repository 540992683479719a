//! One tournament per distinct ask, brought up to date when that ask comes again.
//!
//! A host's rank for an ask depends on nothing but the host, so it is computed again only when the
//! host has changed. Changes are noted in a log as long as there are hosts; a board that missed
//! more than that is made anew, which costs less than the changes it missed. Every change is thus
//! looked at once per board at most.
//!
//! Boards are few where asks are: one per model and kind of covenant of a pool, one per shape of a
//! pod. Beyond [`MOST_BOARDS`] the one unasked for longest makes way.

use std::collections::BTreeMap;

use super::{host::Ask, tournament::Tournament};

/// Boards kept at once.
const MOST_BOARDS: usize = 256;

/// Who is best, for each ask.
#[derive(Debug)]
pub(super) struct Boards {
    hosts: u32,
    by_ask: BTreeMap<Ask, Board>,
    /// The hosts that changed last; change `n` stands at `n` modulo the length, a power of two.
    log: Vec<u32>,
    changes: u64,
    asked: u64,
}

#[derive(Debug)]
struct Board {
    tournament: Tournament,
    /// Changes that it knows of.
    seen: u64,
    /// When it was last asked for.
    asked: u64,
}

impl Boards {
    pub(super) fn new(hosts: u32) -> Self {
        let log = vec![0; (hosts as usize).next_power_of_two()];
        Self { hosts, by_ask: BTreeMap::new(), log, changes: 0, asked: 0 }
    }

    /// Notes that the rank of this host may have changed.
    pub(super) fn note(&mut self, host: u32) {
        let at = place(self.changes, &self.log);
        self.log[at] = host;
        self.changes += 1;
    }

    /// Forgets everything, for ranks have a new meaning.
    pub(super) fn clear(&mut self) {
        self.by_ask.clear();
    }

    /// The board of an ask as it stands now.
    pub(super) fn board(&mut self, ask: &Ask, rank: impl Fn(u32) -> u64) -> &Tournament {
        self.asked += 1;
        if self.by_ask.len() >= MOST_BOARDS && !self.by_ask.contains_key(ask) {
            self.forget_one();
        }
        let (hosts, changes) = (self.hosts, self.changes);
        let anew = || Board { tournament: Tournament::new(hosts, &rank), seen: changes, asked: 0 };
        let board = self.by_ask.entry(*ask).or_insert_with(anew);
        board.asked = self.asked;
        if changes - board.seen > u64::from(hosts) {
            board.tournament = Tournament::new(hosts, &rank);
        } else {
            for change in board.seen..changes {
                let host = self.log[place(change, &self.log)];
                board.tournament.set(host, rank(host));
            }
        }
        board.seen = changes;
        &board.tournament
    }

    fn forget_one(&mut self) {
        let oldest = self.by_ask.iter().min_by_key(|(_, board)| board.asked);
        if let Some(ask) = oldest.map(|(ask, _)| *ask) {
            self.by_ask.remove(&ask);
        }
    }
}

/// Where a change stands in the log.
fn place(change: u64, log: &[u32]) -> usize {
    change as usize & (log.len() - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::placement::host::Models;

    fn ask(kind: u32) -> Ask {
        let models = Models::ANY;
        Ask { resources: [0, 0], gpus: 1, parts: 1, models, overcommit: 1, kind }
    }

    proptest! {
        #[test]
        fn a_board_knows_every_change_however_long_it_was_not_asked(
            mut ranks in prop::collection::vec(0..5_u64, 1..6),
            steps in prop::collection::vec((0..3_u32, 0..6_usize, 0..5_u64), 0..80),
        ) {
            let hosts = ranks.len();
            let mut boards = Boards::new(hosts as u32);
            for (kind, changed, rank) in steps {
                if kind == 2 {
                    ranks[changed % hosts] = rank;
                    boards.note((changed % hosts) as u32);
                    continue;
                }
                // Each ask sees the ranks in its own way.
                let seen = |host: u32| (ranks[host as usize] * u64::from(kind + 1)) % 5;
                let fresh = Tournament::new(hosts as u32, seen);
                prop_assert_eq!(boards.board(&ask(kind), seen).winner(), fresh.winner());
            }
        }
    }

    #[test]
    fn the_board_unasked_for_longest_makes_way() {
        let mut boards = Boards::new(1);
        for kind in 0..MOST_BOARDS as u32 {
            boards.board(&ask(kind), |_| 1);
        }
        boards.board(&ask(0), |_| 1);
        boards.board(&ask(u32::MAX), |_| 1);
        assert_eq!(boards.by_ask.len(), MOST_BOARDS);
        assert!(boards.by_ask.contains_key(&ask(0)));
        assert!(!boards.by_ask.contains_key(&ask(1)));
    }
}
