//! A proportional-odds model on the features of a text ("Regression Models for Ordinal Data",
//! Journal of the Royal Statistical Society B, 1980).
//!
//! The probability that a text is above level `k` is `1 / (1 + exp(cut[k] - z))`, with `z` the sum
//! of features times weights: one direction of complexity, cut into levels. The mean of these
//! probabilities is the score: the expected level as a share of the highest. Weights and cuts are
//! integers in thousandths, so `z` is exact.
//!
//! A linear model tells exactly what each feature did: its weight times how far its value is from
//! the typical one, which is what the Shapley value of a linear model is (Lundberg and Lee 2017).
//!
//! The weights come from training on generated prompts (`platform/tests/it/classify`); a test
//! trains again and compares.

use std::fmt;

use connector::{BasisPoints, ClassId};

use super::{
    ByLength, Classification, Classify, Feature, Features, Reason, Subject, class_of_score, raised,
};

/// Levels of complexity that prompts are labelled with: simple, moderate, complex.
pub const LEVELS: usize = 3;
/// What weights and cuts are counted in.
const UNIT: f64 = 1000.0;

/// A trained model, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// What one step of each feature adds, in thousandths, in the order of [`Feature::ALL`].
    pub of: [i32; Feature::COUNT],
    /// Where a text rises above each level but the last, in thousandths; ascending.
    pub cuts: [i32; LEVELS - 1],
    /// The mean of each feature in training, in thousandths.
    pub typical: [i32; Feature::COUNT],
}

impl Weights {
    /// The sum of features times weights, in thousandths.
    fn sum(&self, features: &Features) -> i32 {
        Feature::ALL
            .into_iter()
            .map(|feature| self.of[feature as usize] * i32::from(features.get(feature)))
            .sum()
    }

    /// The complexity of a text with these features, from 0 to 1.
    pub fn score(&self, features: &Features) -> BasisPoints {
        let sum = self.sum(features);
        let above = |&cut: &i32| 1.0 / (1.0 + libm::exp(f64::from(cut - sum) / UNIT));
        let mean = self.cuts.iter().map(above).sum::<f64>() / self.cuts.len() as f64;
        BasisPoints::new(libm::round(mean * f64::from(BasisPoints::ONE.get())) as u32)
    }

    /// The features that moved the score most from that of a typical text, the heaviest first.
    pub fn heaviest(&self, features: &Features) -> [Option<Weighed>; Reason::FEATURES] {
        let mut heaviest = [None; Reason::FEATURES];
        for feature in Feature::ALL {
            let index = feature as usize;
            let off = i32::from(features.get(feature)) * 1000 - self.typical[index];
            let weight = (i64::from(self.of[index]) * i64::from(off) / 1000) as i32;
            insert(&mut heaviest, Weighed { feature, weight });
        }
        heaviest
    }
}

/// Keeps the list ordered, the heaviest first and the earlier feature first among equals.
fn insert(heaviest: &mut [Option<Weighed>], mut new: Weighed) {
    if new.weight == 0 {
        return;
    }
    for place in heaviest {
        match place {
            Some(old) if old.weight.abs() >= new.weight.abs() => {}
            Some(old) => std::mem::swap(old, &mut new),
            None => {
                *place = Some(new);
                return;
            }
        }
    }
}

/// What one feature did to a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// The feature.
    pub feature: Feature,
    /// What it added to the log-odds of being more complex, compared with a typical text, in
    /// thousandths; below zero where it speaks for a simpler class.
    pub weight: i32,
}

/// `reasoning +1.20`
impl fmt::Display for Weighed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:+.2}", self.feature, f64::from(self.weight) / UNIT)
    }
}

/// Classifies by lengths, and by what the text says.
#[derive(Clone, Debug)]
pub struct Trained {
    lengths: ByLength,
    weights: Weights,
}

impl Trained {
    /// On top of these lengths.
    pub const fn new(lengths: ByLength, weights: Weights) -> Self {
        Self { lengths, weights }
    }

    fn by_text(&self, text: &str) -> Classification {
        let features = Features::of(text);
        let score = self.weights.score(&features);
        Classification {
            class: ClassId(class_of_score(score, self.lengths.classes()) as u32),
            score,
            reason: Reason::Text(self.weights.heaviest(&features)),
        }
    }
}

impl Classify for Trained {
    fn classify(&self, subject: &Subject<'_>) -> Classification {
        let by_length = self.lengths.classify(subject);
        match subject.text {
            Some(text) if self.lengths.classes() > 1 => raised(by_length, self.by_text(text)),
            Some(_) | None => by_length,
        }
    }
}
