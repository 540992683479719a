//! The cheapest candidate that is predicted to keep the covenant.
//!
//! # Mechanism
//!
//! Every candidate has a predicted quantile of each time that the covenant bounds, and an expected
//! cost (price x expected time that the share is held). Its *breach* is the largest excess over a
//! target as a share of that target; 0 if all are kept. The least breach wins, among equals the least
//! cost: so the cheapest of those that keep everything, or the one that misses by least.
//!
//! A candidate whose line is short enough to keep the covenant is waited for, even if a dearer one
//! would take the request at once.
//!
//! # Edges
//!
//! Without targets it is the cheapest by measured time. A candidate of which nothing is known is
//! trusted with [`TRIALS`] strikes at once until the first of them has come back: its stated pace
//! may be a lie, and a crowd on a slow pool is noticed only when it is too late. Strikes for other models
//! on the same pool do not count: else a pool that is always busy with one model would never be
//! tried with another.
//!
//! Whether the covenant allows a candidate at all (pools that may take shares away, cards or models of
//! the wrong size) is not asked here: that is the same for every rule, and looked at where the
//! candidate is tried (`covenant/prospect.rs`).

use connector::Duration;

use super::{
    Scene,
    choice::{Choice, List},
    places::Places,
    predict::{Prediction, Predictor},
};
use crate::{config::CovenantRouting, covenant::Targets};

/// Strikes at once on a candidate of which nothing is known.
const TRIALS: u32 = 8;
/// Breach of a candidate that has had its trials: worse than keeping, better than any other.
const UNTRIED: f64 = 1e-9;

#[derive(Clone, Copy, Debug)]
pub(super) struct Keeper {
    /// What a predicted time is multiplied by before it is held against its target.
    caution: f64,
}

/// What speaks for and against a candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assessment {
    pub(crate) prediction: Prediction,
    /// Share of a target; 0 keeps all of them.
    pub(crate) breach: f64,
}

impl Keeper {
    pub(super) fn new(config: CovenantRouting) -> Self {
        Self { caution: 1.0 / (1.0 - config.margin.as_ratio()) }
    }

    pub(super) fn pick(
        self,
        scene: &Scene<'_>,
        list: &List,
        open: Places,
        predictor: &Predictor,
    ) -> Option<usize> {
        let (targets, ceiling) = bounds(scene);
        let mut best: Option<(usize, f64, f64)> = None;
        for place in open.iter() {
            let choice = &list.choices[place];
            // Most are dearer than one that keeps everything, which is seen at a glance.
            let beaten_at =
                best.filter(|&(_, least, _)| least <= 0.0).map(|(.., cheapest)| cheapest);
            let is_beaten = |held: f64| beaten_at.is_some_and(|most| choice.rate * held >= most);
            if is_beaten(predictor.held_at_least(choice, scene.request)) {
                continue;
            }
            let cable = &scene.cables[choice.cable.index()];
            let prediction = predictor.predict(scene.now, choice, cable, scene.request);
            let cost = choice.rate * prediction.held;
            let breach = self.breach(&prediction, cost, &targets, ceiling);
            let better = |&(_, least, cheapest): &(usize, f64, f64)| {
                breach < least || (breach <= least && cost < cheapest)
            };
            if best.as_ref().is_none_or(better) {
                best = Some((place, breach, cost));
            }
        }
        best.map(|(place, ..)| place)
    }

    /// Whether this candidate's line is short enough.
    pub(super) fn waits(self, scene: &Scene<'_>, choice: &Choice, predictor: &Predictor) -> bool {
        let assessment = self.assess(scene, choice, predictor);
        assessment.breach <= 0.0 && assessment.prediction.is_known()
    }

    pub(super) fn assess(
        self,
        scene: &Scene<'_>,
        choice: &Choice,
        predictor: &Predictor,
    ) -> Assessment {
        let (targets, ceiling) = bounds(scene);
        let cable = &scene.cables[choice.cable.index()];
        let prediction = predictor.predict(scene.now, choice, cable, scene.request);
        let cost = choice.rate * prediction.held;
        let breach = self.breach(&prediction, cost, &targets, ceiling);
        Assessment { prediction, breach }
    }

    fn breach(
        self,
        prediction: &Prediction,
        cost: f64,
        targets: &Targets,
        ceiling: Option<f64>,
    ) -> f64 {
        let times = [
            (prediction.first_token, targets.first_token),
            (prediction.per_output_token, targets.per_output_token),
            (prediction.end_to_end, targets.end_to_end),
        ];
        let of_cost = ceiling.map_or(0.0, |ceiling| excess(cost, ceiling));
        let breach = times.into_iter().fold(of_cost, |most: f64, (time, target)| {
            most.max(target.map_or(0.0, |target| excess(time * self.caution, ns(target))))
        });
        let is_tried = prediction.is_known() || prediction.under_way < TRIALS;
        if is_tried { breach } else { breach.max(UNTRIED) }
    }
}

fn bounds(scene: &Scene<'_>) -> (Targets, Option<f64>) {
    (scene.covenant.targets(), scene.covenant.cost_ceiling().map(connector::Money::as_f64))
}

fn excess(value: f64, target: f64) -> f64 {
    if value <= target { 0.0 } else { value / target.max(f64::MIN_POSITIVE) - 1.0 }
}

fn ns(time: Duration) -> f64 {
    time.as_nanos() as f64
}
