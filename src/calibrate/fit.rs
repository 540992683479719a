//! Fitting a serving stack's [`Efficiency`] to measured operating points.
//!
//! # Mechanism
//!
//! A handful of constants, the same for all points of a card, a model and a stack, is sought such that
//! simulated load tests give the measured times. What is made small is the mean over all points of
//! `|ln(simulated / measured)|`, of times to first token and times per output token alike, each
//! counted as 1 at most, so that a point which cannot be explained does not decide. The search is by
//! Nelder and Mead (The Computer Journal 7(4), 1965) over the logarithms of the constants: shortly from
//! several beginnings, then from the best of them twice more, with a new simplex around where the last
//! one ended. Where it is not published how the tests were run, that is part of the beginnings.
//!
//! # Edges
//!
//! Shares cannot exceed 1: beyond it the cost rises instead. That of a link cannot exceed 2: switches
//! that add up themselves move less than a ring does. With few points, constants that they could not
//! tell apart are not sought.

use connector::Duration;
use rayon::prelude::*;
use sim::config::{Efficiency, LongSteps};

use super::{
    closed_loop::{Latencies, Protocol, Stack},
    points::Point,
    search::{Found, Search},
};

/// Steps of a search: to tell protocols apart, and after that.
const SHORT: u64 = 120;
const LONG: u64 = 250;
/// Delivery times to begin with: there is little way from a server that its clients hold back to one
/// that they do not.
const DELIVERIES: [f64; 2] = [5e3, 90e3];
/// Fewer points than this cannot tell all constants apart.
const ENOUGH_FOR_ALL: usize = 16;
/// As many points, evenly taken, tell which beginning is best.
const ENOUGH_TO_BEGIN: usize = 40;
/// Serving engines do not put more tokens through the model at once.
const LONG_STEP: u32 = 16_384;
/// The logarithm of more tokens than a step has.
const MOST_TOKENS: f64 = 14.0;
/// Where nothing tells.
const LINK: f64 = 0.7;
const KV_CACHE: f64 = 0.7;
/// How much wider a simplex is laid for times than for shares.
const WIDER: f64 = 2.5;
/// A search ends when its costs spread no more than this.
const TOLERANCE: f64 = 3e-4;

/// What is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitted {
    /// What a scenario can be given.
    pub efficiency: Efficiency,
    /// Nanoseconds per token on the way from the engine to the client, one after the other. A matter
    /// of the load test's harness as much as of the server, so no part of the efficiency.
    pub delivery_per_token: f64,
    /// Nanoseconds per request on the way from the client to the engine, one after the other.
    pub intake_per_request: f64,
    /// How the load tests were run, where that is not published.
    pub protocol: Protocol,
}

/// A constant: where the search begins, and where its value goes.
#[derive(Clone, Copy, Debug)]
struct Constant {
    start: f64,
    kind: Kind,
    when: When,
    place: fn(&mut Fitted) -> Place<'_>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Above 0.
    Free,
    /// Above 0 and at most 1.
    Share,
    /// Above 0 and at most 2.
    Link,
    /// At least 1.
    Tokens,
    /// The delivery per token, which the search begins with from several places.
    Delivery,
}

impl Kind {
    /// The logarithm of the most that it can be.
    fn most(self) -> f64 {
        match self {
            Self::Share => 0.0,
            Self::Link => std::f64::consts::LN_2,
            // More nanoseconds than anything takes.
            Self::Free | Self::Delivery => 27.0,
            Self::Tokens => MOST_TOKENS,
        }
    }
}

/// When a constant is sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    /// With many points.
    Many,
    /// With many points, some of which are of several cards.
    ManyOfSeveralCards,
    /// With points of several cards and steps longer than servers' budgets allow.
    LongSteps,
    /// With many points of clients that send one request after the other.
    ManyOfLoops,
}

enum Place<'a> {
    Time(&'a mut Duration),
    Tokens(&'a mut u32),
    Number(&'a mut f64),
}

/// Times in nanoseconds.
const CONSTANTS: [Constant; 14] = [
    Constant::free(2e6, When::Always, |fitted| Place::Time(&mut fitted.efficiency.per_step)),
    Constant::free(20e3, When::Many, |fitted| Place::Time(&mut fitted.efficiency.per_sequence)),
    Constant::share(0.65, When::Always, |fitted| Place::Number(&mut fitted.efficiency.compute)),
    Constant {
        start: 3e3,
        kind: Kind::Tokens,
        when: When::LongSteps,
        place: |fitted| Place::Tokens(&mut long_steps(fitted).tokens),
    },
    Constant::share(0.08, When::LongSteps, |fitted| Place::Number(&mut long_steps(fitted).link)),
    Constant::share(0.8, When::Always, |fitted| Place::Number(&mut fitted.efficiency.memory)),
    Constant::share(KV_CACHE, When::Many, |fitted| Place::Number(&mut fitted.efficiency.kv_cache)),
    Constant::share(0.5, When::Always, |fitted| Place::Number(&mut fitted.efficiency.attention)),
    Constant::free(10e3, When::ManyOfSeveralCards, |fitted| {
        Place::Time(&mut fitted.efficiency.exchange)
    }),
    Constant {
        start: LINK,
        kind: Kind::Link,
        when: When::ManyOfSeveralCards,
        place: |fitted| Place::Number(&mut fitted.efficiency.link),
    },
    Constant::free(20e6, When::Always, |fitted| Place::Time(&mut fitted.efficiency.front_end)),
    Constant::free(5e6, When::Many, |fitted| Place::Time(&mut fitted.efficiency.prompt_step)),
    Constant::free(2e6, When::ManyOfLoops, |fitted| Place::Number(&mut fitted.intake_per_request)),
    Constant {
        start: 0.0,
        kind: Kind::Delivery,
        when: When::ManyOfLoops,
        place: |fitted| Place::Number(&mut fitted.delivery_per_token),
    },
];

fn long_steps(fitted: &mut Fitted) -> &mut LongSteps {
    fitted.efficiency.long_steps.get_or_insert_default()
}

impl Constant {
    const fn free(start: f64, when: When, place: fn(&mut Fitted) -> Place<'_>) -> Self {
        Self { start, kind: Kind::Free, when, place }
    }

    const fn share(start: f64, when: When, place: fn(&mut Fitted) -> Place<'_>) -> Self {
        Self { start, kind: Kind::Share, when, place }
    }

    fn set(&self, fitted: &mut Fitted, value: f64) {
        match (self.place)(fitted) {
            Place::Time(time) => *time = Duration::from_nanos(value as u64),
            Place::Tokens(tokens) => *tokens = value as u32,
            Place::Number(number) => *number = value,
        }
    }
}

/// Simulates the load test of a point: with the datasheet alone, or with what was fitted.
pub(super) fn simulate(point: &Point, fitted: Option<&Fitted>) -> Latencies {
    let efficiency = fitted.map(|fitted| &fitted.efficiency);
    let stack = Stack {
        time: sim::roofline(&point.shape, &point.gpu, point.cards, efficiency),
        front_end: efficiency.map_or(0.0, |reached| reached.front_end.as_nanos() as f64),
        delivery_per_token: fitted.map_or(0.0, |fitted| fitted.delivery_per_token),
        intake_per_request: fitted.map_or(0.0, |fitted| fitted.intake_per_request),
    };
    let protocol = match (point.is_published, fitted) {
        (false, Some(fitted)) => fitted.protocol,
        (true, _) | (_, None) => Protocol::default(),
    };
    point.plan.run(&stack, protocol)
}

/// Seeks the constants that explain these points best; and how the tests were run, where that is not
/// published.
pub(super) fn fit(points: &[&Point]) -> Fitted {
    let unknown = points.iter().any(|point| !point.is_published);
    let protocols =
        Protocol::ALL.iter().filter(|protocol| unknown || **protocol == Protocol::default());
    let some: Vec<&Point> =
        points.iter().copied().step_by(points.len().div_ceil(ENOUGH_TO_BEGIN)).collect();
    let free = &told_apart_by(points);
    let begun = protocols.flat_map(|&protocol| {
        DELIVERIES.map(|delivery| {
            let sought = Sought { points: &some, free, protocol };
            (protocol, sought.search(sought.start(delivery), 0.4, SHORT))
        })
    });
    let best = begun.min_by(|a, b| a.1.cost.total_cmp(&b.1.cost));
    let (protocol, begun) = best.expect("there is at least one protocol");
    let sought = Sought { points, free, protocol };
    let found =
        [-0.4, 0.2].into_iter().fold(begun, |found, around| sought.search(found.at, around, LONG));
    sought.fitted(&found.at)
}

/// The points, and which constants are sought.
struct Sought<'a> {
    points: &'a [&'a Point],
    free: &'a [&'static Constant],
    protocol: Protocol,
}

/// The constants that these points can tell apart.
fn told_apart_by(points: &[&Point]) -> Vec<&'static Constant> {
    let many = points.len() >= ENOUGH_FOR_ALL;
    let several = points.iter().any(|point| point.cards > 1);
    let is_long = |point: &Point| point.cards > 1 && point.plan.limits.token_budget > LONG_STEP;
    let long = points.iter().any(|point| is_long(point));
    let looped = points.iter().any(|point| point.plan.is_loop());
    let sought = |constant: &&Constant| match constant.when {
        When::Always => true,
        When::Many => many,
        When::ManyOfSeveralCards => many && several,
        When::LongSteps => long,
        When::ManyOfLoops => many && looped,
    };
    CONSTANTS.iter().filter(sought).collect()
}

impl Sought<'_> {
    /// Searches from a simplex around a place.
    fn search(&self, from: Vec<f64>, around: f64, steps: u64) -> Found {
        let size = |constant: &&Constant| match constant.kind {
            Kind::Free | Kind::Tokens => around * WIDER,
            Kind::Share | Kind::Link | Kind::Delivery => around,
        };
        let sizes = self.free.iter().map(size).collect();
        Search { from, sizes, tolerance: TOLERANCE, steps }.least(|at| self.cost(at))
    }

    fn start(&self, delivery: f64) -> Vec<f64> {
        let start = |constant: &&Constant| match constant.kind {
            Kind::Delivery => delivery,
            Kind::Free | Kind::Share | Kind::Link | Kind::Tokens => constant.start,
        };
        self.free.iter().map(|constant| libm::log(start(constant))).collect()
    }

    fn fitted(&self, logarithms: &[f64]) -> Fitted {
        let mut fitted = Fitted {
            efficiency: Efficiency { link: LINK, kv_cache: KV_CACHE, ..Efficiency::default() },
            delivery_per_token: 0.0,
            intake_per_request: 0.0,
            protocol: self.protocol,
        };
        for (constant, &logarithm) in self.free.iter().zip(logarithms) {
            constant.set(&mut fitted, libm::exp(logarithm.min(constant.kind.most())));
        }
        fitted
    }

    /// How far the constants exceed what they can be, in logarithms.
    fn excess(&self, logarithms: &[f64]) -> f64 {
        let constants = self.free.iter().zip(logarithms);
        constants.map(|(constant, logarithm)| (logarithm - constant.kind.most()).max(0.0)).sum()
    }

    fn cost(&self, logarithms: &[f64]) -> f64 {
        let fitted = self.fitted(logarithms);
        let off =
            |simulated: f64, measured: f64| libm::fabs(libm::log(simulated / measured)).min(1.0);
        let of_point = |point: &&Point| {
            let (simulated, measured) = (simulate(point, Some(&fitted)), &point.measured);
            off(simulated.ttft_ms, measured.ttft_ms) + off(simulated.tpot_ms, measured.tpot_ms)
        };
        let costs: Vec<f64> = self.points.par_iter().map(of_point).collect();
        costs.iter().sum::<f64>() / (2 * self.points.len()) as f64 + self.excess(logarithms)
    }
}

#[cfg(test)]
mod tests {
    use sim::serving::Limits;

    use super::*;
    use crate::calibrate::{closed_loop::ClosedLoop, models, points::Group};

    fn point(cards: u32, clients: u32, lengths: (u32, u32)) -> Point {
        let (model, shape) = models::find("llama-3.1-8b", 16, 16).expect("known");
        let gpu = sim::catalogue::gpu("H100").expect("known");
        let limits = Limits {
            max_sequences: clients,
            token_budget: 8_192,
            prefix_caching: false,
            ..Limits::default()
        };
        let requests = vec![lengths; 4 * clients as usize];
        Point {
            line: 0,
            group: Group {
                card: gpu.name.clone(),
                model,
                stack: "made".to_owned(),
                weight_bits: 16,
            },
            gpu,
            shape,
            cards,
            lengths,
            plan: ClosedLoop { requests, clients, limits, gate: None },
            is_published: true,
            measured: Latencies::default(),
        }
    }

    /// Simulated with known constants, on one card and on four, alone and in company.
    fn made(truth: &Fitted) -> Vec<Point> {
        let mut points = Vec::new();
        for cards in [1, 4] {
            for clients in [1, 4, 12] {
                for lengths in [(200, 30), (2_000, 40), (6_000, 20)] {
                    let mut point = point(cards, clients, lengths);
                    point.measured = simulate(&point, Some(truth));
                    points.push(point);
                }
            }
        }
        points
    }

    #[test]
    fn what_was_made_with_constants_is_explained_by_constants() {
        let truth = Fitted {
            efficiency: Efficiency {
                compute: 0.55,
                long_steps: None,
                memory: 0.9,
                attention: 0.4,
                kv_cache: 0.8,
                link: 0.6,
                per_step: Duration::from_micros(1_500),
                per_sequence: Duration::from_micros(30),
                prompt_step: Duration::from_micros(8_000),
                exchange: Duration::from_micros(8),
                front_end: Duration::from_micros(30_000),
            },
            delivery_per_token: 3e3,
            intake_per_request: 1e6,
            protocol: Protocol::default(),
        };
        let points = made(&truth);
        let fitted = fit(&points.iter().collect::<Vec<_>>());
        for point in &points {
            let found = simulate(point, Some(&fitted));
            let off = |found: f64, measured: f64| (found / measured - 1.0).abs();
            assert!(off(found.ttft_ms, point.measured.ttft_ms) < 0.06, "{found:?} {point:?}");
            assert!(off(found.tpot_ms, point.measured.tpot_ms) < 0.06, "{found:?} {point:?}");
        }
        assert!((fitted.efficiency.memory - 0.9).abs() < 0.05, "{fitted:?}");
    }
}
