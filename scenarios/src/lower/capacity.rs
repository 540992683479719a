use connector::{BasisPoints, Duration};
use sim::config::{
    CapacityConfig, CommonFailures, FailuresConfig, FaultKind, Latency, Levels, NodeFailures,
    Reclaim, Spells, SpotConfig, Supply,
};

use super::{Context, at_most_all, control_plane, files, read, time};
use crate::{
    document::Node,
    language::{
        AtEndSpec, Either, FailuresOfCardsSpec, FaultSpec, MaintenanceSpec, Optional, PoolSpec,
        Quantity, ReclaimSpec, SpellSpec, SpotProcessSpec, SpotScaleSpec, SpotSpec, SpotTraceSpec,
    },
    spot::SpotTrace,
};

/// What Google gives; AWS gives two minutes.
const GRACE: Duration = Duration::from_secs(30);
/// In the mean nothing comes and goes faster.
const SHORTEST: Duration = Duration::from_secs(1);

/// Cards that come and go by themselves, of a pool of so many.
pub(super) fn lower(context: Context<'_>, spec: &PoolSpec, cards: u32) -> CapacityConfig {
    CapacityConfig {
        spot: spec.spot.as_ref().and_then(|node| spot(context, node, cards)),
        failures: read(&spec.failures)
            .map_or_else(FailuresConfig::default, |spec| failures(context, spec)),
    }
}

fn spot(context: Context<'_>, node: &Node<SpotSpec>, cards: u32) -> Option<SpotConfig> {
    let spec = node.get()?;
    let supply = match (&spec.trace, &spec.process) {
        (Some(file), None) => trace(context, file, cards),
        (None, Some(process)) => process.get().and_then(|spec| supply(context, spec)),
        (given, _) => {
            let given = if given.is_some() { "both are" } else { "none is" };
            context.report.problem_with_help(
                node.at,
                format!(
                    "either `trace` or `process` says when cards come and go, but {given} given"
                ),
                "state one of them",
            );
            None
        }
    };
    let provisioning = read(&spec.provisioning).map(|law| control_plane::latency(context, law));
    Some(SpotConfig {
        supply: supply?,
        grace: time(spec.grace.as_ref(), GRACE),
        provisioning: provisioning.unwrap_or(Latency::Fixed(Duration::ZERO)),
    })
}

fn trace(
    context: Context<'_>,
    node: &Node<Either<String, SpotTraceSpec>>,
    cards: u32,
) -> Option<Supply> {
    let (at, written, spec) = match node.get()? {
        Either::Short(file) => (node.at, file, None),
        Either::Long(spec) => (spec.file.at, spec.file.get()?, Some(spec)),
    };
    let path = files::existing(context, at, written)?;
    let trace = match SpotTrace::read(&path) {
        Ok(trace) => trace,
        Err(error) => {
            let help = error.help();
            context.report.add(at, error.to_string(), help);
            return None;
        }
    };
    let scale = spec.and_then(|spec| read(&spec.scale)).copied();
    let in_proportion = !matches!(scale, Some(SpotScaleSpec::AsIs));
    let mut levels = trace.levels(cards, in_proportion);
    if levels.length < SHORTEST {
        let message = format!("{} lasts {} only", path.display(), levels.length);
        context.report.problem_with_help(at, message, "a trace of capacity lasts a second or more");
        return None;
    }
    if let Some(spec) = spec {
        use_trace(context, spec, &mut levels);
    }
    let reclaim = match spec.and_then(|spec| read(&spec.reclaim)) {
        Some(ReclaimSpec::Random) => Reclaim::Random,
        Some(ReclaimSpec::Last) | None => Reclaim::Last,
    };
    Some(Supply::Trace { levels, reclaim })
}

fn use_trace(context: Context<'_>, spec: &SpotTraceSpec, levels: &mut Levels) {
    levels.repeats = !matches!(read(&spec.at_end), Some(AtEndSpec::Hold));
    let Some(node) = &spec.start else { return };
    let start = time(Some(node), Duration::ZERO);
    if start < levels.length {
        levels.start = start;
    } else {
        context.report.problem_with_help(
            node.at,
            format!("the run begins {start} into a trace that lasts {}", levels.length),
            "state less than the trace lasts",
        );
    }
}

fn supply(context: Context<'_>, spec: &SpotProcessSpec) -> Option<Supply> {
    let spells = spells(context, &spec.up, &spec.down);
    let together = share(context, &spec.together, "cards", "go together");
    Some(Supply::Process {
        spells: spells?,
        group: read(&spec.group).map_or(1, |group| group.small()),
        together: together.unwrap_or(BasisPoints::ZERO),
        shortage: read(&spec.shortage).and_then(|spec| self::spells(context, &spec.up, &spec.down)),
    })
}

fn failures(context: Context<'_>, spec: &FailuresOfCardsSpec) -> FailuresConfig {
    FailuresConfig {
        card: read(&spec.card).and_then(|card| spells(context, &card.mtbf, &card.mttr)),
        node: read(&spec.node).and_then(|node| {
            let spells = spells(context, &node.mtbf, &node.mttr);
            Some(NodeFailures { cards: node.cards.copied()?.small(), spells: spells? })
        }),
        common: read(&spec.common).and_then(|common| {
            let spells = spells(context, &common.mtbf, &common.mttr);
            let share = share(context, &common.share, "cards", "be hit");
            Some(CommonFailures { spells: spells?, share: share.unwrap_or(BasisPoints::ONE) })
        }),
    }
}

fn spells(context: Context<'_>, up: &Node<SpellSpec>, down: &Node<SpellSpec>) -> Option<Spells> {
    let law = |node: &Node<SpellSpec>| {
        Some(match node.get()? {
            Either::Short(mean) => Latency::Exponential { mean: mean.0.0 },
            Either::Long(law) => control_plane::law(context, law),
        })
    };
    let (lasts, away) = (law(up), law(down));
    if let Some(middle) = lasts.map(Latency::middle).filter(|&middle| middle < SHORTEST) {
        let message = format!("what stays for {middle} only comes and goes all the time");
        context.report.problem_with_help(up.at, message, "state a second or more");
    }
    Some(Spells { up: lasts?, down: away? })
}

#[expect(clippy::ref_option, reason = "it is called on fields, which are options")]
fn share(
    context: Context<'_>,
    node: &Optional<Quantity<BasisPoints>>,
    of: &str,
    what: &str,
) -> Option<BasisPoints> {
    let node = node.as_ref()?;
    Some(at_most_all(context, node.at, node.copied()?.0, of, what))
}

/// Cards that are taken out of service while a fault lasts.
pub(super) fn maintenance(
    context: Context<'_>,
    fault: &FaultSpec,
    node: &Node<MaintenanceSpec>,
) -> Option<FaultKind> {
    let spec = node.get()?;
    let deadline = time(spec.deadline.as_ref(), Duration::ZERO);
    let grace = time(spec.grace.as_ref(), GRACE);
    let lasts = time(Some(&fault.lasts), Duration::ZERO);
    if fault.lasts.get().is_some() && deadline + grace >= lasts {
        context.report.problem_with_help(
            node.at,
            format!(
                "a deadline of {deadline} and a grace of {grace} leave nothing of a maintenance of {lasts}"
            ),
            "let it last longer than both together",
        );
    }
    Some(FaultKind::Maintenance {
        count: read(&spec.count).map_or(u32::MAX, |count| count.small()),
        deadline,
        grace,
        at_a_time: read(&spec.rolling).map(|rolling| rolling.small()),
    })
}
