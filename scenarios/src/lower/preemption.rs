use connector::Duration;
use sim::config::{KeptProgress, PagingConfig, PreemptionConfig, RequeueConfig, VictimRule};

use super::{Context, read, time};
use crate::{
    language::{CheckpointSpec, PreemptionSpec, RequeueSpec, VictimSpec},
    rate::Bandwidth,
};

const DEFAULT_GRACE: Duration = Duration::from_secs(30);
const DEFAULT_WAIT: Duration = Duration::from_secs(600);
const DEFAULT_WAITING: u32 = 1_000;

/// How pools of kind `preemptible` take shares away where nothing is said.
pub(super) fn unsaid() -> PreemptionConfig {
    PreemptionConfig { grace: DEFAULT_GRACE, ..PreemptionConfig::default() }
}

pub(super) fn lower(context: Context<'_>, spec: &PreemptionSpec) -> PreemptionConfig {
    let config = PreemptionConfig {
        grace: time(spec.grace.as_ref(), DEFAULT_GRACE),
        victim: read(&spec.victim).copied().map(VictimRule::from).unwrap_or_default(),
        requeue: read(&spec.requeue).map(requeue),
    };
    check_checkpoint(context, spec, &config);
    config
}

fn check_checkpoint(context: Context<'_>, spec: &PreemptionSpec, config: &PreemptionConfig) {
    let node = read(&spec.requeue).and_then(|requeue| requeue.checkpoint.as_ref());
    let progress = config.requeue.map(|requeue| requeue.progress);
    if let (Some(node), Some(KeptProgress::Checkpoint { bandwidth: Some(_) })) = (node, progress)
        && config.grace.is_zero()
    {
        let message = "nothing can be written out in a grace of 0s";
        let help = "state a longer `grace`, or `bandwidth: instant`, or leave `checkpoint` out";
        context.report.problem_with_help(node.at, message, help);
    }
}

fn requeue(spec: &RequeueSpec) -> RequeueConfig {
    RequeueConfig {
        max_wait: time(spec.max_wait.as_ref(), DEFAULT_WAIT),
        max_waiting: read(&spec.max_waiting).map_or(DEFAULT_WAITING, |most| most.small()),
        progress: read(&spec.checkpoint).map_or(KeptProgress::Recompute, checkpoint),
    }
}

fn checkpoint(spec: &CheckpointSpec) -> KeptProgress {
    let unsaid = Some(PagingConfig::default().bandwidth);
    let said = read(&spec.bandwidth).map(|speed| speed.0.0.map(Bandwidth::bytes_per_second));
    KeptProgress::Checkpoint { bandwidth: said.unwrap_or(unsaid) }
}

impl From<VictimSpec> for VictimRule {
    fn from(spec: VictimSpec) -> Self {
        match spec {
            VictimSpec::LowestTier => Self::LowestTier,
            VictimSpec::Youngest => Self::Youngest,
            VictimSpec::LeastProgressLost => Self::LeastProgressLost,
            VictimSpec::Cheapest => Self::Cheapest,
        }
    }
}
