//! What a run must achieve.
//!
//! ```text
//! allocation_latency.p95 < 200ms
//! ttft.p95{model=mistral-7b, tenant=acme} < 2s
//! metric [ . statistic ] [ { scope = name, ... } ]  ( < | <= | > | >= )  threshold
//! ```
//!
//! Metrics that are distributions need a statistic (`mean`, `min`, `max`, `p50`, `p99.9`), the others
//! have none. The threshold is written in the metric's unit: a duration, a ratio, a rate, a price or a
//! number.

use connector::{
    BasisPoints, ClassId, Comparison, Duration, Metric, MetricUnit, ModelId, Money, Objective,
    PoolId, Scope, Statistic, TenantId,
};

use crate::{document::shorten, near, rate::Rate};

/// The names that scopes refer to.
#[derive(Debug, Default)]
pub(crate) struct NamesOf<'a> {
    pub(crate) pools: Vec<&'a str>,
    pub(crate) models: Vec<&'a str>,
    pub(crate) tenants: Vec<&'a str>,
    pub(crate) classes: Vec<&'a str>,
}

/// Why a text is no objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectiveError {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// A name is not among those that were given.
    pub(crate) of_a_name: bool,
}

impl ObjectiveError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()), of_a_name: false }
    }
}

const FORM: &str = "write it as `allocation_latency.p95 < 200ms`";

/// Reads an objective.
pub(crate) fn parse(text: &str, names: &NamesOf<'_>) -> Result<Objective, ObjectiveError> {
    let not_one = || ObjectiveError::new(format!("`{}` is not an objective", shorten(text)), FORM);
    let sign = text.find(['<', '>']).ok_or_else(not_one)?;
    let (left, right) = text.split_at(sign);
    let (comparison, threshold) = comparison(right).ok_or_else(not_one)?;
    let (measure, scope) = match left.trim().split_once('{') {
        Some((measure, rest)) => (measure.trim(), rest.strip_suffix('}').ok_or_else(not_one)?),
        None => (left.trim(), ""),
    };
    let (metric, statistic) = measured(measure)?;
    Ok(Objective {
        text: text.to_owned(),
        metric,
        statistic,
        scope: self::scope(metric, scope, names)?,
        comparison,
        threshold: self::threshold(metric, threshold.trim())?,
    })
}

fn comparison(text: &str) -> Option<(Comparison, &str)> {
    let signs = [Comparison::AtMost, Comparison::AtLeast, Comparison::Less, Comparison::Greater];
    signs.into_iter().find_map(|sign| Some((sign, text.strip_prefix(sign.sign())?)))
}

fn measured(text: &str) -> Result<(Metric, Option<Statistic>), ObjectiveError> {
    // The names of some single values have a dot of their own.
    if let Some(metric) = Metric::from_name(text).filter(|metric| !metric.is_distribution()) {
        return Ok((metric, None));
    }
    let (name, statistic) = match text.split_once('.') {
        Some((name, statistic)) => (name.trim(), Some(statistic.trim())),
        None => (text, None),
    };
    let Some(metric) = Metric::from_name(name) else {
        let known = Metric::ALL.map(Metric::name);
        let dotted = known.iter().any(|known| known.split_once('.').is_some_and(|of| of.0 == name));
        let name = if dotted { text } else { name };
        let help = near::help(name, "metrics", known);
        return Err(ObjectiveError::new(format!("unknown metric `{}`", shorten(name)), help));
    };
    match statistic {
        None if metric.is_distribution() => Err(ObjectiveError::new(
            format!("`{metric}` is a distribution and needs a statistic"),
            format!("write `{metric}.p95`, `{metric}.mean`, `{metric}.min` or `{metric}.max`"),
        )),
        Some(statistic) if !metric.is_distribution() => Err(ObjectiveError::new(
            format!("`{metric}` is a single value and has no `{}`", shorten(statistic)),
            format!("write `{metric}` alone"),
        )),
        None => Ok((metric, None)),
        Some(name) => match Statistic::from_name(name) {
            Some(statistic) => Ok((metric, Some(statistic))),
            None => Err(ObjectiveError::new(
                format!("unknown statistic `{}`", shorten(name)),
                "the statistics are `mean`, `min`, `max` and percentiles such as `p50` or `p99.9`",
            )),
        },
    }
}

fn scope(metric: Metric, text: &str, names: &NamesOf<'_>) -> Result<Scope, ObjectiveError> {
    let mut scope = Scope::default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((key, name)) = part.split_once('=') else {
            let message = format!("`{}` is not a scope", shorten(part));
            return Err(ObjectiveError::new(message, "write it as `{pool=name}`"));
        };
        let (key, name) = (key.trim(), name.trim());
        let twice = match key {
            "pool" => {
                scope.pool.replace(PoolId(find("pool", "pools", name, &names.pools)?)).is_some()
            }
            "model" => scope
                .model
                .replace(ModelId(find("model", "models", name, &names.models)?))
                .is_some(),
            "tenant" => {
                let found = find("tenant", "tenants", name, &names.tenants)?;
                scope.tenant.replace(TenantId(found)).is_some()
            }
            "class" => {
                let found = find("class", "classes", name, &names.classes)?;
                scope.class.replace(ClassId(found)).is_some()
            }
            _ => {
                let help = near::help(key, "scopes", ["pool", "model", "tenant", "class"]);
                let message = format!("unknown scope `{}`", shorten(key));
                return Err(ObjectiveError::new(message, help));
            }
        };
        if twice {
            let message = format!("the scope `{key}` is given twice");
            return Err(ObjectiveError::new(message, "an objective is about one of them"));
        }
        check_reach(metric, key)?;
    }
    Ok(scope)
}

/// Not everything that is measured is told apart by whom it was measured for.
fn check_reach(metric: Metric, key: &str) -> Result<(), ObjectiveError> {
    let (measured_on, help) = if metric.is_of_pools() && key != "pool" {
        ("pools", "use the scope `pool`, or none")
    } else if (metric.is_of_engines() || metric.is_of_unit_costs())
        && !matches!(key, "pool" | "model")
    {
        ("pools and models", "use the scopes `pool` and `model`, or none")
    } else if matches!(metric, Metric::Margin) {
        ("the whole run", "use no scope; the report tells margins by tenant, model and pool")
    } else if metric.is_of_fan_outs() {
        ("fan-outs, whose parts may go anywhere,", "use no scope")
    } else {
        return Ok(());
    };
    let message = format!("`{metric}` is measured on {measured_on} and cannot be asked per {key}");
    Err(ObjectiveError::new(message, help))
}

fn find(what: &str, plural: &str, name: &str, known: &[&str]) -> Result<u32, ObjectiveError> {
    let index = known.iter().position(|candidate| *candidate == name);
    index.map(|index| index as u32).ok_or_else(|| {
        let help = near::help(name, plural, known.iter().copied());
        let message = format!("unknown {what} `{}`", shorten(name));
        ObjectiveError { of_a_name: true, ..ObjectiveError::new(message, help) }
    })
}

/// Reads a threshold in the metric's unit.
fn threshold(metric: Metric, text: &str) -> Result<f64, ObjectiveError> {
    let refused = |message: String| ObjectiveError {
        message: format!("the threshold of `{metric}`: {message}"),
        help: None,
        of_a_name: false,
    };
    match metric.unit() {
        MetricUnit::Seconds => {
            text.parse().map(Duration::as_secs_f64).map_err(|error| refused(error.to_string()))
        }
        MetricUnit::Ratio => {
            text.parse().map(BasisPoints::as_ratio).map_err(|error| refused(error.to_string()))
        }
        MetricUnit::PerSecond => {
            text.parse().map(Rate::per_second).map_err(|error| refused(error.to_string()))
        }
        MetricUnit::Money => {
            text.parse().map(Money::as_f64).map_err(|error| refused(error.to_string()))
        }
        MetricUnit::Count => text
            .parse::<u64>()
            .map(|count| count as f64)
            .map_err(|_| refused(format!("`{}` is not a whole number", shorten(text)))),
    }
}

#[cfg(test)]
mod tests;
