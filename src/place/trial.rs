//! One rule, one seed: pods arrive and stay.

use sim::{
    config::Placement,
    placement::{Placer, Scale},
    random::{Stream, Streams},
};

use super::lists::{Cluster, PlaceError, Workload};

/// Most pods of one trial.
const MOST_ARRIVALS: u64 = 10_000_000;
/// Scores in per cent, as a Kubernetes scheduler has them.
const STEPS: u32 = 100;
/// CPU counts in scores, memory only limits.
const COUNTS: [bool; 2] = [true, false];

/// What came of one rule with one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The seed.
    pub seed: u64,
    /// Pods that were placed.
    pub placed: u64,
    /// Pods for which there was no node.
    pub failed: u64,
    /// GPU parts promised in the end.
    promised: u64,
    /// GPU parts of all nodes.
    capacity: u64,
}

impl Trial {
    /// The share of all GPUs that is promised in the end, in per cent.
    pub fn allocation_percent(&self) -> f64 {
        self.promised as f64 / self.capacity as f64 * 100.0
    }
}

/// Pods that will arrive at a cluster.
#[derive(Debug)]
pub(super) struct Arrivals<'a> {
    cluster: &'a Cluster,
    workload: &'a Workload,
    /// GPU parts that all pods together ask for at most.
    parts: u64,
}

impl<'a> Arrivals<'a> {
    /// Pods until this share of all GPUs is asked for, in per cent.
    pub(super) fn new(
        cluster: &'a Cluster,
        workload: &'a Workload,
        load_percent: u32,
    ) -> Result<Self, PlaceError> {
        let parts = cluster.parts() * u64::from(load_percent) / 100;
        let asked = workload.parts();
        let expected = u128::from(parts) * workload.pods.len() as u128 / u128::from(asked);
        if expected > u128::from(MOST_ARRIVALS) {
            return Err(PlaceError::TooManyArrivals { expected, most: MOST_ARRIVALS });
        }
        Ok(Self { cluster, workload, parts })
    }

    /// The pods in the order in which they come, by their number in the list.
    fn in_order(&self, stream: &mut Stream) -> Vec<usize> {
        let pods = &self.workload.pods;
        let mut order: Vec<usize> = (0..pods.len()).collect();
        shuffle(&mut order, stream);
        let mut asked = self.workload.parts();
        while asked > self.parts {
            let dropped = order.pop().expect("no pods ask for nothing");
            asked -= pods[dropped].all_parts();
        }
        // A list that was cut is as full as it gets.
        while order.len() >= pods.len() {
            let drawn = stream.below(pods.len() as u64) as usize;
            asked += pods[drawn].all_parts();
            if asked > self.parts {
                break;
            }
            order.push(drawn);
        }
        order
    }

    /// Places them by a rule.
    pub(super) fn place(&self, rule: Placement, seed: u64) -> Trial {
        let streams = Streams::new(seed);
        let order = self.in_order(&mut streams.stream("arrivals"));
        let (mut hosts, pods) = (self.cluster.hosts.clone(), &self.workload.pods);
        // Equal nodes are taken by number, so that of a list in some order the first nodes would
        // decide: those whose CPU goes to pods without a GPU.
        shuffle(&mut hosts, &mut streams.stream("nodes"));
        let scale = Scale::of(&hosts, COUNTS, STEPS);
        let mut placer = Placer::new(rule, hosts, scale, streams.stream("placement"));
        if rule == Placement::FragmentationDescent {
            placer = placer.with_usual(pods);
        }
        let capacity = self.cluster.parts();
        let mut trial = Trial { seed, placed: 0, failed: 0, promised: 0, capacity };
        for pod in order.into_iter().map(|pod| &pods[pod]) {
            match placer.choose(pod) {
                Some(host) => {
                    placer.promise(host, pod);
                    trial.placed += 1;
                    trial.promised += pod.all_parts();
                }
                None => trial.failed += 1,
            }
        }
        trial
    }
}

/// Every order is as likely (Fisher and Yates).
fn shuffle<T>(items: &mut [T], stream: &mut Stream) {
    for place in (1..items.len()).rev() {
        items.swap(place, stream.below(place as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use sim::placement::{Ask, Host, Models};

    use super::*;

    fn pod(parts: u32) -> Ask {
        let gpus = u32::from(parts > 0);
        Ask { resources: [1, 1], gpus, parts, models: Models::ANY, overcommit: 1, kind: gpus }
    }

    fn asked(pods: &[Ask], load_percent: u32) -> Vec<usize> {
        let cluster = Cluster::of(vec![Host::new([9, 9], 1, 1000, Models::NONE); 10]);
        let workload = Workload { pods: pods.to_vec() };
        let arrivals = Arrivals::new(&cluster, &workload, load_percent).expect("not many");
        arrivals.in_order(&mut Streams::new(1).stream("arrivals"))
    }

    #[test]
    fn the_whole_list_comes_first_and_then_draws_up_to_the_load() {
        let pods: Vec<Ask> = (0..10).map(|_| pod(500)).collect();
        let order = asked(&pods, 130);
        assert_eq!(order.len(), 26);
        let mut first = order[..10].to_vec();
        assert_ne!(first, (0..10).collect::<Vec<_>>(), "in random order");
        first.sort_unstable();
        assert_eq!(first, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_list_beyond_the_load_is_cut() {
        let pods: Vec<Ask> = (0..40).map(|_| pod(500)).collect();
        assert_eq!(asked(&pods, 130).len(), 26);
        assert_eq!(asked(&pods, 200).len(), 40);
    }

    #[test]
    fn what_would_take_forever_is_refused() {
        let cluster = Cluster::of(vec![Host::new([9, 9], 64, 1000, Models::NONE); 10_000]);
        let workload = Workload { pods: vec![pod(1); 10] };
        let refused = Arrivals::new(&cluster, &workload, 100).expect_err("640 million pods");
        assert!(refused.to_string().contains("640000000"), "{refused}");
    }
}
