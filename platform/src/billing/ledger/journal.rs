//! Entries at hand, in the order they were booked.
//!
//! A simulation keeps all of them here. A durable ledger keeps those that its store does not have
//! yet, and the few of the store that the present batch needs to be looked at.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Entry, Record, TransactionId, record};

/// Never iterated, so that the order of its keys reaches nothing.
type Index = HashMap<TransactionId, u32, FxBuildHasher>;

#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    bytes: Vec<u8>,
    /// Where each record begins, and its hash.
    records: Vec<(usize, [u8; 32])>,
    by_id: Index,
    /// By the transaction that a record refers to.
    referring: Index,
    /// Records before this one are the store's.
    first_new: usize,
}

impl Journal {
    /// Adds a new entry after the one of hash `before`; returns its hash.
    pub(super) fn append(&mut self, entry: &Entry, before: &[u8; 32]) -> [u8; 32] {
        let start = self.bytes.len();
        record::encode(entry, &mut self.bytes);
        let hash = record::chain(before, &self.bytes[start..]);
        self.file(start, hash, entry.id, entry.event.refers());
        hash
    }

    /// Takes in a record of the store, to look at. All of them come before what is new.
    pub(super) fn recall(&mut self, record: &Record<'_>) {
        assert_eq!(self.first_new, self.records.len(), "recalled after something new");
        if self.by_id.contains_key(&record.id) {
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend(record.bytes);
        self.file(start, record.hash, record.id, record.refers);
        self.first_new = self.records.len();
    }

    fn file(
        &mut self,
        start: usize,
        hash: [u8; 32],
        id: TransactionId,
        refers: Option<TransactionId>,
    ) {
        let number = self.records.len() as u32;
        self.records.push((start, hash));
        self.by_id.insert(id, number);
        if let Some(other) = refers {
            self.referring.insert(other, number);
        }
    }

    pub(super) fn find(&self, id: TransactionId) -> Option<Entry> {
        self.by_id.get(&id).map(|&number| self.entry(number))
    }

    pub(super) fn referring(&self, id: TransactionId) -> Option<Entry> {
        self.referring.get(&id).map(|&number| self.entry(number))
    }

    fn entry(&self, number: u32) -> Entry {
        self.record(number as usize).entry().expect("its own entries are as it wrote them")
    }

    /// All records, in order.
    pub(super) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.records.len()).map(|number| self.record(number))
    }

    /// Those from one on, counted from 0, in order.
    pub(super) fn entries_from(&self, first: u32) -> impl Iterator<Item = Entry> + '_ {
        (first..self.records.len() as u32).map(|number| self.entry(number))
    }

    /// Those that the store does not have, in order.
    pub(super) fn new_records(&self) -> impl Iterator<Item = Record<'_>> {
        (self.first_new..self.records.len()).map(|number| self.record(number))
    }

    fn record(&self, number: usize) -> Record<'_> {
        let (start, hash) = self.records[number];
        let end = self.records.get(number + 1).map_or(self.bytes.len(), |&(next, _)| next);
        Record::of(&self.bytes[start..end], hash).expect("its own entries are long enough")
    }

    /// Lets go of everything: the store has it.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.by_id.clear();
        self.referring.clear();
        self.first_new = 0;
    }
}
