use connector::{BasisPoints, Duration};
use platform::config::{AdmissionConfig, CodelConfig, Discipline, Drops, QuotaConfig, RequestRate};

use super::super::{Context, above_zero, at_most_all, read, time};
use crate::{
    document::Node,
    language::{
        AdmissionSpec, CodelSpec, DropsSpec, LineSpec, Optional, QuotaSpec, RequestRateSpec,
    },
};

const STANDING: Duration = Duration::from_millis(100);
/// As RFC 8289 advises.
const INTERVAL_OVER_TARGET: u64 = 10;

/// Who is let in.
pub(in crate::lower) fn admission(
    context: Context<'_>,
    spec: Option<&AdmissionSpec>,
) -> AdmissionConfig {
    let default = AdmissionConfig::default();
    let Some(spec) = spec else { return default };
    let bounded = read(&spec.bounded).copied().unwrap_or(true);
    if let (false, Some(node)) = (bounded, &spec.wait_bound) {
        context.report.problem_with_help(
            node.at,
            "`wait_bound` has no effect here",
            "remove it, or `bounded: false`",
        );
    }
    AdmissionConfig {
        wait_bound: wait_bound(context, spec).or(default.wait_bound).filter(|_| bounded),
        shed_from: spec.shed_from.as_ref().map_or(default.shed_from, |node| {
            let rate = node.get().map_or(default.shed_from, |rate| rate.0);
            at_most_all(context, node.at, rate, "places in line", "be taken")
        }),
    }
}

fn wait_bound(context: Context<'_>, spec: &AdmissionSpec) -> Option<BasisPoints> {
    let node = spec.wait_bound.as_ref()?;
    let bound = node.get()?.0;
    if bound == BasisPoints::ZERO {
        context.report.problem_with_help(
            node.at,
            "nobody would ever wait in line",
            "state a share from 1% to 100%, or `cables: { queue: 0 }`",
        );
    }
    Some(at_most_all(context, node.at, bound, "time left", "pass in line"))
}

/// Who is next in line.
pub(in crate::lower) fn discipline(
    context: Context<'_>,
    node: Option<&Node<LineSpec>>,
    default: Discipline,
) -> Discipline {
    match node.and_then(Node::get) {
        None => default,
        Some(LineSpec::Fifo) => Discipline::Fifo,
        Some(LineSpec::Lifo) => Discipline::Lifo,
        Some(LineSpec::AdaptiveLifo { after }) => Discipline::AdaptiveLifo {
            after: above_zero(context, after.as_ref(), "a standing line", STANDING),
        },
        Some(LineSpec::Shortest) => Discipline::Shortest,
        Some(LineSpec::Priority) => Discipline::Priority,
        Some(LineSpec::WeightedFair) => Discipline::WeightedFair,
    }
}

/// When a line is shortened.
pub(in crate::lower) fn codel(context: Context<'_>, spec: &CodelSpec) -> CodelConfig {
    let default = CodelConfig::default();
    let target = above_zero(context, spec.target.as_ref(), "a delay to aim at", default.target);
    let interval = time(spec.interval.as_ref(), target * INTERVAL_OVER_TARGET);
    if let Some(node) = spec.interval.as_ref().filter(|_| interval < target) {
        let message = format!("an interval of {interval} is shorter than the target, {target}");
        context.report.problem_with_help(node.at, message, "raise `interval`, or lower `target`");
    }
    let drops = match read(&spec.drop) {
        None | Some(DropsSpec::ByControlLaw) => Drops::ByControlLaw,
        Some(DropsSpec::AllOverdue) => Drops::AllOverdue,
    };
    CodelConfig { target, interval, drops }
}

/// What a tenant may use.
#[expect(clippy::ref_option, reason = "it is called on fields, which are options")]
pub(in crate::lower) fn quota(node: &Optional<QuotaSpec>) -> QuotaConfig {
    let Some(spec) = read(node) else { return QuotaConfig::default() };
    QuotaConfig {
        requests: read(&spec.requests).and_then(request_rate),
        tokens_per_minute: read(&spec.tokens_per_minute).map(|most| most.get()),
        concurrent: read(&spec.concurrent).map(|most| most.small()),
        spend_per_day: read(&spec.spend_per_day).map(|most| most.0),
    }
}

fn request_rate(spec: &RequestRateSpec) -> Option<RequestRate> {
    let per_second = spec.per_second.get()?.small();
    Some(RequestRate { per_second, burst: read(&spec.burst).map_or(per_second, |n| n.small()) })
}
