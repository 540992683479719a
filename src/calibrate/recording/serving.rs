//! How fast a model serves: the constants of a step that is stated outright.
//!
//! A step takes `base + per_sequence x sequences + per_prompt_token x prompt tokens`. Each token after the
//! first takes a step; so time per token against the inferences on the share is a line that gives the
//! first two. The first token takes the way there and a step with the prompt in it; so time to first
//! token of inferences that were alone, against the prompt, is a line whose slope is the third. What is
//! left of its height is the way, which is fitted like any other latency.
//!
//! Prompts of others that begin meanwhile take steps too, which no line explains: inferences that were
//! disturbed so count only where there are too few others.
//!
//! Lines are fitted by least squares, twice: what is further from the first line than five times the median
//! distance (a model that was being loaded, a share that stood still) is left out of the second.

use adapters::recording::Header;
use connector::ModelId;

use super::{
    FEWEST, HELD_BACK,
    observe::{Inference, Observed},
};
use crate::calibrate::statistics::{Errors, median};

/// Beyond so many median distances a point is left out.
const FAR: f64 = 5.0;
/// Values that differ by less than this share of their mean cannot carry a slope.
const NO_SPREAD: f64 = 0.02;

/// Where first tokens are further off than this (median), something else decides them: a model that is
/// loaded, cards that are shared. Then neither the step nor the way is to be had.
const UNEXPLAINED: f64 = 0.25;

/// How fast a model serves.
#[derive(Clone, Debug)]
pub struct Served {
    /// Which.
    pub model: ModelId,
    /// Its name.
    pub name: String,
    /// The pool with the most of its inferences, which it was fitted to.
    pub pool: u32,
    /// Inferences of it.
    pub inferences: usize,
    /// Nanoseconds of every step.
    pub base: f64,
    /// Nanoseconds more for every sequence in it.
    pub per_sequence: f64,
    /// Nanoseconds more for every prompt token in it.
    pub per_prompt_token: f64,
    /// The way to the card, on average, in nanoseconds.
    pub travel: f64,
    /// How far predictions of inferences that were held back are off, as shares of what was measured:
    /// time to first token, time per token after it.
    pub errors: [Errors; 2],
}

/// Fits every model that has enough inferences.
pub(super) fn fit(header: &Header, observed: &Observed, too_few: &mut Vec<String>) -> Vec<Served> {
    let names = (0_u32..).map(ModelId).zip(&header.names.models);
    names.filter_map(|(model, name)| served(observed, model, name, too_few)).collect()
}

fn served(
    observed: &Observed,
    model: ModelId,
    name: &str,
    too_few: &mut Vec<String>,
) -> Option<Served> {
    let pools = observed.inferences.range((model, 0)..=(model, u32::MAX));
    let (&(_, pool), all) = pools.max_by_key(|((_, pool), all)| (all.len(), !pool))?;
    let is_held_back = |index: usize| index % HELD_BACK == HELD_BACK - 1;
    let some = |wanted: bool| {
        let some = all.iter().enumerate().filter(move |(index, _)| is_held_back(*index) == wanted);
        some.map(|(_, inference)| inference)
    };
    let decoding = |undisturbed: bool| -> Vec<(f64, f64)> {
        let some = some(false).filter(|one| one.undisturbed || !undisturbed);
        some.filter_map(|one| Some((one.company, one.per_token?))).collect()
    };
    let alone = decoding(true);
    let decoding = if alone.len() < FEWEST { decoding(false) } else { alone };
    let beginning: Vec<_> =
        some(false).filter(|one| one.alone).map(|one| (one.prompt, one.to_first)).collect();
    if decoding.len() < FEWEST || beginning.len() < FEWEST {
        too_few.push(format!("too few of {} inferences of {name} say enough", all.len()));
        return None;
    }
    let step = Line::through(&decoding);
    let first = Line::through(&beginning);
    let per_sequence = step.slope;
    // With slopes that are not seen, all of a step is its base.
    let base = (step.at_zero).max(1_000.0);
    let travel = (first.at_zero - base - per_sequence).max(0.0);
    let mut fitted = Served {
        model,
        name: name.to_owned(),
        pool,
        inferences: all.len(),
        base,
        per_sequence,
        per_prompt_token: first.slope,
        travel,
        errors: [Errors { median: 0.0, p90: 0.0 }; 2],
    };
    let off = |predicted: f64, measured: f64| (predicted / measured.max(1.0) - 1.0).abs();
    let to_first = some(true).filter(|one| one.alone);
    let to_first = to_first.map(|one| off(fitted.first_step(one) + travel, one.to_first));
    let per_token = some(true).filter(|one| one.undisturbed);
    let per_token = per_token.filter_map(|one| Some(off(fitted.step(one), one.per_token?)));
    fitted.errors = [Errors::of(to_first.collect()), Errors::of(per_token.collect())];
    let off = fitted.errors[0].median;
    if off > UNEXPLAINED {
        let share = off * 100.0;
        too_few.push(format!("{name}: prompts do not explain its first tokens, {share:.0} % off"));
        return None;
    }
    Some(fitted)
}

impl Served {
    fn step(&self, inference: &Inference) -> f64 {
        self.base + self.per_sequence * inference.company
    }

    fn first_step(&self, inference: &Inference) -> f64 {
        self.base + self.per_sequence + self.per_prompt_token * inference.prompt
    }
}

/// Nanoseconds that inferences of a pool were on their way: what the step does not explain of the first
/// token. Of those alone, and of models that were fitted.
pub(super) fn travel(observed: &Observed, models: &[Served], pool: u32) -> Vec<f64> {
    let of_model = |served: &Served| {
        let here = observed.inferences.get(&(served.model, pool)).map_or(&[][..], Vec::as_slice);
        let alone = here.iter().filter(|one| one.alone);
        let left: Vec<f64> =
            alone.map(|one| (one.to_first - served.first_step(one)).max(0.0)).collect();
        // A model that was being loaded was not on its way.
        let usual = median(left.clone());
        left.into_iter().filter(move |&ns| ns <= 20.0 * usual.max(1.0)).collect::<Vec<_>>()
    };
    models.iter().flat_map(of_model).collect()
}

/// A line; its slope is not negative.
#[derive(Clone, Copy, Debug)]
struct Line {
    at_zero: f64,
    slope: f64,
}

impl Line {
    fn through(points: &[(f64, f64)]) -> Self {
        let first = Self::least_squares(points);
        let distances = points.iter().map(|point| first.distance(point)).collect();
        let far = FAR * median(distances);
        let near: Vec<_> =
            points.iter().copied().filter(|point| first.distance(point) <= far).collect();
        if near.len() < FEWEST { first } else { Self::least_squares(&near) }
    }

    fn least_squares(points: &[(f64, f64)]) -> Self {
        let count = points.len().max(1) as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let (mut xx, mut xy) = (0.0, 0.0);
        for point in points {
            xx += (point.0 - x) * (point.0 - x);
            xy += (point.0 - x) * (point.1 - y);
        }
        let has_spread = libm::sqrt(xx / count) > NO_SPREAD * x.abs();
        let slope = if has_spread { (xy / xx).max(0.0) } else { 0.0 };
        Self { at_zero: y - slope * x, slope }
    }

    fn distance(&self, &(x, y): &(f64, f64)) -> f64 {
        (self.at_zero + self.slope * x - y).abs()
    }
}
