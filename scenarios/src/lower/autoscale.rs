use connector::{BasisPoints, Duration, ModelId};
use sim::config::{
    AutoscaleConfig, Behaviour, Change, Latency, Most, PoolConfig, Schedule, Target,
};

use super::{Context, Known, above_zero, control_plane, items, read, time};
use crate::{
    document::{Node, NodeId},
    language::{
        AutoscaleSpec, BehaviourSpec, MetricSpec, MostSpec, Optional, PoolSpec, Quantity,
        ScheduleSpec, Time, Whole,
    },
};

/// Kubernetes' `--horizontal-pod-autoscaler-sync-period`.
const INTERVAL: Duration = Duration::from_secs(15);
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// Kubernetes' `--horizontal-pod-autoscaler-tolerance`.
const TOLERANCE: BasisPoints = BasisPoints::from_percent(10);
/// What Kubernetes takes for CPUs if nothing is stated.
const UTILIZATION: BasisPoints = BasisPoints::from_percent(80);
/// Bounds of `stabilizationWindowSeconds` and `periodSeconds`.
const LONGEST_WINDOW: Duration = Duration::from_secs(3_600);
const LONGEST_PERIOD: Duration = Duration::from_secs(1_800);
const PERIOD: Duration = Duration::from_secs(15);
const PROVISIONING: Latency = Latency::Fixed(Duration::from_secs(120));
const DAY: Duration = Duration::from_secs(86_400);

/// How a pool scales, if it does.
pub(super) fn lower(
    context: Context<'_>,
    spec: &PoolSpec,
    pool: &PoolConfig,
    known: &Known,
) -> Option<AutoscaleConfig> {
    let node = spec.autoscale.as_ref()?;
    let spec_of = node.get()?;
    let (min, max, start) = bounds(context, spec_of, pool);
    let warm = warm(context, spec_of, pool);
    let preload = items(spec_of.preload.as_ref()).iter();
    let preload = preload.filter_map(|name| known.models.find(context.report, name));
    Some(AutoscaleConfig {
        min,
        max,
        start,
        targets: targets(context, spec_of),
        interval: interval(context, spec_of),
        tolerance: read(&spec_of.tolerance).map_or(TOLERANCE, |share| share.0),
        scale_out: behaviour(context, &spec_of.scale_out, Behaviour::default_out()),
        scale_in: behaviour(context, &spec_of.scale_in, Behaviour::default_in()),
        provisioning: read(&spec_of.provisioning)
            .map_or(PROVISIONING, |law| control_plane::latency(context, law)),
        schedule: spec_of.schedule.as_ref().and_then(|node| schedule(context, node, max)),
        warm,
        preload: preload.map(|index| ModelId(index as u32)).collect(),
        idle_to_zero: spec_of.idle_to_zero.as_ref().map(|node| time(Some(node), Duration::ZERO)),
        price_per_card_hour: read(&spec.price_per_card_hour).map(|price| price.0),
    })
}

#[expect(clippy::ref_option, reason = "it is called on fields, which are options")]
fn cards<const LEAST: u64>(node: &Optional<Whole<LEAST, 100_000>>, default: u32) -> u32 {
    read(node).map_or(default, |cards| cards.small())
}

fn bounds(context: Context<'_>, spec: &AutoscaleSpec, pool: &PoolConfig) -> (u32, u32, u32) {
    let max = cards(&spec.max, pool.count);
    let min = cards(&spec.min, 1);
    let start = cards(&spec.start, min);
    let complain = |at: Option<NodeId>, is_wrong: bool, message: String, help: &'static str| {
        if let Some(at) = at.filter(|_| is_wrong) {
            context.report.problem_with_help(at, message, help);
        }
    };
    complain(
        spec.max.as_ref().map(|node| node.at),
        max > pool.count,
        format!("{max} cards are more than the {} that the pool has", pool.count),
        "lower `max`, or raise `count`",
    );
    complain(
        spec.min.as_ref().map(|node| node.at),
        min > max,
        format!("at least {min} cards cannot be at most {max}"),
        "lower `min`, or raise `max`",
    );
    let asleep = start == 0 && spec.idle_to_zero.is_some();
    complain(
        spec.start.as_ref().map(|node| node.at),
        start > max || (start < min && !asleep),
        format!("{start} cards at the start are not between {min} and {max}"),
        "state a number from `min` to `max`, or 0 with `idle_to_zero`",
    );
    (min, max, start)
}

fn warm(context: Context<'_>, spec: &AutoscaleSpec, pool: &PoolConfig) -> u32 {
    let warm = cards(&spec.warm, 0);
    if let Some(node) = spec.warm.as_ref().filter(|_| warm > pool.count) {
        let message = format!("{warm} spare cards are more than the pool's {}", pool.count);
        context.report.problem_with_help(node.at, message, "lower `warm`, or raise `count`");
    }
    warm
}

fn targets(context: Context<'_>, spec: &AutoscaleSpec) -> Vec<Target> {
    let Some(node) = spec.metric.as_ref() else {
        let default = Target::GpuUtilization(UTILIZATION);
        return if spec.schedule.is_some() { Vec::new() } else { vec![default] };
    };
    let Some(metric) = node.get() else { return Vec::new() };
    let MetricSpec { gpu_utilization, slot_utilization, waiting, concurrency } = metric;
    let share = |node: &Option<Node<Quantity<BasisPoints>>>| {
        let node = node.as_ref()?;
        let share = node.get()?.0;
        if share == BasisPoints::ZERO || share > BasisPoints::ONE {
            let message = format!("{share} is not a share of a card that could be aimed at");
            let help = "state a share above 0% and at most 100%";
            context.report.problem_with_help(node.at, message, help);
        }
        Some(share)
    };
    let targets = [
        share(gpu_utilization).map(Target::GpuUtilization),
        share(slot_utilization).map(Target::SlotUtilization),
        read(waiting).map(|each| Target::Waiting(each.small())),
        read(concurrency).map(|each| Target::Concurrency(each.small())),
    ];
    let stated = [gpu_utilization.is_some(), slot_utilization.is_some()];
    let stated = stated.into_iter().chain([waiting.is_some(), concurrency.is_some()]);
    if !stated.into_iter().any(|is_stated| is_stated) {
        let help = "state `gpu_utilization`, `slot_utilization`, `waiting` or `concurrency`";
        context.report.problem_with_help(node.at, "no metric is stated", help);
    }
    targets.into_iter().flatten().collect()
}

fn interval(context: Context<'_>, spec: &AutoscaleSpec) -> Duration {
    let interval = time(spec.interval.as_ref(), INTERVAL);
    if let Some(node) = spec.interval.as_ref().filter(|_| interval < SHORTEST_INTERVAL) {
        let message = format!("a look every {interval} is too often");
        context.report.problem_with_help(node.at, message, "state at least 1s");
    }
    interval
}

#[expect(clippy::ref_option, reason = "it is called on fields, which are options")]
fn behaviour(
    context: Context<'_>,
    node: &Optional<BehaviourSpec>,
    default: Behaviour,
) -> Behaviour {
    let Some(spec) = read(node) else { return default };
    let window = bounded(context, spec.window.as_ref(), default.window, LONGEST_WINDOW);
    let Some(list) = &spec.most else { return Behaviour { window, ..default } };
    if list.get().is_some_and(Vec::is_empty) {
        let help = "add at least one, such as `{ cards: 4, per: 15s }`";
        context.report.problem_with_help(list.at, "there are no limits", help);
    }
    let limits = items(Some(list)).iter();
    Behaviour { window, most: limits.filter_map(|node| most(context, node)).collect() }
}

fn most(context: Context<'_>, node: &Node<MostSpec>) -> Option<Most> {
    let MostSpec { cards, share, per } = node.get()?;
    if cards.is_some() == share.is_some() {
        let help = "such as `{ cards: 4, per: 15s }` or `{ share: 100%, per: 15s }`";
        let message = "a limit is either `cards` or a `share` of them";
        context.report.problem_with_help(node.at, message, help);
    }
    let change = match (read(cards), read(share)) {
        (Some(cards), _) => Change::Cards(cards.small()),
        (None, Some(share)) => Change::Share(share.0),
        (None, None) => return None,
    };
    let default = above_zero(context, per.as_ref(), "the period", PERIOD);
    Some(Most { change, per: bounded(context, per.as_ref(), default, LONGEST_PERIOD) })
}

fn bounded(
    context: Context<'_>,
    node: Option<&Node<Time>>,
    default: Duration,
    longest: Duration,
) -> Duration {
    let value = time(node, default);
    if let Some(node) = node.filter(|_| value > longest) {
        let message = format!("{value} is too long");
        context.report.problem_with_help(node.at, message, format!("state at most {longest}"));
    }
    value
}

fn schedule(context: Context<'_>, node: &Node<ScheduleSpec>, max: u32) -> Option<Schedule> {
    let spec = node.get()?;
    let period = above_zero(context, spec.period.as_ref(), "the period", DAY);
    let mut points: Vec<(Duration, u32)> = Vec::new();
    for point in items(Some(&spec.points)).iter().filter_map(Node::get) {
        let at = time(Some(&point.at), Duration::ZERO);
        if at > period {
            let message = format!("{at} lies beyond the period of {period}");
            context.report.problem(point.at.at, message);
        }
        if let Some((last, _)) = points.last().filter(|(last, _)| at <= *last) {
            let message = format!("{at} does not come after the point before it, {last}");
            context.report.problem(point.at.at, message);
        }
        let min = point.min.copied().map_or(0, Whole::small);
        if min > max {
            let message = format!("at least {min} cards cannot be at most {max}");
            let help = "lower it, or raise `max`";
            context.report.problem_with_help(point.min.at, message, help);
        }
        points.push((at, min));
    }
    if points.is_empty() && spec.points.get().is_some_and(Vec::is_empty) {
        let help = "add at least one, such as `{ at: 8h, min: 4 }`";
        context.report.problem_with_help(spec.points.at, "there are no points", help);
    }
    Some(Schedule { period, points })
}
