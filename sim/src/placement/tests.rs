//! Every rule on cases small enough to work out by hand.

use proptest::prelude::*;

use super::*;
use crate::{
    config::Placement::{self, *},
    random::Streams,
};

fn placer(rule: Placement, hosts: Vec<Host>) -> Placer {
    let scale = Scale::of(&hosts, [true, false], 100);
    Placer::new(rule, hosts, scale, Streams::new(1).stream("placement"))
}

/// Nodes of 10 CPUs with this many GPUs.
fn nodes(rule: Placement, gpus: &[u32]) -> Placer {
    let node = |&gpus| Host::new([10, 10], gpus, 1000, Models::only(0));
    placer(rule, gpus.iter().map(node).collect())
}

/// Four cards in three slots.
fn cards(rule: Placement) -> Placer {
    placer(rule, vec![Host::new([100, 100], 1, 3, Models::NONE); 4])
}

fn pod(cpu: u64, gpus: u32, parts: u32) -> Ask {
    let kind = if gpus == 1 && parts < 1000 { 0 } else { gpus };
    Ask { resources: [cpu, 0], gpus, parts, models: Models::ANY, overcommit: 1, kind }
}

fn share() -> Ask {
    Ask { resources: [10, 10], gpus: 1, parts: 1, models: Models::ANY, overcommit: 1, kind: 0 }
}

/// Hosts that take this ask one after the other, until none does.
fn take_all(placer: &mut Placer, ask: &Ask) -> Vec<u32> {
    std::iter::from_fn(|| {
        let host = placer.choose(ask)?;
        placer.promise(host, ask);
        Some(host)
    })
    .collect()
}

fn hold(placer: &mut Placer, host: u32, asks: &[Ask]) {
    for ask in asks {
        placer.promise(host, ask);
    }
}

#[test]
fn the_least_loaded_card_is_chosen_and_among_equals_the_longest_unchanged() {
    let mut cards = cards(LeastLoaded);
    hold(&mut cards, 0, &[share()]);
    hold(&mut cards, 1, &[share()]);
    assert_eq!(cards.choose(&share()), Some(2));
    hold(&mut cards, 2, &[share()]);
    hold(&mut cards, 3, &[share(), share()]);
    assert_eq!(cards.choose(&share()), Some(0));
    cards.take_back(0, &share(), &[0]);
    cards.promise(0, &share());
    assert_eq!(cards.choose(&share()), Some(1), "the first changed after it");
    cards.set_in_service(1, false);
    assert_eq!(cards.choose(&share()), Some(2));
    cards.set_in_service(1, true);
    assert_eq!(cards.choose(&share()), Some(1));
}

#[test]
fn first_fit_fills_cards_in_order() {
    let all = take_all(&mut cards(FirstFit), &share());
    assert_eq!(all, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
}

#[test]
fn round_robin_takes_cards_in_turn_and_skips_those_without_room() {
    let mut cards = cards(RoundRobin);
    hold(&mut cards, 2, &[share(), share(), share()]);
    assert_eq!(take_all(&mut cards, &share()), [0, 1, 3, 0, 1, 3, 0, 1, 3]);
}

#[test]
fn every_rule_finds_the_only_host_with_room_and_none_where_there_is_none() {
    for rule in Placement::ALL {
        let mut placer = nodes(rule, &[1; 40]);
        for node in (0..40).filter(|&node| node != 33) {
            hold(&mut placer, node, &[pod(1, 1, 500)]);
        }
        assert_eq!(placer.choose(&pod(1, 1, 501)), Some(33), "{rule:?}");
        hold(&mut placer, 33, &[pod(1, 1, 501)]);
        assert_eq!(placer.choose(&pod(1, 1, 501)), None, "{rule:?}");
        assert_eq!(placer.choose(&pod(10, 0, 0)), None, "{rule:?}");
        assert!(placer.choose(&pod(9, 0, 0)).is_some(), "{rule:?}");
    }
}

#[test]
fn best_fit_leaves_least_and_worst_fit_most() {
    // Of 10 CPUs and 2 GPUs are left: everything; 9 and 1.5; 5 and 1.5; 10 and 1.
    for (rule, chosen) in [(BestFit, 2), (WorstFit, 0)] {
        let mut placer = nodes(rule, &[2; 4]);
        hold(&mut placer, 1, &[pod(1, 1, 500)]);
        hold(&mut placer, 2, &[pod(5, 1, 500)]);
        hold(&mut placer, 3, &[pod(0, 1, 1000)]);
        assert_eq!(placer.choose(&pod(1, 1, 1000)), Some(chosen), "{rule:?}");
    }
}

#[test]
fn what_differs_by_less_than_a_step_is_equal() {
    let mut placer = nodes(BestFit, &[2; 3]);
    hold(&mut placer, 2, &[pod(0, 1, 15)]);
    assert_eq!(placer.choose(&pod(0, 1, 100)), Some(0));
    hold(&mut placer, 1, &[pod(0, 1, 60)]);
    assert_eq!(placer.choose(&pod(0, 1, 100)), Some(1));
}

#[test]
fn the_dot_product_sends_large_asks_where_little_is_left_of_what_they_want() {
    // Node 1 has little CPU left, node 2 little GPU.
    let placer = || {
        let mut placer = nodes(DotProduct, &[2; 3]);
        hold(&mut placer, 1, &[pod(6, 0, 0)]);
        hold(&mut placer, 2, &[pod(0, 1, 1000)]);
        placer
    };
    assert_eq!(placer().choose(&pod(4, 1, 100)), Some(1));
    assert_eq!(placer().choose(&pod(1, 1, 1000)), Some(2));
}

#[test]
fn packing_prefers_gpus_in_use_then_hosts_in_use_then_small_hosts() {
    let mut placer = nodes(GpuPacking, &[4, 2, 2, 4]);
    assert_eq!(placer.choose(&pod(1, 1, 600)), Some(1), "the first of the smallest idle hosts");
    hold(&mut placer, 3, &[pod(1, 1, 600)]);
    assert_eq!(placer.choose(&pod(1, 1, 600)), Some(3), "on another GPU of the host in use");
    assert_eq!(placer.choose(&pod(1, 1, 400)), Some(3), "beside the other");
    hold(&mut placer, 2, &[pod(1, 1, 700)]);
    assert_eq!(placer.choose(&pod(1, 1, 300)), Some(2), "where least is left of the GPU");
    assert_eq!(placer.choose(&pod(1, 2, 1000)), Some(3), "the only host in use with two idle GPUs");
    assert_eq!(placer.choose(&pod(1, 0, 0)), Some(0), "without a GPU all are equal");
}

#[test]
fn clustering_keeps_kinds_together() {
    let mut placer = nodes(GpuClustering, &[4; 5]);
    hold(&mut placer, 1, &[pod(1, 2, 1000)]);
    hold(&mut placer, 2, &[pod(1, 1, 1000), pod(1, 1, 500)]);
    hold(&mut placer, 3, &[pod(1, 1, 500)]);
    assert_eq!(placer.choose(&pod(1, 1, 300)), Some(3), "only of this kind");
    assert_eq!(placer.choose(&pod(1, 1, 1000)), Some(2), "of this kind among others");
    assert_eq!(placer.choose(&pod(1, 3, 1000)), Some(0), "idle before others");
    hold(&mut placer, 0, &[pod(1, 4, 1000)]);
    hold(&mut placer, 4, &[pod(1, 4, 1000)]);
    assert_eq!(placer.choose(&pod(1, 3, 1000)), Some(3), "others, if need be");
}

#[test]
fn fragmentation_descent_uses_up_what_usual_asks_cannot() {
    let usual = [pod(1, 1, 1000), pod(1, 1, 600)];
    let mut placer = nodes(FragmentationDescent, &[1, 1, 1]).with_usual(&usual);
    hold(&mut placer, 1, &[pod(1, 1, 600)]);
    // 400 are left on node 1, of use to nobody.
    assert_eq!(placer.choose(&pod(1, 1, 300)), Some(1));
    // Left with 400, an idle GPU would be of use to nobody; node 2 has no CPU for anybody anyway.
    hold(&mut placer, 2, &[pod(10, 0, 0)]);
    assert_eq!(placer.choose(&pod(0, 1, 600)), Some(2));
}

#[test]
fn fragmentation_descent_learns_what_is_usual() {
    let mut placer = nodes(FragmentationDescent, &[2, 2]);
    hold(&mut placer, 1, &[pod(1, 1, 700)]);
    for _ in 0..4 {
        placer.choose(&pod(1, 1, 500));
    }
    assert_eq!(placer.choose(&pod(1, 1, 300)), Some(1), "300 are too few for what was asked");
}

#[test]
fn shares_of_a_pool_are_packed_and_spread_as_pods_are() {
    for (rule, chosen) in
        [(BestFit, 2), (WorstFit, 0), (GpuPacking, 2), (GpuClustering, 1), (DotProduct, 2)]
    {
        let mut cards = cards(rule);
        hold(&mut cards, 1, &[share()]);
        hold(&mut cards, 2, &[Ask { kind: 1, ..share() }, Ask { kind: 1, ..share() }]);
        assert_eq!(cards.choose(&share()), Some(chosen), "{rule:?}");
    }
}

#[test]
fn gpus_of_a_host_are_chosen_by_the_rule() {
    for (rule, chosen) in [(BestFit, 1), (GpuPacking, 1), (WorstFit, 0)] {
        let mut placer = nodes(rule, &[3]);
        // The first GPU is left idle: 1000, 600 and 1000 are free.
        let (first, second) =
            (placer.promise(0, &pod(0, 1, 700)), placer.promise(0, &pod(0, 1, 400)));
        assert_eq!((first.as_slice(), second.as_slice()), ([0].as_slice(), [1].as_slice()));
        placer.take_back(0, &pod(0, 1, 700), &first);
        assert_eq!(placer.promise(0, &pod(1, 1, 300)).as_slice(), [chosen], "{rule:?}");
        let two = placer.promise(0, &pod(1, 2, 300));
        assert_eq!(two.len(), 2, "different ones: {two:?}");
    }
}

#[test]
fn random_placement_is_even_over_hosts_and_gpus() {
    let mut placer = nodes(Random, &[2; 8]);
    let mut hits = [[0_u32; 2]; 8];
    for _ in 0..16_000 {
        let host = placer.choose(&pod(1, 1, 500)).expect("all have room");
        let gpu = placer.promise(host, &pod(1, 1, 500));
        hits[host as usize][gpu[0] as usize] += 1;
        placer.take_back(host, &pod(1, 1, 500), &gpu);
    }
    // 1000 each; five standard deviations are 153.
    assert!(hits.iter().flatten().all(|hits| hits.abs_diff(1000) < 153), "{hits:?}");
}

proptest! {
    /// Pods come and go, nodes fail and come back; the boards must not lose sight of any of it.
    #[test]
    fn every_choice_is_that_of_a_look_at_all_hosts(
        steps in prop::collection::vec((0..6_usize, 0..4_usize, 0..8_usize), 1..120),
    ) {
        let asks = [pod(1, 1, 300), pod(2, 1, 700), pod(1, 1, 1000), pod(2, 2, 1000)];
        for rule in [FirstFit, LeastLoaded, BestFit, WorstFit, DotProduct, GpuPacking,
            GpuClustering, FragmentationDescent]
        {
            let mut placer = nodes(rule, &[2, 4, 4, 1]).with_usual(&asks);
            let mut held: Vec<(u32, Ask, Gpus)> = Vec::new();
            let mut changed = [0, 1, 2, 3];
            for (now, &(step, node, number)) in (4..).zip(&steps) {
                match step {
                    0 if !held.is_empty() => {
                        let (host, ask, gpus) = held.remove(number % held.len());
                        placer.take_back(host, &ask, &gpus);
                        changed[host as usize] = now;
                    }
                    1 => placer.set_in_service(node as u32, number > 1),
                    _ => {
                        let ask = &asks[number % 4];
                        let chosen = placer.choose(ask);
                        prop_assert_eq!(chosen, by_looking(&placer, rule, ask, &changed));
                        if let Some(host) = chosen {
                            held.push((host, *ask, placer.promise(host, ask)));
                            changed[host as usize] = now;
                        }
                    }
                }
            }
        }
    }
}

/// The highest score of all, the lowest number among equals; or the fewest held, longest unchanged.
fn by_looking(placer: &Placer, rule: Placement, ask: &Ask, changed: &[u64; 4]) -> Option<u32> {
    let hosts = (0..).zip(placer.hosts()).filter(|(_, host)| host.fits(ask));
    let rank = |(number, host): &(u32, &Host)| {
        if rule == LeastLoaded {
            return (u64::from(host.load()), changed[*number as usize]);
        }
        let score = score::score(rule, host, ask, &placer.scale, &placer.mix);
        (u64::from(u32::MAX - score), u64::from(*number))
    };
    hosts.min_by_key(rank).map(|(number, _)| number)
}
