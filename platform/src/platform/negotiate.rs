//! Giving up by agreement what cannot be kept.

use std::fmt::Write as _;

use connector::{Concession, ModelId, Timestamp};

use super::Platform;
use crate::{
    covenant::{Fallback, Negotiation, Objection, Offer, Progress, Shortening},
    flight::{Flight, FlightKey},
    route::Route,
};

impl Platform {
    /// Puts the present candidate aside if it cannot keep the covenant. True if it does not serve.
    pub(super) fn puts_aside(&mut self, now: Timestamp, key: FlightKey) -> bool {
        let flight = &self.flights[key];
        if self.covenants.is_plain(&flight.request) {
            return false;
        }
        let place = flight.route.current.expect("it was just chosen");
        let why = self.objection(now, flight, place);
        why.is_some_and(|why| self.put_aside(key, why))
    }

    /// What speaks against this candidate.
    pub(super) fn objection(
        &self,
        now: Timestamp,
        flight: &Flight,
        place: usize,
    ) -> Option<Objection> {
        if self.covenants.is_plain(&flight.request) {
            return None;
        }
        let choice = self.router.choice(&flight.route, place);
        let progress = self.progress(now, flight);
        self.covenants.objection(&flight.request, choice.model, choice.cable.index(), &progress)
    }

    /// Puts the present candidate aside if the covenant would be broken in its line.
    pub(super) fn waits_too_long(&mut self, now: Timestamp, key: FlightKey) -> bool {
        let flight = &self.flights[key];
        if self.covenants.is_plain(&flight.request) || !self.is_hurried(flight) {
            return false;
        }
        let choice = self.router.current(&flight.route).expect("it was just chosen");
        let cable = &self.cables[choice.cable.index()];
        let ahead = cable.line.ahead(&self.entrant(key, choice));
        let wait = ahead.and_then(|ahead| cable.pace.wait(now, ahead)).unwrap_or_default();
        !self.keeps_times(now, flight, choice, wait) && self.put_aside(key, Objection::TooSlow)
    }

    pub(super) fn put_aside(&mut self, key: FlightKey, why: Objection) -> bool {
        let flight = &mut self.flights[key];
        let place = flight.route.current.expect("only who was looked at is put aside");
        flight.route.pass_by();
        flight.negotiation.get_or_insert_default().put_aside(place, why);
        true
    }

    pub(super) fn progress(&self, now: Timestamp, flight: &Flight) -> Progress {
        Progress {
            passed: now.since(flight.request.arrived),
            spent: flight.cost,
            output: flight.answer_length(),
            given_up: flight.given_up(),
            hurried: self.is_hurried(flight),
        }
    }

    /// Whether being too slow speaks against a candidate: while there is something to give up.
    pub(super) fn is_hurried(&self, flight: &Flight) -> bool {
        self.covenants.of(&flight.request).is_negotiable()
            && !flight.negotiation.as_ref().is_some_and(|negotiation| negotiation.best_effort)
    }

    /// No candidate is left. Gives up the next thing that helps; false if there is none.
    pub(super) fn renegotiate(&mut self, key: FlightKey) -> bool {
        if self.draining || self.covenants.is_plain(&self.flights[key].request) {
            return false;
        }
        let flight = &mut self.flights[key];
        flight.negotiation.get_or_insert_default();
        while let Some(offer) = self.next_offer(key) {
            if self.helps(key, offer) {
                return true;
            }
        }
        self.makes_the_best_of_it(key)
    }

    fn next_offer(&mut self, key: FlightKey) -> Option<Offer> {
        let flight = &mut self.flights[key];
        let negotiation = flight.negotiation.as_mut()?;
        let offer = self.covenants.of(&flight.request).offer(negotiation.offers)?;
        negotiation.offers += 1;
        Some(offer)
    }

    fn helps(&mut self, key: FlightKey, offer: Offer) -> bool {
        match offer {
            Offer::Fallback(to) => self.falls_back(key, to),
            Offer::ShorterAnswer(shortening) => self.shortens(key, shortening),
            Offer::Preemptible => {
                self.reopens(key, &[Objection::Preemptible], Concession::Preemptible)
            }
            Offer::HigherPrice => self.pays_more(key),
        }
    }

    fn falls_back(&mut self, key: FlightKey, to: Fallback) -> bool {
        let Some((route, concession)) = self.detour(&self.flights[key], to) else {
            return false;
        };
        self.take_way(key, route, |negotiation, left| {
            negotiation.leave(left);
            negotiation.given_up = negotiation.given_up.with(concession);
        });
        true
    }

    /// The way to a fallback, and what it gives up; `None` if it leads nowhere.
    pub(super) fn detour(&self, flight: &Flight, to: Fallback) -> Option<(Route, Concession)> {
        let (model, only, concession) = match to {
            Fallback::Model(model) => (model, None, Concession::OtherModel),
            Fallback::Pool(pool) => {
                let cable = self.cables.iter().position(|cable| cable.pool == pool)?;
                let cable = connector::CableId(cable as u32);
                (self.model_of(flight)?, Some(cable), Concession::OtherPool)
            }
        };
        let aside = flight.negotiation.as_ref().map_or(0, |negotiation| negotiation.all_aside());
        let tried = flight.route.been() & !aside;
        Some((self.router.detour(&flight.route, tried, model, only)?, concession))
    }

    /// The model that a request was to be served by.
    fn model_of(&self, flight: &Flight) -> Option<ModelId> {
        let choice = self.router.last(&flight.route, flight.struck.or(flight.route.current));
        choice.map(|choice| choice.model).or(flight.request.model)
    }

    fn shortens(&mut self, key: FlightKey, shortening: Shortening) -> bool {
        let flight = &mut self.flights[key];
        let asked = flight.request.output_tokens;
        let shorter = shortening.of(asked);
        if shorter >= asked {
            return false;
        }
        let reasons = [Objection::TooSlow, Objection::TooDear];
        let helps = self.reopens(key, &reasons, Concession::ShorterAnswer);
        if helps && let Some(negotiation) = &mut self.flights[key].negotiation {
            negotiation.output = Some(shorter);
        }
        helps
    }

    /// Candidates put aside for these reasons are looked at again, if there are any.
    fn reopens(&mut self, key: FlightKey, reasons: &[Objection], concession: Concession) -> bool {
        let flight = &mut self.flights[key];
        let Some(negotiation) = &mut flight.negotiation else {
            return false;
        };
        let places = negotiation.take_back(reasons);
        if places == 0 {
            return false;
        }
        negotiation.given_up = negotiation.given_up.with(concession);
        flight.route.may_come_back(places);
        true
    }

    fn pays_more(&mut self, key: FlightKey) -> bool {
        let flight = &mut self.flights[key];
        if self.router.above_ceiling(&flight.route) == 0 {
            return false;
        }
        self.router.lift_limit(&mut flight.route);
        if let Some(negotiation) = &mut flight.negotiation {
            negotiation.given_up = negotiation.given_up.with(Concession::HigherPrice);
        }
        true
    }

    /// Nothing is left to give up. Whoever was only too slow serves after all, on the first way if
    /// there is somebody, because nothing was given up there: late is better than never.
    fn makes_the_best_of_it(&mut self, key: FlightKey) -> bool {
        let Some(negotiation) = &mut self.flights[key].negotiation else {
            return false;
        };
        if std::mem::replace(&mut negotiation.best_effort, true) {
            return false;
        }
        let home = negotiation.home.filter(|home| home.aside[Objection::TooSlow as usize] != 0);
        if let Some(home) = home {
            self.take_way(key, home.route, |negotiation, _| negotiation.go_home(&home));
        }
        let flight = &mut self.flights[key];
        let Some(negotiation) = &mut flight.negotiation else {
            return false;
        };
        let slow = negotiation.take_back(&[Objection::TooSlow]);
        flight.route.may_come_back(slow);
        slow != 0
    }

    /// A request leaves its way for another. What became of it there is put into words now, because
    /// places are those of one way.
    fn take_way(
        &mut self,
        key: FlightKey,
        route: Route,
        change: impl FnOnce(&mut Negotiation, Route),
    ) {
        let flight = &self.flights[key];
        let words: Vec<Option<Box<str>>> =
            flight.places_told().map(|place| place.map(|at| self.describe(flight, at))).collect();
        let struck = flight.struck.map(|place| {
            let choice = self.router.choice(&flight.route, place);
            (choice.model, self.cables[choice.cable.index()].pool)
        });
        let flight = &mut self.flights[key];
        flight.put_into_words(words);
        flight.struck = None;
        let left = std::mem::replace(&mut flight.route, route);
        let negotiation = flight.negotiation.get_or_insert_default();
        negotiation.struck = struck.or(negotiation.struck);
        change(negotiation, left);
    }

    /// Adds to a reason how many candidates would have broken the covenant.
    pub(super) fn with_covenant(&self, key: FlightKey, reason: Box<str>) -> Box<str> {
        let Some(negotiation) = &self.flights[key].negotiation else {
            return reason;
        };
        // Writing to a string cannot fail.
        let mut text = String::from(reason);
        let aside = negotiation.all_aside().count_ones();
        if aside > 0 {
            let _ = write!(text, "; {aside} more would break the covenant");
        }
        if !negotiation.given_up.is_empty() {
            let _ = write!(text, "; given up: {}", negotiation.given_up);
        }
        text.into()
    }
}
