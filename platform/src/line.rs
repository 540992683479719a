//! Those who wait before a cable, in the order of a [`Discipline`].
//!
//! # Problem
//!
//! When every place of a cable is taken, somebody must be next. First come, first served is right
//! until there is more work than places: then one tenant can fill the line alone, long requests make
//! short ones wait, and everybody is served when it is too late.
//!
//! # Mechanism
//!
//! First come, first served is a queue whose entries die in place (`Fifo`). Every other order is a
//! *rank*, drawn once on joining, in a balanced tree: the least rank is next, the greatest is the
//! first to be pushed out, and whoever leaves in between is found by rank. Weighted fairness keeps a
//! queue for each tenant instead ([`fair`]), because who is next depends on who was served.
//! Joining, leaving and being next cost O(log n).
//!
//! # Edges
//!
//! Ties are broken by order of joining. The line does not know its limit: the cable does, and asks
//! whom a newcomer would push out ([`Line::loser`]).

pub(crate) mod codel;
mod fair;
pub(crate) mod pace;

use std::collections::BTreeMap;

use connector::{Priority, TenantId, Timestamp};

use self::{codel::Oldest, fair::Fair};
use crate::{config::Discipline, fifo::Fifo};

/// Somebody who wants to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entrant<K> {
    pub(crate) key: K,
    pub(crate) tenant: TenantId,
    pub(crate) priority: Priority,
    /// Expected work, in any unit; at least 1 counts.
    pub(crate) work: u64,
}

/// Where somebody stands in line. No two stays have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    rank: u64,
    pub(crate) number: u64,
}

/// Those who wait before one cable.
#[derive(Debug)]
pub(crate) struct Line<K> {
    order: Order<K>,
    waiting: u32,
    /// When it was empty last.
    empty_at: Timestamp,
    /// Who has stayed since when, by number of the stay, where it matters who has waited longest.
    stays: Option<BTreeMap<u64, (K, Timestamp)>>,
}

#[derive(Debug)]
enum Order<K> {
    /// Numbers of stays with who stays; an entry may be dead.
    Fifo(Fifo<(u64, K)>),
    Ranked {
        by: Rank,
        entries: BTreeMap<Place, K>,
        /// By [`Priority`], for those ranked by it.
        of_rank: [u32; RANKS],
    },
    Fair(Fair<K>),
}

const RANKS: usize = Priority::MAX.rank() as usize + 1;

/// What is next first in a tree.
#[derive(Clone, Copy, Debug)]
enum Rank {
    LastCome,
    /// The first come, or the last when the line has been standing for too long.
    FirstOrLast(connector::Duration),
    Work,
    Priority,
}

impl Rank {
    fn of<K>(self, number: u64, entrant: &Entrant<K>) -> Place {
        let rank = match self {
            Self::LastCome => u64::MAX - number,
            Self::FirstOrLast(_) => 0,
            Self::Work => entrant.work,
            Self::Priority => u64::from(Priority::MAX.rank() - entrant.priority.rank()),
        };
        Place { rank, number }
    }
}

impl<K: Copy> Line<K> {
    /// An empty line. `weights` are those of the tenants, in the order of [`TenantId`].
    pub(crate) fn new(discipline: Discipline, weights: &[u32]) -> Self {
        let ranked = |by| Order::Ranked { by, entries: BTreeMap::new(), of_rank: [0; RANKS] };
        let order = match discipline {
            Discipline::Fifo => Order::Fifo(Fifo::default()),
            Discipline::Lifo => ranked(Rank::LastCome),
            Discipline::AdaptiveLifo { after } => ranked(Rank::FirstOrLast(after)),
            Discipline::Shortest => ranked(Rank::Work),
            Discipline::Priority => ranked(Rank::Priority),
            Discipline::WeightedFair => Order::Fair(Fair::new(weights)),
        };
        Self { order, waiting: 0, empty_at: Timestamp::ZERO, stays: None }
    }

    /// The same line, which knows who has waited longest if that `matters`.
    pub(crate) fn minding_the_oldest(self, matters: bool) -> Self {
        Self { stays: matters.then(BTreeMap::new), ..self }
    }

    /// Who has waited longest; nobody if that does not matter.
    pub(crate) fn oldest(&self) -> Option<(K, Oldest)> {
        let (_, &(key, since)) = self.stays.as_ref()?.first_key_value()?;
        Some((key, Oldest { since, others: self.waiting - 1, empty_at: self.empty_at }))
    }

    /// How many wait.
    #[inline]
    pub(crate) const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// Somebody joins; `number` grows from one stay to the next.
    pub(crate) fn join(&mut self, now: Timestamp, number: u64, entrant: &Entrant<K>) -> Place {
        if self.waiting == 0 {
            self.empty_at = now;
        }
        self.waiting += 1;
        if let Some(stays) = &mut self.stays {
            stays.insert(number, (entrant.key, now));
        }
        match &mut self.order {
            Order::Fifo(fifo) => {
                fifo.push((number, entrant.key));
                Place { rank: 0, number }
            }
            Order::Ranked { by, entries, of_rank } => {
                let place = by.of(number, entrant);
                of_rank[usize::from(entrant.priority.rank())] += 1;
                entries.insert(place, entrant.key);
                place
            }
            Order::Fair(fair) => {
                fair.join(number, entrant);
                Place { rank: u64::from(entrant.tenant.0), number }
            }
        }
    }

    /// Who is next.
    pub(crate) fn front(&self, now: Timestamp) -> Option<K> {
        match &self.order {
            Order::Fifo(fifo) => fifo.front().map(|&(_, key)| key),
            Order::Ranked { by: Rank::FirstOrLast(after), entries, .. }
                if now.since(self.empty_at) > *after =>
            {
                entries.last_key_value().map(|(_, &key)| key)
            }
            Order::Ranked { entries, .. } => entries.first_key_value().map(|(_, &key)| key),
            Order::Fair(fair) => fair.front(),
        }
    }

    /// Somebody leaves who is served now.
    pub(crate) fn serve(
        &mut self,
        now: Timestamp,
        place: Place,
        priority: Priority,
        stays: impl Fn(u64, K) -> bool,
    ) {
        if let Order::Fair(fair) = &mut self.order {
            fair.serve(place.rank as u32, place.number);
        }
        self.leave(now, place, priority, stays);
    }

    /// Somebody leaves. `stays` tells who still waits, by the number of the stay.
    pub(crate) fn leave(
        &mut self,
        now: Timestamp,
        place: Place,
        priority: Priority,
        stays: impl Fn(u64, K) -> bool,
    ) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.empty_at = now;
        }
        if let Some(stays) = &mut self.stays {
            stays.remove(&place.number);
        }
        match &mut self.order {
            Order::Fifo(fifo) => {
                let stays = |&(number, key): &(u64, K)| stays(number, key);
                fifo.drop_dead_front(stays);
                fifo.compact(self.waiting as usize, stays);
            }
            Order::Ranked { entries, of_rank, .. } => {
                of_rank[usize::from(priority.rank())] -= 1;
                entries.remove(&place);
            }
            Order::Fair(fair) => fair.leave(place.rank as u32, place.number),
        }
    }

    /// Whether it keeps account of who is served, also of those who do not have to wait.
    #[inline]
    pub(crate) const fn is_fair(&self) -> bool {
        matches!(self.order, Order::Fair(_))
    }

    /// Somebody is served who did not have to wait.
    #[inline]
    pub(crate) fn pass(&mut self, tenant: TenantId, work: u64) {
        if let Order::Fair(fair) = &mut self.order {
            fair.pass(tenant, work);
        }
    }

    /// Who has to go if the line is full and somebody joins; `None` if it is the newcomer.
    pub(crate) fn loser(&self, number: u64, entrant: &Entrant<K>) -> Option<K> {
        match &self.order {
            Order::Fifo(_) | Order::Ranked { by: Rank::FirstOrLast(_), .. } => None,
            Order::Ranked { by, entries, .. } => {
                let (last, key) = entries.last_key_value()?;
                (by.of(number, entrant) < *last).then_some(*key)
            }
            Order::Fair(fair) => fair.loser(entrant.tenant),
        }
    }

    /// How many are served before a newcomer, as far as that is known on joining; those who push in
    /// later are not counted. `None` where it depends on the work of everybody else.
    pub(crate) fn ahead(&self, entrant: &Entrant<K>) -> Option<u32> {
        match &self.order {
            Order::Fifo(_) | Order::Ranked { by: Rank::FirstOrLast(_), .. } => Some(self.waiting),
            Order::Ranked { by: Rank::LastCome, .. } => Some(0),
            Order::Ranked { by: Rank::Priority, of_rank, .. } => {
                Some(of_rank[usize::from(entrant.priority.rank())..].iter().sum())
            }
            Order::Ranked { by: Rank::Work, .. } => None,
            Order::Fair(fair) => Some(fair.ahead(entrant.tenant).min(self.waiting)),
        }
    }
}

#[cfg(test)]
mod tests;
