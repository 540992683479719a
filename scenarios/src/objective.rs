//! What a run must achieve: `allocation_latency.p95 < 200ms`.

use std::fmt;

use connector::{Metric, Scope, Statistic};

/// One objective of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// As it is written in the scenario.
    pub text: String,
    /// What is measured.
    pub metric: Metric,
    /// What of its distribution; `None` for metrics that are single values.
    pub statistic: Option<Statistic>,
    /// Of which part of the run.
    pub scope: Scope,
    /// On which side of the threshold the value must be.
    pub comparison: Comparison,
    /// In the metric's unit: seconds, a ratio, per second, the currency unit, or a count.
    pub threshold: f64,
}

impl Objective {
    /// Whether a measured value, in the metric's unit, meets the objective. A value that is not a
    /// number meets nothing.
    pub fn is_met(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Less => value < self.threshold,
            Comparison::AtMost => value <= self.threshold,
            Comparison::Greater => value > self.threshold,
            Comparison::AtLeast => value >= self.threshold,
        }
    }
}

/// On which side of a threshold a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// The sign, as written in an objective.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sign())
    }
}
