use connector::{BreachReason, Concession, CovenantBook};
use serde::{Serialize, Serializer};

use crate::pools::ratio;

/// What became of covenants. Requests that nothing was promised to are left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CovenantReport {
    /// Requests that something was promised to, or that gave something up.
    pub promised: u64,
    /// Those whose promises were kept, nothing given up.
    pub kept: u64,
    /// Those that gave something up by agreement, and the rest was kept.
    pub renegotiated: u64,
    /// Those of whom a promise was broken.
    pub broken: u64,
    /// Kept / promised; `None` if nothing was promised.
    pub kept_share: Option<f64>,
    /// Broken ones by the promise that was broken.
    pub broken_by: ByName,
    /// How often each thing was given up, whether the rest was kept or not.
    pub given_up: ByName,
}

impl CovenantReport {
    /// `None` if nobody was promised anything.
    pub(super) fn of(book: &CovenantBook) -> Option<Self> {
        let promised = book.promised();
        let broken = BreachReason::ALL.map(|reason| (reason.name(), book.broken_by(reason)));
        let conceded = Concession::ALL.map(|one| (one.name(), book.conceded(one)));
        (promised > 0).then(|| Self {
            promised,
            kept: book.kept(),
            renegotiated: book.renegotiated(),
            broken: book.broken(),
            kept_share: share(book.kept(), book),
            broken_by: ByName::of(&broken),
            given_up: ByName::of(&conceded),
        })
    }

    /// These and others together.
    pub(super) fn together(parts: &[&Self]) -> Self {
        let sum = |of: fn(&Self) -> u64| parts.iter().map(|part| of(part)).sum::<u64>();
        let (kept, promised) = (sum(|part| part.kept), sum(|part| part.promised));
        Self {
            promised,
            kept,
            renegotiated: sum(|part| part.renegotiated),
            broken: sum(|part| part.broken),
            kept_share: ratio(u128::from(kept), u128::from(promised)),
            broken_by: ByName::together(parts.iter().map(|part| &part.broken_by)),
            given_up: ByName::together(parts.iter().map(|part| &part.given_up)),
        }
    }
}

/// A part of the covenants with promises; `None` if there are none.
pub(crate) fn share(part: u64, book: &CovenantBook) -> Option<f64> {
    ratio(u128::from(part), u128::from(book.promised()))
}

/// Counts by name: only those that occurred, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByName(pub Vec<(&'static str, u64)>);

impl ByName {
    /// Whether nothing occurred.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn of(counts: &[(&'static str, u64)]) -> Self {
        Self(counts.iter().copied().filter(|&(_, count)| count > 0).collect())
    }

    pub(crate) fn together<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum: Vec<(&'static str, u64)> = Vec::new();
        for &(name, count) in parts.flat_map(|part| &part.0) {
            match sum.iter_mut().find(|(known, _)| *known == name) {
                Some((_, total)) => *total += count,
                None => sum.push((name, count)),
            }
        }
        Self(sum)
    }
}

impl Serialize for ByName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}
