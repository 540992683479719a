//! A queue of future events: earliest first, ties in insertion order, any entry cancellable.
//!
//! # Mechanism
//!
//! A *monotone radix heap* (Ahuja, Mehlhorn, Orlin, Tarjan, "Faster algorithms for the shortest
//! path problem", JACM 1990) with digits of [`DIGIT_BITS`] bits, and a short sorted list in front.
//! Time never goes back in a simulation, so an entry need only be ordered against the last popped
//! time `floor`: it lies in the level of the highest digit in which it differs from `floor`, in the
//! bucket of its own digit there. The earliest entry is in the first occupied bucket of the lowest
//! occupied level. When that is opened, its entries become the sorted list if they are few; if they
//! are many, `floor` rises to their earliest and they are spread over lower levels. An entry only
//! ever moves down, so the cost does not depend on how many are pending.
//!
//! What is scheduled for a time that the list covers is put in its place there. A list that grows
//! too long for that is spread over the levels below its bucket.
//!
//! Entries are appended, sorted (stably) and spread in order, and entries of equal time always share
//! a bucket, so ties leave in the order they came without a sequence number.
//!
//! Payloads live in a slab beside the buckets; a cancelled slot bumps its generation and the entry
//! left behind is dropped when met. When most entries are such leftovers they are swept out, so
//! that memory follows the number of live entries.
//!
//! # Edges
//!
//! A time before the latest `now` is due at once, after everything already due.
//! [`EventQueue::next_time`] may be early if the earliest entry was cancelled; it is never late.

use crate::Timestamp;

const DIGIT_BITS: u32 = 6;
const DIGITS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = 64usize.div_ceil(DIGIT_BITS as usize);
/// A bucket of at most this many entries is sorted instead of spread.
const FEW: usize = 24;
/// Leftovers of cancelled entries are tolerated up to this number and the number of live entries.
const LEFTOVERS_TOLERATED: usize = 1024;

/// A handle to cancel one scheduled event. Stale handles are harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKey(u64);

impl EventKey {
    /// In one word: together with its time it fits in registers, and is moved without a detour.
    const fn new(slot: u32, generation: u32) -> Self {
        Self((generation as u64) << 32 | slot as u64)
    }

    const fn slot(self) -> usize {
        self.0 as u32 as usize
    }

    const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    time: u64,
    key: EventKey,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    payload: Option<T>,
}

/// See the module text.
#[derive(Debug)]
pub struct EventQueue<T> {
    /// The entries up to `near_until`, in order; all others are in buckets.
    near: Vec<Entry>,
    /// How many of those have left.
    gone: usize,
    near_until: u64,
    floor: u64,
    buckets: Vec<Vec<Entry>>,
    /// Earliest time of each bucket, leftovers included.
    earliest: Vec<u64>,
    /// Per level, which buckets hold entries.
    occupied: [u64; LEVELS],
    /// Which levels hold entries.
    levels: u32,
    /// Buffer that bucket contents pass through while being spread.
    spread: Vec<Entry>,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    leftovers: usize,
}

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        Self {
            near: Vec::with_capacity(FEW),
            gone: 0,
            near_until: 0,
            floor: 0,
            buckets: std::iter::repeat_with(Vec::new).take(LEVELS * DIGITS).collect(),
            earliest: vec![u64::MAX; LEVELS * DIGITS],
            occupied: [0; LEVELS],
            levels: 0,
            spread: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            leftovers: 0,
        }
    }
}

impl<T> EventQueue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Scheduled events that were neither popped nor cancelled.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether nothing is scheduled.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Schedules `payload` for `at`.
    ///
    /// # Panics
    /// With 2^32 events pending.
    #[inline]
    pub fn schedule(&mut self, at: Timestamp, payload: T) -> EventKey {
        let slot = self.vacancy();
        let entry = &mut self.slots[slot as usize];
        entry.payload = Some(payload);
        let key = EventKey::new(slot, entry.generation);
        self.place(Entry { time: at.as_nanos().max(self.floor), key });
        key
    }

    /// Takes a scheduled event back; `None` if it was popped or cancelled already.
    pub fn cancel(&mut self, key: EventKey) -> Option<T> {
        let payload = self.take(key)?;
        self.leftovers += 1;
        if self.leftovers > LEFTOVERS_TOLERATED.max(self.len()) {
            self.sweep();
        }
        Some(payload)
    }

    /// When the next event is due, or somewhat earlier if that event was cancelled.
    #[inline]
    pub fn next_time(&self) -> Option<Timestamp> {
        let earliest = match self.near.get(self.gone) {
            Some(entry) => entry.time,
            None => self.earliest[self.first_bucket()?],
        };
        Some(Timestamp::from_nanos(earliest))
    }

    /// The earliest event due by `now`, with its time.
    #[inline]
    pub fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, T)> {
        if self.next_time()? > now { None } else { self.pop_first_due(now) }
    }

    fn pop_first_due(&mut self, now: Timestamp) -> Option<(Timestamp, T)> {
        loop {
            while let Some(&entry) = self.near.get(self.gone) {
                if entry.time > now.as_nanos() {
                    return None;
                }
                self.gone += 1;
                if let Some(payload) = self.take(entry.key) {
                    self.floor = entry.time;
                    return Some((Timestamp::from_nanos(entry.time), payload));
                }
                self.leftovers -= 1;
            }
            if self.is_empty() {
                self.forget_leftovers();
                return None;
            }
            let bucket = self.first_bucket()?;
            if self.earliest[bucket] > now.as_nanos() {
                return None;
            }
            self.open(bucket);
        }
    }

    /// The earliest event whenever it is due.
    pub fn pop(&mut self) -> Option<(Timestamp, T)> {
        self.pop_due(Timestamp::MAX)
    }

    /// A slot without payload.
    fn vacancy(&mut self) -> u32 {
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 events are pending");
        self.slots.push(Slot { generation: 0, payload: None });
        slot
    }

    fn take(&mut self, key: EventKey) -> Option<T> {
        let slot = self.slots.get_mut(key.slot())?;
        if slot.generation != key.generation() {
            return None;
        }
        let payload = slot.payload.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.slot() as u32);
        Some(payload)
    }

    #[inline]
    fn place(&mut self, entry: Entry) {
        if entry.time <= self.near_until {
            self.place_near(entry);
        } else {
            self.place_in_bucket(entry);
        }
    }

    fn place_near(&mut self, entry: Entry) {
        if self.gone >= FEW {
            self.forget_gone();
        }
        let near = &self.near[self.gone..];
        if near.last().is_none_or(|last| last.time <= entry.time) {
            self.near.push(entry);
        } else if near.len() < 2 * FEW {
            let place = near.partition_point(|other| other.time <= entry.time);
            self.near.insert(self.gone + place, entry);
        } else {
            self.spread_near();
            self.place(entry);
        }
    }

    fn place_in_bucket(&mut self, entry: Entry) {
        let level = (entry.time ^ self.floor).ilog2() / DIGIT_BITS;
        let digit = (entry.time >> (level * DIGIT_BITS)) as usize & (DIGITS - 1);
        let bucket = level as usize * DIGITS + digit;
        self.buckets[bucket].push(entry);
        self.earliest[bucket] = self.earliest[bucket].min(entry.time);
        self.occupied[level as usize] |= 1 << digit;
        self.levels |= 1 << level;
    }

    fn first_bucket(&self) -> Option<usize> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some(level * DIGITS + self.occupied[level].trailing_zeros() as usize)
    }

    /// Empties the first bucket, while nothing is near: few entries become near, many move down.
    fn open(&mut self, bucket: usize) {
        self.floor = self.earliest[bucket];
        self.vacate(bucket);
        let entries = &mut self.buckets[bucket];
        if entries.len() <= FEW {
            let below = 1 << ((bucket / DIGITS) as u32 * DIGIT_BITS);
            self.near_until = self.floor | (below - 1);
            self.near.clear();
            self.gone = 0;
            std::mem::swap(&mut self.near, entries);
            self.near.sort_by_key(|entry| entry.time);
        } else {
            self.near_until = self.floor;
            let mut entries = std::mem::replace(entries, std::mem::take(&mut self.spread));
            for entry in entries.drain(..) {
                self.place(entry);
            }
            self.spread = entries;
        }
    }

    /// Moves what is near to the levels below the bucket it came from.
    #[cold]
    fn spread_near(&mut self) {
        self.near_until = self.floor;
        self.forget_gone();
        let due = self.near.partition_point(|entry| entry.time <= self.floor);
        for index in due..self.near.len() {
            self.place_in_bucket(self.near[index]);
        }
        self.near.truncate(due);
    }

    fn forget_gone(&mut self) {
        self.near.drain(..self.gone);
        self.gone = 0;
    }

    fn vacate(&mut self, bucket: usize) {
        let level = bucket / DIGITS;
        self.earliest[bucket] = u64::MAX;
        self.occupied[level] &= !(1 << (bucket % DIGITS));
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    /// With nothing live, leftovers must not raise `floor` beyond the last event that left.
    fn forget_leftovers(&mut self) {
        while let Some(bucket) = self.first_bucket() {
            self.buckets[bucket].clear();
            self.vacate(bucket);
        }
        self.leftovers = 0;
    }

    /// Drops the leftovers of cancelled events everywhere.
    fn sweep(&mut self) {
        self.forget_gone();
        let slots = &self.slots;
        let live = |entry: &Entry| slots[entry.key.slot()].generation == entry.key.generation();
        self.near.retain(live);
        let mut emptied = Vec::new();
        for (bucket, entries) in self.buckets.iter_mut().enumerate() {
            if entries.is_empty() {
                continue;
            }
            entries.retain(live);
            entries.shrink_to(entries.len() * 2);
            match entries.iter().map(|entry| entry.time).min() {
                Some(time) => self.earliest[bucket] = time,
                None => emptied.push(bucket),
            }
        }
        for bucket in emptied {
            self.vacate(bucket);
        }
        self.leftovers = 0;
    }
}

#[cfg(test)]
mod tests;
