//! Fits a proportional-odds model by gradient descent with momentum: a fixed number of steps over
//! all prompts, in `f64` with `libm`, so that every machine gets the same weights.

use std::fmt::Write;

use platform::classify::{Feature, Features, LEVELS, Weights};

use super::corpus::Corpus;

const STEPS: usize = 400;
const RATE: f64 = 0.6;
const MOMENTUM: f64 = 0.9;
/// Strength of the penalty on large weights.
const RIDGE: f64 = 0.02;
/// Signs of a demanding prompt: more of them never make it a simpler one. Without this the few
/// templates teach accidents.
const RAISING: [Feature; 7] = [
    Feature::Code,
    Feature::Mathematics,
    Feature::Reasoning,
    Feature::Creation,
    Feature::Constraints,
    Feature::Items,
    Feature::Specialist,
];

type Row = [f64; Feature::COUNT];

/// Mean and standard deviation of each feature.
struct Scale {
    mean: Row,
    deviation: Row,
}

/// Weights of features on one scale, and the cuts between levels.
#[derive(Clone, Default)]
struct Fit {
    of: Row,
    cuts: [f64; LEVELS - 1],
}

pub(super) fn train(corpus: &Corpus) -> Weights {
    let rows: Vec<Row> = corpus.prompts.iter().map(|(_, text)| row(text)).collect();
    let scale = Scale::of(&rows);
    let rows: Vec<(usize, Row)> = corpus
        .prompts
        .iter()
        .zip(&rows)
        .map(|((level, _), row)| (*level, scale.apply(row)))
        .collect();
    let mut fit = Fit { of: Row::default(), cuts: [-0.7, 0.7] };
    let mut speed = Fit::default();
    for _ in 0..STEPS {
        let slope = slope(&fit, &rows);
        let step = |value: &mut f64, speed: &mut f64, slope: f64| {
            *speed = MOMENTUM * *speed + RATE * slope;
            *value += *speed;
        };
        for index in 0..Feature::COUNT {
            step(&mut fit.of[index], &mut speed.of[index], slope.of[index]);
        }
        for feature in RAISING {
            let weight = &mut fit.of[feature as usize];
            *weight = weight.max(0.0);
        }
        for index in 0..LEVELS - 1 {
            step(&mut fit.cuts[index], &mut speed.cuts[index], slope.cuts[index]);
        }
    }
    whole(&fit, &scale)
}

/// The gradient of the mean log-likelihood, less the penalty.
fn slope(fit: &Fit, rows: &[(usize, Row)]) -> Fit {
    let mut slope = Fit::default();
    for (level, row) in rows {
        let z: f64 = row.iter().zip(&fit.of).map(|(value, weight)| value * weight).sum();
        let below = level.checked_sub(1).map_or(0.0, |cut| logistic(fit.cuts[cut] - z));
        let above = fit.cuts.get(*level).map_or(1.0, |cut| logistic(cut - z));
        let likelihood = (above - below).max(1e-9);
        let by_z = above + below - 1.0;
        slope.of.iter_mut().zip(row).for_each(|(slope, value)| *slope += by_z * value);
        if let Some(cut) = slope.cuts.get_mut(*level) {
            *cut += above * (1.0 - above) / likelihood;
        }
        if let Some(cut) = level.checked_sub(1) {
            slope.cuts[cut] -= below * (1.0 - below) / likelihood;
        }
    }
    let all = rows.len() as f64;
    for (slope, weight) in slope.of.iter_mut().zip(&fit.of) {
        *slope = *slope / all - RIDGE * weight;
    }
    slope.cuts.iter_mut().for_each(|cut| *cut /= all);
    slope
}

/// In thousandths, on the features' own scales.
fn whole(fit: &Fit, scale: &Scale) -> Weights {
    let thousandths = |value: f64| libm::round(value * 1000.0) as i32;
    let of: Row = std::array::from_fn(|index| fit.of[index] / scale.deviation[index]);
    let shift: f64 = of.iter().zip(&scale.mean).map(|(weight, mean)| weight * mean).sum();
    Weights {
        of: of.map(thousandths),
        cuts: fit.cuts.map(|cut| thousandths(cut + shift)),
        typical: scale.mean.map(thousandths),
    }
}

impl Scale {
    fn of(rows: &[Row]) -> Self {
        let all = rows.len() as f64;
        let mean: Row =
            std::array::from_fn(|index| rows.iter().map(|row| row[index]).sum::<f64>() / all);
        let deviation = std::array::from_fn(|index| {
            let square = |row: &Row| (row[index] - mean[index]) * (row[index] - mean[index]);
            let variance = rows.iter().map(square).sum::<f64>() / all;
            libm::sqrt(variance).max(1e-6)
        });
        Self { mean, deviation }
    }

    fn apply(&self, row: &Row) -> Row {
        std::array::from_fn(|index| (row[index] - self.mean[index]) / self.deviation[index])
    }
}

fn row(text: &str) -> Row {
    let features = Features::of(text);
    Feature::ALL.map(|feature| f64::from(features.get(feature)))
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The module that ships.
pub(super) fn source(weights: &Weights) -> String {
    let mut text = String::from(
        "//! Written by training; `docs/platform/classification.md` says how to write it again.\n\n\
         use super::Weights;\n\n/// The trained model.\npub const WEIGHTS: Weights = Weights {\n",
    );
    let table = |text: &mut String, name: &str, values: &[i32]| {
        let _ = writeln!(text, "    {name}: [");
        let widest = values.iter().map(|value| value.to_string().len() + 1).max().unwrap_or(0);
        for (feature, value) in Feature::ALL.into_iter().zip(values) {
            let value = format!("{value},");
            let _ = writeln!(text, "        {value:widest$} // {feature}");
        }
        let _ = writeln!(text, "    ],");
    };
    table(&mut text, "of", &weights.of);
    let [low, high] = weights.cuts;
    let _ = writeln!(text, "    cuts: [{low}, {high}],");
    table(&mut text, "typical", &weights.typical);
    text.push_str("};\n");
    text
}
