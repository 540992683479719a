//! Finds shares that a provider holds for us without our knowledge.
//!
//! # Problem
//!
//! An allocation that failed *ambiguously* (time-out, connection lost, unreadable answer) may have
//! been granted all the same. Nobody knows its name, so nobody gives it back, and it is charged.
//!
//! # Mechanism
//!
//! A doubt is cleared by asking the provider for a list. What is listed and known to no lease is a
//! *suspect*: it may belong to an allocation whose answer is still under way. Allocations of a
//! cable are numbered; once all that were asked for before the list arrived have been answered,
//! a suspect that none of them claimed is a *ghost* and is released.
//!
//! Lists are asked for one at a time and numbered by rounds. A doubt that arises while a list is
//! under way waits for the next one, because the provider may have looked before.
//!
//! # Edges
//!
//! A share released while a list was under way may still be listed: names given back meanwhile are
//! remembered until the list has come. A list that keeps failing leaves the doubt unresolved; the
//! next one that succeeds finds what was missed. A provider account must not be shared with another
//! platform: its shares would look like ghosts.

use std::collections::{BTreeMap, BTreeSet};

use connector::{AllocationId, ModelId, Requirements, Timestamp};

use crate::question::QuestionKey;

/// Lists asked for in vain before a round is given up.
const TRIES_MAX: u32 = 3;

/// What a share was asked for.
pub(crate) type Terms = (ModelId, Requirements);

/// Shares that no lease knows, each with its terms if it is idle and the provider tells them.
pub(crate) type Suspects = BTreeMap<AllocationId, Option<Terms>>;

#[derive(Debug, Default)]
pub(crate) struct Reconciler {
    /// The last round that was begun.
    round: u64,
    stage: Stage,
    /// Whether another round is wanted after this one.
    again: bool,
    failures: u32,
    /// Given back since the round began.
    given_back: BTreeSet<AllocationId>,
    /// Allocations asked for so far: the number of the next.
    asked: u64,
    unanswered: u64,
    batches: Vec<Batch>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// A list was asked for.
    Listing(QuestionKey),
    /// About to ask, or pausing before asking again.
    Due,
}

/// The suspects of one list.
#[derive(Debug)]
struct Batch {
    suspects: Suspects,
    listed: Timestamp,
    /// Allocations of a lower number may still claim a suspect...
    before: u64,
    /// ... and so many of them are unanswered.
    unanswered: u64,
}

/// What becomes of a list that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListFailure {
    /// It was not the list that is waited for.
    Stale,
    /// Ask again, having failed so often.
    Again(u32),
    /// The round ends without a result.
    GivenUp,
}

impl Reconciler {
    /// A doubt arose. Returns the round that will clear it, and whether that round begins now.
    pub(crate) fn doubt(&mut self) -> (u64, bool) {
        if self.stage == Stage::Idle {
            self.begin();
            return (self.round, true);
        }
        self.again = true;
        (self.round + 1, false)
    }

    /// Whether a round is under way.
    pub(crate) fn busy(&self) -> bool {
        self.stage != Stage::Idle
    }

    /// Whether this round is over.
    pub(crate) fn is_over(&self, round: u64) -> bool {
        round < self.round || (round == self.round && !self.busy())
    }

    /// The list of this round was asked for.
    pub(crate) fn listing(&mut self, question: QuestionKey) {
        self.stage = Stage::Listing(question);
    }

    /// The list that is under way, if it is this one.
    pub(crate) fn awaits(&self, question: QuestionKey) -> bool {
        self.stage == Stage::Listing(question)
    }

    /// The provider listed these; `known` are the shares of our leases. Returns the ghosts among
    /// them that nothing can claim any more.
    pub(crate) fn listed(
        &mut self,
        now: Timestamp,
        listed: impl Iterator<Item = (AllocationId, Option<Terms>)>,
        known: &BTreeSet<AllocationId>,
    ) -> Suspects {
        let is_new = |(allocation, _): &(AllocationId, Option<Terms>)| {
            !known.contains(allocation)
                && !self.given_back.contains(allocation)
                && !self.batches.iter().any(|batch| batch.suspects.contains_key(allocation))
        };
        let suspects: Suspects = listed.filter(is_new).collect();
        if suspects.is_empty() || self.unanswered == 0 {
            return suspects;
        }
        let (before, unanswered) = (self.asked, self.unanswered);
        self.batches.push(Batch { suspects, listed: now, before, unanswered });
        Suspects::new()
    }

    /// The suspects that are not cleared up yet, and when they were listed.
    pub(crate) fn suspects(&self) -> impl Iterator<Item = (AllocationId, Timestamp)> {
        let of = |batch: &Batch| {
            let listed = batch.listed;
            batch.suspects.keys().map(move |&share| (share, listed)).collect::<Vec<_>>()
        };
        self.batches.iter().flat_map(of)
    }

    /// A list failed; `hopeless` if asking again would not help.
    pub(crate) fn list_failed(&mut self, question: QuestionKey, hopeless: bool) -> ListFailure {
        if !self.awaits(question) {
            return ListFailure::Stale;
        }
        self.stage = Stage::Due;
        self.failures += 1;
        if hopeless || self.failures >= TRIES_MAX {
            ListFailure::GivenUp
        } else {
            ListFailure::Again(self.failures)
        }
    }

    /// The round is over. True if the next one begins now.
    pub(crate) fn end_round(&mut self) -> bool {
        self.stage = Stage::Idle;
        self.given_back.clear();
        if std::mem::take(&mut self.again) {
            self.begin();
            return true;
        }
        false
    }

    /// A share is asked for. Returns its number.
    pub(crate) fn asked(&mut self) -> u64 {
        self.unanswered += 1;
        self.asked += 1;
        self.asked - 1
    }

    /// A share was granted to the allocation that asked for it.
    pub(crate) fn claimed(&mut self, allocation: AllocationId) {
        for batch in &mut self.batches {
            batch.suspects.remove(&allocation);
        }
    }

    /// A share was given back.
    pub(crate) fn given_back(&mut self, allocation: AllocationId) {
        if self.busy() {
            self.given_back.insert(allocation);
        }
    }

    /// The allocation of this number was answered, its share claimed if there is one. Returns the
    /// ghosts that were only waiting for it.
    pub(crate) fn answered(&mut self, number: u64) -> Suspects {
        self.unanswered -= 1;
        let mut ghosts = Suspects::new();
        if self.batches.is_empty() {
            return ghosts;
        }
        for batch in self.batches.iter_mut().filter(|batch| number < batch.before) {
            batch.unanswered -= 1;
            if batch.unanswered == 0 {
                ghosts.append(&mut batch.suspects);
            }
        }
        self.batches.retain(|batch| !batch.suspects.is_empty());
        ghosts
    }

    fn begin(&mut self) {
        self.round += 1;
        self.failures = 0;
        self.stage = Stage::Due;
    }
}

#[cfg(test)]
mod tests;
