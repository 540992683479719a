use connector::{BasisPoints, Duration, SecurityLevel};
use sim::config::{
    HostFull, Latency, NeighbourConfig, PagingConfig, PoolConfig, QuantumBegins, SharingConfig,
    TurnsConfig,
};

use super::{Context, control_plane, items, read, time};
use crate::{
    document::{Node, NodeId},
    language::{
        HostFullSpec, IsolationSpec, NeighbourSpec, Optional, PagingSpec, PoolSpec, Quantity,
        QuantumBeginsSpec, SharingSpec, TurnsSpec,
    },
    rate::Bandwidth,
};

/// What the API takes for a quantum, and from where on support may allow one.
const QUANTUM: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(120));
const OVERRIDE: Duration = Duration::from_secs(2);

/// How the cards of a pool are shared, and with whom.
pub(super) fn fill(context: Context<'_>, spec: &PoolSpec, config: &mut PoolConfig) {
    if let Some(sharing) = read(&spec.sharing) {
        config.sharing = sharing_config(context, sharing);
    }
    config.guaranteed_share = read(&spec.guaranteed_share).map_or(BasisPoints::ZERO, |part| part.0);
    config.vip = read(&spec.vip).copied().unwrap_or(false);
    let list = items(spec.neighbours.as_ref());
    let alone = list.iter().filter_map(Node::get).filter(|other| !fills(other)).count();
    let room = (config.sharing_ratio as usize).saturating_sub(alone + 1);
    for node in list {
        let Some(spec) = node.get() else { continue };
        let other = neighbour(context, spec);
        check_neighbour(context, node.at, &other, config);
        let times = if fills(spec) { room } else { 1 };
        config.neighbours.extend(std::iter::repeat_n(other, times));
    }
    check_shares(context, spec, config);
    check_guarantees(context, spec, config);
}

fn sharing_config(context: Context<'_>, spec: &SharingSpec) -> SharingConfig {
    match spec {
        SharingSpec::Turns(turns) => SharingConfig::Turns(turns_config(context, turns)),
        SharingSpec::Spatial { interference, by_compute } => SharingConfig::Spatial {
            interference: ratio(interference).unwrap_or(0.0),
            by_compute: read(by_compute).copied().unwrap_or(false),
        },
        SharingSpec::Slices {} => SharingConfig::Slices,
    }
}

fn turns_config(context: Context<'_>, spec: &TurnsSpec) -> TurnsConfig {
    let default = TurnsConfig::default();
    TurnsConfig {
        quantum: quantum(context, spec, default.quantum),
        quantum_begins: read(&spec.quantum_begins)
            .map_or(default.quantum_begins, |&begins| begins.into()),
        switch: time(spec.switch.as_ref(), default.switch),
        isolation: read(&spec.security_level).map_or(default.isolation, |&level| level.into()),
        overlap: ratio(&spec.overlap),
        paging: read(&spec.paging).map_or(default.paging, paging),
    }
}

fn quantum(context: Context<'_>, spec: &TurnsSpec, default: Duration) -> Duration {
    let quantum = time(spec.quantum.as_ref(), default);
    let overridden = read(&spec.operator_override).copied().unwrap_or(false);
    let least = if overridden { OVERRIDE } else { QUANTUM.0 };
    if let Some(node) = spec.quantum.as_ref().filter(|_| quantum < least || quantum > QUANTUM.1) {
        let message = format!("a quantum of {quantum} is not between {least} and {}", QUANTUM.1);
        let help = if quantum >= OVERRIDE && quantum < least {
            format!("`operator_override: true` allows it from {OVERRIDE} on")
        } else {
            format!("the API takes {} to {}", QUANTUM.0, QUANTUM.1)
        };
        context.report.problem_with_help(node.at, message, help);
        return default;
    }
    quantum
}

fn paging(spec: &PagingSpec) -> PagingConfig {
    let default = PagingConfig::default();
    PagingConfig {
        bandwidth: read(&spec.bandwidth)
            .map_or(default.bandwidth, |Quantity(rate)| Bandwidth::bytes_per_second(*rate)),
        overlapped: read(&spec.overlapped).copied().unwrap_or(default.overlapped),
        idle_after: spec.idle_after.as_ref().map(|node| time(Some(node), Duration::ZERO)),
        host_memory: read(&spec.host_memory).map(|memory| memory.0),
        host_full: match read(&spec.host_full) {
            Some(HostFullSpec::Kill) => HostFull::Kill,
            Some(HostFullSpec::Refuse) | None => HostFull::Refuse,
        },
    }
}

fn neighbour(context: Context<'_>, spec: &NeighbourSpec) -> NeighbourConfig {
    let law = |node| read(node).map(|law| control_plane::latency(context, law));
    NeighbourConfig {
        busy: law(&spec.busy),
        idle: law(&spec.idle).unwrap_or(Latency::Fixed(Duration::ZERO)),
        working_set: read(&spec.working_set).map_or(connector::Mebibytes::ZERO, |memory| memory.0),
        guaranteed: read(&spec.guaranteed_share).map_or(BasisPoints::ZERO, |part| part.0),
        vip: read(&spec.vip).copied().unwrap_or(false),
    }
}

fn fills(spec: &NeighbourSpec) -> bool {
    read(&spec.fill).copied().unwrap_or(false)
}

fn check_shares(context: Context<'_>, spec: &PoolSpec, config: &PoolConfig) {
    let Some(node) = spec.neighbours.as_ref() else { return };
    if config.open_slots() == 0 {
        context.report.problem_with_help(
            node.at,
            format!(
                "{} neighbours leave no share of a card that has {}",
                config.neighbours.len(),
                config.sharing_ratio
            ),
            "raise `sharing_ratio` above the number of neighbours",
        );
    }
}

fn check_neighbour(context: Context<'_>, at: NodeId, other: &NeighbourConfig, config: &PoolConfig) {
    if other.busy.is_some() && other.idle == Latency::Fixed(Duration::ZERO) {
        context.report.problem_with_help(
            at,
            "a neighbour that works in pieces must rest between them",
            "state `idle`, or leave `busy` out for one that always has work",
        );
    }
    if other.working_set > config.vram() {
        context.report.problem_with_help(
            at,
            format!("a working set of {} is larger than the card", other.working_set),
            format!("state at most {}", config.vram()),
        );
    }
}

/// What neighbours and one share of ours are guaranteed must not exceed a card.
fn check_guarantees(context: Context<'_>, spec: &PoolSpec, config: &PoolConfig) {
    let neighbours: u64 =
        config.neighbours.iter().map(|other| u64::from(other.guaranteed.get())).sum();
    let all = neighbours + u64::from(config.guaranteed_share.get());
    let at = spec.guaranteed_share.as_ref().map(|node| node.at);
    let at = at.or(spec.neighbours.as_ref().map(|node| node.at));
    if let Some(at) = at.filter(|_| all > u64::from(BasisPoints::ONE.get())) {
        context.report.problem_with_help(
            at,
            "neighbours and one share are guaranteed more than a card",
            "let what is guaranteed add up to at most 100%",
        );
    }
}

#[expect(clippy::ref_option, reason = "it is called on fields, which are options")]
fn ratio(node: &Optional<Quantity<BasisPoints>>) -> Option<f64> {
    read(node).map(|share| share.0.as_ratio())
}

impl From<QuantumBeginsSpec> for QuantumBegins {
    fn from(spec: QuantumBeginsSpec) -> Self {
        match spec {
            QuantumBeginsSpec::WhenGranted => Self::WhenGranted,
            QuantumBeginsSpec::WhenReady => Self::WhenReady,
        }
    }
}

impl From<IsolationSpec> for SecurityLevel {
    fn from(spec: IsolationSpec) -> Self {
        match spec {
            IsolationSpec::Low => Self::Low,
            IsolationSpec::Medium => Self::Medium,
            IsolationSpec::High => Self::High,
        }
    }
}
