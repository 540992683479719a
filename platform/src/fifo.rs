use std::collections::VecDeque;

/// Entries that died are tolerated up to this number and the number of live ones.
const DEAD_TOLERATED: usize = 256;

/// A first-in-first-out queue whose entries may die in place: whoever kills one does not look for
/// it but calls [`compact`](Self::compact), so that memory follows the number of live entries. All
/// operations take constant time on average.
#[derive(Debug)]
pub(crate) struct Fifo<T> {
    entries: VecDeque<T>,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new() }
    }
}

impl<T> Fifo<T> {
    pub(crate) fn push(&mut self, entry: T) {
        self.entries.push_back(entry);
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.entries.front()
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.entries.pop_front()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn entries(&self) -> &VecDeque<T> {
        &self.entries
    }

    pub(crate) fn insert(&mut self, index: usize, entry: T) {
        self.entries.insert(index, entry);
    }

    /// Forgets dead entries up to the first live one.
    pub(crate) fn drop_dead_front(&mut self, alive: impl Fn(&T) -> bool) {
        while self.entries.front().is_some_and(|front| !alive(front)) {
            self.entries.pop_front();
        }
    }

    /// Forgets dead entries when they are the greater part. `live_at_most` is an upper bound of how
    /// many entries are alive.
    #[inline]
    pub(crate) fn compact(&mut self, live_at_most: usize, alive: impl Fn(&T) -> bool) {
        if self.entries.len() > live_at_most + live_at_most.max(DEAD_TOLERATED) {
            self.drop_dead(alive);
        }
    }

    #[cold]
    fn drop_dead(&mut self, alive: impl Fn(&T) -> bool) {
        self.entries.retain(alive);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_alive_when_the_dead_were_dropped() {
        let mut fifo = Fifo::default();
        (0..10).for_each(|n| fifo.push(n));
        fifo.drop_dead_front(|&n| n >= 3);
        assert_eq!(fifo.front(), Some(&3));
        assert_eq!(fifo.pop(), Some(3));
        fifo.drop_dead_front(|_| false);
        assert_eq!(fifo.front(), None);
    }

    #[test]
    fn dead_entries_behind_a_live_front_do_not_pile_up() {
        let mut fifo = Fifo::default();
        fifo.push(0);
        for n in 1..100_000 {
            fifo.push(n);
            fifo.compact(1, |&n| n == 0);
            assert!(fifo.entries().len() <= 1 + DEAD_TOLERATED);
        }
        assert_eq!(fifo.front(), Some(&0));
    }
}
