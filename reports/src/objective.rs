//! Objectives: a question about a run, the answer, and whether it is good enough.

use connector::{Metric, MetricUnit, Scope, Statistic};
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// How a measured value is held against a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether `measured` stands on the good side of `threshold`.
    pub fn holds(self, measured: f64, threshold: f64) -> bool {
        match self {
            Self::Less => measured < threshold,
            Self::LessOrEqual => measured <= threshold,
            Self::Greater => measured > threshold,
            Self::GreaterOrEqual => measured >= threshold,
        }
    }
}

/// What an objective asks of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The objective as its author wrote it: `ttft.p95 < 2s`.
    pub text: String,
    /// What is measured.
    pub metric: Metric,
    /// Which figure of it; `Some` exactly for distributions.
    pub statistic: Option<Statistic>,
    /// Of which part of the run.
    pub scope: Scope,
    /// How the figure is held against the threshold.
    pub comparison: Comparison,
    /// In the metric's unit: seconds, a ratio (1 for 100 %), per second, the currency unit, a
    /// count.
    pub threshold: f64,
}

/// An objective and how the run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What was asked.
    pub question: Question,
    /// In the metric's unit; `None` if the run has no data to answer with.
    pub measured: Option<f64>,
    /// Whether the objective is met. Never without data: an objective that nothing was measured for
    /// must not pass a gate.
    pub met: bool,
}

impl Verdict {
    /// The verdict on a measured value.
    pub fn new(question: Question, measured: Option<f64>) -> Self {
        let met =
            measured.is_some_and(|value| question.comparison.holds(value, question.threshold));
        Self { question, measured, met }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Question { text, metric, statistic, comparison, threshold, scope: _ } = &self.question;
        let mut fields = serializer.serialize_struct("Verdict", 8)?;
        fields.serialize_field("text", text)?;
        fields.serialize_field("met", &self.met)?;
        fields.serialize_field("measured", &self.measured)?;
        fields.serialize_field("comparison", comparison.symbol())?;
        fields.serialize_field("threshold", threshold)?;
        fields.serialize_field("unit", unit_name(metric.unit()))?;
        fields.serialize_field("metric", metric.name())?;
        fields.serialize_field("statistic", &statistic.map(|which| which.to_string()))?;
        fields.end()
    }
}

/// A unit's name in files.
pub(crate) const fn unit_name(unit: MetricUnit) -> &'static str {
    match unit {
        MetricUnit::Seconds => "s",
        MetricUnit::Ratio => "ratio",
        MetricUnit::PerSecond => "per_s",
        MetricUnit::Money => "currency",
        MetricUnit::Count => "count",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_most_two_seconds() -> Question {
        Question {
            text: "ttft.p95 <= 2s".into(),
            metric: Metric::TimeToFirstToken,
            statistic: Some(Statistic::Percentile(95_000)),
            scope: Scope::default(),
            comparison: Comparison::LessOrEqual,
            threshold: 2.0,
        }
    }

    #[test]
    fn the_threshold_itself_is_met_only_where_the_comparison_says_so() {
        for (comparison, below, equal, above) in [
            (Comparison::Less, true, false, false),
            (Comparison::LessOrEqual, true, true, false),
            (Comparison::Greater, false, false, true),
            (Comparison::GreaterOrEqual, false, true, true),
        ] {
            let found = [1.0, 2.0, 3.0].map(|value| comparison.holds(value, 2.0));
            assert_eq!(found, [below, equal, above], "{}", comparison.symbol());
        }
    }

    #[test]
    fn an_objective_without_data_is_not_met() {
        let verdict = Verdict::new(at_most_two_seconds(), None);
        assert!(!verdict.met);
        assert_eq!(verdict.measured, None);
    }

    #[test]
    fn a_verdict_in_json_holds_the_question_and_the_unit() {
        let verdict = Verdict::new(at_most_two_seconds(), Some(1.5));
        assert_eq!(
            serde_json::to_string(&verdict).expect("serialises"),
            r#"{"text":"ttft.p95 <= 2s","met":true,"measured":1.5,"comparison":"<=","threshold":2.0,"#
                .to_owned()
                + r#""unit":"s","metric":"ttft","statistic":"p95"}"#
        );
    }
}
