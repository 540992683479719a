use connector::{BasisPoints, Duration, OperationKind, TenantId};
use sim::config::{ControlPlane, FailureRates, Latency, OperationRates, Quirks, RateLimit};

use super::{Context, Known, above_zero, at_most_all, items, read, time};
use crate::{
    document::Node,
    language::{
        ControlPlaneSpec, Either, FailuresSpec, LatencyLaw, LatencySpec, OperationRatesSpec,
        Optional, Quantity, QuirksSpec, RatesSpec, Time,
    },
};

/// How an API behaves, from what is stated of it and the defaults.
pub(super) fn lower(
    context: Context<'_>,
    spec: Option<&ControlPlaneSpec>,
    known: &Known,
) -> ControlPlane {
    let millis = Duration::from_millis;
    let latency = |key: fn(&ControlPlaneSpec) -> &Optional<LatencySpec>, default: Latency| {
        spec.and_then(|spec| read(key(spec))).map_or(default, |law| self::latency(context, law))
    };
    let defaults = ControlPlane::default();
    let timeout = spec.and_then(|spec| spec.timeout.as_ref());
    let no_access = items(spec.and_then(|spec| spec.no_access.as_ref())).iter();
    let no_access = no_access.filter_map(|name| known.tenants.find(context.report, name));
    let inspect = latency(|spec| &spec.inspect, Latency::Fixed(millis(20)));
    ControlPlane {
        allocate: latency(
            |spec| &spec.allocate,
            Latency::LogNormal { p50: millis(40), p95: millis(120) },
        ),
        release: latency(|spec| &spec.release, Latency::Fixed(millis(20))),
        infer: latency(|spec| &spec.infer, Latency::Fixed(millis(5))),
        inspect,
        list: latency(|spec| &spec.list, inspect),
        pools: latency(|spec| &spec.pools, inspect),
        cancel: latency(|spec| &spec.cancel, inspect),
        rate_limit: spec.and_then(|spec| read(&spec.rate_limit)).and_then(|limit| {
            let per_second = limit.per_second.copied()?.small();
            let burst = read(&limit.burst).map_or(per_second, |burst| burst.small());
            Some(RateLimit { per_second, burst })
        }),
        failures: failures(context, spec.and_then(|spec| read(&spec.failures))),
        timeout: above_zero(context, timeout, "the wait for an answer", defaults.timeout),
        no_access: no_access.map(|index| TenantId(index as u32)).collect(),
        usage_windows: spec.and_then(|spec| read(&spec.usage_windows)).copied().unwrap_or(false),
        quirks: quirks(context, spec.and_then(|spec| read(&spec.quirks))),
    }
}

fn failures(context: Context<'_>, spec: Option<&FailuresSpec>) -> FailureRates {
    let Some(spec) = spec else { return FailureRates::default() };
    let rates = |key: &Optional<RatesSpec>, what| self::rates(context, key.as_ref(), what);
    FailureRates {
        rate_limited: rates(&spec.rate_limited, "be refused"),
        unavailable: rates(&spec.unavailable, "fail"),
        timed_out: rates(&spec.timed_out, "get lost"),
    }
}

fn rates(context: Context<'_>, node: Option<&Node<RatesSpec>>, what: &str) -> OperationRates {
    let Some(node) = node else { return OperationRates::default() };
    match node.get() {
        None => OperationRates::default(),
        Some(Either::Short(all)) => {
            let rate = at_most_all(context, node.at, all.0, "calls", what);
            [rate; OperationKind::ALL.len()]
        }
        Some(Either::Long(each)) => {
            OperationKind::ALL.map(|kind| share(context, of_operation(each, kind), "calls", what))
        }
    }
}

fn of_operation(
    rates: &OperationRatesSpec,
    kind: OperationKind,
) -> Option<&Node<Quantity<BasisPoints>>> {
    let rate = match kind {
        OperationKind::Allocate => &rates.allocate,
        OperationKind::Infer => &rates.infer,
        OperationKind::Cancel => &rates.cancel,
        OperationKind::Release => &rates.release,
        OperationKind::Inspect => &rates.inspect,
        OperationKind::List => &rates.list,
        OperationKind::Pools => &rates.pools,
    };
    rate.as_ref()
}

fn quirks(context: Context<'_>, spec: Option<&QuirksSpec>) -> Quirks {
    let Some(spec) = spec else { return Quirks::default() };
    Quirks {
        ghosts: share(context, spec.ghosts.as_ref(), "grants", "be ghosts"),
        empty_200: share(context, spec.empty_200.as_ref(), "grants", "be empty"),
        already_subscribed: read(&spec.already_subscribed).copied().unwrap_or_default(),
        foreign_rows: read(&spec.foreign_rows).map_or(0, |rows| rows.small()),
        eventual_lists: time(spec.eventual_lists.as_ref(), Duration::ZERO),
        slow_release: read(&spec.slow_release).map(|law| latency(context, law)),
        policy_500: read(&spec.policy_500).copied().unwrap_or_default(),
        zero_usage: read(&spec.zero_usage).copied().unwrap_or_default(),
    }
}

fn share(
    context: Context<'_>,
    node: Option<&Node<Quantity<BasisPoints>>>,
    of: &str,
    what: &str,
) -> BasisPoints {
    let Some(node) = node else { return BasisPoints::ZERO };
    let rate = node.get().map_or(BasisPoints::ZERO, |rate| rate.0);
    at_most_all(context, node.at, rate, of, what)
}

pub(super) fn latency(context: Context<'_>, spec: &LatencySpec) -> Latency {
    match spec {
        Either::Short(fixed) => Latency::Fixed(fixed.0.0),
        Either::Long(written) => law(context, written),
    }
}

/// A distribution of times.
pub(super) fn law(context: Context<'_>, spec: &LatencyLaw) -> Latency {
    let zero = Duration::ZERO;
    let of = |node: &Node<Time>| time(Some(node), zero);
    match spec {
        LatencyLaw::Uniform { min, max } => {
            let (low, high) = (of(min), of(max));
            in_order(context, max, (low, "min"), (high, "max"));
            Latency::Uniform { min: low, max: high }
        }
        LatencyLaw::Exponential { mean } => Latency::Exponential { mean: of(mean) },
        LatencyLaw::Lognormal { p50, p95 } => {
            let low = above_zero(context, Some(p50), "the median", zero);
            let high = of(p95);
            in_order(context, p95, (low, "p50"), (high, "p95"));
            Latency::LogNormal { p50: low, p95: high }
        }
        LatencyLaw::Pareto { least, alpha } => Latency::Pareto {
            least: above_zero(context, Some(least), "the least time", zero),
            alpha: alpha.get().map_or(1.0, |alpha| alpha.get()),
        },
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
