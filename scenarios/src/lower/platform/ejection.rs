//! When a pool is left out because it does worse than its peers.

use connector::BasisPoints;
use platform::config::EjectionConfig;

use super::super::{Context, above_zero, at_most_all, read, time};
use crate::{
    document::Node,
    language::{EjectionSpec, Quantity},
};

pub(super) fn lower(context: Context<'_>, spec: &EjectionSpec) -> EjectionConfig {
    let default = EjectionConfig::default();
    let interval = spec.interval.as_ref();
    let base = spec.base.as_ref();
    EjectionConfig {
        interval: above_zero(context, interval, "an interval of ejection", default.interval),
        minimum_calls: read(&spec.minimum_calls)
            .map_or(default.minimum_calls, |calls| calls.small()),
        failure_margin: share(context, spec.failure_margin.as_ref(), default.failure_margin),
        slowness: slowness(context, spec.slowness.as_ref(), default.slowness),
        base: above_zero(context, base, "an ejection", default.base),
        longest: time(spec.longest.as_ref(), default.longest),
        most: stated(spec.most.as_ref()).map_or(default.most, |(node, most)| {
            at_most_all(context, node.at, most, "pools", "be left out")
        }),
    }
}

/// A ratio that was given and could be read.
fn stated(
    node: Option<&Node<Quantity<BasisPoints>>>,
) -> Option<(&Node<Quantity<BasisPoints>>, BasisPoints)> {
    node.and_then(|node| Some((node, node.get()?.0)))
}

fn share(
    context: Context<'_>,
    node: Option<&Node<Quantity<BasisPoints>>>,
    default: BasisPoints,
) -> BasisPoints {
    let Some((node, share)) = stated(node) else { return default };
    if share == BasisPoints::ZERO {
        let message = "with a margin of 0% half of the pools are outliers";
        context.report.problem_with_help(node.at, message, "state a margin above 0%");
    }
    at_most_all(context, node.at, share, "results", "be failures")
}

fn slowness(
    context: Context<'_>,
    node: Option<&Node<Quantity<BasisPoints>>>,
    default: BasisPoints,
) -> BasisPoints {
    let Some((node, share)) = stated(node) else { return default };
    if share <= BasisPoints::ONE {
        let message = format!("{share} of its peers' time is not slow");
        context.report.problem_with_help(node.at, message, "state more than 100%");
    }
    share
}
