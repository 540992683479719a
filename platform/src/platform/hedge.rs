//! A second strike beside one that takes long: when it begins, and what becomes of the one that loses.

use connector::{CableId, ModelId, Timestamp};

use super::Platform;
use crate::{
    billing::UseKind,
    flight::{Flight, FlightKey, Phase, Strike, Watch},
    hedging::Hedging,
    lease::LeaseKey,
    route::Scene,
    timers::Pause,
};

impl Platform {
    /// A strike has begun, and no other is under way: its time runs.
    pub(super) fn watch(&mut self, now: Timestamp, key: FlightKey) {
        if let Some(due) = self.due(key) {
            self.watch_until(key, due.max(now));
        }
    }

    /// The time that a strike had is over.
    pub(super) fn overdue(&mut self, now: Timestamp, key: FlightKey) {
        let Some(strike) = self.flights.get_mut(key).and_then(Flight::first_strike_mut) else {
            return;
        };
        strike.watch = Watch::Off;
        let place = strike.place;
        if let Some(due) = self.due(key).filter(|&due| due > now) {
            self.watch_until(key, due);
            return;
        }
        let (cable, model) = self.pair(key, place);
        if let Some(hedging) = &mut self.hedging {
            hedging.slower(cable, model);
        }
        if !self.draining
            && let Some(place) = self.place_for_hedge(now, key)
        {
            self.hedge(now, key, place);
        }
    }

    /// When the time of the first strike is over; `None` while it is not known how long it may take.
    fn due(&self, key: FlightKey) -> Option<Timestamp> {
        let hedging = self.hedging.as_ref()?;
        let Phase::Striking(strikes) = &self.flights[key].phase else {
            return None;
        };
        let first = strikes.first();
        let (cable, model) = self.pair(key, first.place);
        Some(first.asked + hedging.patience(cable, model)?)
    }

    fn watch_until(&mut self, key: FlightKey, due: Timestamp) {
        if let Some(strike) = self.flights[key].first_strike_mut() {
            strike.watch = Watch::Due(self.timers.pause(due, Pause::Hedge(key)));
        }
    }

    /// Where the candidate of this place is, and which model.
    fn pair(&self, key: FlightKey, place: usize) -> (CableId, ModelId) {
        let choice = self.router.choice(&self.flights[key].route, place);
        (choice.cable, choice.model)
    }

    /// The best candidate of the same model that the request has not been to and that takes it at
    /// once, or else the present one, if that may be asked twice.
    fn place_for_hedge(&mut self, now: Timestamp, key: FlightKey) -> Option<usize> {
        let flight = &self.flights[key];
        let Phase::Striking(strikes) = &flight.phase else {
            return None;
        };
        let first = strikes.first().place;
        let model = self.router.choice(&flight.route, first).model;
        let mut route = flight.route;
        loop {
            let (request, cables) = (&self.flights[key].request, &self.cables[..]);
            let scene = Scene { now, request, cables, covenant: self.covenants.of(request) };
            if !self.router.advance(&scene, &mut route) {
                break;
            }
            let place = route.current.filter(|place| self.takes_hedge(now, key, model, *place));
            if place.is_some() {
                return place;
            }
        }
        let may_be_asked_twice = self.hedging.as_ref().is_some_and(Hedging::same_pool);
        let again = Some(first).filter(|_| may_be_asked_twice);
        again.filter(|place| self.takes_hedge(now, key, model, *place))
    }

    /// Whether this candidate takes a second strike for the same model at once.
    fn takes_hedge(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        model: ModelId,
        place: usize,
    ) -> bool {
        let choice = self.router.choice(&self.flights[key].route, place);
        let cable = choice.cable.index();
        choice.model == model
            && self.objection(now, &self.flights[key], place).is_none()
            && self.cables[cable].takes_hedge(now)
            && !self.is_in_doubt(now, key, cable)
            && !self.is_shed(now, key, cable)
    }

    fn hedge(&mut self, now: Timestamp, key: FlightKey, place: usize) {
        let index = self.router.choice(&self.flights[key].route, place).cable.index();
        let is_covered = self.reserve_strike(now, key).is_ok();
        if !is_covered || self.budget.as_mut().is_some_and(|budget| !budget.withdraw(now)) {
            self.cables[index].statistics.hedges_unaffordable += 1;
            return;
        }
        let Ok(permit) = self.cables[index].occupy(now) else {
            if let Some(budget) = &mut self.budget {
                budget.put_back();
            }
            return;
        };
        self.cables[index].statistics.hedges += 1;
        self.flights[key].count_hedge(place);
        let mut strike = self.begin_strike(now, key, place, permit);
        strike.watch = Watch::Hedge;
        if let Phase::Striking(strikes) = &mut self.flights[key].phase {
            strikes.add(strike);
        }
    }

    /// The first token of a strike, or its whole answer if that is what is awaited, has come. The
    /// strike beside it is called off. Returns the cable on which a place became free.
    pub(super) fn won(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        winner: LeaseKey,
    ) -> Option<usize> {
        let loser = self.flights[key].rival(winner)?;
        if let Some(Watch::Hedge) = self.flights[key].strike_mut(winner).map(|strike| strike.watch)
        {
            let cable = self.leases[winner].cable;
            self.cables[cable].statistics.hedges_won += 1;
        }
        let cable = self.leases[loser].cable;
        let before = self.cables[cable].statistics;
        self.call_off(now, key, loser, UseKind::Hedged);
        let statistics = &mut self.cables[cable].statistics;
        statistics.called_off += 1;
        statistics.called_off_slot_ns += statistics.slot_ns - before.slot_ns;
        statistics.called_off_cost += statistics.cost - before.cost;
        Some(cable)
    }

    /// What was awaited of a strike has come: it is measured, and not hedged any more.
    pub(super) fn came_in_time(&mut self, now: Timestamp, key: FlightKey, lease: LeaseKey) {
        let flight = &mut self.flights[key];
        let Some(strike) = flight.strike_mut(lease) else {
            return;
        };
        let (place, watch, asked) = (strike.place, strike.watch, strike.asked);
        if !matches!(watch, Watch::Hedge) {
            strike.watch = Watch::Off;
        }
        let at = self.pair(key, place);
        self.stop_watching(now, at, watch, asked, true);
    }

    /// A strike has ended, `in_full` if with an answer.
    pub(super) fn stop_watching_ended(
        &mut self,
        now: Timestamp,
        at: (CableId, ModelId),
        strike: &Strike,
        in_full: bool,
    ) {
        let token_decides = self.hedging.as_ref().is_some_and(Hedging::first_token_decides);
        let came = in_full && !(token_decides && strike.first_token.is_some());
        self.stop_watching(now, at, strike.watch, strike.asked, came);
    }

    /// What a strike took is learnt if what was awaited `came`.
    fn stop_watching(
        &mut self,
        now: Timestamp,
        (cable, model): (CableId, ModelId),
        watch: Watch,
        asked: Timestamp,
        came: bool,
    ) {
        let Some(hedging) = &mut self.hedging else {
            return;
        };
        let took = now.since(asked);
        match watch {
            Watch::Off if came => hedging.first_times(cable, model, took),
            Watch::Due(timer) => {
                self.timers.cancel(timer);
                if came {
                    hedging.in_time(cable, model, took);
                }
            }
            Watch::Off | Watch::Hedge => {}
        }
    }
}
