use connector::{Outcome, Timestamp, Usage};

use super::Platform;
use crate::{
    flight::{Cause, Flight, FlightKey},
    interface::{Output, Response},
};

impl Platform {
    pub(super) fn finish_completed(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        usage: Usage,
        text: Option<Box<str>>,
    ) {
        self.finish(now, key, Outcome::Completed, Some(usage), text, None);
    }

    pub(super) fn finish_cancelled(&mut self, now: Timestamp, key: FlightKey) {
        let reason = Some("the caller went away".into());
        self.finish(now, key, Outcome::Cancelled, None, None, reason);
    }

    /// A request ends for this reason, whatever candidates are left.
    pub(super) fn give_up(&mut self, now: Timestamp, key: FlightKey, cause: Cause) {
        self.flights[key].set_back(cause);
        self.finish_failed(now, key);
    }

    /// No candidate served the request.
    pub(super) fn finish_failed(&mut self, now: Timestamp, key: FlightKey) {
        let flight = &self.flights[key];
        let describe = |place| self.describe(flight, place).into();
        let reason = flight.reason(describe, self.router.above_ceiling(&flight.route));
        let reason = self.with_covenant(key, reason);
        self.finish(now, key, flight.failure(), None, None, Some(reason));
    }

    /// The candidate of this place, for people.
    pub(super) fn describe(&self, flight: &Flight, place: usize) -> Box<str> {
        let choice = self.router.choice(&flight.route, place);
        let model = &self.covenants.models()[choice.model.index()].name;
        format!("{model} on {}", self.cables[choice.cable.index()].name).into()
    }

    fn finish(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        outcome: Outcome,
        usage: Option<Usage>,
        text: Option<Box<str>>,
        reason: Option<Box<str>>,
    ) {
        self.settle(now, key, usage);
        self.settle_payment(key);
        self.stop_alarm(key);
        let flight = &self.flights[key];
        let request = flight.request.id;
        let at = self.router.last(&flight.route, flight.struck);
        let at = at.map(|choice| (choice.model, self.cables[choice.cable.index()].pool));
        let mut record = flight.record(now, at, outcome, usage);
        let given_up = flight.given_up();
        if let (None, Some((model, pool))) = (flight.struck, flight.struck_before()) {
            (record.model, record.pool) = (model, Some(pool));
        }
        record.covenant = self.covenants.of(&flight.request).judge(&record, given_up);
        self.covenant_books[record.tenant.index()].record(record.covenant);
        self.outputs.push(Output::Respond(Response {
            request,
            outcome,
            text,
            reason,
            retry_after: flight.retry_after(),
            given_up,
        }));
        self.outputs.push(Output::Record(record));
        self.flights.remove(key);
        self.arrivals.settle(&self.flights);
    }
}
