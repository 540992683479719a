use std::fmt;

use crate::{Metric, Scope, Statistic};

/// What a run must achieve: a figure of it and the good side of a threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// As its author wrote it: `ttft.p95 < 2s`.
    pub text: String,
    /// What is measured.
    pub metric: Metric,
    /// Which figure of it; `Some` exactly for distributions.
    pub statistic: Option<Statistic>,
    /// Of which part of the run.
    pub scope: Scope,
    /// On which side of the threshold the figure must be.
    pub comparison: Comparison,
    /// In the metric's unit: seconds, a ratio (1 for 100 %), per second, the currency unit, a count.
    pub threshold: f64,
}

impl Objective {
    /// Whether a measured value, in the metric's unit, is good enough. A value that is not a number
    /// never is.
    pub fn is_met(&self, measured: f64) -> bool {
        match self.comparison {
            Comparison::Less => measured < self.threshold,
            Comparison::AtMost => measured <= self.threshold,
            Comparison::Greater => measured > self.threshold,
            Comparison::AtLeast => measured >= self.threshold,
        }
    }
}

/// On which side of a threshold a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// As it is written.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_itself_is_met_only_where_the_comparison_says_so() {
        for (comparison, below, equal, above) in [
            (Comparison::Less, true, false, false),
            (Comparison::AtMost, true, true, false),
            (Comparison::Greater, false, false, true),
            (Comparison::AtLeast, false, true, true),
        ] {
            let objective = Objective {
                text: format!("ttft.p95 {comparison} 2s"),
                metric: Metric::TimeToFirstToken,
                statistic: Some(Statistic::Percentile(95_000)),
                scope: Scope::default(),
                comparison,
                threshold: 2.0,
            };
            let met = [1.0, 2.0, 3.0, f64::NAN].map(|value| objective.is_met(value));
            assert_eq!(met, [below, equal, above, false], "{comparison}");
        }
    }
}
