//! Objectives: a question about a run, the answer, and whether it is good enough.

use connector::{MetricUnit, Objective};
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// An objective and how the run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What was asked.
    pub objective: Objective,
    /// In the metric's unit; `None` if the run has no data to answer with.
    pub measured: Option<f64>,
    /// Whether the objective is met. Never without data: an objective that nothing was measured for
    /// must not pass a gate.
    pub met: bool,
}

impl Verdict {
    /// The verdict on a measured value.
    pub fn new(objective: Objective, measured: Option<f64>) -> Self {
        let met = measured.is_some_and(|value| objective.is_met(value));
        Self { objective, measured, met }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Objective { text, metric, statistic, comparison, threshold, scope: _ } =
            &self.objective;
        let mut fields = serializer.serialize_struct("Verdict", 8)?;
        fields.serialize_field("text", text)?;
        fields.serialize_field("met", &self.met)?;
        fields.serialize_field("measured", &self.measured)?;
        fields.serialize_field("comparison", comparison.sign())?;
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
    use connector::{Comparison, Metric, Scope, Statistic};

    use super::*;

    fn at_most_two_seconds() -> Objective {
        Objective {
            text: "ttft.p95 <= 2s".into(),
            metric: Metric::TimeToFirstToken,
            statistic: Some(Statistic::Percentile(95_000)),
            scope: Scope::default(),
            comparison: Comparison::AtMost,
            threshold: 2.0,
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
