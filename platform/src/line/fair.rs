//! Start-time fair queueing across tenants (Goyal, Vin, Cheng, SIGCOMM 1996; after the fair queueing
//! of Demers, Keshav, Shenker, SIGCOMM 1989).
//!
//! # Problem
//!
//! A tenant that sends ten times as much as the others must not get ten times as much of a cable that
//! all of them need. Turns are not enough: one tenant's requests may be a hundred times as long.
//!
//! # Mechanism
//!
//! Each tenant has a queue, and the first of it a *start tag*: the later of virtual time and the
//! finish tag of the tenant's request served last. The least start tag is served; virtual time is
//! the start tag of what was served last, and the finish tag is the start tag plus expected work over
//! weight. Between two tenants that always wait, the difference of work per weight never exceeds one
//! request of each (theorem 1 of the paper).
//!
//! Tags are given to the first of a queue and not on joining: who gives up waiting has used nothing,
//! and a tenant half of whose requests time out would otherwise be charged for all of them.
//!
//! # Edges
//!
//! A full line pushes out the last request of the tenant with the longest queue for its weight, if
//! the newcomer's tenant has a shorter one with it (longest queue drop; Suter et al., INFOCOM 1998).
//! Without that a flood would fill the line, and fairness among those in line would help nobody.

use std::collections::{BTreeMap, BTreeSet};

use connector::TenantId;

use super::Entrant;

/// Tags count work in parts this fine, so that weights divide it.
const PARTS: u128 = 1 << 20;

#[derive(Debug)]
pub(super) struct Fair<K> {
    tenants: Vec<Queue>,
    /// By tenant and number of the stay: who, and the expected work.
    entries: BTreeMap<(u32, u64), (K, u64)>,
    /// Start tag, number and tenant of the first of each queue.
    heads: BTreeSet<(u128, u64, u32)>,
    /// Length for its weight, and tenant, of each queue.
    lengths: BTreeSet<(u64, u32)>,
    virtual_time: u128,
    /// Weights of the tenants that wait, together.
    weight: u64,
}

#[derive(Clone, Copy, Debug)]
struct Queue {
    weight: u32,
    waiting: u32,
    /// Of the first in the queue.
    start: u128,
    /// Of what was served last.
    finish: u128,
}

impl Queue {
    /// The length of the queue for its weight, with so many more.
    fn length(&self, more: u32) -> u64 {
        (u64::from(self.waiting + more) << 20) / u64::from(self.weight)
    }

    fn cost(&self, work: u64) -> u128 {
        u128::from(work.max(1)) * PARTS / u128::from(self.weight)
    }
}

impl<K: Copy> Fair<K> {
    pub(super) fn new(weights: &[u32]) -> Self {
        let queue =
            |&weight: &u32| Queue { weight: weight.max(1), waiting: 0, start: 0, finish: 0 };
        Self {
            tenants: weights.iter().map(queue).collect(),
            entries: BTreeMap::new(),
            heads: BTreeSet::new(),
            lengths: BTreeSet::new(),
            virtual_time: 0,
            weight: 0,
        }
    }

    pub(super) fn join(&mut self, number: u64, entrant: &Entrant<K>) {
        let tenant = entrant.tenant.0;
        let queue = &mut self.tenants[entrant.tenant.index()];
        self.entries.insert((tenant, number), (entrant.key, entrant.work));
        if queue.waiting == 0 {
            queue.start = self.virtual_time.max(queue.finish);
            self.heads.insert((queue.start, number, tenant));
            self.weight += u64::from(queue.weight);
        } else {
            self.lengths.remove(&(queue.length(0), tenant));
        }
        queue.waiting += 1;
        self.lengths.insert((queue.length(0), tenant));
    }

    pub(super) fn front(&self) -> Option<K> {
        let &(_, number, tenant) = self.heads.first()?;
        self.entries.get(&(tenant, number)).map(|&(key, _)| key)
    }

    /// This entry, which is about to leave, is served: the tenant pays for it.
    pub(super) fn serve(&mut self, tenant: u32, number: u64) {
        let Some(&(_, work)) = self.entries.get(&(tenant, number)) else {
            return;
        };
        let queue = &mut self.tenants[tenant as usize];
        // The next of the queue starts where this one ends, so the first moves there with it.
        if let Some((&(_, first), _)) = self.entries.range((tenant, 0)..).next() {
            self.heads.remove(&(queue.start, first, tenant));
            self.virtual_time = self.virtual_time.max(queue.start);
            queue.finish = queue.start + queue.cost(work);
            queue.start = queue.finish;
            self.heads.insert((queue.start, first, tenant));
        }
    }

    pub(super) fn leave(&mut self, tenant: u32, number: u64) {
        let queue = &mut self.tenants[tenant as usize];
        self.entries.remove(&(tenant, number)).expect("who leaves stood in line");
        self.lengths.remove(&(queue.length(0), tenant));
        queue.waiting -= 1;
        let was_first = self.heads.remove(&(queue.start, number, tenant));
        if queue.waiting == 0 {
            self.weight -= u64::from(queue.weight);
            return;
        }
        self.lengths.insert((queue.length(0), tenant));
        if was_first && let Some((&(_, next), _)) = self.entries.range((tenant, 0)..).next() {
            self.heads.insert((queue.start, next, tenant));
        }
    }

    /// Work that did not have to wait is paid for like any other.
    pub(super) fn pass(&mut self, tenant: TenantId, work: u64) {
        let queue = &mut self.tenants[tenant.index()];
        if queue.waiting > 0 {
            return;
        }
        let start = self.virtual_time.max(queue.finish);
        self.virtual_time = start;
        queue.finish = start + queue.cost(work);
    }

    /// Who has to go for a newcomer of this tenant: the last of the longest queue for its weight.
    pub(super) fn loser(&self, tenant: TenantId) -> Option<K> {
        let &(length, longest) = self.lengths.last()?;
        if self.tenants[tenant.index()].length(1) >= length {
            return None;
        }
        let of_longest = self.entries.range((longest, 0)..=(longest, u64::MAX));
        of_longest.last().map(|(_, &(key, _))| key)
    }

    /// About how many are served before one more of this tenant, if all requests are alike.
    pub(super) fn ahead(&self, tenant: TenantId) -> u32 {
        let queue = &self.tenants[tenant.index()];
        let others = self.weight - if queue.waiting > 0 { u64::from(queue.weight) } else { 0 };
        let weight = u64::from(queue.weight);
        let rounds = u64::from(queue.waiting + 1);
        u32::try_from(rounds * (others + weight) / weight - 1).unwrap_or(u32::MAX)
    }
}
