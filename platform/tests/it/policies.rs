//! Rules that spread requests: what each is published to do.

use std::collections::BTreeMap;

use connector::{BasisPoints, Content, ErrorKind, OperationKind, PoolId, PoolKind};
use platform::{
    ConfigError, Platform, PlatformConfig,
    config::{Measure, PoolWeight, PrefixConfig, RouterConfig},
};

use crate::{
    setting::{cable, pools, secs},
    world::{World, no, yes_after},
};

#[test]
fn round_robin_goes_round() {
    assert_eq!(first_pools(&ruled(3, RouterConfig::RoundRobin), 7), [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn a_fallback_does_not_take_a_turn() {
    let mut world = World::new(ruled(3, RouterConfig::RoundRobin));
    world.script(0, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted)]);
    for _ in 0..3 {
        world.request();
        world.run();
    }
    assert_eq!(asked(&world), [0, 1, 1, 2]);
}

#[test]
fn weights_of_five_one_one_are_spread_as_nginx_spreads_them() {
    // The sequence of nginx's commit 52327e0627f4: { a, a, b, a, c, a, a }.
    let weights = [(0, 5), (1, 1), (2, 1)];
    let expected = [0, 0, 1, 0, 2, 0, 0];
    let pools = first_pools(&ruled(3, weighted(&weights)), 14);
    assert_eq!(pools, [expected, expected].concat());
}

#[test]
fn a_pool_of_weight_zero_is_a_fallback_only() {
    let config = ruled(3, weighted(&[(1, 2), (2, 1)]));
    assert_eq!(first_pools(&config, 6), [1, 2, 1, 1, 2, 1]);
    let mut world = World::new(config);
    world.script(1, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted)]);
    world.script(2, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted)]);
    world.request();
    world.run();
    assert_eq!(asked(&world), [1, 2, 0]);
}

#[test]
fn random_gives_every_pool_the_same_chance() {
    let requests = 6_000;
    let mut times = BTreeMap::new();
    for pool in first_pools(&ruled(3, RouterConfig::Random), requests) {
        *times.entry(pool).or_insert(0u32) += 1;
    }
    let (mean, deviation) = (f64::from(requests) / 3.0, (f64::from(requests) * 2.0 / 9.0).sqrt());
    let off = |times: &u32| (f64::from(*times) - mean).abs() / deviation;
    assert!(times.len() == 3 && times.values().all(|times| off(times) < 4.5), "{times:?}");
}

#[test]
fn least_loaded_counts_requests_per_place() {
    let mut config = ruled(2, RouterConfig::LeastLoaded);
    config.cables[0].max_in_flight = Some(4);
    config.cables[1].max_in_flight = Some(2);
    config.cables[0].queue = 10;
    assert_eq!(first_pools(&config, 6), [0, 1, 0, 0, 1, 0]);
}

#[test]
fn of_two_pools_the_less_loaded_is_always_the_better_of_two() {
    let pools = first_pools(&ruled(2, RouterConfig::PowerOfTwo(Measure::Load)), 200);
    assert!(pools.chunks(2).all(|pair| pair[0] != pair[1]), "{pools:?}");
}

#[test]
fn the_better_of_two_is_not_the_slower_even_if_it_is_less_loaded() {
    let mut world = World::new(ruled(2, RouterConfig::PowerOfTwo(Measure::Latency)));
    world.script(1, OperationKind::Infer, (0..100).map(|_| yes_after(secs(20))));
    // Both are tried while they look alike; then what is known of the slow one counts.
    for _ in 0..4 {
        world.request();
    }
    world.run();
    let before = world.submitted.len();
    for _ in 0..4 {
        world.request();
    }
    let later = world.submitted[before..].iter().map(|one| one.cable.0);
    assert_eq!(later.collect::<Vec<_>>(), [0, 0, 0, 0]);
}

#[test]
fn prompts_that_begin_alike_go_to_the_same_pool() {
    let config = ruled(8, affine(PrefixConfig::default()));
    let mut world = World::new(config);
    for turn in 0..4u64 {
        for conversation in 0..20u64 {
            world.request_with(|request| {
                let all = [conversation * 100, conversation * 100 + 1, turn];
                request.content = Content::Blocks(all.as_slice().into());
            });
            world.run();
        }
    }
    let pools = asked(&world);
    let (first, later) = pools.split_at(20);
    assert!(later.chunks(20).all(|turn| turn == first), "{pools:?}");
    let used: std::collections::BTreeSet<_> = first.iter().collect();
    assert!(used.len() >= 4, "twenty conversations are spread: {first:?}");
}

#[test]
fn words_are_a_prefix_too() {
    let mut world = World::new(ruled(8, affine(PrefixConfig { blocks: 1, ..Default::default() })));
    let system = "You answer as briefly as you can. ".repeat(20);
    for question in ["Why?", "How so?", "Since when?"] {
        world.request_with(|request| {
            request.content = Content::Text(format!("{system}{question}").into());
        });
        world.run();
    }
    let pools = asked(&world);
    assert!(pools.iter().all(|pool| *pool == pools[0]), "{pools:?}");
}

#[test]
fn only_the_prefixes_of_a_pool_that_fails_move_to_others() {
    let config = ruled(4, affine(PrefixConfig::default()));
    let conversation = |id: u64| Content::Blocks([id].as_slice().into());
    let first_pool = |config: &PlatformConfig, id| {
        let mut world = World::new(config.clone());
        world.script(2, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted)]);
        world.request_with(|request| request.content = conversation(id));
        world.run();
        (asked(&world)[0], world.record().pool.expect("it was served").0)
    };
    let moves: Vec<(u32, u32)> = (0..40).map(|id| first_pool(&config, id)).collect();
    assert!(moves.iter().all(|&(first, served)| (first == served) == (first != 2)), "{moves:?}");
    assert!(moves.iter().any(|&(first, _)| first == 2), "{moves:?}");
}

#[test]
fn one_popular_prefix_loads_no_pool_above_the_bound() {
    let prefix = PrefixConfig { load_factor: BasisPoints::from_percent(150), ..Default::default() };
    let mut world = World::new(ruled(4, affine(prefix)));
    for sent in 1..=200u64 {
        world.request_with(|request| request.content = Content::Blocks([7].as_slice().into()));
        let most = world.platform.cables().map(|cable| cable.in_flight).max().expect("pools");
        let bound = (1.5 * sent as f64 / 4.0).ceil();
        assert!(f64::from(most) <= bound, "{most} of {sent}");
    }
    let loads: Vec<u32> = world.platform.cables().map(|cable| cable.in_flight).collect();
    assert!(loads.contains(&75), "the bound is reached: {loads:?}");
}

#[test]
fn a_prompt_of_which_only_the_length_is_known_goes_where_least_is_to_do() {
    let config = ruled(3, affine(PrefixConfig::default()));
    assert_eq!(first_pools(&config, 6), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_local_pool_is_the_last_resort_of_every_rule() {
    for rule in [
        RouterConfig::Random,
        RouterConfig::RoundRobin,
        weighted(&[(0, 9), (1, 1)]),
        RouterConfig::LeastLoaded,
        RouterConfig::PowerOfTwo(Measure::Load),
        RouterConfig::PowerOfTwo(Measure::Latency),
        affine(PrefixConfig::default()),
    ] {
        let name = rule.name();
        let mut config = ruled(3, rule);
        config.cables[0] = cable(0, PoolKind::Local, "0.00");
        let pools = first_pools(&config, 20);
        assert!(!pools.contains(&0), "{name}: {pools:?}");
    }
}

#[test]
fn the_same_seed_draws_the_same_pools() {
    let config = ruled(5, RouterConfig::Random);
    let other = PlatformConfig { seed: config.seed + 1, ..config.clone() };
    assert_eq!(first_pools(&config, 50), first_pools(&config, 50));
    assert_ne!(first_pools(&config, 50), first_pools(&other, 50));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let refused = |rule| Platform::new(ruled(2, rule)).expect_err("it is refused").to_string();
    let unknown = ConfigError::UnknownWeight { pool: PoolId(9) }.to_string();
    assert_eq!(refused(weighted(&[(0, 1), (9, 1)])), unknown);
    assert_eq!(
        refused(weighted(&[(0, 0)])),
        "the largest weight of the router must be at least 1, not 0"
    );
    assert_eq!(
        refused(weighted(&[(0, 1_000_001)])),
        "a weight of the router: 1000001 is more than 1000000"
    );
    assert_eq!(refused(weighted(&[(0, 1), (0, 1)])), "there are two weights of pool `0`");
    let prefix = |blocks, percent| {
        let load_factor = BasisPoints::from_percent(percent);
        affine(PrefixConfig { blocks, load_factor })
    };
    assert_eq!(refused(prefix(0, 125)), "blocks of a prefix must be at least 1, not 0");
    assert_eq!(refused(prefix(65, 125)), "blocks of a prefix: 65 is more than 64");
    assert_eq!(
        refused(prefix(2, 99)),
        "load factor in basis points must be at least 10000, not 9900"
    );
}

fn ruled(number: u32, router: RouterConfig) -> PlatformConfig {
    PlatformConfig { router, ..pools(number) }
}

fn weighted(weights: &[(u32, u32)]) -> RouterConfig {
    let one = |&(pool, weight): &(u32, u32)| PoolWeight { pool: PoolId(pool), weight };
    RouterConfig::Weighted(weights.iter().map(one).collect())
}

fn affine(prefix: PrefixConfig) -> RouterConfig {
    RouterConfig::PrefixAffine(prefix)
}

/// Where requests that arrive together are sent.
fn first_pools(config: &PlatformConfig, requests: u32) -> Vec<u32> {
    let mut world = World::new(config.clone());
    for _ in 0..requests {
        world.request();
    }
    asked(&world)
}

fn asked(world: &World) -> Vec<u32> {
    world.operations(OperationKind::Allocate).iter().map(|one| one.cable.0).collect()
}
