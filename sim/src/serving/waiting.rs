//! Jobs that wait for a place in the batch.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use slotmap::SlotMap;

use super::{Policy, SequenceKey, sequence::Sequence};

/// Dead entries that are tolerated before all are looked through.
const DEAD_TOLERATED: usize = 64;

/// The line in front of a batch. Who was dropped while waiting stays as a dead entry for a while.
#[derive(Debug)]
pub(super) struct Waiting {
    line: Line,
    alive: usize,
}

#[derive(Debug)]
enum Line {
    Fcfs(VecDeque<SequenceKey>),
    Priority(BinaryHeap<Reverse<(u8, u64, SequenceKey)>>),
}

type Sequences = SlotMap<SequenceKey, Sequence>;

impl Waiting {
    pub(super) fn new(policy: Policy) -> Self {
        let line = match policy {
            Policy::Fcfs => Line::Fcfs(VecDeque::new()),
            Policy::Priority => Line::Priority(BinaryHeap::new()),
        };
        Self { line, alive: 0 }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.alive
    }

    /// Who is next, and after whom, as far as that is known without sorting: at most so many, dead
    /// entries among them.
    pub(super) fn first(&self, most: usize) -> impl Iterator<Item = SequenceKey> + '_ {
        let (fcfs, priority) = match &self.line {
            Line::Fcfs(line) => (Some(line), None),
            Line::Priority(line) => (None, (line.len() == 1).then(|| line.peek()).flatten()),
        };
        let fcfs = fcfs.into_iter().flatten().copied().take(most);
        fcfs.chain(priority.map(|Reverse((_, _, key))| *key))
    }

    /// A new job gets in line.
    pub(super) fn push(&mut self, key: SequenceKey, sequences: &Sequences) {
        self.alive += 1;
        match &mut self.line {
            Line::Fcfs(line) => line.push_back(key),
            Line::Priority(line) => line.push(Reverse(entry(key, sequences))),
        }
    }

    /// A preempted sequence comes back: to the front, or to the place of its rank.
    pub(super) fn push_back_in(&mut self, key: SequenceKey, sequences: &Sequences) {
        self.alive += 1;
        match &mut self.line {
            Line::Fcfs(line) => line.push_front(key),
            Line::Priority(line) => line.push(Reverse(entry(key, sequences))),
        }
    }

    /// Who is next.
    pub(super) fn peek(&mut self, sequences: &Sequences) -> Option<SequenceKey> {
        loop {
            let key = match &self.line {
                Line::Fcfs(line) => *line.front()?,
                Line::Priority(line) => line.peek()?.0.2,
            };
            if sequences.contains_key(key) {
                return Some(key);
            }
            self.remove_front();
        }
    }

    /// The next one joins the batch.
    pub(super) fn pop(&mut self) {
        self.alive -= 1;
        self.remove_front();
    }

    /// Somebody who waits was dropped, and is not among the sequences any more.
    pub(super) fn forget_one(&mut self, sequences: &Sequences) {
        self.alive -= 1;
        let bound = 2 * self.alive + DEAD_TOLERATED;
        match &mut self.line {
            Line::Fcfs(line) if line.len() > bound => {
                line.retain(|key| sequences.contains_key(*key));
            }
            Line::Priority(line) if line.len() > bound => {
                line.retain(|Reverse((_, _, key))| sequences.contains_key(*key));
            }
            Line::Fcfs(_) | Line::Priority(_) => {}
        }
    }

    fn remove_front(&mut self) {
        match &mut self.line {
            Line::Fcfs(line) => {
                line.pop_front();
            }
            Line::Priority(line) => {
                line.pop();
            }
        }
    }
}

fn entry(key: SequenceKey, sequences: &Sequences) -> (u8, u64, SequenceKey) {
    let (rank, arrival) = sequences[key].expendable();
    (rank, arrival, key)
}
