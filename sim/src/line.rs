//! Shares that were taken away and wait for another place: higher rank first, granted first among
//! equals.
//!
//! Seniority is that of the grant, not of the last loss, so a share that is taken away again and
//! again does not fall behind those that came later.

use std::{cmp::Reverse, collections::BTreeMap};

use connector::Priority;

use crate::simulator::ShareKey;

/// See the module text.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: BTreeMap<(Reverse<Priority>, u64), ShareKey>,
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn join(&mut self, priority: Priority, age: u64, share: ShareKey) {
        let before = self.waiting.insert((Reverse(priority), age), share);
        debug_assert!(before.is_none(), "every share has an age of its own");
    }

    pub(crate) fn leave(&mut self, priority: Priority, age: u64) {
        self.waiting.remove(&(Reverse(priority), age));
    }

    /// Everybody, the first in line first.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = ShareKey> + '_ {
        self.waiting.values().copied()
    }
}
