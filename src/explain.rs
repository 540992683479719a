//! Why a request of a scenario goes where it goes: the run up to its arrival, and then the router's
//! reasons.

use std::fmt;

use connector::{
    ClassId, Names, PoolGauge, RequestId, RequestRecord, TenantId, Timestamp, TokenGaps,
};
use platform::{Candidacy, Explanation, Platform, PlatformConfig, Request};
use scenarios::Scenario;
use serde_json::{Value, json};
use sim::Simulator;

use crate::{
    drive::{Lines, Observer, Sampling, Session, Watch, virtual_time},
    experiment::ExperimentError,
};

/// Which request is to be explained: the first that is all of this.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Of this number, in order of arrival from 0.
    pub request: Option<RequestId>,
    /// Arriving at this instant or later.
    pub at: Timestamp,
    /// Of this class.
    pub class: Option<ClassId>,
    /// Of this tenant.
    pub tenant: Option<TenantId>,
}

/// Simulates the scenario with this seed until the request arrives. `None` if none does.
///
/// # Errors
/// See [`ExperimentError`].
pub fn explain(
    scenario: &Scenario,
    seed: u64,
    wanted: Wanted,
) -> Result<Option<Explanation>, ExperimentError> {
    let simulator = Simulator::new(scenario.provider.clone(), seed)?;
    let mut lines = Lines::single(simulator);
    let config = PlatformConfig { seed, ..scenario.platform.clone() };
    let platform = Platform::new(config)?;
    let until_found = Search { wanted, found: None };
    let every = connector::Duration::from_secs(3_600);
    let sampling = Sampling::new(every, Timestamp::ZERO);
    let arrivals = scenario.arrivals(seed)?;
    let found = std::sync::Arc::new(Watch::default());
    let observer = Until { search: until_found, watch: std::sync::Arc::clone(&found) };
    let mut session = Session::new(arrivals, platform, observer, sampling)?;
    virtual_time::run(&mut session, &mut lines, &found, Timestamp::ZERO)?;
    let (_, _, observer) = session.into_parts();
    Ok(observer.search.found)
}

#[derive(Debug)]
struct Search {
    wanted: Wanted,
    found: Option<Explanation>,
}

/// Looks for the request, and ends the run when it has come.
#[derive(Debug)]
struct Until {
    search: Search,
    watch: std::sync::Arc<Watch>,
}

impl Search {
    fn is_wanted(&self, platform: &Platform, request: &Request) -> bool {
        let Wanted { request: number, at, class, tenant } = self.wanted;
        let its_class = || request.class.unwrap_or_else(|| platform.classify(request).class);
        number.is_none_or(|number| number == request.id)
            && request.arrived >= at
            && tenant.is_none_or(|tenant| tenant == request.tenant)
            && class.is_none_or(|class| class == its_class())
    }
}

impl Observer for Until {
    fn arriving(&mut self, now: Timestamp, platform: &Platform, request: &Request) {
        if self.search.found.is_none() && self.search.is_wanted(platform, request) {
            self.search.found = Some(platform.explain(now, request));
            self.watch.interrupt();
        }
    }

    fn record(&mut self, _: &RequestRecord) {}

    fn gauge(&mut self, _: Timestamp, _: &PoolGauge) {}

    fn token_gaps(&mut self, _: Timestamp, _: &TokenGaps) {}

    fn in_flight(&mut self, _: Timestamp, _: usize) {}
}

/// An explanation with names instead of numbers.
#[derive(Debug)]
pub struct Told<'a> {
    explanation: &'a Explanation,
    names: &'a Names,
}

impl<'a> Told<'a> {
    /// An explanation of a run with these names.
    pub const fn new(explanation: &'a Explanation, names: &'a Names) -> Self {
        Self { explanation, names }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let Explanation { request, at, class, rule, targets, candidates } = self.explanation;
        let millis =
            |time: Option<connector::Duration>| time.map(connector::Duration::as_millis_f64);
        json!({
            "request": request.0,
            "at_s": at.as_secs_f64(),
            "class": self.names.classes[class.index()],
            "rule": rule,
            "targets_ms": {
                "first_token": millis(targets.first_token),
                "per_output_token": millis(targets.per_output_token),
                "end_to_end": millis(targets.end_to_end),
            },
            "candidates": candidates.iter().map(|one| self.candidate(one)).collect::<Vec<_>>(),
        })
    }

    fn candidate(&self, one: &Candidacy) -> Value {
        json!({
            "model": self.names.models[one.model.index()],
            "pool": self.names.pools[one.pool.index()],
            "price_per_slot_hour": one.price_per_slot_hour.to_string(),
            "cost": one.cost.to_string(),
            "first_token_ms": one.first_token.as_millis_f64(),
            "per_output_token_ms": one.per_output_token.as_millis_f64(),
            "end_to_end_ms": one.end_to_end.as_millis_f64(),
            "measured": one.measured,
            "breach": one.breach.map(connector::BasisPoints::as_ratio),
            "in_flight": one.in_flight,
            "queued": one.queued,
            "places": one.places,
            "breaker": one.breaker.name(),
            "standing": one.standing.name(),
        })
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, one: &Candidacy) -> fmt::Result {
        let at = format!(
            "{}@{}",
            self.names.models[one.model.index()],
            self.names.pools[one.pool.index()]
        );
        let places = one.places.map_or_else(|| "-".to_owned(), |places| places.to_string());
        let keeps = match one.breach {
            None => "-".to_owned(),
            Some(breach) if breach == connector::BasisPoints::ZERO => "yes".to_owned(),
            Some(breach) => format!("{breach} over"),
        };
        writeln!(
            f,
            "{at:<32}{:<17}{keeps:<14}{:>12.6}{:>10.0}{:>9.1}{:>10.0}{:>5}/{places:<5}{:>5}  {:<9} {}",
            one.standing.name(),
            one.cost,
            one.first_token.as_millis_f64(),
            one.per_output_token.as_millis_f64(),
            one.end_to_end.as_millis_f64(),
            one.in_flight,
            one.queued,
            one.breaker.name(),
            if one.measured { "measured" } else { "stated" },
        )
    }
}

/// A line on the request, a line on what is promised, and a table of the candidates.
impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { request, at, class, rule, targets, candidates } = self.explanation;
        let class = &self.names.classes[class.index()];
        writeln!(
            f,
            "request {request} of class {class} at {:.3} s, rule {rule}",
            at.as_secs_f64()
        )?;
        let promised = [
            ("first token", targets.first_token),
            ("per output token", targets.per_output_token),
            ("end to end", targets.end_to_end),
        ];
        let promised =
            promised.iter().filter_map(|(what, time)| Some(format!("{what} {}", (*time)?)));
        let promised: Vec<String> = promised.collect();
        let promised = if promised.is_empty() { "nothing".to_owned() } else { promised.join(", ") };
        writeln!(f, "promised: {promised}\n")?;
        writeln!(
            f,
            "{:<32}{:<17}{:<14}{:>12}{:>10}{:>9}{:>10}{:>11}{:>5}  {:<9} times",
            "candidate",
            "standing",
            "keeps",
            "cost",
            "ttft ms",
            "tpot ms",
            "total ms",
            "in flight",
            "line",
            "breaker",
        )?;
        candidates.iter().try_for_each(|one| self.row(f, one))
    }
}
