use connector::{BasisPoints, Duration, Priority, TenantId, Tokens};
use platform::{
    config::{BatchingConfig, ForecastConfig, ForecastMethod, LeaseConfig, MinWarm},
    forecast::SEASON_MAX,
};

use super::{
    super::{Context, Known, above_zero, at_most_all, models::Model, pools::Pool, read, time},
    route::candidate,
};
use crate::{
    document::Node,
    language::{
        BatchingSpec, Entries, ForecastMethodSpec, ForecastSpec, LeasesSpec, Optional, Quantity,
        Whole,
    },
};

/// What is held beyond a strike, ahead of strikes, and looked for.
pub(super) fn lower(
    context: Context<'_>,
    spec: Option<&LeasesSpec>,
    known: &Known,
    pools: &[Pool],
    models: &[Option<Model>],
) -> LeaseConfig {
    let default = LeaseConfig::default();
    let Some(spec) = spec else { return default };
    let tenant = spec.tenant.as_ref().and_then(|node| known.tenants.find(context.report, node));
    let shared = read(&spec.shared).copied().unwrap_or(default.shared);
    let max_warm = read(&spec.max_warm).map_or(default.max_warm, |count| count.small());
    let longer = |node: &Optional<_>, what| {
        let node = node.as_ref();
        node.map(|_| above_zero(context, node, what, Duration::ZERO))
    };
    let mut min_warm = Vec::new();
    for (name, count) in read(&spec.min_warm).map_or(&[][..], |Entries(entries)| entries) {
        check_min_warm(context, count, shared, max_warm, known);
        if let Some(of) = candidate(context, name, known, pools, models) {
            let leases = count.get().map_or(1, |count| count.small());
            min_warm.push(MinWarm { of, leases });
        }
    }
    LeaseConfig {
        idle: time(spec.idle.as_ref(), default.idle),
        max_warm,
        min_warm,
        shared,
        priority: read(&spec.priority)
            .and_then(|rank| Priority::new(rank.small() as u8))
            .unwrap_or(default.priority),
        tenant: tenant.map_or(default.tenant, |index| TenantId(index as u32)),
        max_age: longer(&spec.max_age, "the life of a lease"),
        forecast: read(&spec.forecast).map(|spec| forecast(context, spec)),
        sweep: longer(&spec.sweep, "the time between two sweeps"),
        batching: read(&spec.batching).map(|spec| batching(context, spec)),
    }
}

fn batching(context: Context<'_>, spec: &BatchingSpec) -> BatchingConfig {
    let default = BatchingConfig::default();
    let what = "the time in which requests share a lease";
    BatchingConfig {
        max: read(&spec.max).map_or(default.max, |most| most.small()),
        wait: above_zero(context, spec.wait.as_ref(), what, default.wait),
        below: read(&spec.below).map_or(default.below, |below| Tokens::new(below.small())),
    }
}

/// A stock of one tenant's would be of no use to the others.
fn check_min_warm(
    context: Context<'_>,
    count: &Node<Whole<1, 100_000>>,
    shared: bool,
    max_warm: u32,
    known: &Known,
) {
    if !shared && known.tenants.len() > 1 {
        context.report.problem_with_help(
            count.at,
            "these leases would serve one tenant only",
            "add `shared: true`, so that tenants share leases",
        );
    }
    if count.get().is_some_and(|count| count.small() > max_warm) {
        let message = format!("more than lie warm at most, which is {max_warm}");
        context.report.problem_with_help(count.at, message, "raise `max_warm`");
    }
}

fn forecast(context: Context<'_>, spec: &ForecastSpec) -> ForecastConfig {
    let default = ForecastConfig::default();
    let what = "the interval of a forecast";
    let interval = above_zero(context, spec.interval.as_ref(), what, default.interval);
    let quantile = read(&spec.quantile).map_or(default.quantile, |ratio| ratio.0);
    if let Some(node) = spec.quantile.as_ref().filter(|_| quantile >= BasisPoints::ONE) {
        let message = "no number of leases is enough for certain: it must be below 100%";
        context.report.problem(node.at, message);
    }
    ForecastConfig {
        method: read(&spec.method)
            .map_or(default.method, |method| self::method(context, method, interval)),
        interval,
        ahead: time(spec.ahead.as_ref(), default.ahead),
        quantile,
        cost_per_hour: read(&spec.cost_per_hour).map(|price| price.0),
    }
}

fn method(context: Context<'_>, spec: &ForecastMethodSpec, interval: Duration) -> ForecastMethod {
    let weight = |node: &Optional<Quantity<BasisPoints>>, default| {
        let default = BasisPoints::from_percent(default);
        let stated = node.as_ref().and_then(|node| Some((node.at, node.get()?.0)));
        stated.map_or(default, |(at, weight)| {
            at_most_all(context, at, weight, "weight", "lie on the newest value")
        })
    };
    match spec {
        ForecastMethodSpec::Ewma { alpha } => ForecastMethod::Ewma { alpha: weight(alpha, 30) },
        ForecastMethodSpec::HoltWinters { alpha, beta, gamma, season } => {
            let length = time(Some(season), interval * 2);
            let intervals = length.as_nanos() / interval.as_nanos().max(1);
            if !interval.is_zero() && !(2..=SEASON_MAX as u64).contains(&intervals) {
                let message =
                    format!("a season of {intervals} intervals: it has from 2 to {SEASON_MAX}");
                context.report.problem_with_help(season.at, message, "change `interval`");
            }
            ForecastMethod::HoltWinters {
                alpha: weight(alpha, 30),
                beta: weight(beta, 1),
                gamma: weight(gamma, 30),
                season: length,
            }
        }
    }
}
