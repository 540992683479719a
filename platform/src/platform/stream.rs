//! Answers that are not complete: how far they are, and what becomes of them when they fail.

use connector::{Error, Ticket, Timestamp, Tokens};

use super::Platform;
use crate::{
    config::MidStream,
    flight::{Cause, FlightKey},
    lease::{Lease, LeaseKey},
    part::Part,
    question::{Question, QuestionKey},
    timers::Wait,
};

impl Platform {
    /// An inference told how far it is.
    pub(super) fn progress_told(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        tokens: Tokens,
        text: Option<&str>,
    ) {
        let question = QuestionKey::of(ticket);
        let Some(&Question::Infer(lease)) = self.questions.get(question) else {
            return;
        };
        let Some(held) = self.leases.get_mut(lease).and_then(Lease::held_mut) else {
            return;
        };
        if held.left.is_some() {
            return;
        }
        let Some(strike) = self.flights[held.owner].strike_mut(lease) else {
            return;
        };
        let begun = strike.first_token;
        let part = strike.part.get_or_insert_with(Box::default);
        part.begun = part.begun.or(begun);
        if part.grow(now, tokens, text) {
            self.timers.await_answer(Wait::Token, now, question);
        }
    }

    /// Whether the stream of this lease has stood for as long as it may. Each token sets the time
    /// anew, and what was set before runs out in vain.
    pub(super) fn stands(&mut self, now: Timestamp, owner: FlightKey, lease: LeaseKey) -> bool {
        let Some(limit) = self.between_tokens else { return false };
        let strike = self.flights[owner].strike_mut(lease);
        let grown = strike.and_then(|strike| strike.part.as_ref()?.grown);
        grown.is_some_and(|grown| now.since(grown) >= limit)
    }

    /// The last strike of a request ended in the middle of its answer. What was made is kept if the
    /// next one is to go on from there; the error comes back unless the request has failed with it.
    pub(super) fn broken_off(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        made: Option<Box<Part>>,
        begun: bool,
        error: Error,
    ) -> Option<Error> {
        if !begun {
            return Some(error);
        }
        match self.mid_stream {
            MidStream::Restart => Some(error),
            MidStream::Resume => {
                if let Some(made) = made {
                    let part = self.flights[key].part.get_or_insert_with(Box::<Part>::default);
                    part.append(&made);
                }
                Some(error)
            }
            MidStream::Fail => {
                let flight = &mut self.flights[key];
                flight.set_back_at(flight.struck, Cause::Failed(error));
                self.finish_failed(now, key);
                None
            }
        }
    }
}
