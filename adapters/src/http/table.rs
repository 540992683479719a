//! Which wire id is which number.
//!
//! A share gets a number when it is granted and loses it when the provider says that it is gone.
//! Shares seen in a listing only (somebody else's, or grants whose answer was lost) get numbers too,
//! so that they can be looked at and given back; these live until the next listing of their pool
//! that does not show them, so a provider that invents new ids every time does not fill the memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connector::{AllocationId, ModelId, PoolId};

use super::gaps::Serving;

/// What is remembered of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Its name on the wire.
    pub(super) wire: Arc<str>,
    pub(super) pool: PoolId,
    /// What it is for; `None` where only a listing showed it, without saying.
    pub(super) model: Option<ModelId>,
}

#[derive(Debug, Default)]
pub(super) struct AllocationTable {
    next: u64,
    by_number: BTreeMap<AllocationId, Share>,
    by_wire: BTreeMap<Arc<str>, AllocationId>,
    /// Shares known from the latest listing of a pool only.
    listed: BTreeMap<PoolId, BTreeSet<AllocationId>>,
    /// Shares whose coming preemption was told already: every stream on a share brings the notice.
    noticed: BTreeSet<AllocationId>,
}

impl AllocationTable {
    /// The number of a share that was granted to us.
    pub(super) fn granted(&mut self, wire: &str, pool: PoolId, model: ModelId) -> AllocationId {
        let allocation = self.number_of(wire, pool, Some(model));
        if let Some(share) = self.by_number.get_mut(&allocation) {
            // A listing that overtook the grant may have known less.
            share.model = Some(model);
        }
        for listed in self.listed.values_mut() {
            listed.remove(&allocation);
        }
        allocation
    }

    /// The numbers of the shares that a pool's listing shows, in its order.
    pub(super) fn listed<'a>(
        &mut self,
        pool: PoolId,
        rows: impl IntoIterator<Item = (&'a str, Option<ModelId>)>,
    ) -> Vec<AllocationId> {
        let before = self.listed.remove(&pool).unwrap_or_default();
        let mut only_listed = BTreeSet::new();
        let mut numbers = Vec::new();
        for (wire, model) in rows {
            let known = self.by_wire.get(wire).copied();
            let allocation = known.unwrap_or_else(|| self.number_of(wire, pool, model));
            if known.is_none() || before.contains(&allocation) {
                only_listed.insert(allocation);
            }
            numbers.push(allocation);
        }
        for &stale in before.difference(&only_listed) {
            self.forget(stale);
        }
        if !only_listed.is_empty() {
            self.listed.insert(pool, only_listed);
        }
        numbers
    }

    /// What is known of a share; `None` if it was never seen or is gone.
    pub(super) fn share(&self, allocation: AllocationId) -> Option<&Share> {
        self.by_number.get(&allocation)
    }

    /// The shares of a pool that are not known to be gone.
    pub(super) fn in_pool(&self, pool: PoolId) -> impl Iterator<Item = (AllocationId, &Share)> {
        let all = self.by_number.iter().map(|(&allocation, share)| (allocation, share));
        all.filter(move |(_, share)| share.pool == pool)
    }

    /// What a share is for, if that is known.
    pub(super) fn serving(&self, allocation: AllocationId) -> Option<Serving> {
        let share = self.share(allocation)?;
        Some((share.pool, share.model?))
    }

    /// Whether a preemption of this share is news.
    pub(super) fn is_first_notice(&mut self, allocation: AllocationId) -> bool {
        self.by_number.contains_key(&allocation) && self.noticed.insert(allocation)
    }

    /// The share is gone.
    pub(super) fn forget(&mut self, allocation: AllocationId) {
        if let Some(share) = self.by_number.remove(&allocation) {
            self.by_wire.remove(&share.wire);
            self.noticed.remove(&allocation);
            for listed in self.listed.values_mut() {
                listed.remove(&allocation);
            }
        }
    }

    fn number_of(&mut self, wire: &str, pool: PoolId, model: Option<ModelId>) -> AllocationId {
        if let Some(&known) = self.by_wire.get(wire) {
            return known;
        }
        let allocation = AllocationId(self.next);
        self.next += 1;
        let wire: Arc<str> = wire.into();
        let share = Share { wire: Arc::clone(&wire), pool, model };
        self.by_number.insert(allocation, share);
        self.by_wire.insert(wire, allocation);
        allocation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: PoolId = PoolId(0);
    const MODEL: ModelId = ModelId(0);

    #[test]
    fn a_share_keeps_its_number_until_it_is_gone_and_never_gets_it_back() {
        let mut table = AllocationTable::default();
        let first = table.granted("alloc_9", POOL, MODEL);
        assert_eq!(table.granted("alloc_9", POOL, MODEL), first);
        assert_eq!(table.share(first).map(|share| &*share.wire), Some("alloc_9"));
        table.forget(first);
        assert_eq!(table.share(first), None);
        assert_ne!(table.granted("alloc_9", POOL, MODEL), first);
    }

    #[test]
    fn shares_that_only_a_listing_showed_are_forgotten_by_the_next_one() {
        let mut table = AllocationTable::default();
        let ours = table.granted("ours", POOL, MODEL);
        let first = table.listed(POOL, [("ours", None), ("ghost", None)]);
        assert_eq!(first[0], ours);
        assert_eq!(table.listed(POOL, [("ghost", None)]), [first[1]]);
        for round in 0..1_000 {
            table.listed(POOL, [(format!("invented-{round}").as_str(), None)]);
        }
        assert_eq!(table.by_number.len(), 2);
        assert_eq!(table.by_wire.len(), 2);
        assert!(table.share(ours).is_some(), "a grant outlives a listing that lags behind");
    }

    #[test]
    fn a_listing_that_overtakes_the_grant_does_not_make_it_forgettable() {
        let mut table = AllocationTable::default();
        let seen = table.listed(POOL, [("late", None)])[0];
        assert_eq!(table.granted("late", POOL, MODEL), seen);
        table.listed(POOL, []);
        assert!(table.share(seen).is_some());
    }
}
