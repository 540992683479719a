//! Which card a new share goes to.

use crate::{
    config::Placement,
    random::{Stream, Streams},
};

/// Draws that random placement makes before it falls back to looking at every card in turn.
const DRAWS: u32 = 16;
const NONE: u32 = u32::MAX;

/// The cards in service, grouped by how many shares they hold.
///
/// Each group is a doubly linked list threaded through one table, in order of joining the group, so
/// that a card changes group in constant time and "least loaded, longest unchanged" is its head.
#[derive(Debug)]
struct LoadIndex {
    groups: Vec<(u32, u32)>,
    links: Vec<(u32, u32)>,
    loads: Vec<u32>,
}

impl LoadIndex {
    fn new(cards: u32, sharing_ratio: u32) -> Self {
        let mut index = Self {
            groups: vec![(NONE, NONE); sharing_ratio as usize + 1],
            links: vec![(NONE, NONE); cards as usize],
            loads: vec![0; cards as usize],
        };
        for card in 0..cards {
            index.append(card);
        }
        index
    }

    fn append(&mut self, card: u32) {
        let (head, tail) = self.groups[self.loads[card as usize] as usize];
        self.links[card as usize] = (tail, NONE);
        let group = &mut self.groups[self.loads[card as usize] as usize];
        if head == NONE {
            *group = (card, card);
        } else {
            group.1 = card;
            self.links[tail as usize].1 = card;
        }
    }

    fn unlink(&mut self, card: u32) {
        let (previous, next) = self.links[card as usize];
        let group = &mut self.groups[self.loads[card as usize] as usize];
        if previous == NONE {
            group.0 = next;
        }
        if next == NONE {
            group.1 = previous;
        }
        if previous != NONE {
            self.links[previous as usize].1 = next;
        }
        if next != NONE {
            self.links[next as usize].0 = previous;
        }
    }

    /// Cards with room for one more share, least loaded first.
    fn by_load(&self) -> impl Iterator<Item = u32> + '_ {
        let with_room = &self.groups[..self.groups.len() - 1];
        with_room.iter().flat_map(move |(head, _)| {
            let linked = |card: u32| (card != NONE).then_some(card);
            std::iter::successors(linked(*head), move |card| linked(self.links[*card as usize].1))
        })
    }
}

/// Chooses cards by a rule, among those that the caller says have room.
#[derive(Debug)]
pub(crate) struct Placer {
    rule: Placement,
    index: LoadIndex,
    cards: u32,
    next_in_turn: u32,
    stream: Stream,
}

impl Placer {
    pub(crate) fn new(
        rule: Placement,
        pool: &str,
        cards: u32,
        sharing_ratio: u32,
        streams: Streams,
    ) -> Self {
        Self {
            rule,
            index: LoadIndex::new(cards, sharing_ratio),
            cards,
            next_in_turn: 0,
            stream: streams.stream(&format!("placement/{pool}")),
        }
    }

    /// A card for which `fits` holds, or `None` when there is none.
    pub(crate) fn choose(&mut self, fits: impl Fn(u32) -> bool) -> Option<u32> {
        match self.rule {
            Placement::LeastLoaded => self.index.by_load().find(|&card| fits(card)),
            Placement::FirstFit => (0..self.cards).find(|&card| fits(card)),
            Placement::RoundRobin => {
                let card = self.in_turn_from(self.next_in_turn, fits)?;
                self.next_in_turn = (card + 1) % self.cards;
                Some(card)
            }
            Placement::Random => {
                let card = self.draw(&fits);
                card.or_else(|| self.in_turn_from(self.next_in_turn, fits))
            }
            Placement::PowerOfTwo => {
                let pair = (self.draw(&fits), self.draw(&fits));
                let load = |card: u32| self.index.loads[card as usize];
                match pair {
                    (Some(a), Some(b)) => Some(if load(b) < load(a) { b } else { a }),
                    (Some(only), None) | (None, Some(only)) => Some(only),
                    (None, None) => self.in_turn_from(self.next_in_turn, fits),
                }
            }
        }
    }

    /// Says how many shares a card holds now.
    pub(crate) fn set_load(&mut self, card: u32, load: u32) {
        self.index.unlink(card);
        self.index.loads[card as usize] = load;
        self.index.append(card);
    }

    fn in_turn_from(&self, first: u32, fits: impl Fn(u32) -> bool) -> Option<u32> {
        (0..self.cards).map(|step| (first + step) % self.cards).find(|&card| fits(card))
    }

    fn draw(&mut self, fits: impl Fn(u32) -> bool) -> Option<u32> {
        let draws = (0..DRAWS).map(|_| self.stream.below(u64::from(self.cards)) as u32);
        draws.into_iter().find(|&card| fits(card))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placer(rule: Placement) -> Placer {
        Placer::new(rule, "p", 4, 3, Streams::new(1))
    }

    #[test]
    fn the_least_loaded_card_is_chosen_and_among_equals_the_longest_unchanged() {
        let mut placer = placer(Placement::LeastLoaded);
        placer.set_load(0, 1);
        placer.set_load(1, 1);
        assert_eq!(placer.choose(|_| true), Some(2));
        placer.set_load(2, 1);
        placer.set_load(3, 2);
        assert_eq!(placer.choose(|_| true), Some(0));
        assert_eq!(placer.choose(|card| card != 0), Some(1));
    }

    #[test]
    fn a_full_card_is_never_chosen_by_load() {
        let mut placer = placer(Placement::LeastLoaded);
        for card in 0..4 {
            placer.set_load(card, 3);
        }
        assert_eq!(placer.choose(|_| true), None);
    }

    #[test]
    fn round_robin_takes_cards_in_turn_and_skips_those_without_room() {
        let mut placer = placer(Placement::RoundRobin);
        let turns: Vec<_> = (0..6).filter_map(|_| placer.choose(|card| card != 2)).collect();
        assert_eq!(turns, [0, 1, 3, 0, 1, 3]);
    }

    #[test]
    fn random_placement_finds_the_only_card_with_room() {
        for rule in [Placement::Random, Placement::PowerOfTwo, Placement::FirstFit] {
            assert_eq!(placer(rule).choose(|card| card == 3), Some(3), "{rule:?}");
            assert_eq!(placer(rule).choose(|_| false), None, "{rule:?}");
        }
    }
}
