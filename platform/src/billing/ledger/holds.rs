//! Reservations that are open, and when their time is over.

use std::collections::BTreeSet;

use connector::Timestamp;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Hold, TransactionId};

#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    /// Never iterated.
    open: HashMap<TransactionId, Hold, FxBuildHasher>,
    /// Those that expire, the first one first; at the same time in order of their ids.
    expiring: BTreeSet<(Timestamp, TransactionId)>,
}

impl Holds {
    pub(super) fn add(&mut self, id: TransactionId, hold: Hold) {
        self.open.insert(id, hold);
        if let Some(expires) = hold.expires {
            self.expiring.insert((expires, id));
        }
    }

    pub(super) fn get(&self, id: TransactionId) -> Option<&Hold> {
        self.open.get(&id)
    }

    pub(super) fn remove(&mut self, id: TransactionId) -> Option<Hold> {
        let hold = self.open.remove(&id)?;
        if let Some(expires) = hold.expires {
            self.expiring.remove(&(expires, id));
        }
        Some(hold)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.expiring.first().map(|&(expires, _)| expires)
    }

    /// The first of those whose time is over.
    pub(super) fn due(&self, now: Timestamp) -> Option<TransactionId> {
        self.expiring.first().filter(|&&(expires, _)| expires <= now).map(|&(_, id)| id)
    }
}
