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
        let flight = self.land(key);
        self.meters[flight.request.tenant.index()].answered(usage);
        self.report(now, &flight, Outcome::Completed, Some(usage), text, None);
    }

    pub(super) fn finish_cancelled(&mut self, now: Timestamp, key: FlightKey) {
        let flight = self.land(key);
        let reason = Some("the caller went away".into());
        self.report(now, &flight, Outcome::Cancelled, None, None, reason);
    }

    /// A request ends for this reason, whatever candidates are left.
    pub(super) fn give_up(&mut self, now: Timestamp, key: FlightKey, cause: Cause) {
        self.flights[key].set_back(cause);
        self.finish_failed(now, key);
    }

    /// No candidate served the request.
    pub(super) fn finish_failed(&mut self, now: Timestamp, key: FlightKey) {
        let flight = self.land(key);
        let describe = |place| {
            let choice = self.router.choice(&flight.route, place);
            let model = &self.covenants.models()[choice.model.index()].name;
            format!("{model} on {}", self.cables[choice.cable.index()].name)
        };
        let reason = flight.reason(describe, self.router.above_ceiling(&flight.route));
        self.report(now, &flight, flight.failure(), None, None, Some(reason));
    }

    fn land(&mut self, key: FlightKey) -> Flight {
        let flight = self.flights.remove(key).expect("a request ends once");
        self.arrivals.settle(&self.flights);
        flight
    }

    fn report(
        &mut self,
        now: Timestamp,
        flight: &Flight,
        outcome: Outcome,
        usage: Option<Usage>,
        text: Option<Box<str>>,
        reason: Option<Box<str>>,
    ) {
        let request = flight.request.id;
        let at = self.router.last(&flight.route, flight.struck);
        let at = at.map(|choice| (choice.model, self.cables[choice.cable.index()].pool));
        let record = flight.record(now, at, outcome, usage);
        self.outputs.push_back(Output::Respond(Response { request, outcome, text, reason }));
        self.outputs.push_back(Output::Record(record));
    }
}
