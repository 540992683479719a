use connector::{BasisPoints, Duration, OperationKind, PoolId};
use sim::config::{Direction, FaultConfig, FaultKind};

use super::{Context, Known, above_zero, at_most_all, capacity, items, read, time};
use crate::{
    document::Node,
    language::{BrownoutSpec, DirectionSpec, FaultSpec, OperationSpec, ScenarioSpec},
};

/// What goes wrong, in the order written.
pub(super) fn lower(context: Context<'_>, spec: &ScenarioSpec, known: &Known) -> Vec<FaultConfig> {
    let list = items(spec.faults.as_ref()).iter();
    list.filter_map(|node| fault(context, node, known)).collect()
}

fn fault(context: Context<'_>, node: &Node<FaultSpec>, known: &Known) -> Option<FaultConfig> {
    let spec = node.get()?;
    let at = time(Some(&spec.at), Duration::ZERO);
    let lasts = above_zero(context, Some(&spec.lasts), "the fault", Duration::ZERO);
    let pool = spec.pool.as_ref().map(|pool| known.pools.find(context.report, pool));
    let kind = kind(context, node, spec);
    let pool = match pool {
        Some(found) => Some(PoolId(found? as u32)),
        None => None,
    };
    Some(FaultConfig { at, lasts, pool, kind: kind? })
}

fn kind(context: Context<'_>, node: &Node<FaultSpec>, spec: &FaultSpec) -> Option<FaultKind> {
    let stated = [
        spec.outage.is_some(),
        spec.errors.is_some(),
        spec.latency.is_some(),
        spec.brownout.is_some(),
        spec.partition.is_some(),
        spec.gpu_loss.is_some(),
        spec.maintenance.is_some(),
    ];
    let count = stated.into_iter().filter(|&stated| stated).count();
    if count != 1 {
        let given = if count == 0 { "none is".to_owned() } else { format!("{count} are") };
        context.report.problem_with_help(
            node.at,
            format!("a fault has one kind, but {given} given"),
            "write one of `outage: {}`, `errors: { rate: 10% }`, `latency: { add: 2s }`, \
             `brownout: { slowdown: 500% }`, `partition: { direction: both }`, `gpu_loss: { count: 1 }`, \
             `maintenance: { deadline: 10min }`",
        );
    }
    if let Some(errors) = read(&spec.errors) {
        let rate = errors.rate.copied()?.0;
        let rate = at_most_all(context, errors.rate.at, rate, "calls", "fail");
        return Some(FaultKind::Errors { rate, operation: operation(errors.operation.as_ref()) });
    }
    if let Some(slow) = read(&spec.latency) {
        let add = above_zero(context, Some(&slow.add), "the added latency", Duration::ZERO);
        return Some(FaultKind::Latency { add, operation: operation(slow.operation.as_ref()) });
    }
    if let Some(weak) = read(&spec.brownout) {
        return brownout(context, weak);
    }
    if let Some(cut) = read(&spec.partition) {
        let direction = read(&cut.direction).map_or(Direction::Both, |direction| match direction {
            DirectionSpec::Request => Direction::Request,
            DirectionSpec::Answer => Direction::Answer,
            DirectionSpec::Both => Direction::Both,
        });
        return Some(FaultKind::Partition { direction });
    }
    if let Some(loss) = read(&spec.gpu_loss) {
        return Some(FaultKind::GpuLoss { count: loss.count.copied()?.small() });
    }
    if let Some(maintenance) = &spec.maintenance {
        return capacity::maintenance(context, spec, maintenance);
    }
    spec.outage.as_ref().map(|_| FaultKind::Outage)
}

fn brownout(context: Context<'_>, spec: &BrownoutSpec) -> Option<FaultKind> {
    let slowdown = spec.slowdown.copied()?.0;
    if slowdown < BasisPoints::ONE {
        context.report.problem_with_help(
            spec.slowdown.at,
            format!("a brown-out makes nothing faster, but {slowdown} of a latency is less of it"),
            "state at least 100%, such as `500%` for five times as long",
        );
    }
    let errors = spec.errors.as_ref().and_then(|node| {
        let rate = node.copied()?.0;
        Some(at_most_all(context, node.at, rate, "calls", "fail"))
    });
    Some(FaultKind::Brownout { slowdown, errors: errors.unwrap_or_default() })
}

fn operation(node: Option<&Node<OperationSpec>>) -> Option<OperationKind> {
    Some(match node?.get()? {
        OperationSpec::Allocate => OperationKind::Allocate,
        OperationSpec::Infer => OperationKind::Infer,
        OperationSpec::Cancel => OperationKind::Cancel,
        OperationSpec::Release => OperationKind::Release,
        OperationSpec::Inspect => OperationKind::Inspect,
        OperationSpec::List => OperationKind::List,
        OperationSpec::Pools => OperationKind::Pools,
    })
}
