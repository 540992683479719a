use connector::Duration;
use sim::config::{ControlPlane, Latency, RateLimit, RegionConfig};

use super::{Context, above_zero, items, named, names::NameTable, read, time};
use crate::{
    document::Node,
    language::{ControlPlaneSpec, Either, LatencyLaw, LatencySpec, Optional, ScenarioSpec, Time},
};

/// The regions of the scenario, or the one there is by default.
pub(super) fn lower(context: Context<'_>, spec: &ScenarioSpec) -> Vec<RegionConfig> {
    let Some(list) = spec.provider.get().and_then(|provider| provider.regions.as_ref()) else {
        return vec![RegionConfig {
            name: "default".to_owned(),
            control_plane: control_plane(context, None),
        }];
    };
    if list.get().is_some_and(Vec::is_empty) {
        context.report.problem_with_help(
            list.at,
            "there are no regions",
            "leave the key out for one region with default settings",
        );
    }
    let region = |node: &Node<crate::language::RegionSpec>| {
        let region = node.get();
        RegionConfig {
            name: region.and_then(|region| region.name.get()).cloned().unwrap_or_default(),
            control_plane: control_plane(
                context,
                region.and_then(|region| read(&region.control_plane)),
            ),
        }
    };
    items(Some(list)).iter().map(region).collect()
}

/// The names of the regions; those of pools are resolved against them.
pub(super) fn names(context: Context<'_>, spec: &ScenarioSpec) -> NameTable {
    let list = spec.provider.get().and_then(|provider| provider.regions.as_ref());
    let names = named(items(list), |region| &region.name);
    let mut table = NameTable::new(context.report, "region", "regions", names);
    if list.is_none() {
        table.push("default".to_owned());
    }
    table
}

fn control_plane(context: Context<'_>, spec: Option<&ControlPlaneSpec>) -> ControlPlane {
    let millis = Duration::from_millis;
    let latency = |key: fn(&ControlPlaneSpec) -> &Optional<LatencySpec>, default: Latency| {
        spec.and_then(|spec| read(key(spec))).map_or(default, |law| self::latency(context, law))
    };
    ControlPlane {
        allocate: latency(
            |spec| &spec.allocate,
            Latency::LogNormal { p50: millis(40), p95: millis(120) },
        ),
        release: latency(|spec| &spec.release, Latency::Fixed(millis(20))),
        infer: latency(|spec| &spec.infer, Latency::Fixed(millis(5))),
        inspect: latency(|spec| &spec.inspect, Latency::Fixed(millis(20))),
        rate_limit: spec.and_then(|spec| read(&spec.rate_limit)).and_then(|limit| {
            let per_second = limit.per_second.copied()?.small();
            let burst = read(&limit.burst).map_or(per_second, |burst| burst.small());
            Some(RateLimit { per_second, burst })
        }),
    }
}

pub(super) fn latency(context: Context<'_>, spec: &LatencySpec) -> Latency {
    let zero = Duration::ZERO;
    let of = |node: &Node<Time>| time(Some(node), zero);
    match spec {
        Either::Short(fixed) => Latency::Fixed(fixed.0.0),
        Either::Long(LatencyLaw::Uniform { min, max }) => {
            let (low, high) = (of(min), of(max));
            in_order(context, max, (low, "min"), (high, "max"));
            Latency::Uniform { min: low, max: high }
        }
        Either::Long(LatencyLaw::Exponential { mean }) => Latency::Exponential { mean: of(mean) },
        Either::Long(LatencyLaw::Lognormal { p50, p95 }) => {
            let low = above_zero(context, Some(p50), "the median", zero);
            let high = of(p95);
            in_order(context, p95, (low, "p50"), (high, "p95"));
            Latency::LogNormal { p50: low, p95: high }
        }
    }
}

/// Reports a later quantile that is below an earlier one, where both could be read.
fn in_order(
    context: Context<'_>,
    at: &Node<Time>,
    (low, low_name): (Duration, &str),
    (high, high_name): (Duration, &str),
) {
    if at.get().is_some() && high < low {
        let message = format!("{high_name} ({high}) is below {low_name} ({low})");
        context.report.problem(at.at, message);
    }
}
