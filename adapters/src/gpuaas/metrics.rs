//! Hours and costs as the metrics tell them.

use connector::{Error, ErrorKind, Money};
use serde::{Deserialize, Serialize};

use super::{Listed, WhenEmpty, WireId, read_failure, read_list};
use crate::{
    billing_summary::{Figure, amount},
    harpoon_v1::readable,
};

/// Row of `GET /gpuaas/{team}/metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsRow {
    /// Of which subscription, if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<WireId>,
    /// Its pool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_name: Option<String>,
    /// Hours, if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours_used: Option<Figure>,
    /// What they come to, if stated: text or a number (pathology 39).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Figure>,
}

/// Rows of a team, and what they come to as far as that is stated: a failure is an error and never
/// zero (pathology 32).
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsTotals {
    /// One for each subscription.
    pub rows: Vec<MetricsRow>,
    /// The sum of the costs that are stated; `None` if none is.
    pub cost: Option<Money>,
}

/// Answer to `GET /gpuaas/{team}/metrics-graph`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricsGraph {
    /// Hours, if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_hours: Option<f64>,
    /// Width of a step: `1h`, `1d` or `1w`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<String>,
}

/// Reads the answer to a question for metrics.
///
/// # Errors
/// What the status or the body says, or `Protocol` for what cannot be read.
pub fn read_metrics(status: u16, body: &[u8]) -> Result<MetricsTotals, Error> {
    if !(200..300).contains(&status) {
        return Err(read_failure(status, None, body));
    }
    let Listed { rows, .. } = read_list::<MetricsRow>(body, WhenEmpty::Failed)?;
    let costs = rows.iter().filter_map(|row| amount("cost", row.cost.clone()).transpose());
    let costs: Vec<Money> = costs
        .collect::<Result<_, _>>()
        .map_err(|error| Error::new(ErrorKind::Protocol, readable(&error.to_string())))?;
    let cost = (!costs.is_empty()).then(|| costs.into_iter().sum());
    Ok(MetricsTotals { rows, cost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p32_metrics_that_fail_are_not_zero() {
        for (status, body) in
            [(500, "{}"), (200, ""), (200, "{}"), (200, r#"{"code":1,"message":"x"}"#), (502, "")]
        {
            read_metrics(status, body.as_bytes()).unwrap_err();
        }
        let none = read_metrics(200, br#"{"items":[]}"#).unwrap();
        assert_eq!(none.cost, None, "no cost was stated");
    }

    #[test]
    fn p39_costs_are_text_or_numbers() {
        let body = br#"{"metrics":[{"cost":"1.25"},{"cost":0.5},{"hours_used":2}]}"#;
        assert_eq!(read_metrics(200, body).unwrap().cost, "1.75".parse().ok());
        read_metrics(200, br#"{"items":[{"cost":"much"}]}"#).unwrap_err();
    }
}
