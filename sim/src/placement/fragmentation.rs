//! Fragmentation: free GPU parts that what is usually asked for cannot use.
//!
//! For one usual ask, the fragments of a host are all its free parts if it cannot take the ask, else
//! those on GPUs with less left than the ask wants of one. Asks without a GPU can use no GPU: to them
//! all free parts are fragments. A host's fragmentation is the mean over the usual asks, by how usual
//! each is. Placing an ask changes the fragmentation of one host; descent takes the host, and the GPU
//! of it, where it falls most.
//!
//! Source: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with
//! Fragmentation Gradient Descent", USENIX ATC 2023, and the authors' simulator
//! (github.com/hkust-adsl/kubernetes-scheduler-simulator), from which come the share of asks that
//! count as usual and the logistic function that makes the fall a score.

use std::collections::BTreeMap;

use super::{
    host::{Ask, Gpus, Host},
    score::{Scale, tightest},
};

/// The most frequent asks that together are this share of all count as usual, in per cent.
const USUAL_PERCENT: u64 = 95;

/// What is usually asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Mix {
    /// Each usual ask for GPUs with its share.
    usual: Vec<(Ask, f64)>,
    /// The share of usual asks without a GPU.
    without_gpu: f64,
}

/// How often each ask was made, by what of it counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    counts: BTreeMap<Ask, u64>,
    total: u64,
}

impl Census {
    /// Counts an ask; those that differ only in what does not count are one.
    pub(super) fn count(&mut self, ask: &Ask, scale: &Scale) {
        let counted = |one| if scale.counts(one) { ask.resources[one] } else { 0 };
        let ask = Ask { resources: [counted(0), counted(1)], kind: 0, ..*ask };
        *self.counts.entry(ask).or_default() += 1;
        self.total += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The most frequent asks, the larger ones first among equals.
    pub(super) fn mix(&self) -> Mix {
        let mut by_count: Vec<(u64, Ask)> = self.counts.iter().map(|(ask, n)| (*n, *ask)).collect();
        by_count.sort_by(|a, b| b.cmp(a));
        let (mut covered, mut usual) = (0, 0);
        for (count, _) in &by_count {
            if covered * 100 >= self.total * USUAL_PERCENT {
                break;
            }
            covered += count;
            usual += 1;
        }
        let mut mix = Mix::default();
        for (count, ask) in by_count.drain(..usual) {
            let share = count as f64 / covered as f64;
            match ask.gpus {
                0 => mix.without_gpu += share,
                _ => mix.usual.push((ask, share)),
            }
        }
        mix
    }
}

impl Mix {
    /// How far a host's fragmentation falls with this ask on it, as a score, and on which GPUs.
    ///
    /// The fall in whole GPUs goes through the logistic function: half of all steps if nothing changes.
    pub(super) fn descent(&self, host: &Host, ask: &Ask, scale: &Scale) -> (u32, Gpus) {
        let before = self.fragments(host);
        let fall_on = |gpus: &[u32]| {
            let mut after = host.clone();
            after.promise(ask, gpus);
            let fall = (before - self.fragments(&after)) / f64::from(host.parts_per_gpu());
            (f64::from(scale.steps()) / (1.0 + libm::exp(-fall))) as u32
        };
        if ask.gpus != 1 || ask.parts == host.parts_per_gpu() {
            let gpus = tightest(host, ask);
            return (fall_on(&gpus), gpus);
        }
        let mut best: Option<(u32, u32)> = None;
        for (gpu, free) in host.free_parts().iter().enumerate() {
            let is_new = !host.free_parts()[..gpu].contains(free);
            if *free >= ask.parts && is_new {
                let score = fall_on(&[gpu as u32]);
                if best.is_none_or(|(highest, _)| score > highest) {
                    best = Some((score, gpu as u32));
                }
            }
        }
        let (score, gpu) = best.expect("a host that fits has a GPU with room");
        (score, Gpus::from_slice(&[gpu]))
    }

    /// Free parts that usual asks cannot use.
    pub(super) fn fragments(&self, host: &Host) -> f64 {
        let all = host.free_parts().iter().sum();
        let unusable = |usual: &Ask| {
            let (mut with_room, mut too_small) = (0, 0);
            for &free in host.free_parts() {
                if free >= usual.parts {
                    with_room += 1;
                } else {
                    too_small += free;
                }
            }
            let can_take =
                with_room >= usual.gpus && host.has_resources(usual) && host.allows(usual);
            if can_take { too_small } else { all }
        };
        let usual = self.usual.iter().map(|(usual, share)| share * f64::from(unusable(usual)));
        self.without_gpu * f64::from(all) + usual.sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::host::Models;

    fn pod(cpu: u64, gpus: u32, parts: u32) -> Ask {
        Ask { resources: [cpu, 1], gpus, parts, models: Models::ANY, overcommit: 1, kind: gpus }
    }

    fn node(promised: &[u32]) -> Host {
        let mut node = Host::new([10, 10], promised.len() as u32, 1000, Models::only(0));
        for (gpu, &parts) in (0..).zip(promised).filter(|(_, parts)| **parts > 0) {
            node.promise(&pod(0, 1, parts), &[gpu]);
        }
        node
    }

    fn mix(asks: &[Ask]) -> (Mix, Scale) {
        let scale = Scale::of(&[node(&[0, 0])], [true, false], 100);
        let mut census = Census::default();
        for ask in asks {
            census.count(ask, &scale);
        }
        (census.mix(), scale)
    }

    #[test]
    fn what_is_too_small_for_usual_asks_is_a_fragment() {
        // Half of all ask for a whole GPU, half for 300 thousandths: of 800 and 200 free, the first
        // can use nothing, the second 800.
        let (mix, _) = mix(&[pod(1, 1, 1000), pod(1, 1, 300)]);
        assert_fragments(&mix, &[200, 800], 0.5 * 1000.0 + 0.5 * 200.0);
        assert_fragments(&mix, &[0, 800], 0.5 * 200.0 + 0.5 * 200.0);
    }

    #[test]
    fn without_cpu_or_for_asks_without_a_gpu_everything_is_a_fragment() {
        let (too_large, _) = mix(&[pod(11, 1, 300)]);
        assert_fragments(&too_large, &[200, 0], 1800.0);
        let (without_gpu, _) = mix(&[pod(1, 0, 0)]);
        assert_fragments(&without_gpu, &[200, 0], 1800.0);
    }

    #[test]
    fn an_ask_goes_to_the_gpu_that_keeps_whole_ones_whole() {
        let (mix, scale) = mix(&[pod(1, 1, 1000), pod(1, 1, 300)]);
        let (score, gpus) = mix.descent(&node(&[0, 500, 700]), &pod(1, 1, 300), &scale);
        // On the third GPU 300 are gone that were fragments to half of all, 1/(1 + e^-0.15), and on the
        // second 200 new ones appear to the other half.
        assert_eq!((score, gpus.as_slice()), (53, [2].as_slice()));
        let (score, gpus) = mix.descent(&node(&[0, 0]), &pod(1, 1, 1000), &scale);
        assert_eq!((score, gpus.as_slice()), (50, [0].as_slice()));
    }

    #[test]
    fn rare_asks_are_not_usual() {
        let mut asks = vec![pod(1, 1, 500); 95];
        asks.extend([pod(1, 2, 1000); 5]);
        assert_eq!(mix(&asks).0.usual.len(), 1);
        asks.push(pod(1, 2, 1000));
        assert_eq!(mix(&asks).0.usual.len(), 2);
    }

    fn assert_fragments(mix: &Mix, promised: &[u32], expected: f64) {
        let fragments = mix.fragments(&node(promised));
        assert!((fragments - expected).abs() < 1e-9, "{fragments}, expected {expected}");
    }
}
