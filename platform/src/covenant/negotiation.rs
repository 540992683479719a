//! What a request gives up before its covenant is broken.
//!
//! ```mermaid
//! stateDiagram-v2
//!     [*] --> AsAgreed
//!     AsAgreed --> AsAgreed: a candidate that cannot keep the terms is put aside
//!     AsAgreed --> GivenUp: no candidate is left, the next offer helps
//!     GivenUp --> GivenUp: no candidate is left, the next offer helps
//!     GivenUp --> BestEffort: no offer is left, somebody was put aside for being slow
//!     AsAgreed --> BestEffort: no offer helps
//!     BestEffort --> [*]: served or failed
//! ```
//!
//! Offers are made in the order of the terms, one at a time, and only those that help: an answer is
//! shortened only if somebody was put aside for being slow or dear, and so on. What does not help is
//! not given up and not told.

use connector::{Concessions, ModelId, PoolId, Tokens};

use super::{Covenant, Fallback, Shortening, Step, prospect::Objection};
use crate::route::Route;

/// The next thing that may be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Fallback(Fallback),
    ShorterAnswer(Shortening),
    Preemptible,
    HigherPrice,
}

impl Covenant<'_> {
    /// The offer of this number, in the order of the terms.
    pub(crate) fn offer(self, mut number: usize) -> Option<Offer> {
        let fallbacks = self.fallbacks();
        for step in self.concessions() {
            let offers = match step {
                Step::Fallback => fallbacks.len(),
                Step::ShorterAnswer => usize::from(self.shortening().is_some()),
                Step::Preemptible | Step::HigherPrice => 1,
            };
            if number < offers {
                return match step {
                    Step::Fallback => fallbacks.get(number).copied().map(Offer::Fallback),
                    Step::ShorterAnswer => self.shortening().map(Offer::ShorterAnswer),
                    Step::Preemptible => Some(Offer::Preemptible),
                    Step::HigherPrice => Some(Offer::HigherPrice),
                };
            }
            number -= offers;
        }
        None
    }

    /// Whether anything may be given up at all.
    pub(crate) fn is_negotiable(self) -> bool {
        self.offer(0).is_some()
    }
}

/// What a request has given up so far, and whom it has put aside.
#[derive(Debug, Default)]
pub(crate) struct Negotiation {
    /// Offers that were looked at.
    pub(crate) offers: usize,
    pub(crate) given_up: Concessions,
    /// Length of the answer, once it was shortened.
    pub(crate) output: Option<Tokens>,
    /// Candidates of the present route that were put aside, by objection; one bit each.
    aside: [u128; Objection::ALL.len()],
    /// Nothing is left to give up: whoever is slow may serve.
    pub(crate) best_effort: bool,
    /// The way before the first detour.
    pub(crate) home: Option<Home>,
    /// Where it was struck last, on a way that it has left since.
    pub(crate) struck: Option<(ModelId, PoolId)>,
}

/// A way that was left for a detour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home {
    pub(crate) route: Route,
    pub(crate) aside: [u128; Objection::ALL.len()],
    given_up: Concessions,
    output: Option<Tokens>,
}

impl Negotiation {
    pub(crate) fn put_aside(&mut self, place: usize, why: Objection) {
        self.aside[why as usize] |= 1 << place;
    }

    /// Takes back those that were put aside for one of these reasons; one bit each.
    pub(crate) fn take_back(&mut self, reasons: &[Objection]) -> u128 {
        reasons.iter().fold(0, |all, &why| all | std::mem::take(&mut self.aside[why as usize]))
    }

    /// Who is put aside for this reason; one bit each.
    pub(crate) fn aside(&self, why: Objection) -> u128 {
        self.aside[why as usize]
    }

    /// All who are put aside; one bit each.
    pub(crate) fn all_aside(&self) -> u128 {
        self.aside.iter().fold(0, |all, places| all | places)
    }

    /// Another way begins: nobody of it is put aside yet. The first way is kept in mind.
    pub(crate) fn leave(&mut self, route: Route) {
        let aside = std::mem::take(&mut self.aside);
        let Self { given_up, output, .. } = *self;
        self.home.get_or_insert(Home { route, aside, given_up, output });
    }

    /// Back to the first way, as if the detours had not been.
    pub(crate) fn go_home(&mut self, home: &Home) {
        self.aside = home.aside;
        (self.given_up, self.output) = (home.given_up, home.output);
    }
}
