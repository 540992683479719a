//! Leases that lie warm on one cable: granted, paid for, and at work for nobody.
//!
//! # Mechanism
//!
//! Leases of one kind (a model, and unless tenants share, a tenant) lie on one [`Shelf`]. The one
//! put down last is taken first, so that those that are too many lie at the other end and grow old.
//! All leases of a cable are also known in the order in which they were put down: that is the order
//! in which their time runs out, and in which they go when the pool has no room for others.
//!
//! A shelf knows how many of its leases are at work and since when, so that the mean over an
//! interval (the load, by Little's law) costs one multiplication per change.
//!
//! # Edges
//!
//! A lease that was taken and put down again is in the order twice; the older entry is dead, and is
//! known by its time. There are at most [`LOST_MAX`] allocations remembered whose fate is unknown;
//! the oldest are forgotten, and what they became is given back when it is found.

use std::collections::{BTreeMap, VecDeque};

use connector::{
    Allocate, Duration, EventKey, Mebibytes, ModelId, Requirements, TenantId, Tflops, Timestamp,
};

use crate::{fifo::Fifo, forecast::Demand, lease::LeaseKey};

/// Ambiguous allocations of one cable that are remembered.
pub(crate) const LOST_MAX: usize = 64;

/// What leases of one shelf have in common: a lease serves whoever would ask for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) model: ModelId,
    /// Without a tenant they are for everybody.
    pub(crate) tenant: Option<TenantId>,
    pub(crate) tflops: Tflops,
    pub(crate) vram: Mebibytes,
    pub(crate) preemptible: bool,
}

impl Kind {
    pub(crate) fn of(ask: &Allocate, shared: bool) -> Self {
        Self {
            model: ask.model,
            tenant: (!shared).then_some(ask.tenant),
            tflops: ask.requirements.tflops,
            vram: ask.requirements.vram,
            preemptible: ask.preemptible,
        }
    }

    pub(crate) const fn requirements(&self) -> Requirements {
        Requirements { tflops: self.tflops, vram: self.vram }
    }
}

#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) kind: Kind,
    /// Longest idle in front.
    warm: VecDeque<LeaseKey>,
    /// Leases at work or asked for by strikes.
    pub(crate) busy: u32,
    /// Leases asked for ahead of need.
    pub(crate) stocking: u32,
    /// Leases to be held at any time.
    pub(crate) least: u32,
    /// Leases that the forecast wants.
    pub(crate) wanted: u32,
    pub(crate) demand: Option<Demand>,
    /// Integral of `busy` since the last look, up to `since`.
    busy_ns: u128,
    since: Timestamp,
}

impl Shelf {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            warm: VecDeque::new(),
            busy: 0,
            stocking: 0,
            least: 0,
            wanted: 0,
            demand: None,
            busy_ns: 0,
            since: Timestamp::ZERO,
        }
    }

    pub(crate) fn warm(&self) -> u32 {
        self.warm.len() as u32
    }

    /// Leases of this kind that are held or asked for.
    pub(crate) fn all(&self) -> u32 {
        self.busy + self.stocking + self.warm()
    }

    /// So many are kept however long they are idle.
    pub(crate) fn floor(&self) -> u32 {
        self.least.max(self.wanted)
    }

    pub(crate) fn begin_work(&mut self, now: Timestamp) {
        self.settle(now);
        self.busy += 1;
    }

    pub(crate) fn end_work(&mut self, now: Timestamp) {
        self.settle(now);
        self.busy = self.busy.checked_sub(1).expect("a lease that ends its work was at work");
    }

    /// The mean number at work over the interval that ends now, and a new one begins.
    pub(crate) fn mean(&mut self, now: Timestamp, interval: Duration) -> f64 {
        self.settle(now);
        let busy_ns = std::mem::take(&mut self.busy_ns);
        busy_ns as f64 / interval.as_nanos().max(1) as f64
    }

    fn settle(&mut self, now: Timestamp) {
        let time = u128::from(now.since(self.since).as_nanos());
        self.busy_ns += u128::from(self.busy) * time;
        self.since = now;
    }
}

/// The shelves of one cable.
#[derive(Debug, Default)]
pub(crate) struct Shelves {
    pub(crate) all: Vec<Shelf>,
    places: BTreeMap<Kind, usize>,
    /// Whatever lies warm since when; dead once it does not, or does so since later.
    order: Fifo<(Timestamp, LeaseKey)>,
    warm: u32,
    /// Leases asked for ahead of need, of all shelves.
    pub(crate) stocking: u32,
    /// The next look at the oldest.
    pub(crate) watch: Option<EventKey>,
    /// Sweeps to come unless something goes on.
    pub(crate) sweeps: u8,
    /// The shelves that ambiguous allocations were for.
    lost: VecDeque<usize>,
}

impl Shelves {
    /// The shelf of this kind.
    pub(crate) fn find(&mut self, kind: Kind) -> usize {
        *self.places.entry(kind).or_insert_with(|| {
            self.all.push(Shelf::new(kind));
            self.all.len() - 1
        })
    }

    pub(crate) fn warm(&self) -> u32 {
        self.warm
    }

    /// A lease lies warm from now on.
    pub(crate) fn put(
        &mut self,
        now: Timestamp,
        shelf: usize,
        lease: LeaseKey,
        alive: impl Fn(Timestamp, LeaseKey) -> bool,
    ) {
        self.all[shelf].warm.push_back(lease);
        self.warm += 1;
        self.order.push((now, lease));
        self.order.compact(self.warm as usize, |&(since, lease)| alive(since, lease));
    }

    /// The lease put down last.
    pub(crate) fn take(&mut self, shelf: usize) -> Option<LeaseKey> {
        let lease = self.all[shelf].warm.pop_back()?;
        self.warm -= 1;
        Some(lease)
    }

    /// Takes a lease from wherever it lies; it is mostly the oldest.
    pub(crate) fn remove(&mut self, shelf: usize, lease: LeaseKey) {
        let warm = &mut self.all[shelf].warm;
        let place = warm.iter().position(|&other| other == lease);
        warm.remove(place.expect("a warm lease lies on its shelf"));
        self.warm -= 1;
    }

    /// The lease of this cable that has been idle longest, and since when.
    pub(crate) fn oldest(
        &mut self,
        alive: impl Fn(Timestamp, LeaseKey) -> bool,
    ) -> Option<(Timestamp, LeaseKey)> {
        self.order.drop_dead_front(|&(since, lease)| alive(since, lease));
        self.order.front().copied()
    }

    /// Takes every lease that lies warm.
    pub(crate) fn take_all(&mut self) -> Vec<LeaseKey> {
        self.warm = 0;
        self.all.iter_mut().flat_map(|shelf| shelf.warm.drain(..)).collect()
    }

    /// An allocation for this shelf may have been granted or not.
    pub(crate) fn lose(&mut self, shelf: usize) {
        if self.lost.len() == LOST_MAX {
            self.lost.pop_front();
        }
        self.lost.push_back(shelf);
    }

    /// A share on these terms was found: the shelf that lost it, if that can only be one.
    pub(crate) fn found(&mut self, (model, needed): (ModelId, Requirements)) -> Option<usize> {
        let is_it = |shelf: &&usize| {
            let kind = &self.all[**shelf].kind;
            kind.model == model && kind.requirements() == needed
        };
        let first = *self.lost.iter().find(is_it)?;
        if self.lost.iter().filter(is_it).any(|&shelf| shelf != first) {
            return None;
        }
        let place = self.lost.iter().position(|&shelf| shelf == first);
        place.and_then(|place| self.lost.remove(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: Requirements = Requirements { tflops: Tflops::ZERO, vram: Mebibytes::ZERO };
    const TERMS: (ModelId, Requirements) = (ModelId(0), NEEDED);

    fn kind(tenant: Option<u32>) -> Kind {
        let Requirements { tflops, vram } = NEEDED;
        let tenant = tenant.map(TenantId);
        Kind { model: ModelId(0), tenant, tflops, vram, preemptible: false }
    }

    fn keys(number: usize) -> Vec<LeaseKey> {
        let mut table = slotmap::SlotMap::with_key();
        (0..number).map(|_| table.insert(())).collect()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn the_one_put_down_last_is_taken_first_and_the_oldest_is_known() {
        let (mut shelves, keys) = (Shelves::default(), keys(3));
        let shelf = shelves.find(kind(None));
        for (second, &key) in keys.iter().enumerate() {
            shelves.put(at(second as u64), shelf, key, |_, _| true);
        }
        assert_eq!(shelves.oldest(|_, _| true), Some((at(0), keys[0])));
        assert_eq!(shelves.take(shelf), Some(keys[2]));
        shelves.remove(shelf, keys[0]);
        assert_eq!(
            (shelves.warm(), shelves.take(shelf), shelves.take(shelf)),
            (1, Some(keys[1]), None)
        );
    }

    #[test]
    fn the_mean_at_work_is_exact() {
        let mut shelves = Shelves::default();
        let shelf = shelves.find(kind(None));
        let shelf = &mut shelves.all[shelf];
        shelf.begin_work(at(2));
        shelf.begin_work(at(5));
        shelf.end_work(at(6));
        let mean = shelf.mean(at(10), Duration::from_secs(10));
        assert!((mean - 0.9).abs() < 1e-12, "{mean}");
        let mean = shelf.mean(at(20), Duration::from_secs(10));
        assert!((mean - 1.0).abs() < 1e-12, "{mean}");
    }

    #[test]
    fn what_was_found_is_known_only_if_it_can_belong_to_one_shelf() {
        let mut shelves = Shelves::default();
        let [one, other] = [1, 2].map(|tenant| shelves.find(kind(Some(tenant))));
        shelves.lose(one);
        shelves.lose(one);
        assert_eq!(shelves.found((ModelId(1), NEEDED)), None);
        assert_eq!(shelves.found(TERMS), Some(one));
        shelves.lose(other);
        assert_eq!(shelves.found(TERMS), None, "whose of the two is it?");
    }

    #[test]
    fn what_was_lost_is_remembered_up_to_a_bound() {
        let mut shelves = Shelves::default();
        let shelf = shelves.find(kind(None));
        (0..2 * LOST_MAX).for_each(|_| shelves.lose(shelf));
        let found = (0..2 * LOST_MAX).filter(|_| shelves.found(TERMS).is_some());
        assert_eq!(found.count(), LOST_MAX);
    }
}
