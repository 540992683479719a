//! The attempts under way for one request: one, and at times a second beside it.
//!
//! A strike is known by its lease, so whatever is heard of a lease finds its strike without a search.
//! The end of one strike leaves the other as it is; what the request as a whole does next is decided
//! when the last one has ended.

use connector::{Duration, ErrorKind, EventKey, Timestamp, Tokens, Usage};

use crate::{billing::StrikeId, breaker::Permit, lease::LeaseKey, part::Part, route::Band};

/// One attempt: allocate, infer, release.
#[derive(Debug)]
pub(crate) struct Strike {
    pub(crate) id: StrikeId,
    /// The place in the route of the candidate that is struck.
    pub(crate) place: usize,
    pub(crate) lease: LeaseKey,
    pub(crate) permit: Permit,
    /// When its share was asked for.
    pub(crate) asked: Timestamp,
    /// How long its request had waited in line for it.
    pub(crate) queued: Duration,
    /// Time from asking to the grant.
    pub(crate) allocating: Option<Duration>,
    pub(crate) first_token: Option<Timestamp>,
    pub(crate) watch: Watch,
    /// How much its cable had to do when it began.
    pub(crate) band: Band,
    /// What it has made, where that is told. Apart, because few tell.
    pub(crate) part: Option<Box<Part>>,
}

/// How a strike stands to the time after which it is hedged.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watch {
    /// There is none: nothing is hedged, nothing is known yet, what was awaited has come, or it is over.
    Off,
    /// It is over then.
    Due(EventKey),
    /// The strike is a hedge itself.
    Hedge,
}

impl Strike {
    /// A strike whose share is asked for now.
    pub(crate) const fn new(
        id: StrikeId,
        place: usize,
        lease: LeaseKey,
        permit: Permit,
        asked: Timestamp,
    ) -> Self {
        Self {
            id,
            place,
            lease,
            permit,
            asked,
            queued: Duration::ZERO,
            allocating: None,
            first_token: None,
            watch: Watch::Off,
            band: Band::LEAST,
            part: None,
        }
    }

    /// The tokens that it has computed so far, as far as it was told.
    pub(crate) fn made(&self, prompt: Tokens) -> Usage {
        let prompt = self.first_token.map_or(Tokens::ZERO, |_| prompt);
        Usage::computed(prompt, self.part.as_ref().map_or(Tokens::ZERO, |part| part.tokens))
    }

    pub(crate) const fn start(&self) -> Start {
        Start { place: self.place, band: self.band, asked: self.asked }
    }
}

/// Where a strike began, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// The place in the route.
    pub(crate) place: usize,
    pub(crate) band: Band,
    pub(crate) asked: Timestamp,
}

/// How a strike ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    /// With an answer of so many tokens.
    Answered(Tokens),
    Failed(ErrorKind),
    /// Nobody waits for it any more, which says nothing about the pool.
    CalledOff,
}

/// The strikes of a request, at least one.
#[derive(Debug)]
pub(crate) struct Strikes {
    /// The one begun first, of those that have not ended.
    first: Strike,
    /// Apart, because it is rare and most requests only carry the room for it.
    second: Option<Box<Strike>>,
}

impl Strikes {
    pub(crate) const fn one(strike: Strike) -> Self {
        Self { first: strike, second: None }
    }

    pub(crate) const fn first(&self) -> &Strike {
        &self.first
    }

    /// Whether the first token of one of them has come.
    pub(crate) fn have_begun(&self) -> bool {
        let second = self.second.as_ref().is_some_and(|strike| strike.first_token.is_some());
        self.first.first_token.is_some() || second
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> u32 {
        1 + self.second.is_some() as u32
    }

    pub(crate) const fn first_mut(&mut self) -> &mut Strike {
        &mut self.first
    }

    /// A hedge is under way beside the first strike.
    ///
    /// # Panics
    /// If there are two strikes already.
    pub(crate) fn add(&mut self, hedge: Strike) {
        assert!(self.second.is_none(), "a request has at most two strikes");
        self.second = Some(Box::new(hedge));
    }

    /// The strike that this lease works for.
    pub(crate) fn of_mut(&mut self, lease: LeaseKey) -> Option<&mut Strike> {
        if self.first.lease == lease {
            return Some(&mut self.first);
        }
        self.second.as_deref_mut().filter(|strike| strike.lease == lease)
    }

    /// The lease of the strike beside the one of this lease.
    pub(crate) fn rival(&self, lease: LeaseKey) -> Option<LeaseKey> {
        let second = self.second.as_ref()?.lease;
        Some(if second == lease { self.first.lease } else { second })
    }

    /// Takes the strike of this lease out, and says what is left.
    ///
    /// # Panics
    /// If there is no such strike.
    pub(crate) fn without(self, lease: LeaseKey) -> (Strike, Option<Self>) {
        let Self { first, second } = self;
        if first.lease == lease {
            return (first, second.map(|strike| Self::one(*strike)));
        }
        let second = second.filter(|strike| strike.lease == lease);
        (*second.expect("a lease works for a strike that is under way"), Some(Self::one(first)))
    }
}
