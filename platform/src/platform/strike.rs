use connector::{
    Allocate, AllocationId, Concession, Error, ErrorKind, Money, Operation, Reply, Timestamp, Usage,
};

use super::{
    Platform,
    answer::expect_reply,
    books::{Part, Work},
};
use crate::{
    billing::{Origin, StrikeId, UseKind},
    breaker::Permit,
    flight::{Cause, Ended, FlightKey, Phase, Strike, Strikes},
    hedging::Hedging,
    lease::{Account, Bearer, Entry, Held, Lease, LeaseKey, LeaseState},
    question::Question,
    timers::Wait,
};

impl Platform {
    /// Strikes at the present candidate. The permit's place on the cable is taken already.
    pub(super) fn strike(&mut self, now: Timestamp, key: FlightKey, permit: Permit) {
        self.count_first_try(now, key);
        let flight = &mut self.flights[key];
        flight.count_strike();
        let place = flight.route.current.expect("a strike is at a candidate");
        let repeated = flight.strikes_here > 1;
        let index = self.router.choice(&flight.route, place).cable.index();
        self.cables[index].statistics.retries += u64::from(repeated);
        let strike = self.begin_strike(now, key, place, permit);
        self.flights[key].phase = Phase::Striking(Strikes::one(strike));
        self.watch(now, key);
    }

    /// Asks for a share for a request at this candidate.
    pub(super) fn begin_strike(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        place: usize,
        permit: Permit,
    ) -> Strike {
        let flight = &self.flights[key];
        let choice = self.router.choice(&flight.route, place);
        let index = choice.cable.index();
        let cable = &mut self.cables[index];
        cable.statistics.strikes += 1;
        let band = cable.load().band();
        let mut allocate = self.covenants.allocate(&flight.request, choice.model, cable.pool);
        allocate.preemptible |= flight.given_up().contains(Concession::Preemptible);
        self.router.begun(&self.flights[key].route, place);
        let id = self.books.next();
        let queued = self.flights[key].take_queued();
        let (lease, warm) = if self.may_ride(key) {
            self.board(now, key, index, allocate, id)
        } else {
            self.obtain_share(now, key, index, allocate, id)
        };
        if let Some(share) = warm {
            self.ask_inference(now, key, lease, place, share);
        }
        Strike { queued, band, ..Strike::new(id, place, lease, permit, now) }
    }

    /// Takes a warm share, or asks for a new one and returns none yet.
    #[inline]
    pub(super) fn obtain_share(
        &mut self,
        now: Timestamp,
        owner: FlightKey,
        index: usize,
        allocate: Allocate,
        strike: StrikeId,
    ) -> (LeaseKey, Option<AllocationId>) {
        self.heed_breaker(index);
        let bearer = self.bearer(owner, strike);
        let shelf = self.shelf_of(index, &allocate);
        if let Some(shelf) = shelf {
            self.cables[index].shelves.all[shelf].begin_work(now);
            self.will_look(now);
            if let Some((lease, share)) = self.take_warm(now, owner, index, shelf, bearer) {
                return (lease, Some(share));
            }
            self.make_room(now, index);
        }
        (self.ask_share(now, owner, index, allocate, (shelf, bearer)), None)
    }

    /// Asks for a share for a strike.
    fn ask_share(
        &mut self,
        now: Timestamp,
        owner: FlightKey,
        index: usize,
        allocate: Allocate,
        (shelf, bearer): (Option<usize>, Bearer),
    ) -> LeaseKey {
        let number = self.cables[index].reconciler.asked();
        let account = Account::of(&allocate, shelf).working_for(bearer);
        let state = LeaseState::Asked { owner: Some(owner), account, number };
        let lease = self.leases.insert(Lease::new(index, now, state));
        let allocate = self.on_terms(allocate, shelf);
        let question = self.ask(index, Question::Allocate(lease), Operation::Allocate(allocate));
        self.timers.await_answer(Wait::Allocation, now, question);
        self.will_sweep(now, index);
        lease
    }

    /// The answer to the question for a share.
    pub(super) fn allocate_answered(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        result: Result<Reply, Error>,
    ) {
        let stocked = self.end_stocking(key);
        let lease = &self.leases[key];
        let cable = lease.cable;
        let LeaseState::Asked { owner, number, .. } = lease.state else {
            unreachable!("a lease is asked for until that question is answered");
        };
        if owner.is_none() {
            self.cables[cable].orphans -= 1;
        }
        match expect_reply(result, |reply| granted(&reply)) {
            Ok(allocation) => self.granted(now, key, allocation, stocked),
            Err(error) => self.not_granted(now, key, owner, error),
        }
        let ghosts = self.cables[cable].reconciler.answered(number);
        if !ghosts.is_empty() {
            self.give_back_ghosts(now, cable, ghosts);
        }
    }

    fn granted(&mut self, now: Timestamp, key: LeaseKey, allocation: AllocationId, stocked: bool) {
        let lease = &mut self.leases[key];
        let cable = &mut self.cables[lease.cable];
        cable.reconciler.claimed(allocation);
        let LeaseState::Asked { owner, account, .. } = lease.state else {
            unreachable!("only what was asked for is granted");
        };
        if let Some(ride) = self.ride_of(&account) {
            return self.ride_granted(now, ride, key, allocation);
        }
        let lease = &mut self.leases[key];
        let cable = &mut self.cables[lease.cable];
        let is_late = owner.is_none() && !stocked;
        let origin = if is_late { Origin::Late } else { Origin::Granted };
        lease.entry = Some(Entry { origin, known: now, booked: Some(now) });
        let Some(owner) = owner else {
            let (index, late) = (lease.cable, u64::from(is_late));
            cable.statistics.late_grants += late;
            if self.keep_or_give_back(now, key, allocation, account, true) {
                self.cables[index].statistics.adopted += late;
            }
            return;
        };
        lease.state = LeaseState::Held(Held::new(now, allocation, owner, account));
        if self.is_consulting(owner) {
            return self.ask_for_class(now, owner, key);
        }
        self.infer(now, key, owner, allocation);
    }

    #[cold]
    fn not_granted(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        owner: Option<FlightKey>,
        error: Error,
    ) {
        let ambiguous = error.kind.ambiguous();
        let ride = self.ride_of_lease(key);
        let (cable, shelf) = self.refused(now, key, error.kind);
        let doubt = ambiguous.then(|| self.doubt(now, cable));
        if let Some(ride) = ride {
            return self.ride_failed(now, ride, &error, doubt, error.kind.retryable());
        }
        if let Some(owner) = owner {
            self.end_work(now, cable, shelf);
            if self.is_consulting(owner) {
                return self.consultation_failed(now, owner, error.kind);
            }
            self.flights[owner].doubt = doubt.or(self.flights[owner].doubt);
            let again = error.kind.retryable();
            self.strike_failed(now, owner, key, error, again);
        }
    }

    /// A share was not granted. Returns its cable and shelf.
    fn refused(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        kind: ErrorKind,
    ) -> (usize, Option<usize>) {
        let lease = self.leases.remove(key).expect("it was asked for");
        let LeaseState::Asked { account: Account { shelf, .. }, .. } = lease.state else {
            unreachable!("only what was asked for is refused");
        };
        if let Some(shelf) = shelf.filter(|_| kind.ambiguous()) {
            self.cables[lease.cable].shelves.lose(shelf);
        }
        // The pool has no room, and some of it is taken by what nobody uses.
        if kind == ErrorKind::CapacityExhausted {
            self.give_up_oldest(now, lease.cable);
        }
        (lease.cable, shelf)
    }

    pub(super) fn infer(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        owner: FlightKey,
        share: AllocationId,
    ) {
        let flight = &mut self.flights[owner];
        let strike = flight.strike_mut(key).expect("the owner of a lease is striking with it");
        strike.allocating = Some(now.since(strike.asked));
        let place = strike.place;
        if self.stops_hopeless(now, owner, key) {
            return;
        }
        self.ask_inference(now, owner, key, place, share);
    }

    fn ask_inference(
        &mut self,
        now: Timestamp,
        owner: FlightKey,
        key: LeaseKey,
        place: usize,
        share: AllocationId,
    ) {
        let flight = &self.flights[owner];
        let choice = self.router.choice(&flight.route, place);
        let part = flight.part.as_deref();
        let mut infer = self.covenants.infer(&flight.request, choice.model, share, part);
        let length = flight.answer_length();
        infer.max_tokens = infer.max_tokens.min(part.map_or(length, |part| part.rest(length)));
        let cable = choice.cable.index();
        let question = self.ask(cable, Question::Infer(key), Operation::Infer(infer));
        self.timers.await_answer(Wait::FirstToken, now, question);
        self.timers.await_answer(Wait::Inference, now, question);
        let held = self.leases[key].held_mut().expect("it has an owner");
        held.inference = Some(question);
    }

    pub(super) fn first_token(&mut self, now: Timestamp, key: LeaseKey) {
        let Some(held) = self.leases.get_mut(key).and_then(Lease::held_mut) else {
            return;
        };
        held.first_token = true;
        if held.left.is_some() {
            return;
        }
        let owner = held.owner;
        let strike = self.flights[owner].strike_mut(key).filter(|one| one.first_token.is_none());
        let Some(strike) = strike else {
            return;
        };
        strike.first_token = Some(now);
        let start = strike.start();
        let flight = &self.flights[owner];
        self.router.started(now, &flight.request, &flight.route, start);
        self.tell_first_token(now, owner, key);
        if self.hedging.as_ref().is_some_and(Hedging::first_token_decides) {
            self.came_in_time(now, owner, key);
            if let Some(cable) = self.won(now, owner, key) {
                self.tend_line(now, cable);
            }
        }
        let _ = self.stops_hopeless(now, owner, key);
    }

    /// The answer to an inference. If the strike is over, nobody wants it any more.
    pub(super) fn infer_answered(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        result: Result<Reply, Error>,
    ) {
        let Some(held) = self.leases.get_mut(key).and_then(Lease::held_mut) else {
            return;
        };
        held.inference = None;
        if held.left.is_some() {
            return self.end_left(now, key, result.is_ok());
        }
        let (owner, preempted, used) = (held.owner, held.preempted, held.used);
        if self.is_consulting(owner) {
            return self.class_answered(now, owner, result);
        }
        match expect_reply(result, generated) {
            Ok((usage, text)) => self.completed(now, owner, key, usage, text),
            Err(error) if used && !preempted && error.kind == ErrorKind::NotFound => {
                self.replace_stale(now, owner, key);
            }
            Err(mut error) => {
                if preempted {
                    error.kind = ErrorKind::Preempted;
                }
                let again = error.kind.retryable();
                self.strike_failed(now, owner, key, error, again);
            }
        }
    }

    /// The provider knows nothing of a share that was warm: it has taken it back some time since,
    /// which is not this strike's fault. A new share is asked for in its stead, at most once per
    /// strike because that one was never warm.
    #[cold]
    fn replace_stale(&mut self, now: Timestamp, owner: FlightKey, key: LeaseKey) {
        let lease = &mut self.leases[key];
        let index = lease.cable;
        let held = *lease.held_mut().expect("it was at work");
        let stretch = self.end_stretch(now, key, &held);
        self.flights[owner].cost += stretch.cost;
        self.meter_beside(now, index, stretch, (Part::Stale, UseKind::Retried));
        self.cables[index].statistics.stale += 1;
        let entry = self.leases.remove(key).and_then(|lease| lease.entry);
        let (is_last, entry) = match held.account.ride {
            Some(ride) => self.leave_stale(now, key, ride),
            None => (true, entry),
        };
        if is_last {
            self.release_another(now, index, held.allocation, entry);
        }
        let strike = self.flights[owner].strike_mut(key);
        let place = strike.expect("the owner of a lease is striking with it").place;
        let flight = &self.flights[owner];
        let model = self.router.choice(&flight.route, place).model;
        let pool = self.cables[index].pool;
        let allocate = self.covenants.allocate(&flight.request, model, pool);
        let bearer = self.bearer(owner, held.account.strike);
        let lease = self.ask_share(now, owner, index, allocate, (held.account.shelf, bearer));
        if let Some(strike) = self.flights[owner].strike_mut(key) {
            strike.lease = lease;
        }
    }

    /// The first answer is the request's; whoever else was asked is told to stop.
    fn completed(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        lease: LeaseKey,
        usage: Usage,
        text: Option<Box<str>>,
    ) {
        let other = self.won(now, key, lease);
        let ended = Ended::Answered(usage.output);
        let (usage, text) = match &self.flights[key].part {
            Some(part) => part.complete(usage, text),
            None => (usage, text),
        };
        let cable = self.end_strike(now, key, lease, ended, Work::delivered(usage));
        self.cables[cable].statistics.completed += 1;
        let flight = &mut self.flights[key];
        if let Some(part) = &flight.part {
            flight.first_token = part.begun.or(flight.first_token);
        }
        let flight = &self.flights[key];
        let took = now.since(flight.joined);
        self.router.observe(now, &flight.request, &flight.route, took);
        self.finish_completed(now, key, usage, text);
        self.tend_line(now, cable);
        if let Some(cable) = other {
            self.tend_line(now, cable);
        }
    }

    /// The strike of this lease is stopped and gives its share back; nothing is said against its
    /// pool. Returns the cable on which a place became free.
    pub(super) fn call_off(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        lease: LeaseKey,
        kind: UseKind,
    ) -> usize {
        self.end_strike(now, key, lease, Ended::CalledOff, Work::wasted(kind))
    }

    /// A strike failed; `again` if the same cable may be asked again. What to do next is decided
    /// when no other strike is under way.
    pub(super) fn strike_failed(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        lease: LeaseKey,
        error: Error,
        again: bool,
    ) {
        let ended = Ended::Failed(error.kind);
        self.strike_over(now, key, lease, (error, again), ended);
    }

    /// A strike failed, which is told to whoever judges its pool as `ended`.
    #[cold]
    pub(super) fn strike_over(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        lease: LeaseKey,
        (error, again): (Error, bool),
        ended: Ended,
    ) {
        let prompt = self.flights[key].request.prompt_tokens;
        let strike = self.flights[key].strike_mut(lease).expect("what failed was under way");
        let (computed, begun) = (strike.made(prompt), strike.first_token.is_some());
        let made = strike.part.take();
        let is_lost = error.kind == ErrorKind::Preempted;
        let kind = if is_lost { UseKind::Preempted } else { UseKind::Retried };
        let work = Work::wasted(kind).having_made(computed);
        let cable = self.end_strike(now, key, lease, ended, work);
        self.cables[cable].statistics.failed += 1;
        self.flights[key].first_token = None;
        self.heed_failure(now, cable, error.kind);
        self.tend_line(now, cable);
        let flight = &mut self.flights[key];
        if flight.is_striking() {
            flight.set_back_at(flight.struck, Cause::Failed(error));
        } else if let Some(error) = self.broken_off(now, key, made, begun, error) {
            self.after_failure(now, key, error, again);
        }
    }

    /// The strike of this lease lets go of its share and its place. The caller tends the line
    /// afterwards.
    pub(super) fn end_strike(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        lease: LeaseKey,
        ended: Ended,
        work: Work,
    ) -> usize {
        let flight = &mut self.flights[key];
        let strike = flight.end_strike(lease);
        self.router.ended(now, &flight.request, &flight.route, (&strike, ended));
        let choice = self.router.choice(&flight.route, strike.place);
        let (at, index) = ((choice.cable, choice.model), choice.cable.index());
        self.stop_watching_ended(now, at, &strike, matches!(ended, Ended::Answered(_)));
        let stretch = self.let_go(now, lease, matches!(ended, Ended::Answered(_)), work.kind);
        self.flights[key].cost += stretch.map_or(Money::ZERO, |stretch| stretch.cost);
        self.meter_strike(now, key, (at.1, index), (&strike, stretch), work);
        self.cables[index].vacate();
        self.tell_ended(now, key, &strike, ended);
        let first_token = self.first_token_of_strike(key, &strike);
        self.judge(now, index, strike, ended, first_token);
        index
    }
}

fn granted(reply: &Reply) -> Option<AllocationId> {
    if let Reply::Granted { allocation } = reply { Some(*allocation) } else { None }
}

pub(super) fn generated(reply: Reply) -> Option<(Usage, Option<Box<str>>)> {
    if let Reply::Generated { usage, text } = reply { Some((usage, text)) } else { None }
}
