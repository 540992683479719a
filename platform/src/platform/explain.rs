use connector::{BasisPoints, Concessions, Duration, Money, Timestamp};

use super::Platform;
use crate::{
    classify::{Classification, Reason},
    covenant::{Objection, Progress},
    explain::{Candidacy, Explanation, Standing},
    interface::Request,
    route::{Choice, Route, Router, Scene},
};

impl Platform {
    /// Why this request would go where it would go now. Warm shares, quotas and what else may keep a
    /// request back are not looked at: only the choice among candidates is.
    pub fn explain(&self, now: Timestamp, request: &Request) -> Explanation {
        let named =
            |class| Classification { class, score: BasisPoints::ZERO, reason: Reason::Named };
        let Classification { class, score, reason } =
            request.class.map_or_else(|| self.classify(request), named);
        let covenant = self.covenants.of(request);
        let scene = Scene { now, request, cables: &self.cables, covenant };
        // A copy, because turns and draws must not be used up by asking.
        let mut router = self.router.clone();
        let mut route = router.route(class, request.model);
        let mut ranked = Vec::new();
        let mut chosen = None;
        while router.advance(&scene, &mut route) {
            let Some(place) = route.current else { break };
            let standing = self.standing(&scene, &router, &route, place);
            if standing == Standing::PutAside {
                route.pass_by();
            }
            if chosen.is_none() && standing.is_chosen() {
                chosen = Some(ranked.len());
            }
            ranked.push((place, standing));
        }
        settle(&mut ranked, chosen);
        let all = (0..router.candidates(&route)).filter(|place| !route.is_been(*place));
        let left_out: Vec<_> = all.map(|place| (place, None, Standing::LeftOut)).collect();
        let ranked =
            (1..).zip(ranked).map(|(rank, (place, standing))| (place, Some(rank), standing));
        let every = ranked.chain(left_out);
        Explanation {
            request: request.id,
            at: now,
            tenant: request.tenant,
            prompt_tokens: request.prompt_tokens,
            output_tokens: request.output_tokens,
            class,
            score,
            reason,
            rule: self.router.rule(),
            quantile: self.router.quantile(),
            terms: covenant.terms(),
            candidates: every.map(|of| self.candidacy(&scene, &route, of)).collect(),
        }
    }

    /// What the covenant of a request that just arrives has against a candidate.
    fn objection_on_arrival(&self, scene: &Scene<'_>, choice: &Choice) -> Option<Objection> {
        let progress = Progress {
            passed: scene.now.since(scene.request.arrived),
            spent: Money::ZERO,
            output: scene.request.output_tokens,
            given_up: Concessions::NONE,
            hurried: scene.covenant.is_negotiable(),
        };
        let index = choice.cable.index();
        self.covenants.objection(scene.request, choice.model, index, &progress)
    }

    /// What the route's present candidate would do, if it came first.
    fn standing(
        &self,
        scene: &Scene<'_>,
        router: &Router,
        route: &Route,
        place: usize,
    ) -> Standing {
        let choice = router.choice(route, place);
        let cable = &self.cables[choice.cable.index()];
        let work = choice.least_time(scene.request, scene.request.output_tokens);
        if self.objection_on_arrival(scene, choice).is_some() {
            Standing::PutAside
        } else if !self.deadlines(scene.request).admit(scene.now, work) {
            Standing::NoTime
        } else if !cable.breaker.admits(scene.now) {
            Standing::BreakerOpen
        } else if cable.has_place(scene.now) {
            Standing::Chosen
        } else if router.is_worth_waiting(scene, route) {
            Standing::ChosenInLine
        } else {
            Standing::Busy
        }
    }

    fn candidacy(
        &self,
        scene: &Scene<'_>,
        route: &Route,
        (place, rank, standing): (usize, Option<u32>, Standing),
    ) -> Candidacy {
        let choice = self.router.choice(route, place);
        let cable = &self.cables[choice.cable.index()];
        let load = cable.load();
        let outlook = Outlook::new(&self.router, scene, choice);
        Candidacy {
            model: choice.model,
            pool: cable.pool,
            cable: choice.cable,
            rank,
            objection: self.objection_on_arrival(scene, choice),
            price_per_slot_hour: choice.price_per_slot_hour(),
            cost: choice.price_per_slot_hour().per_hour_over(time(outlook.held)),
            first_token: time(outlook.first_token),
            per_output_token: time(outlook.per_output_token),
            end_to_end: time(outlook.end_to_end),
            measured: outlook.measured,
            breach: outlook.breach.map(share),
            in_flight: load.in_flight,
            queued: load.queued,
            places: (load.places < u32::MAX).then_some(load.places),
            breaker: cable.breaker.state(),
            standing,
        }
    }
}

/// Predicted or, without predictions, stated. Nanoseconds.
struct Outlook {
    first_token: f64,
    per_output_token: f64,
    end_to_end: f64,
    held: f64,
    measured: bool,
    breach: Option<f64>,
}

impl Outlook {
    fn new(router: &Router, scene: &Scene<'_>, choice: &Choice) -> Self {
        if let Some(assessment) = router.assess(scene, choice) {
            let prediction = assessment.prediction;
            return Self {
                first_token: prediction.first_token,
                per_output_token: prediction.per_output_token,
                end_to_end: prediction.end_to_end,
                held: prediction.held,
                measured: prediction.is_known(),
                breach: Some(assessment.breach),
            };
        }
        let whole = choice.expected(scene.request);
        Self {
            first_token: choice.expected_first_token(scene.request),
            per_output_token: choice.expected_token(),
            end_to_end: whole,
            held: whole,
            measured: false,
            breach: None,
        }
    }
}

/// Whoever comes after the one chosen is behind it; where nobody takes the request at once, the first
/// one that is well is waited for.
fn settle(ranked: &mut [(usize, Standing)], chosen: Option<usize>) {
    let waited_for = || ranked.iter().position(|(_, standing)| *standing == Standing::Busy);
    let Some(winner) = chosen.or_else(waited_for) else {
        return;
    };
    if ranked[winner].1 == Standing::Busy {
        ranked[winner].1 = Standing::ChosenInLine;
    }
    for (_, standing) in &mut ranked[winner + 1..] {
        if !matches!(standing, Standing::BreakerOpen | Standing::PutAside | Standing::NoTime) {
            *standing = Standing::Behind;
        }
    }
}

fn time(ns: f64) -> Duration {
    Duration::from_nanos(ns as u64)
}

/// Rounded up: what is not kept is not told as 0.
fn share(ratio: f64) -> BasisPoints {
    BasisPoints::new((ratio * 10_000.0).ceil().min(f64::from(u32::MAX)) as u32)
}
