use connector::{BasisPoints, ClassId, Duration, Priority};
use platform::config::{
    AdmissionConfig, CodelConfig, Discipline, Drops, QuotaConfig, RequestRate, SHED_RULES_MAX,
    ShedRule, ShedWhom, Threshold,
};

use super::{
    super::{Context, Known, above_zero, at_most_all, items, read, time},
    covenant::Tiers,
};
use crate::{
    document::Node,
    language::{
        AdmissionSpec, CodelSpec, DropsSpec, LineSpec, List, Optional, Quantity, QuotaSpec,
        RequestRateSpec, ShedSpec,
    },
};

const STANDING: Duration = Duration::from_millis(100);
/// As RFC 8289 advises.
const INTERVAL_OVER_TARGET: u64 = 10;
const SHED_UNTIL: BasisPoints = BasisPoints::from_percent(80);

/// Who is let in.
pub(in crate::lower) fn admission(
    context: Context<'_>,
    spec: Option<&AdmissionSpec>,
    known: &Known,
    tiers: &Tiers,
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
        shed: shed(context, spec.shed.as_ref(), known, tiers),
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

fn shed(
    context: Context<'_>,
    list: Option<&Node<List<ShedSpec>>>,
    known: &Known,
    tiers: &Tiers,
) -> Vec<ShedRule> {
    let nodes = items(list);
    if let Some(node) = nodes.get(SHED_RULES_MAX) {
        let message = format!("there are {} rules: at most {SHED_RULES_MAX} can be", nodes.len());
        context.report.problem(node.at, message);
    }
    let rule = |node: &Node<ShedSpec>| {
        let spec = node.get()?;
        let (whom, at) = (whom(context, node, spec, known, tiers), threshold(context, node, spec));
        let until = spec.until.as_ref().map_or(SHED_UNTIL, |node| {
            let share = node.get().map_or(SHED_UNTIL, |share| share.0);
            at_most_all(context, node.at, share, "load", "be left")
        });
        Some(ShedRule { whom: whom?, at: at?, until })
    };
    nodes.iter().filter_map(rule).collect()
}

/// Whom a rule names, by exactly one key.
fn whom(
    context: Context<'_>,
    node: &Node<ShedSpec>,
    spec: &ShedSpec,
    known: &Known,
    tiers: &Tiers,
) -> Option<ShedWhom> {
    match (&spec.below_priority, &spec.classes, &spec.tiers) {
        (Some(least), None, None) => {
            let rank = least.get().and_then(|rank| Priority::new(rank.small() as u8));
            rank.map(ShedWhom::BelowPriority)
        }
        (None, Some(names), None) => {
            let find = |name| known.classes.find(context.report, name);
            let found = items(Some(names)).iter().filter_map(find);
            Some(ShedWhom::Classes(found.map(|index| ClassId(index as u32)).collect()))
        }
        (None, None, Some(names)) => {
            let found = items(Some(names)).iter().filter_map(|name| tiers.find(context, name));
            Some(ShedWhom::Tiers(found.collect()))
        }
        _ => {
            let message = "a rule of shedding names requests in one way";
            let help = "state one of `below_priority`, `classes` and `tiers`";
            context.report.problem_with_help(node.at, message, help);
            None
        }
    }
}

/// When a rule begins, by exactly one key.
fn threshold(context: Context<'_>, node: &Node<ShedSpec>, spec: &ShedSpec) -> Option<Threshold> {
    let share = |node: &Node<Quantity<BasisPoints>>, of: &str| {
        let share = node.get().map_or(BasisPoints::ONE, |share| share.0);
        if share == BasisPoints::ZERO {
            context.report.problem(node.at, "a rule that begins at 0% never ends");
        }
        at_most_all(context, node.at, share, of, "be taken")
    };
    match (&spec.line, &spec.places, &spec.wait) {
        (Some(line), None, None) => Some(Threshold::Line(share(line, "places in line"))),
        (None, Some(places), None) => Some(Threshold::Places(share(places, "places"))),
        (None, None, Some(wait)) => {
            let wait = above_zero(context, Some(wait), "a wait that is too long", Duration::ZERO);
            Some(Threshold::Wait(wait))
        }
        _ => {
            let message = "a rule of shedding begins at one load";
            let help = "state one of `line`, `places` and `wait`";
            context.report.problem_with_help(node.at, message, help);
            None
        }
    }
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
