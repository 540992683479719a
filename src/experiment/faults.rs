//! What goes wrong on a schedule, in a few words.

use connector::{OperationKind, Timestamp};
use reports::Fault;
use scenarios::Scenario;
use sim::config::{Direction, FaultConfig, FaultKind};

/// The faults of a scenario, in the order stated.
pub(super) fn faults(scenario: &Scenario) -> Vec<Fault> {
    let pools = &scenario.names.pools;
    let named = |fault: &FaultConfig| {
        let pool = fault.pool.and_then(|pool| pools.get(pool.index()));
        let pool = pool.map_or_else(String::new, |pool| format!(", {pool}"));
        let from = Timestamp::ZERO + fault.at;
        Fault { name: words(&fault.kind) + &pool, from, until: from + fault.lasts }
    };
    scenario.provider.faults.iter().map(named).collect()
}

fn words(kind: &FaultKind) -> String {
    match *kind {
        FaultKind::Errors { rate, operation } => format!("errors {rate}{}", of(operation)),
        FaultKind::Latency { add, operation } => format!("latency +{add}{}", of(operation)),
        FaultKind::Brownout { slowdown, .. } => format!("brown-out, {slowdown}"),
        FaultKind::Partition { direction: Direction::Both } => "partition".to_owned(),
        FaultKind::Partition { direction: Direction::Request } => "partition, way there".to_owned(),
        FaultKind::Partition { direction: Direction::Answer } => "partition, way back".to_owned(),
        FaultKind::Outage => "outage".to_owned(),
        FaultKind::GpuLoss { count } => format!("{count} cards lost"),
        FaultKind::Maintenance { count, .. } => format!("{count} cards in maintenance"),
    }
}

fn of(operation: Option<OperationKind>) -> String {
    operation.map_or_else(String::new, |operation| format!(", {}", operation.name()))
}
