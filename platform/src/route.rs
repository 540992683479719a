//! Which model on which pool comes next.
//!
//! Every class has a list of candidates that fit their pool's cards. A request's [`Route`]
//! remembers which of them it has been to; the next one is chosen among the rest by the policy, so
//! that nothing is sorted or kept per request. Local pools come after all others, whatever the policy.
//! Behind the first choice only candidates within the cost ceiling count, and local ones at any
//! price.
//!
//! A policy is asked with a [`Scene`] (what a decision may look at), a list and the places of it
//! that are open, and answers with one of those places. Those with a memory of their own have a file
//! of their own.

mod affine;
mod chance;
mod choice;
mod covenant;
mod detour;
mod fading;
mod lists;
mod load;
mod pace;
mod peak;
mod places;
mod policy;
mod power_of_two;
mod predict;
mod tiered;
mod turns;
mod weighted;

use connector::{
    BasisPoints, CableId, ClassId, Duration, ErrorKind, ModelId, Money, Timestamp, Tokens,
};

pub(crate) use self::{choice::Choice, covenant::Assessment, load::Load, predict::Band};
use self::{choice::List, places::Places, policy::Policy, predict::Predictor};
use crate::{
    cable::Cable,
    config::{CovenantRouting, PlatformConfig, RouterConfig},
    covenant::Covenant,
    deadlines::WorkTime,
    flight::{Ended, Start, Strike},
    interface::Request,
};

/// Candidates per class: one bit each in a route.
pub(crate) const CANDIDATES_MAX: usize = 128;

/// What a decision may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) now: Timestamp,
    pub(crate) request: &'a Request,
    pub(crate) cables: &'a [Cable],
    pub(crate) covenant: Covenant<'a>,
}

impl Scene<'_> {
    fn load(&self, cable: CableId) -> Load {
        self.cables[cable.index()].load()
    }
}

/// Where a request has been and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    list: usize,
    been: Places,
    first: Option<usize>,
    pub(crate) current: Option<usize>,
    /// Highest price per slot and hour, and who is within it; `None`: relative to the first choice.
    limit: Option<(Money, Places)>,
    /// Whether it was taken because another way led nowhere.
    detour: bool,
}

impl Route {
    /// Whether the request is at its first choice.
    pub(crate) fn is_first(&self) -> bool {
        self.current == self.first && !self.detour
    }

    /// Whether the request has been to this candidate.
    pub(crate) fn is_been(&self, place: usize) -> bool {
        self.been.iter().any(|been| been == place)
    }

    /// Candidates that it has been to, one bit each.
    pub(crate) const fn been(&self) -> u128 {
        self.been.bits()
    }

    /// These candidates, one bit each, were looked at but not tried.
    pub(crate) fn may_come_back(&mut self, places: u128) {
        self.been = self.been.without(Places::of_bits(places));
    }

    /// This candidate is not to be tried again.
    pub(crate) fn been_to(&mut self, place: usize) {
        self.been.insert(place);
    }

    /// The present candidate is out of the question: if it was the first choice, it never was.
    pub(crate) fn pass_by(&mut self) {
        if self.first == self.current {
            self.first = None;
        }
    }

    /// The request is at this candidate.
    pub(crate) fn go_to(&mut self, place: usize) {
        self.been_to(place);
        self.current = Some(place);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Router {
    policy: Policy,
    /// One list per class, then one per model for requests that insist on one, then one per model
    /// with every pool whose cards it fits.
    lists: Vec<List>,
    classes: usize,
    models: usize,
    fallback: bool,
    cost_ceiling: BasisPoints,
    /// Where predictions are asked for.
    predictor: Option<Predictor>,
    rule: &'static str,
    quantile: Option<BasisPoints>,
}

impl Router {
    /// From a checked configuration.
    pub(crate) fn new(config: &PlatformConfig) -> Self {
        let lists = lists::all(config);
        Self {
            policy: Policy::new(config, &lists),
            predictor: predictor(config),
            rule: config.router.name(),
            quantile: quantile(config),
            lists,
            classes: config.classifier.classes.len(),
            models: config.models.len(),
            fallback: config.fallback.enabled,
            cost_ceiling: config.fallback.cost_ceiling,
        }
    }

    /// The way of a new request of this class, which may insist on a model.
    pub(crate) fn route(&self, class: ClassId, model: Option<ModelId>) -> Route {
        let list = model.map_or(class.index(), |model| self.classes + model.index());
        Route { list, been: Places::NONE, first: None, current: None, limit: None, detour: false }
    }

    /// Where the request is, or is to be, served.
    pub(crate) fn current(&self, route: &Route) -> Option<&Choice> {
        Some(self.choice(route, route.current?))
    }

    /// The price of the dearest candidate, for an hour of a share.
    pub(crate) fn dearest(&self, route: &Route) -> Money {
        let prices = self.lists[route.list].choices.iter().map(|choice| choice.price);
        prices.max().unwrap_or(Money::ZERO)
    }

    /// The candidate that was struck last, or else the one the request was to go to.
    pub(crate) fn last(&self, route: &Route, struck: Option<usize>) -> Option<&Choice> {
        let place = struck.or(route.first)?;
        Some(self.choice(route, place))
    }

    /// The candidate of this place in the route's list.
    pub(crate) fn choice(&self, route: &Route, place: usize) -> &Choice {
        &self.lists[route.list].choices[place]
    }

    /// No candidate on this cable is to be tried any more.
    pub(crate) fn leave(&self, cable: usize, route: &mut Route) {
        let choices = self.lists[route.list].choices.iter().enumerate();
        for (place, _) in choices.filter(|(_, choice)| choice.cable.index() == cable) {
            route.been_to(place);
        }
    }

    /// Moves on to the best candidate not visited yet. False if there is none.
    pub(crate) fn advance(&mut self, scene: &Scene<'_>, route: &mut Route) -> bool {
        let Some(place) = self.best(scene, route) else {
            return false;
        };
        route.first.get_or_insert(place);
        route.go_to(place);
        true
    }

    /// Candidates that were left out because they cost too much.
    pub(crate) fn above_ceiling(&self, route: &Route) -> usize {
        let within = route.first.filter(|_| self.fallback).and_then(|_| self.within(route));
        within.map_or(0, |within| self.lists[route.list].above_ceiling(route.been, within))
    }

    /// Candidates that may come next, one bit each.
    pub(crate) fn open(&self, route: &Route) -> u128 {
        self.lists[route.list].open(route.been, self.within(route)).bits()
    }

    /// Candidates that were left out because they cost too much, one bit each.
    pub(crate) fn beyond_ceiling(&self, route: &Route) -> u128 {
        let list = &self.lists[route.list];
        self.within(route).map_or(0, |within| list.open(route.been, None).without(within).bits())
    }

    /// How long the work takes there once there is a place: the predicted quantile, or else what an
    /// idle card needs.
    pub(crate) fn work_time(&self, scene: &Scene<'_>, choice: &Choice, output: Tokens) -> WorkTime {
        let Some(predictor) = &self.predictor else {
            return choice.least_time(scene.request, output);
        };
        let cable = &scene.cables[choice.cable.index()];
        predictor.predict(scene.now, choice, cable, scene.request).work_time(choice.cut(output))
    }

    /// A strike on the route's present candidate was answered `took` after it joined the line.
    pub(crate) fn observe(
        &mut self,
        now: Timestamp,
        request: &Request,
        route: &Route,
        took: Duration,
    ) {
        if let Some(place) = route.current {
            let choice = &self.lists[route.list].choices[place];
            self.policy.observe(now, request, choice, took);
        }
    }

    /// Whether the present candidate is to be waited for, although another one may take the request
    /// at once.
    pub(crate) fn is_worth_waiting(&self, scene: &Scene<'_>, route: &Route) -> bool {
        let Policy::Covenant(keeper) = &self.policy else {
            return false;
        };
        let known = self.predictor.as_ref().zip(self.current(route));
        known.is_some_and(|(predictor, choice)| keeper.waits(scene, choice, predictor))
    }

    /// What the rule thinks of a candidate, if it predicts.
    pub(crate) fn assess(&self, scene: &Scene<'_>, choice: &Choice) -> Option<Assessment> {
        let Policy::Covenant(keeper) = &self.policy else {
            return None;
        };
        Some(keeper.assess(scene, choice, self.predictor.as_ref()?))
    }

    /// The rule's name, as in scenarios.
    pub(crate) const fn rule(&self) -> &'static str {
        self.rule
    }

    /// Which quantile is predicted; `None`: the rule does not predict.
    pub(crate) const fn quantile(&self) -> Option<BasisPoints> {
        self.quantile
    }

    /// How many candidates there are on this way.
    pub(crate) fn candidates(&self, route: &Route) -> usize {
        self.lists[route.list].choices.len()
    }

    /// A strike begins at this candidate.
    pub(crate) fn begun(&mut self, route: &Route, place: usize) {
        if let Some(predictor) = &mut self.predictor {
            predictor.begun(&self.lists[route.list].choices[place]);
        }
    }

    /// The first token of a strike came, or its time ran out.
    pub(crate) fn started(
        &mut self,
        now: Timestamp,
        request: &Request,
        route: &Route,
        Start { place, band, asked }: Start,
    ) {
        if let Some(predictor) = &mut self.predictor {
            let choice = &self.lists[route.list].choices[place];
            predictor.started(now, choice, band, request, now.since(asked));
        }
    }

    /// A strike ended.
    pub(crate) fn ended(
        &mut self,
        now: Timestamp,
        request: &Request,
        route: &Route,
        (strike, ended): (&Strike, Ended),
    ) {
        let Some(predictor) = &mut self.predictor else {
            return;
        };
        predictor.ended(&self.lists[route.list].choices[strike.place]);
        match (ended, strike.first_token) {
            (Ended::Answered(tokens), Some(first)) => {
                let choice = &self.lists[route.list].choices[strike.place];
                let later = (tokens.get().saturating_sub(1), now.since(first));
                if let Some(predictor) = &mut self.predictor {
                    predictor.told(now, choice, strike.band, later);
                }
            }
            (Ended::Answered(_) | Ended::Failed(ErrorKind::Timeout), None) => {
                self.started(now, request, route, strike.start());
            }
            (Ended::Failed(_) | Ended::CalledOff, _) => {}
        }
    }

    /// Who is within the ceiling; `None` before there is one.
    fn within(&self, route: &Route) -> Option<Places> {
        let of_first = || Some(self.lists[route.list].within(route.first?));
        route.limit.map(|(_, within)| within).or_else(of_first)
    }

    fn best(&mut self, scene: &Scene<'_>, route: &Route) -> Option<usize> {
        if route.first.is_some() && !self.fallback {
            return None;
        }
        let list = &self.lists[route.list];
        let open = list.open(route.been, self.within(route));
        self.policy.pick(scene, list, open, route.current, self.predictor.as_ref())
    }
}

/// What predicts, where the rule needs it.
fn predictor(config: &PlatformConfig) -> Option<Predictor> {
    let share = quantile(config)?.as_ratio();
    Some(Predictor::new(config.cables.len(), config.models.len(), share))
}

fn quantile(config: &PlatformConfig) -> Option<BasisPoints> {
    match config.router {
        RouterConfig::Covenant(CovenantRouting { quantile, .. }) => Some(quantile),
        RouterConfig::Static(_)
        | RouterConfig::Cheapest
        | RouterConfig::Fastest
        | RouterConfig::Random
        | RouterConfig::RoundRobin
        | RouterConfig::Weighted(_)
        | RouterConfig::LeastLoaded
        | RouterConfig::PowerOfTwo(_)
        | RouterConfig::PrefixAffine(_)
        | RouterConfig::Tiered => None,
    }
}

/// How many candidates a class would have, for the check of its bound.
pub(crate) fn candidates(config: &PlatformConfig, class: usize) -> usize {
    lists::of_class(config, class).len()
}
