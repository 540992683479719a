use connector::{AllocationId, Error, ErrorKind, Operation, Reply, Timestamp, Usage};

use super::{Platform, answer::expect_reply};
use crate::{
    breaker::{Permit, Verdict},
    flight::{FlightKey, Phase, Strike},
    lease::{Account, Held, Lease, LeaseKey, LeaseState},
    question::Question,
    timers::Wait,
};

impl Platform {
    /// Asks for a share. The permit's place on the cable is taken already.
    pub(super) fn strike(&mut self, now: Timestamp, key: FlightKey, permit: Permit) {
        self.count_first_try(now, key);
        let flight = &mut self.flights[key];
        flight.count_strike();
        let choice = self.router.current(&flight.route).expect("a strike is at a candidate");
        let (index, model) = (choice.cable.index(), choice.model);
        let cable = &mut self.cables[index];
        cable.statistics.strikes += 1;
        cable.statistics.retries += u64::from(flight.strikes_here > 1);
        let allocate = self.covenants.allocate(&flight.request, model, cable.pool);
        let account =
            Account { tenant: flight.request.tenant, requirements: allocate.requirements };
        let number = cable.reconciler.asked();
        let state = LeaseState::Asked { owner: Some(key), account, number };
        let lease = self.leases.insert(Lease { cable: index, state });
        flight.phase = Phase::Striking(Strike { lease, permit, asked: now });
        let question = self.ask(index, Question::Allocate(lease), Operation::Allocate(allocate));
        self.timers.await_answer(Wait::Allocation, now, question);
    }

    /// The answer to the question for a share.
    pub(super) fn allocate_answered(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        result: Result<Reply, Error>,
    ) {
        let lease = &self.leases[key];
        let cable = lease.cable;
        let LeaseState::Asked { owner, number, .. } = lease.state else {
            unreachable!("a lease is asked for until that question is answered");
        };
        if owner.is_none() {
            self.cables[cable].orphans -= 1;
        }
        match expect_reply(result, |reply| granted(&reply)) {
            Ok(allocation) => self.granted(now, key, allocation),
            Err(error) => self.not_granted(now, key, owner, error),
        }
        let ghosts = self.cables[cable].reconciler.answered(number);
        if !ghosts.is_empty() {
            self.give_back_ghosts(now, cable, ghosts);
        }
    }

    fn granted(&mut self, now: Timestamp, key: LeaseKey, allocation: AllocationId) {
        let lease = &mut self.leases[key];
        let cable = &mut self.cables[lease.cable];
        cable.reconciler.claimed(allocation);
        let LeaseState::Asked { owner, account, .. } = lease.state else {
            unreachable!("only what was asked for is granted");
        };
        let Some(owner) = owner else {
            cable.statistics.late_grants += 1;
            return self.begin_release(now, key, allocation);
        };
        let held =
            Held { allocation, owner, account, since: now, inference: None, preempted: false };
        lease.state = LeaseState::Held(held);
        self.infer(now, key, owner, allocation);
    }

    fn not_granted(
        &mut self,
        now: Timestamp,
        key: LeaseKey,
        owner: Option<FlightKey>,
        error: Error,
    ) {
        let lease = self.leases.remove(key).expect("it was asked for");
        let doubt = error.kind.ambiguous().then(|| self.doubt(now, lease.cable));
        if let Some(owner) = owner {
            self.flights[owner].doubt = doubt.or(self.flights[owner].doubt);
            let again = error.kind.retryable();
            self.strike_failed(now, owner, error, again);
        }
    }

    fn infer(&mut self, now: Timestamp, key: LeaseKey, owner: FlightKey, share: AllocationId) {
        let flight = &mut self.flights[owner];
        let Phase::Striking(strike) = &flight.phase else {
            unreachable!("the owner of a lease is striking");
        };
        flight.allocating = Some(now.since(strike.asked));
        let choice = self.router.current(&flight.route).expect("a strike is at a candidate");
        let infer = self.covenants.infer(&flight.request, choice.model, share);
        let cable = choice.cable.index();
        let question = self.ask(cable, Question::Infer(key), Operation::Infer(infer));
        self.timers.await_answer(Wait::Inference, now, question);
        let held = self.leases[key].held_mut().expect("it was just granted");
        held.inference = Some(question);
    }

    pub(super) fn first_token(&mut self, now: Timestamp, key: LeaseKey) {
        if let Some(held) = self.leases.get_mut(key).and_then(Lease::held_mut) {
            self.flights[held.owner].first_token.get_or_insert(now);
        }
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
        let (owner, preempted) = (held.owner, held.preempted);
        match expect_reply(result, generated) {
            Ok((usage, text)) => self.completed(now, owner, usage, text),
            Err(mut error) => {
                if preempted {
                    error.kind = ErrorKind::Preempted;
                }
                let again = error.kind.retryable();
                self.strike_failed(now, owner, error, again);
            }
        }
    }

    fn completed(&mut self, now: Timestamp, key: FlightKey, usage: Usage, text: Option<Box<str>>) {
        let cable = self.end_strike(now, key, Verdict::Success);
        self.cables[cable].statistics.completed += 1;
        let flight = &self.flights[key];
        let took = now.since(flight.joined);
        self.router.observe(now, &flight.request, &flight.route, took);
        self.finish_completed(now, key, usage, text);
        self.tend_line(now, cable);
    }

    /// A strike failed; `again` if the same cable may be asked again.
    pub(super) fn strike_failed(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        error: Error,
        again: bool,
    ) {
        let verdict =
            if error.kind.counts_against_breaker() { Verdict::Failure } else { Verdict::Ignored };
        let cable = self.end_strike(now, key, verdict);
        self.cables[cable].statistics.failed += 1;
        self.flights[key].first_token = None;
        self.tend_line(now, cable);
        self.after_failure(now, key, error, again);
    }

    /// The strike lets go of its share and its place. The caller tends the line afterwards.
    pub(super) fn end_strike(&mut self, now: Timestamp, key: FlightKey, verdict: Verdict) -> usize {
        let index = self.cable_of(key);
        let flight = &mut self.flights[key];
        let Phase::Striking(strike) = std::mem::replace(&mut flight.phase, Phase::Deciding) else {
            unreachable!("only a strike can end");
        };
        let cost = self.let_go(now, strike.lease);
        self.flights[key].cost += cost;
        let cable = &mut self.cables[index];
        cable.vacate();
        if cable.breaker.record(now, strike.permit, verdict) {
            cable.statistics.openings += 1;
        }
        index
    }
}

fn granted(reply: &Reply) -> Option<AllocationId> {
    if let Reply::Granted { allocation } = reply { Some(*allocation) } else { None }
}

fn generated(reply: Reply) -> Option<(Usage, Option<Box<str>>)> {
    if let Reply::Generated { usage, text } = reply { Some((usage, text)) } else { None }
}
