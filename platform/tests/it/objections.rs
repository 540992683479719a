//! What a covenant has against a candidate is the same for every rule, and for whoever asks why.

use connector::{Concession, Mebibytes, ModelId, PoolId, PoolKind, Tflops};
use platform::{
    Explanation, Objection, PlatformConfig, Standing, Step, Targets, Terms,
    config::{CovenantRouting, Measure, PrefixConfig, RouterConfig},
};

use crate::{
    setting::{SMALL, money, ms, pools, request},
    world::World,
};

fn rules() -> Vec<RouterConfig> {
    vec![
        pools(2).router,
        RouterConfig::Cheapest,
        RouterConfig::Fastest,
        RouterConfig::Random,
        RouterConfig::RoundRobin,
        RouterConfig::LeastLoaded,
        RouterConfig::PowerOfTwo(Measure::default()),
        RouterConfig::PrefixAffine(PrefixConfig::default()),
        RouterConfig::Tiered,
        RouterConfig::Covenant(CovenantRouting::default()),
    ]
}

/// Two pools of which the first is cheaper, nearer in every list, and too small.
fn small_and_large(terms: Terms) -> PlatformConfig {
    let mut config = pools(2);
    config.cables[0].card_vram = Mebibytes::from_gib(16);
    config.cables[0].card_tflops = Tflops::new(60);
    config.cables[0].price_per_slot_hour = money("0.50");
    config.tenants[0].terms = terms;
    config
}

fn resources() -> [Terms; 2] {
    [
        Terms { vram_min: Some(Mebibytes::from_gib(20)), ..Terms::default() },
        Terms { tflops: Some(Tflops::new(100)), ..Terms::default() },
    ]
}

#[test]
fn a_pool_with_too_small_cards_is_put_aside_by_every_rule_and_the_explanation_says_so() {
    for router in rules() {
        for terms in resources() {
            let mut world =
                World::new(PlatformConfig { router: router.clone(), ..small_and_large(terms) });
            let told = explanation(&world);
            let first = told.candidates.iter().find(|one| one.pool == PoolId(0)).expect("listed");
            assert_eq!(first.objection, Some(Objection::TooLarge), "{}", told.rule);
            // Rules that rank the other one first need not look at it at all.
            assert!(!first.standing.is_chosen(), "{}: {first:?}", told.rule);
            assert_eq!(chosen(&told), Some(PoolId(1)), "{}", told.rule);
            for _ in 0..4 {
                world.request();
            }
            world.run();
            let pools: Vec<_> = world.records.iter().map(|record| record.pool).collect();
            assert_eq!(pools, [Some(PoolId(1)); 4], "{}", told.rule);
            assert!(world.records.iter().all(|record| record.fallbacks == 0));
        }
    }
}

#[test]
fn where_no_pool_suffices_nobody_is_chosen_and_nobody_asked() {
    for router in rules() {
        let terms = Terms { vram_min: Some(Mebibytes::from_gib(25)), ..Terms::default() };
        let mut world = World::new(PlatformConfig { router, ..small_and_large(terms) });
        let told = explanation(&world);
        assert_eq!(chosen(&told), None);
        assert!(told.candidates.iter().all(|one| one.standing == Standing::PutAside), "{told:?}");
        world.request();
        world.run();
        assert!(world.submitted.is_empty());
        assert!(world.reason().ends_with("2 more would break the covenant"), "{}", world.reason());
    }
}

#[test]
fn a_card_of_just_the_size_suffices() {
    let terms = Terms {
        vram_min: Some(Mebibytes::from_gib(16)),
        tflops: Some(Tflops::new(60)),
        ..Terms::default()
    };
    let mut world = World::new(small_and_large(terms));
    assert_eq!(chosen(&explanation(&world)), Some(PoolId(0)));
    world.request();
    world.run();
    assert_eq!(world.record().pool, Some(PoolId(0)));
}

#[test]
fn every_objection_has_its_candidate_put_aside() {
    let end_to_end = |most| Targets { end_to_end: Some(ms(most)), ..Targets::default() };
    let model_fallback = vec![platform::Fallback::Model(ModelId(1))];
    for (terms, objection) in [
        (Terms { vram_max: Some(Mebibytes::from_gib(1)), ..Terms::default() }, Objection::TooLarge),
        (Terms { preemptible: Some(false), ..Terms::default() }, Objection::Preemptible),
        (Terms { cost_ceiling: Some(money("0.00001")), ..Terms::default() }, Objection::TooDear),
        (
            Terms { targets: end_to_end(100), fallbacks: model_fallback, ..Terms::default() },
            Objection::TooSlow,
        ),
    ] {
        let mut config = pools(1);
        config.cables[0].kind = PoolKind::Preemptible;
        config.tenants[0].terms = terms;
        let told = explanation(&World::new(config));
        let one = &told.candidates[0];
        assert_eq!((one.objection, one.standing), (Some(objection), Standing::PutAside));
        assert_eq!(one.rank, Some(1));
    }
}

#[test]
fn what_the_covenant_rule_put_aside_serves_once_that_is_given_up() {
    let mut config = pools(1);
    config.cables[0].kind = PoolKind::Preemptible;
    config.router = RouterConfig::Covenant(CovenantRouting::default());
    let concessions = vec![Step::Preemptible];
    config.tenants[0].terms = Terms { preemptible: Some(false), concessions, ..Terms::default() };
    let mut world = World::new(config);
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.pool, record.model), (Some(PoolId(0)), SMALL));
    assert!(record.covenant.concessions().contains(Concession::Preemptible));
}

fn explanation(world: &World) -> Explanation {
    world.platform.explain(world.now, &request(0, world.now))
}

fn chosen(told: &Explanation) -> Option<PoolId> {
    told.candidates.iter().find(|one| one.standing.is_chosen()).map(|one| one.pool)
}
