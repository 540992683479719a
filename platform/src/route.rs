//! Which model on which pool comes next.
//!
//! Every class has a list of candidates that fit their pool's cards. A request's [`Route`]
//! remembers which of them it has been to; the next one is the best of the rest, found by one pass
//! over the list, so that nothing is sorted or kept per request. Local pools come after all others.
//! Behind the first choice only candidates within the cost ceiling count, and local ones at any
//! price.

mod detour;
mod pace;

use connector::{
    BasisPoints, CableId, ClassId, Duration, ModelId, Money, PoolKind, Timestamp, Tokens,
};
use pace::Estimates;

use crate::{
    config::{Candidate, PlatformConfig, RouterConfig},
    interface::Request,
};

/// Candidates per class: one bit each in a route.
pub(crate) const CANDIDATES_MAX: usize = 128;

/// A model on the pool at the end of a cable.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) model: ModelId,
    pub(crate) cable: CableId,
    local: bool,
    price: Money,
    /// The price again, for ranking only.
    weight: f64,
    max_output: Option<Tokens>,
    /// Expected time in nanoseconds per token on an idle card.
    per_prompt_token: f64,
    per_output_token: f64,
}

/// Where a request has been and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    list: usize,
    been: u128,
    first: Option<usize>,
    pub(crate) current: Option<usize>,
    /// Highest price per slot and hour; `None`: relative to the first choice.
    limit: Option<Money>,
    /// Whether it was taken because another way led nowhere.
    detour: bool,
}

impl Route {
    /// Whether the request is at its first choice.
    pub(crate) fn is_first(&self) -> bool {
        self.current == self.first && !self.detour
    }

    /// Candidates that it has been to, one bit each.
    pub(crate) const fn been(&self) -> u128 {
        self.been
    }

    /// These candidates, one bit each, were looked at but not tried.
    pub(crate) fn may_come_back(&mut self, places: u128) {
        self.been &= !places;
    }

    /// The present candidate is out of the question: if it was the first choice, it never was.
    pub(crate) fn pass_by(&mut self) {
        if self.first == self.current {
            self.first = None;
        }
    }

    /// The request is at this candidate.
    pub(crate) fn go_to(&mut self, place: usize) {
        self.been |= 1 << place;
        self.current = Some(place);
    }
}

#[derive(Debug)]
enum Ranking {
    Listed,
    Cheapest,
    Fastest(Estimates),
}

#[derive(Debug)]
pub(crate) struct Router {
    ranking: Ranking,
    /// One list per class, then one per model for requests that insist on one, then one per model
    /// with every pool whose cards it fits.
    lists: Vec<Vec<Choice>>,
    classes: usize,
    models: usize,
    fallback: bool,
    cost_ceiling: BasisPoints,
}

impl Router {
    /// From a checked configuration.
    pub(crate) fn new(config: &PlatformConfig) -> Self {
        let ranking = match config.router {
            RouterConfig::Static(_) => Ranking::Listed,
            RouterConfig::Cheapest => Ranking::Cheapest,
            RouterConfig::Fastest => {
                Ranking::Fastest(Estimates::new(config.cables.len(), config.models.len()))
            }
        };
        let classes = (0..config.classifier.classes.len()).map(|class| of_class(config, class));
        let models = (0..config.models.len()).map(|model| of_model(config, ModelId(model as u32)));
        let everywhere = (0..config.models.len()).map(|model| {
            let mut list = fitting(config, ModelId(model as u32));
            list.truncate(CANDIDATES_MAX);
            list
        });
        Self {
            ranking,
            lists: classes
                .chain(models)
                .chain(everywhere)
                .map(|list| choices(config, &list))
                .collect(),
            classes: config.classifier.classes.len(),
            models: config.models.len(),
            fallback: config.fallback.enabled,
            cost_ceiling: config.fallback.cost_ceiling,
        }
    }

    /// The way of a new request of this class, which may insist on a model.
    pub(crate) fn route(&self, class: ClassId, model: Option<ModelId>) -> Route {
        let list = model.map_or(class.index(), |model| self.classes + model.index());
        Route { list, been: 0, first: None, current: None, limit: None, detour: false }
    }

    /// Where the request is, or is to be, served.
    pub(crate) fn current(&self, route: &Route) -> Option<&Choice> {
        Some(&self.lists[route.list][route.current?])
    }

    /// The candidate that was struck last, or else the one the request was to go to.
    pub(crate) fn last(&self, route: &Route, struck: Option<usize>) -> Option<&Choice> {
        let place = struck.or(route.first)?;
        Some(self.choice(route, place))
    }

    /// The candidate of this place in the route's list.
    pub(crate) fn choice(&self, route: &Route, place: usize) -> &Choice {
        &self.lists[route.list][place]
    }

    /// Moves on to the best candidate not visited yet. False if there is none.
    pub(crate) fn advance(&self, now: Timestamp, request: &Request, route: &mut Route) -> bool {
        let Some(place) = self.best(now, request, route) else {
            return false;
        };
        route.first.get_or_insert(place);
        route.go_to(place);
        true
    }

    /// Candidates that were left out because they cost too much.
    pub(crate) fn above_ceiling(&self, route: &Route) -> usize {
        if route.first.is_none() || !self.fallback {
            return 0;
        }
        let list = &self.lists[route.list];
        let not_visited = (0..list.len()).filter(|place| route.been & (1 << place) == 0);
        not_visited.filter(|&place| !self.is_within_limit(route, &list[place])).count()
    }

    /// A strike on the route's present candidate was answered `took` after it joined the line.
    pub(crate) fn observe(
        &mut self,
        now: Timestamp,
        request: &Request,
        route: &Route,
        took: Duration,
    ) {
        if let Ranking::Fastest(estimates) = &mut self.ranking
            && let Some(place) = route.current
        {
            let choice = &self.lists[route.list][place];
            estimates.observe(now, choice.cable, choice.model, took, choice.expected(request));
        }
    }

    fn best(&self, now: Timestamp, request: &Request, route: &Route) -> Option<usize> {
        if route.first.is_some() && !self.fallback {
            return None;
        }
        let list = &self.lists[route.list];
        let open = (0..list.len()).filter(|place| route.been & (1 << place) == 0);
        let mut open = open.filter(|&place| self.is_within_limit(route, &list[place]));
        match &self.ranking {
            Ranking::Listed => open.next(),
            Ranking::Cheapest => {
                least(open, list, |choice| choice.weight * choice.expected(request))
            }
            Ranking::Fastest(estimates) => least(open, list, |choice| {
                let slowdown = estimates.slowdown(now, choice.cable, choice.model);
                slowdown * choice.expected(request)
            }),
        }
    }

    fn within_ceiling(&self, choice: &Choice, first: &Choice) -> bool {
        let ceiling = first.price.as_nanos() * i128::from(self.cost_ceiling.get());
        choice.local || choice.price.as_nanos() * i128::from(BasisPoints::ONE.get()) <= ceiling
    }
}

impl Choice {
    fn new(config: &PlatformConfig, model: ModelId, cable: CableId) -> Self {
        let line = &config.cables[cable.index()];
        let pace = line.paces[model.index()];
        let unknown = pace.per_prompt_token.is_zero() && pace.per_output_token.is_zero();
        // Without a stated pace every token counts alike, so that prices and measurements decide.
        let ns = |time: Duration| if unknown { 1.0 } else { time.as_nanos() as f64 };
        Self {
            model,
            cable,
            local: line.kind == PoolKind::Local,
            price: line.price_per_slot_hour,
            weight: line.price_per_slot_hour.as_f64(),
            max_output: config.models[model.index()].max_tokens,
            per_prompt_token: ns(pace.per_prompt_token),
            per_output_token: ns(pace.per_output_token),
        }
    }

    /// The least time that a request takes, on an idle card. Where no pace is stated, next to none.
    pub(crate) fn least_time(&self, request: &Request) -> Duration {
        Duration::from_nanos(self.expected(request) as u64)
    }

    /// Expected time on an idle card, in nanoseconds.
    pub(crate) fn expected(&self, request: &Request) -> f64 {
        let output =
            self.max_output.map_or(request.output_tokens, |most| most.min(request.output_tokens));
        f64::from(request.prompt_tokens.get()) * self.per_prompt_token
            + f64::from(output.get()) * self.per_output_token
    }
}

/// The place of the least score, the earliest among equals. Local choices, which are at the end of
/// every list, come after all others.
fn least(
    open: impl Iterator<Item = usize>,
    list: &[Choice],
    score: impl Fn(&Choice) -> f64,
) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for place in open {
        let score = score(&list[place]);
        match best {
            Some((other, _)) if list[place].local && !list[other].local => break,
            Some((_, least)) if score >= least => {}
            Some(_) | None => best = Some((place, score)),
        }
    }
    best.map(|(place, _)| place)
}

/// The candidates of a class, in order of preference.
fn of_class(config: &PlatformConfig, class: usize) -> Vec<(ModelId, CableId)> {
    match &config.router {
        RouterConfig::Static(lists) => {
            lists[class].iter().filter_map(|candidate| on_cable(config, *candidate)).collect()
        }
        RouterConfig::Cheapest | RouterConfig::Fastest => {
            let models = config.classifier.classes[class].models.iter();
            models.flat_map(|&model| fitting(config, model)).collect()
        }
    }
}

/// The candidates of a model that a request insists on: those that the static lists name, in the
/// order of classes, or else every pool whose cards it fits.
fn of_model(config: &PlatformConfig, model: ModelId) -> Vec<(ModelId, CableId)> {
    let mut named = Vec::new();
    if let RouterConfig::Static(lists) = &config.router {
        for candidate in lists.iter().flatten().filter(|candidate| candidate.model == model) {
            let choice = on_cable(config, *candidate);
            named.extend(choice.filter(|choice| !named.contains(choice)));
        }
    }
    if named.is_empty() { fitting(config, model) } else { named }
}

/// The pools whose cards have room for a model: those of the model's own kind first.
fn fitting(config: &PlatformConfig, model: ModelId) -> Vec<(ModelId, CableId)> {
    let terms = &config.models[model.index()];
    let fits = |&index: &usize| config.cables[index].card_vram >= terms.requirements.vram;
    let mut cables: Vec<usize> = (0..config.cables.len()).filter(fits).collect();
    cables.sort_by_key(|&index| config.cables[index].kind != terms.pool_kind);
    cables.into_iter().map(|index| (model, CableId(index as u32))).collect()
}

fn on_cable(config: &PlatformConfig, candidate: Candidate) -> Option<(ModelId, CableId)> {
    let cable = config.cables.iter().position(|cable| cable.pool == candidate.pool)?;
    Some((candidate.model, CableId(cable as u32)))
}

fn choices(config: &PlatformConfig, list: &[(ModelId, CableId)]) -> Vec<Choice> {
    let mut choices: Vec<Choice> =
        list.iter().map(|&(model, cable)| Choice::new(config, model, cable)).collect();
    choices.sort_by_key(|choice| choice.local);
    choices
}

/// How many candidates a class would have, for the check of its bound.
pub(crate) fn candidates(config: &PlatformConfig, class: usize) -> usize {
    of_class(config, class).len()
}
