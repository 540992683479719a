mod strikes;

use std::fmt::Write;

use connector::{
    ClassId, Concessions, CovenantOutcome, Duration, Error, ErrorKind, EventKey, ModelId, Money,
    Outcome, PoolId, Rejection, RequestRecord, Timestamp, Tokens, Usage,
};
use slotmap::new_key_type;

pub(crate) use self::strikes::{Ended, Start, Strike, Strikes, Watch};
use crate::{
    admission::{Excess, Reservation},
    cable::Refusal,
    covenant::Negotiation,
    deadlines::Deadlines,
    interface::Request,
    lease::LeaseKey,
    line::Place,
    part::Part,
    platform::Consultation,
    route::Route,
};

new_key_type! {
    /// Names a request from its arrival to its answer.
    pub(crate) struct FlightKey;
}

/// A request that is being served.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) request: Request,
    pub(crate) class: ClassId,
    pub(crate) route: Route,
    pub(crate) phase: Phase,
    /// When the present candidate was asked first, or its line joined.
    pub(crate) joined: Timestamp,
    /// Strikes on the present candidate.
    pub(crate) strikes_here: u32,
    /// The place in the route of the candidate whose strike ended last.
    pub(crate) struck: Option<usize>,
    /// The last doubt that one of its allocations raised.
    pub(crate) doubt: Option<Doubt>,
    pub(crate) attempts: u16,
    /// What earlier strikes made of the answer, if the next one goes on from there.
    pub(crate) part: Option<Box<Part>>,
    /// When its time is over.
    pub(crate) deadlines: Deadlines,
    pub(crate) alarm: Option<EventKey>,
    /// Whether the retry budget has paid for the next strike.
    pub(crate) paid: bool,
    pub(crate) fallbacks: u16,
    pub(crate) hedges: u16,
    pub(crate) queued: Duration,
    /// How much of that belongs to strikes that have begun.
    pub(crate) queued_for: Duration,
    pub(crate) allocating: Option<Duration>,
    pub(crate) first_token: Option<Timestamp>,
    pub(crate) cost: Money,
    pub(crate) setbacks: Vec<Setback>,
    /// What was put aside or given up because of its covenant; `None`: nothing yet.
    pub(crate) negotiation: Option<Box<Negotiation>>,
    /// What its tenant's quota has set aside for it.
    pub(crate) reservation: Reservation,
    /// Whether it was pushed out of a line; it then pushes nobody out in turn.
    pub(crate) pushed_out: bool,
}

/// Where a request stands.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Between two steps; never at rest.
    Deciding,
    /// In line of its present cable.
    Waiting {
        since: Timestamp,
        place: Place,
        /// Goes off when the caller's patience ends.
        patience: Option<EventKey>,
        /// Goes off when it has waited too long for what it was promised.
        look: Option<EventKey>,
        /// Times that this has gone off.
        looks: u8,
    },
    /// A model is asked for its class.
    Classifying(Box<Consultation>),
    Striking(Strikes),
    /// Before a retry on the same cable.
    Pausing(EventKey),
    /// The list of its present cable is awaited before asking there again.
    Reconciling,
}

/// A cable on which a share may be held without our knowledge, and the round of its reconciliation
/// to wait for before asking there again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    pub(crate) cable: usize,
    pub(crate) round: u64,
}

/// Why a candidate did not serve a request, and how often in a row.
#[derive(Debug)]
pub(crate) struct Setback {
    place: Option<usize>,
    /// The candidate in words, once the way that its place is of was left.
    words: Option<Box<str>>,
    cause: Cause,
    times: u32,
}

#[derive(Debug)]
pub(crate) enum Cause {
    Refused(Refusal),
    OverQuota(Excess),
    Failed(Error),
}

impl Flight {
    pub(crate) fn new(request: Request, class: ClassId, route: Route) -> Self {
        Self {
            joined: request.arrived,
            request,
            class,
            route,
            phase: Phase::Deciding,
            strikes_here: 0,
            struck: None,
            doubt: None,
            attempts: 0,
            part: None,
            deadlines: Deadlines::NONE,
            alarm: None,
            paid: false,
            fallbacks: 0,
            hedges: 0,
            queued: Duration::ZERO,
            queued_for: Duration::ZERO,
            allocating: None,
            first_token: None,
            cost: Money::ZERO,
            setbacks: Vec::new(),
            negotiation: None,
            reservation: Reservation::default(),
            pushed_out: false,
        }
    }

    /// Whether it has waited in line since then.
    pub(crate) fn waits_since(&self, then: Timestamp) -> bool {
        matches!(self.phase, Phase::Waiting { since, .. } if since == then)
    }

    /// Whether it still stays in line under this number.
    pub(crate) fn stays(&self, number: u64) -> bool {
        matches!(self.phase, Phase::Waiting { place, .. } if place.number == number)
    }

    /// When the caller's patience ends.
    pub(crate) fn patience_ends(&self) -> Option<Timestamp> {
        Some(self.request.arrived + self.request.patience?)
    }

    /// When its time or the caller's patience is over, whichever comes first.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let end = self.patience_ends().unwrap_or(Timestamp::MAX).min(self.deadlines.end);
        (end < Timestamp::MAX).then_some(end)
    }

    /// What its next strike has to meet: a stream that goes on elsewhere has had its first token.
    pub(crate) fn deadlines_left(&self) -> Deadlines {
        let goes_on = self.part.as_ref().is_some_and(|part| part.begun.is_some());
        if goes_on { self.deadlines.once_begun() } else { self.deadlines }
    }

    /// Whether a first token has come that still counts.
    pub(crate) fn has_begun(&self) -> bool {
        let strikes = match &self.phase {
            Phase::Striking(strikes) => strikes.have_begun(),
            Phase::Deciding
            | Phase::Waiting { .. }
            | Phase::Classifying(_)
            | Phase::Pausing(_)
            | Phase::Reconciling => false,
        };
        strikes || self.part.as_ref().is_some_and(|part| part.begun.is_some())
    }

    /// The bound that a rejected request met last.
    fn rejection(&self) -> Rejection {
        let refused = |setback: &Setback| match setback.cause {
            Cause::Refused(refusal) => Some(refusal.rejection()),
            Cause::OverQuota(excess) => Some(excess.quota.rejection()),
            Cause::Failed(_) => None,
        };
        self.setbacks.iter().rev().find_map(refused).unwrap_or(Rejection::NoCandidate)
    }

    /// When the caller may come back, where that is known.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self.setbacks.last()?.cause {
            Cause::OverQuota(excess) => excess.retry_after,
            Cause::Refused(_) | Cause::Failed(_) => None,
        }
    }

    /// The next strike is counted.
    pub(crate) fn count_strike(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
        if self.strikes_here == 0 && !self.route.is_first() {
            self.fallbacks = self.fallbacks.saturating_add(1);
        }
        self.strikes_here += 1;
        self.paid = false;
    }

    /// A second strike begins at this candidate, beside the first.
    pub(crate) fn count_hedge(&mut self, place: usize) {
        self.attempts = self.attempts.saturating_add(1);
        self.hedges = self.hedges.saturating_add(1);
        self.strikes_here += u32::from(self.route.current == Some(place));
        self.route.been_to(place);
    }

    /// The time in line since the last strike began; it belongs to the next one.
    pub(crate) fn take_queued(&mut self) -> Duration {
        let before = std::mem::replace(&mut self.queued_for, self.queued);
        Duration::from_nanos(self.queued.as_nanos() - before.as_nanos())
    }

    /// The lease of the strike beside the one of this lease.
    pub(crate) fn rival(&self, lease: LeaseKey) -> Option<LeaseKey> {
        match &self.phase {
            Phase::Striking(strikes) => strikes.rival(lease),
            Phase::Deciding
            | Phase::Waiting { .. }
            | Phase::Classifying(_)
            | Phase::Pausing(_)
            | Phase::Reconciling => None,
        }
    }

    pub(crate) const fn is_striking(&self) -> bool {
        matches!(self.phase, Phase::Striking(_))
    }

    /// The strike begun first, of those under way.
    pub(crate) const fn first_strike_mut(&mut self) -> Option<&mut Strike> {
        match &mut self.phase {
            Phase::Striking(strikes) => Some(strikes.first_mut()),
            Phase::Deciding
            | Phase::Waiting { .. }
            | Phase::Classifying(_)
            | Phase::Pausing(_)
            | Phase::Reconciling => None,
        }
    }

    /// The strike that this lease works for, while it is under way.
    pub(crate) fn strike_mut(&mut self, lease: LeaseKey) -> Option<&mut Strike> {
        match &mut self.phase {
            Phase::Striking(strikes) => strikes.of_mut(lease),
            Phase::Deciding
            | Phase::Waiting { .. }
            | Phase::Classifying(_)
            | Phase::Pausing(_)
            | Phase::Reconciling => None,
        }
    }

    /// The strike of this lease ends. What is told of the request is told of the strike that ended
    /// last. If another one is left, the request is at that one's candidate from now on.
    pub(crate) fn end_strike(&mut self, lease: LeaseKey) -> Strike {
        let Phase::Striking(strikes) = std::mem::replace(&mut self.phase, Phase::Deciding) else {
            unreachable!("only a strike can end");
        };
        let (ended, left) = strikes.without(lease);
        self.allocating = ended.allocating.or(self.allocating);
        self.first_token = ended.first_token;
        self.struck = Some(ended.place);
        if let Some(left) = left {
            self.go_on_with(left);
        }
        ended
    }

    fn go_on_with(&mut self, strikes: Strikes) {
        let first = strikes.first();
        if self.route.current != Some(first.place) {
            self.route.current = Some(first.place);
            self.joined = first.asked;
            self.strikes_here = 1;
        }
        self.phase = Phase::Striking(strikes);
    }

    /// Takes note of why the present candidate did not serve.
    pub(crate) fn set_back(&mut self, cause: Cause) {
        self.set_back_at(self.route.current, cause);
    }

    /// Takes note of why a candidate did not serve. Repeats at one candidate keep the last cause.
    pub(crate) fn set_back_at(&mut self, place: Option<usize>, cause: Cause) {
        if let Some(last) = self.setbacks.last_mut()
            && last.place == place
            && matches!((&last.cause, &cause), (Cause::Failed(_), Cause::Failed(_)))
        {
            last.cause = cause;
            last.times += 1;
            return;
        }
        self.setbacks.push(Setback { place, words: None, cause, times: 1 });
    }

    /// What it has given up by agreement.
    pub(crate) fn given_up(&self) -> Concessions {
        self.negotiation.as_ref().map_or(Concessions::NONE, |negotiation| negotiation.given_up)
    }

    /// Length of the answer that is asked for, shortened or not.
    pub(crate) fn answer_length(&self) -> Tokens {
        let shortened = self.negotiation.as_ref().and_then(|negotiation| negotiation.output);
        shortened.unwrap_or(self.request.output_tokens)
    }

    /// How much of the answer is still to be made.
    pub(crate) fn length_left(&self) -> Tokens {
        let length = self.answer_length();
        self.part.as_ref().map_or(length, |part| part.rest(length))
    }

    /// Where it was struck last on ways that it has left.
    pub(crate) fn struck_before(&self) -> Option<(ModelId, PoolId)> {
        self.negotiation.as_ref().and_then(|negotiation| negotiation.struck)
    }

    /// The places of its setbacks, in order.
    pub(crate) fn places_told(&self) -> impl Iterator<Item = Option<usize>> {
        self.setbacks.iter().map(|setback| setback.place)
    }

    /// Setbacks are told by these words, one for each place, instead of by places.
    pub(crate) fn put_into_words(&mut self, words: Vec<Option<Box<str>>>) {
        for (setback, words) in self.setbacks.iter_mut().zip(words) {
            setback.words = words.or_else(|| setback.words.take());
            setback.place = None;
        }
    }

    /// How a request ends that no candidate served.
    pub(crate) fn failure(&self) -> Outcome {
        let failed = |setback: &Setback| match &setback.cause {
            Cause::Failed(error) => Some(error.kind),
            Cause::Refused(_) | Cause::OverQuota(_) => None,
        };
        self.setbacks.iter().rev().find_map(failed).map_or(Outcome::Rejected, Outcome::Failed)
    }

    /// Why no candidate served the request, for people. `describe` names the candidate of a place.
    pub(crate) fn reason(
        &self,
        describe: impl Fn(usize) -> String,
        above_ceiling: usize,
    ) -> Box<str> {
        let mut text = String::new();
        for setback in &self.setbacks {
            let separator = if text.is_empty() { "" } else { "; " };
            let words = setback.words.as_deref().map(str::to_owned);
            let place = words.or_else(|| setback.place.map(&describe));
            let place = place.map(|place| place + ": ").unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}{place}{}", setback.cause);
            if setback.times > 1 {
                let _ = write!(text, " ({} times)", setback.times);
            }
        }
        if above_ceiling > 0 {
            let _ = write!(text, "; {above_ceiling} more above the cost ceiling");
        }
        if text.is_empty() { "no pool has cards for the model".into() } else { text.into() }
    }

    /// The record of a request that ends now.
    pub(crate) fn record(
        &self,
        now: Timestamp,
        at: Option<(connector::ModelId, connector::PoolId)>,
        outcome: Outcome,
        usage: Option<Usage>,
    ) -> RequestRecord {
        let usage =
            usage.unwrap_or(Usage { prompt: self.request.prompt_tokens, ..Usage::default() });
        RequestRecord {
            request: self.request.id,
            tenant: self.request.tenant,
            class: self.class,
            model: at.map_or(self.request.model.unwrap_or_default(), |(model, _)| model),
            pool: at.map(|(_, pool)| pool).filter(|_| self.struck.is_some()),
            arrived: self.request.arrived,
            queued: self.queued,
            allocating: self.allocating,
            first_token: self.first_token,
            finished: now,
            prompt_tokens: usage.prompt,
            output_tokens: usage.output,
            attempts: self.attempts,
            fallbacks: self.fallbacks,
            hedges: self.hedges,
            outcome,
            rejection: (outcome == Outcome::Rejected).then(|| self.rejection()),
            cost: self.cost,
            covenant: CovenantOutcome::default(),
            fan_out: self.request.fan_out,
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(Refusal::TooLate(wait)) => {
                write!(f, "the wait in the queue would be too long, about {wait}")
            }
            Self::Refused(refusal) => f.write_str(refusal.reason()),
            Self::OverQuota(excess) => excess.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl From<ErrorKind> for Cause {
    fn from(kind: ErrorKind) -> Self {
        Self::Failed(kind.into())
    }
}
