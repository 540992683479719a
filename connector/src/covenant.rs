//! What became of a request's covenant: kept, renegotiated or broken, and why.
//!
//! A covenant that promises neither times nor a price cannot be broken: it is *free*, and counts as
//! kept. One that was broken is broken, whatever was given up before.

use std::fmt;

use crate::BasisPoints;

/// What became of one request's covenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CovenantOutcome {
    /// Nothing was promised, and nothing given up.
    #[default]
    Free,
    /// All that was promised was kept.
    Kept,
    /// Something was given up by agreement, and the rest was kept.
    Renegotiated(Concessions),
    /// A promise was not kept.
    Broken(Breach),
}

impl CovenantOutcome {
    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Kept => "kept",
            Self::Renegotiated(_) => "renegotiated",
            Self::Broken(_) => "broken",
        }
    }

    /// What was given up by agreement.
    pub const fn concessions(self) -> Concessions {
        match self {
            Self::Free | Self::Kept => Concessions::NONE,
            Self::Renegotiated(concessions) => concessions,
            Self::Broken(breach) => breach.concessions,
        }
    }
}

/// A promise that was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which one; of several, the first in the order of [`BreachReason::ALL`].
    pub reason: BreachReason,
    /// By how much of the target it was exceeded, rounded up, at most 100,000 %; 0 where there is
    /// no figure to exceed.
    pub excess: BasisPoints,
    /// What had been given up by agreement.
    pub concessions: Concessions,
}

/// Which promise was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BreachReason {
    /// There was no answer: every candidate failed.
    Failed,
    /// There was no answer: the request was never started.
    Rejected,
    /// The first token came too late.
    FirstToken,
    /// The tokens after it came too slowly.
    PerOutputToken,
    /// The whole answer came too late.
    EndToEnd,
    /// It cost more than agreed.
    Cost,
}

impl BreachReason {
    /// All of them, in the order in which they are looked at.
    pub const ALL: [Self; 6] = [
        Self::Failed,
        Self::Rejected,
        Self::FirstToken,
        Self::PerOutputToken,
        Self::EndToEnd,
        Self::Cost,
    ];

    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::FirstToken => "ttft",
            Self::PerOutputToken => "tpot",
            Self::EndToEnd => "end_to_end",
            Self::Cost => "cost",
        }
    }
}

/// Something given up by agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concession {
    /// Another model of the list of fallbacks.
    OtherModel,
    /// Another pool of the list of fallbacks.
    OtherPool,
    /// A shorter answer.
    ShorterAnswer,
    /// A share that may be taken away.
    Preemptible,
    /// A pool above the platform's limit on prices of fallback pools.
    HigherPrice,
}

impl Concession {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 5] = [
        Self::OtherModel,
        Self::OtherPool,
        Self::ShorterAnswer,
        Self::Preemptible,
        Self::HigherPrice,
    ];

    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OtherModel => "other_model",
            Self::OtherPool => "other_pool",
            Self::ShorterAnswer => "shorter_answer",
            Self::Preemptible => "preemptible",
            Self::HigherPrice => "higher_price",
        }
    }
}

/// A set of concessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Concessions(u8);

impl Concessions {
    /// Nothing was given up.
    pub const NONE: Self = Self(0);

    /// This set and one more.
    #[must_use]
    pub const fn with(self, concession: Concession) -> Self {
        Self(self.0 | 1 << concession as u8)
    }

    /// Whether it is in the set.
    pub const fn contains(self, concession: Concession) -> bool {
        self.0 & 1 << concession as u8 != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in the set, in the order of [`Concession::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Concession> {
        Concession::ALL.into_iter().filter(move |&one| self.contains(one))
    }

    /// One bit each, in the order of [`Concession::ALL`] from the lowest.
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// `other_model+shorter_answer`; nothing for none.
impl fmt::Display for Concessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, concession) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { "+" };
            write!(f, "{separator}{}", concession.name())?;
        }
        Ok(())
    }
}

/// How many covenants were kept, renegotiated and broken. Books add up in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CovenantBook {
    free: u64,
    kept: u64,
    renegotiated: u64,
    conceded: [u64; Concession::ALL.len()],
    broken: [u64; BreachReason::ALL.len()],
}

impl CovenantBook {
    /// One more covenant ended.
    #[inline]
    pub fn record(&mut self, outcome: CovenantOutcome) {
        match outcome {
            CovenantOutcome::Free => self.free += 1,
            CovenantOutcome::Kept => self.kept += 1,
            CovenantOutcome::Renegotiated(concessions) => {
                self.renegotiated += 1;
                self.concede(concessions);
            }
            CovenantOutcome::Broken(breach) => {
                self.broken[breach.reason as usize] += 1;
                self.concede(breach.concessions);
            }
        }
    }

    fn concede(&mut self, concessions: Concessions) {
        concessions.iter().for_each(|concession| self.conceded[concession as usize] += 1);
    }

    /// Adds what another book holds.
    pub fn absorb(&mut self, other: &Self) {
        self.free += other.free;
        self.kept += other.kept;
        self.renegotiated += other.renegotiated;
        let pairs = self.conceded.iter_mut().zip(other.conceded);
        pairs.chain(self.broken.iter_mut().zip(other.broken)).for_each(|(mine, theirs)| {
            *mine += theirs;
        });
    }

    /// Requests that nothing was promised to.
    pub const fn free(&self) -> u64 {
        self.free
    }

    /// Covenants with promises that were kept, nothing given up.
    pub const fn kept(&self) -> u64 {
        self.kept
    }

    /// Covenants that something was given up of, and the rest was kept.
    pub const fn renegotiated(&self) -> u64 {
        self.renegotiated
    }

    /// Covenants that were broken, for any reason.
    pub fn broken(&self) -> u64 {
        self.broken.iter().sum()
    }

    /// Covenants that were broken for this reason.
    pub const fn broken_by(&self, reason: BreachReason) -> u64 {
        self.broken[reason as usize]
    }

    /// How often this was given up, whether the rest was kept or not. A request that gave up two
    /// things counts twice.
    pub const fn conceded(&self, concession: Concession) -> u64 {
        self.conceded[concession as usize]
    }

    /// Covenants with promises: all but the free ones.
    pub fn promised(&self) -> u64 {
        self.kept + self.renegotiated + self.broken()
    }

    /// All of them: finished requests.
    pub fn all(&self) -> u64 {
        self.free + self.promised()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_concessions_reads_in_the_order_of_declaration() {
        let set = Concessions::NONE.with(Concession::HigherPrice).with(Concession::OtherModel);
        assert_eq!(set.to_string(), "other_model+higher_price");
        assert!(set.contains(Concession::OtherModel) && !set.contains(Concession::OtherPool));
        assert_eq!(Concessions::NONE.to_string(), "");
        for (bit, one) in Concession::ALL.into_iter().enumerate() {
            assert_eq!(Concessions::NONE.with(one).bits(), 1 << bit, "{}", one.name());
        }
    }

    #[test]
    fn every_outcome_is_counted_once_and_books_add_up() {
        let conceded = Concessions::NONE.with(Concession::ShorterAnswer);
        let mut book = CovenantBook::default();
        book.record(CovenantOutcome::Free);
        book.record(CovenantOutcome::Kept);
        book.record(CovenantOutcome::Renegotiated(conceded));
        for reason in BreachReason::ALL {
            let breach = Breach { reason, excess: BasisPoints::ZERO, concessions: conceded };
            book.record(CovenantOutcome::Broken(breach));
            assert_eq!(book.broken_by(reason), 1, "{}", reason.name());
        }
        assert_eq!((book.free(), book.kept(), book.renegotiated(), book.broken()), (1, 1, 1, 6));
        assert_eq!((book.promised(), book.all()), (8, 9));
        assert_eq!(book.conceded(Concession::ShorterAnswer), 7);
        let mut twice = book;
        twice.absorb(&book);
        assert_eq!((twice.all(), twice.conceded(Concession::ShorterAnswer)), (18, 14));
    }
}
