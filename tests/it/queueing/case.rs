//! The form of an oracle file: an array of cases, each with parameters, exact values, and the
//! standard errors that somebody else's simulation of it had.

use std::{collections::BTreeMap, env, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::distribution::{Distribution, Gaps};

/// Least and most customers of one case after its warm-up.
const CUSTOMERS: (f64, f64) = (0.4e6, 6e6);
/// Customers of a case that does not say how it was checked.
const CUSTOMERS_UNSAID: f64 = 1e6;
/// Share of the allowed standard error that is aimed at, because standard errors are estimates too.
const AIM: f64 = 0.7;
/// Probabilities of states below this are rare, and as hard to measure as a tail.
const RARE: f64 = 0.01;

/// One case.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Case {
    pub(super) name: String,
    params: Value,
    /// Exact values by metric; arrays are per class.
    pub(super) expected: BTreeMap<String, Value>,
    check: Option<Check>,
}

/// How the author of the file checked a case.
#[derive(Clone, Debug, Deserialize)]
struct Check {
    method: String,
    values: BTreeMap<String, Noise>,
}

#[derive(Clone, Debug, Deserialize)]
struct Noise {
    se: Option<f64>,
}

/// Everything that the product can be asked to be. A case with any other parameter cannot be
/// expressed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    pub(super) arrival_rate: Option<f64>,
    pub(super) arrival: Option<Gaps>,
    pub(super) arrival_rate_per_server: Option<f64>,
    pub(super) batch_rate: Option<f64>,
    pub(super) batch_size: Option<u32>,
    pub(super) service: Option<Distribution>,
    pub(super) classes: Option<Vec<ClassParams>>,
    pub(super) servers: Option<Servers>,
    pub(super) capacity: Option<u32>,
    pub(super) discipline: Option<String>,
    pub(super) rate_per_job: Option<String>,
    pub(super) slowdown_alpha: Option<f64>,
    pub(super) max_batch: Option<u32>,
    pub(super) patience: Option<Distribution>,
    pub(super) feedback_prob: Option<f64>,
    pub(super) population: Option<u32>,
    pub(super) think: Option<Distribution>,
    pub(super) dispatch: Option<String>,
    pub(super) choices: Option<u32>,
    pub(super) p_fail: Option<f64>,
    pub(super) max_retries: Option<u32>,
    pub(super) layers: Option<u32>,
    pub(super) base: Option<f64>,
    pub(super) cap: Option<f64>,
    pub(super) retries: Option<u32>,
    pub(super) hedge_quantile: Option<f64>,
    pub(super) fanout: Option<u32>,
    pub(super) p_slow: Option<f64>,
}

/// A class of customers; class 0 is the most important.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassParams {
    pub(super) arrival_rate: f64,
    pub(super) service: Distribution,
    pub(super) weight: Option<f64>,
}

/// A number of servers, or `"infinity"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Servers {
    Number(u32),
    Word(String),
}

impl Case {
    /// The parameters, or which of them the product does not have.
    pub(super) fn params(&self) -> Result<Params, String> {
        serde_json::from_value(self.params.clone()).map_err(|error| error.to_string())
    }

    /// The exact value of a metric that is one number, or of one class: `mean_wait_per_class.0`.
    pub(super) fn exact(&self, metric: &str) -> Option<f64> {
        match of_class(metric) {
            Some((metric, class)) => self.expected.get(metric)?.get(class)?.as_f64(),
            None => self.expected.get(metric)?.as_f64(),
        }
    }

    /// All metrics; those of classes one by one.
    pub(super) fn metrics(&self) -> impl Iterator<Item = String> + '_ {
        self.expected.iter().flat_map(|(metric, value)| match value.as_array() {
            Some(classes) => (0..classes.len()).map(|class| format!("{metric}.{class}")).collect(),
            None => vec![metric.clone()],
        })
    }

    /// The largest standard error that a metric may have, as a share of its exact value.
    ///
    /// Means and probabilities: 1 %, at a utilization of 0.9 or more 3 %. Percentiles, variances
    /// and rare states need several times the customers for the same: 3 % and 5 %.
    pub(super) fn bound(&self, metric: &str) -> f64 {
        let heavy = self.exact("utilization").is_some_and(|utilization| utilization >= 0.9);
        let is_percentile = metric.contains("_p")
            && metric.ends_with(|c: char| c.is_ascii_digit())
            && of_class(metric).is_none();
        let is_rare = metric.starts_with("p_") && self.exact(metric).is_some_and(|p| p < RARE);
        match (is_percentile || is_rare || metric.starts_with("var_"), heavy) {
            (false, false) => 0.01,
            (true, false) | (false, true) => 0.03,
            (true, true) => 0.05,
        }
    }

    /// How many customers keep every metric within its bound, from the noise that others had.
    pub(super) fn customers(&self) -> f64 {
        let Some(check) = &self.check else { return CUSTOMERS_UNSAID };
        let Some(theirs) = check.customers() else { return CUSTOMERS.0 };
        let needed = check.values.iter().filter_map(|(metric, noise)| {
            let exact = self.exact(metric).filter(|exact| *exact > 0.0)?;
            let aimed = AIM * self.bound(metric) * exact;
            Some(theirs * (noise.se? / aimed).powi(2))
        });
        needed.fold(CUSTOMERS.0, f64::max).min(CUSTOMERS.1)
    }
}

impl Check {
    /// The number in `simulation, 10,000,000 customers`.
    fn customers(&self) -> Option<f64> {
        let number = self.method.strip_prefix("simulation, ")?.split(' ').next()?;
        number.replace(',', "").parse().ok()
    }
}

/// A metric and its class.
pub(super) fn of_class(metric: &str) -> Option<(&str, usize)> {
    let (metric, class) = metric.rsplit_once('.')?;
    Some((metric, class.parse().ok()?))
}

/// The cases of the file that the project keeps beside the repository; `None` where it is not.
pub(super) fn kept() -> Option<Vec<Case>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors/queueing.json");
    fs::exists(path).is_ok_and(|exists| exists).then(|| read(Path::new(path)))
}

/// The cases of the file named by `HARPOON_QUEUEING_ORACLES`.
pub(super) fn named() -> Option<Vec<Case>> {
    env::var_os("HARPOON_QUEUEING_ORACLES").map(|path| read(Path::new(&path)))
}

fn read(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    let cases = text.and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string()));
    cases.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
