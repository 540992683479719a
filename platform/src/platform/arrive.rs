use connector::{BasisPoints, ClassId, Error, ErrorKind, RequestId, Timestamp};

use super::{Platform, books::Work};
use crate::{
    billing::UseKind,
    cable::Refusal,
    classify::{Classification, Reason},
    flight::{Cause, Ended, Flight, FlightKey, Phase},
    interface::Request,
};

impl Platform {
    pub(super) fn arrive(&mut self, now: Timestamp, request: Request) {
        let tenants = self.meters.len();
        assert!(
            request.tenant.index() < tenants,
            "request {} is of tenant {}, but there are {tenants}",
            request.id,
            request.tenant
        );
        match self.classification_of(&request) {
            Err(error) => {
                let key = self.enter(request, ClassId(0), None);
                self.give_up(now, key, Cause::Failed(error));
            }
            Ok(guess) => {
                let model = request.model;
                let key = self.enter(request, guess.class, model);
                if self.draining {
                    self.give_up(now, key, Cause::Refused(Refusal::Draining));
                } else if let Err(excess) = self.reserve(now, key) {
                    self.give_up(now, key, Cause::OverQuota(excess));
                } else {
                    self.set_out(now, key, guess);
                }
            }
        }
    }

    /// The class that the sender names, or else what the classifier makes of the request at once.
    fn classification_of(&self, request: &Request) -> Result<Classification, Error> {
        let (classes, models) = (self.classifier.classes(), self.covenants.models().len());
        if let Some(model) = request.model.filter(|model| model.index() >= models) {
            let words = format!("there is no model {model}, only {models}");
            return Err(Error::new(ErrorKind::Invalid, words));
        }
        match request.class {
            None => Ok(self.classifier.classify(request)),
            Some(class) if class.index() < classes => {
                Ok(Classification { class, score: BasisPoints::ZERO, reason: Reason::Named })
            }
            Some(class) => {
                let words = format!("there is no class {class}, only {classes}");
                Err(Error::new(ErrorKind::Invalid, words))
            }
        }
    }

    fn enter(
        &mut self,
        request: Request,
        class: ClassId,
        model: Option<connector::ModelId>,
    ) -> FlightKey {
        let id = request.id;
        let route = self.router.route(class, model);
        let key = self.flights.insert(Flight::new(request, class, route));
        self.arrivals.add(id, key);
        self.set_alarm(key);
        key
    }

    /// The caller went away. What it holds is given back; a share it is still waiting for will be.
    pub(super) fn cancel(&mut self, now: Timestamp, request: RequestId) {
        let Some(key) = self.arrivals.find(request, &self.flights) else {
            return;
        };
        let cables = self.withdraw(now, key, Ended::CalledOff, UseKind::Disconnected);
        self.finish_cancelled(now, key);
        for cable in cables.into_iter().flatten() {
            self.tend_line(now, cable);
        }
    }

    /// All callers went away. Nobody takes the places that become free.
    pub(super) fn cancel_all(&mut self, now: Timestamp) {
        let under_way = |key: &FlightKey| self.flights.contains_key(*key);
        let all: Vec<FlightKey> = self.arrivals.all().filter(under_way).collect();
        for key in all {
            self.withdraw(now, key, Ended::CalledOff, UseKind::Disconnected);
            self.finish_cancelled(now, key);
        }
    }

    /// Takes a request out of whatever it is doing, its strike ended like this and came to this.
    /// Returns the cables on which places became free.
    pub(super) fn withdraw(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        ended: Ended,
        kind: UseKind,
    ) -> [Option<usize>; 2] {
        match &self.flights[key].phase {
            Phase::Deciding | Phase::Reconciling => {}
            Phase::Waiting { .. } => self.leave_line(now, key),
            &Phase::Pausing(pause) => self.timers.cancel(pause),
            Phase::Classifying(_) => {
                return [Some(self.withdraw_consultation(now, key, kind)), None];
            }
            Phase::Striking(strikes) => {
                let first = strikes.first().lease;
                let second =
                    strikes.rival(first).map(|second| self.call_off(now, key, second, kind));
                let first = self.end_strike(now, key, first, ended, Work::wasted(kind));
                return [Some(first), second];
            }
        }
        [None, None]
    }

    /// Nothing new is started. Strikes under way run on to their answers or time-outs, without
    /// retry or fallback; everybody else is refused; whatever is held is given back, and what the
    /// provider would not confirm is asked for once more.
    pub(super) fn drain(&mut self, now: Timestamp) {
        if self.draining {
            return;
        }
        self.draining = true;
        let idle =
            |&key: &FlightKey| self.flights.get(key).is_some_and(|flight| !flight.is_striking());
        let idle: Vec<FlightKey> = self.arrivals.all().filter(idle).collect();
        for key in idle {
            self.withdraw(now, key, Ended::CalledOff, UseKind::Retried);
            self.give_up(now, key, Cause::Refused(Refusal::Draining));
        }
        self.call_off_left(now);
        (0..self.cables.len()).for_each(|cable| self.heed_breaker(cable));
        self.persist(now);
        self.close_shelves(now);
    }
}
