//! Keys of all records that were taken, for ever, each with a fingerprint of what the record said.

use hashbrown::{
    HashMap,
    hash_map::{Entry, VacantEntry},
};
use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_64;

use super::{Meters, RecordKey, UsageRecord};

/// A key in halves, which is 24 bytes with its fingerprint: a `u128` would take 32 by its alignment.
type Halves = [u64; 2];

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Never iterated.
    prints: HashMap<Halves, u64, FxBuildHasher>,
}

/// How a record's key is known.
pub(super) enum Sight<'a> {
    /// It is not.
    New(Place<'a>),
    /// By the same record.
    Known,
    /// By another one.
    Conflict,
}

/// Where a new key goes.
pub(super) struct Place<'a> {
    entry: VacantEntry<'a, Halves, u64, FxBuildHasher>,
    print: u64,
}

impl Place<'_> {
    pub(super) fn take(self) {
        self.entry.insert(self.print);
    }
}

impl Seen {
    pub(super) fn look(&mut self, record: &UsageRecord) -> Sight<'_> {
        let print = fingerprint(record);
        let RecordKey(key) = record.key;
        match self.prints.entry([key as u64, (key >> 64) as u64]) {
            Entry::Vacant(entry) => Sight::New(Place { entry, print }),
            Entry::Occupied(known) if *known.get() == print => Sight::Known,
            Entry::Occupied(_) => Sight::Conflict,
        }
    }
}

/// 64 bits that two different records of one key share by accident once in 2^64.
fn fingerprint(record: &UsageRecord) -> u64 {
    let UsageRecord {
        key: _,
        from,
        until,
        tenant,
        class,
        model,
        pool,
        strike,
        request,
        kind,
        meters,
    } = *record;
    let Meters {
        input_tokens,
        cached_tokens,
        output_tokens,
        requests,
        slot_ns,
        flop,
        mebibyte_ns,
        queue_ns,
        cold_start_ns,
    } = meters;
    let pair = |one: u32, other: u32| u64::from(one) | u64::from(other) << 32;
    let [low, high] = [|wide: u128| wide as u64, |wide: u128| (wide >> 64) as u64];
    // As one text of bytes: the hash of many small pieces takes ten times as long.
    let words = [
        from.as_nanos(),
        until.as_nanos(),
        pair(tenant.0, class.0),
        pair(model.0, pool.0),
        strike.0,
        u64::from(request.is_some()),
        request.map_or(0, |request| request.0),
        kind as u64,
        input_tokens,
        cached_tokens,
        output_tokens,
        requests,
        low(slot_ns),
        high(slot_ns),
        low(flop),
        high(flop),
        low(mebibyte_ns),
        high(mebibyte_ns),
        queue_ns,
        cold_start_ns,
    ];
    xxh3_64(words.map(u64::to_le_bytes).as_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_costs_what_the_documentation_says() {
        assert_eq!(size_of::<(Halves, u64)>(), 24);
    }
}
