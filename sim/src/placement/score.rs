//! How good a host is for an ask, by each rule that says so in a number.
//!
//! A score is a whole number of steps, 0 to [`Scale::steps`], higher is better. Rounding down to steps is
//! part of the rules: hosts that differ by less than a step are equal, and the lowest number among
//! them wins, which fills hosts one after another.

use super::{
    fragmentation::Mix,
    host::{Ask, Gpus, Host, RESOURCES},
};
use crate::config::Placement;

/// What hosts are measured against.
#[derive(Clone, Debug)]
pub struct Scale {
    /// The most that a host has of each divisible resource.
    largest: [u64; RESOURCES],
    /// The most GPU parts that a host has.
    most_parts: u64,
    /// What a divisible resource counts for in a score; 0: it only limits.
    resource_weights: [f64; RESOURCES],
    /// What GPUs count for.
    gpu_weight: f64,
    /// How finely hosts are told apart.
    steps: u32,
}

impl Scale {
    /// The largest of these hosts is the measure; in scores, GPUs and those divisible resources that
    /// count weigh the same.
    pub fn of(hosts: &[Host], counts: [bool; RESOURCES], steps: u32) -> Self {
        let most = |of: &dyn Fn(&Host) -> u64| hosts.iter().map(of).max().unwrap_or(0);
        let weight = 1.0 / (1 + counts.iter().filter(|counts| **counts).count()) as f64;
        Self {
            largest: std::array::from_fn(|one| most(&|host| host.capacity()[one])),
            most_parts: most(&Host::all_parts),
            resource_weights: counts.map(|counts| if counts { weight } else { 0.0 }),
            gpu_weight: weight,
            steps,
        }
    }

    /// Whether a divisible resource counts in scores.
    pub(super) fn counts(&self, resource: usize) -> bool {
        self.resource_weights[resource] > 0.0
    }

    pub(super) fn steps(&self) -> u32 {
        self.steps
    }

    /// Over all that counts: its weight, what is left of it and what is asked, as shares of the
    /// largest host.
    fn dimensions(&self, host: &Host, ask: &Ask) -> impl Iterator<Item = (f64, f64, f64)> {
        let share =
            |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let resources = (0..RESOURCES).map(move |one| {
            let largest = self.largest[one].saturating_mul(ask.overcommit);
            let left = host.left(one, ask.overcommit);
            (self.resource_weights[one], share(left, largest), share(ask.resources[one], largest))
        });
        let free = share(host.all_free_parts(), self.most_parts);
        let gpus = (self.gpu_weight, free, share(ask.all_parts(), self.most_parts));
        resources.chain(std::iter::once(gpus))
    }

    /// A share of the best as whole steps.
    fn in_steps(&self, share: f64) -> u32 {
        (share * f64::from(self.steps)) as u32
    }
}

/// The score of a host that fits, and the GPUs that go with it. 0 by rules that have no score.
pub(super) fn score(rule: Placement, host: &Host, ask: &Ask, scale: &Scale, mix: &Mix) -> u32 {
    match rule {
        Placement::BestFit => scale.in_steps(1.0 - left_after(host, ask, scale)),
        Placement::WorstFit => scale.in_steps(left_after(host, ask, scale)),
        Placement::DotProduct => {
            let dimensions = scale.dimensions(host, ask);
            let product: f64 = dimensions.map(|(weight, left, asked)| weight * left * asked).sum();
            scale.in_steps(1.0 - product)
        }
        Placement::GpuPacking => packing(host, ask),
        Placement::GpuClustering => clustering(host, ask, scale),
        Placement::FragmentationDescent => mix.descent(host, ask, scale).0,
        Placement::LeastLoaded
        | Placement::FirstFit
        | Placement::RoundRobin
        | Placement::Random
        | Placement::PowerOfTwo => 0,
    }
}

/// How empty the host will be, as a share of the largest.
fn left_after(host: &Host, ask: &Ask, scale: &Scale) -> f64 {
    scale.dimensions(host, ask).map(|(weight, left, asked)| weight * (left - asked)).sum()
}

/// Tiers of packing, in tenths of a GPU.
const SHARED_GPUS: u32 = 100;
const IDLE_GPUS: u32 = SHARED_GPUS / 2;
const IDLE_HOST: u32 = SHARED_GPUS / 3;

/// GPUs in use before idle ones, idle ones of a host in use before an idle host; and within that, in
/// turn: little left on the GPUs, few idle GPUs needed, few GPUs on the host.
fn packing(host: &Host, ask: &Ask) -> u32 {
    if ask.gpus == 0 {
        return 0;
    }
    let (idle, gpus) = (host.idle_gpus(), host.free_parts().len());
    if idle == gpus {
        return IDLE_HOST.saturating_sub(gpus as u32).max(gpus as u32);
    }
    let whole = host.parts_per_gpu();
    let chosen = tightest(host, ask);
    let free = chosen.iter().map(|&gpu| host.free_parts()[gpu as usize]);
    let idle_needed = free.clone().filter(|&free| free == whole).count() as u32;
    if idle_needed > 0 {
        return IDLE_GPUS.saturating_sub(idle_needed).max(IDLE_HOST);
    }
    let tenths: u32 = free.map(|free| free * 100 / whole).sum::<u32>() / 10;
    SHARED_GPUS.saturating_sub(tenths).max(IDLE_GPUS)
}

/// Hosts that hold only asks of this kind, then hosts that hold others too, then empty ones, then
/// those that hold only others; the fullest first.
fn clustering(host: &Host, ask: &Ask, scale: &Scale) -> u32 {
    if ask.gpus == 0 {
        return 0;
    }
    let kinds = host.held();
    let tier = match (kinds.iter().any(|(kind, _)| *kind == ask.kind), kinds.len()) {
        (true, 1) => 3,
        (true, _) => 2,
        (false, 0) => 1,
        (false, _) => 0,
    };
    let quarter = u64::from(scale.steps / 4);
    let full = quarter * (scale.most_parts - host.all_free_parts()) / scale.most_parts.max(1);
    (tier * quarter + full) as u32
}

/// The GPUs with room that have least left, the first ones among equals.
pub(super) fn tightest(host: &Host, ask: &Ask) -> Gpus {
    let mut with_room = with_room(host, ask);
    with_room.sort_by_key(|&gpu| host.free_parts()[gpu as usize]);
    with_room.truncate(ask.gpus as usize);
    with_room
}

/// The GPUs with room that have most left, the first ones among equals.
pub(super) fn loosest(host: &Host, ask: &Ask) -> Gpus {
    let mut with_room = with_room(host, ask);
    with_room.sort_by_key(|&gpu| std::cmp::Reverse(host.free_parts()[gpu as usize]));
    with_room.truncate(ask.gpus as usize);
    with_room
}

/// GPUs on which each part of the ask would have room, by number.
pub(super) fn with_room(host: &Host, ask: &Ask) -> Gpus {
    if ask.gpus == 0 {
        return Gpus::new();
    }
    let free = (0..).zip(host.free_parts());
    free.filter(|(_, free)| **free >= ask.parts).map(|(gpu, _)| gpu).collect()
}
