//! What we hold, and for whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use url::Url;

use crate::{gpuaas::WireId, harpoon_v1::RequirementsBody};

/// What is known of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    /// Index of its team.
    pub(super) team: usize,
    /// Its pool as the provider numbers it.
    pub(super) pool_id: WireId,
    /// Its pool by our name.
    pub(super) pool: String,
    /// What it was asked for; the provider does not remember.
    pub(super) asked: Option<RequirementsBody>,
    /// Where its service is.
    pub(super) service: Option<Url>,
    /// It was granted to us, and not only seen in a list.
    pub(super) granted: bool,
}

#[derive(Debug)]
pub(super) struct Books {
    teams: usize,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    facts: BTreeMap<WireId, Facts>,
    /// Teams that are being subscribed for, with the pool.
    taken: BTreeSet<(usize, WireId)>,
}

impl Books {
    pub(super) fn new(teams: usize) -> Self {
        Self { teams, pages: Mutex::default() }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn facts(&self, subscription: &WireId) -> Option<Facts> {
        self.pages().facts.get(subscription).cloned()
    }

    pub(super) fn knows(&self, subscription: &WireId) -> bool {
        self.pages().facts.contains_key(subscription)
    }

    /// The first team, after these, that holds no share of the pool and asks for none.
    pub(super) fn take_seat(&self, pool_id: &WireId, tried: &BTreeSet<usize>) -> Option<Seat<'_>> {
        let mut pages = self.pages();
        let holds = |team: usize| {
            pages.facts.values().any(|facts| facts.team == team && facts.pool_id == *pool_id)
        };
        let is_free = |team: &usize| {
            !tried.contains(team)
                && !pages.taken.contains(&(*team, pool_id.clone()))
                && !holds(*team)
        };
        let team = (0..self.teams).find(is_free)?;
        pages.taken.insert((team, pool_id.clone()));
        Some(Seat { books: self, team, pool_id: pool_id.clone() })
    }

    pub(super) fn granted(&self, subscription: WireId, facts: Facts) {
        self.pages().facts.insert(subscription, Facts { granted: true, ..facts });
    }

    pub(super) fn found_service(&self, subscription: &WireId, service: Url) {
        if let Some(facts) = self.pages().facts.get_mut(subscription) {
            facts.service = Some(service);
        }
    }

    /// A list of a pool shows these. Others that only a list had shown are gone, so a provider that
    /// invents rows does not fill the memory.
    pub(super) fn listed(&self, pool: &str, shown: impl IntoIterator<Item = (WireId, Facts)>) {
        let mut pages = self.pages();
        let shown: BTreeMap<_, _> = shown.into_iter().collect();
        pages
            .facts
            .retain(|id, facts| facts.granted || facts.pool != pool || shown.contains_key(id));
        for (id, facts) in shown {
            pages.facts.entry(id).or_insert(facts);
        }
    }

    pub(super) fn forget(&self, subscription: &WireId) {
        self.pages().facts.remove(subscription);
    }
}

/// A team that is being subscribed for; free again when dropped.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    books: &'a Books,
    pub(super) team: usize,
    pub(super) pool_id: WireId,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.books.pages().taken.remove(&(self.team, self.pool_id.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(team: usize, granted: bool) -> Facts {
        let (pool_id, pool) = (WireId::from(1), "a".to_owned());
        Facts { team, pool_id, pool, asked: None, service: None, granted }
    }

    #[test]
    fn a_team_has_one_share_of_a_pool_and_any_of_others() {
        let (books, none) = (Books::new(2), BTreeSet::new());
        let (a, b) = (WireId::from(1), WireId::from(2));
        let first = books.take_seat(&a, &none).unwrap();
        let second = books.take_seat(&a, &none).unwrap();
        assert_eq!((first.team, second.team), (0, 1));
        assert!(books.take_seat(&a, &none).is_none());
        assert_eq!(books.take_seat(&b, &none).unwrap().team, 0);
        books.granted(WireId::from(9), facts(0, true));
        drop((first, second));
        assert_eq!(books.take_seat(&a, &none).unwrap().team, 1);
        assert!(books.take_seat(&a, &BTreeSet::from([1])).is_none());
        books.forget(&WireId::from(9));
        assert_eq!(books.take_seat(&a, &none).unwrap().team, 0);
    }

    #[test]
    fn rows_that_a_list_invents_do_not_stay() {
        let books = Books::new(1);
        books.granted(WireId::from(1), facts(0, true));
        for invented in 2..1_000 {
            books.listed("a", [(WireId::from(invented), facts(0, false))]);
        }
        assert_eq!(books.pages().facts.len(), 2);
        books.listed("a", []);
        assert!(books.knows(&WireId::from(1)), "a grant outlives a list that lags behind");
    }
}
