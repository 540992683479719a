//! How candidates are ranked.

use connector::{
    Duration, ErrorKind, Mebibytes, ModelId, OperationKind, Outcome, PoolId, PoolKind, Tokens,
};
use platform::{
    PlatformConfig,
    config::{Candidate, Pace, RouterConfig},
};

use crate::{
    setting::{LARGE, SMALL, cable, money, ms, pools, secs},
    world::{World, no, yes_after},
};

#[test]
fn the_static_list_is_followed_in_order() {
    let mut config = pools(3);
    let on = |pool| Candidate { model: SMALL, pool: PoolId(pool) };
    let large = vec![Candidate { model: LARGE, pool: PoolId(1) }];
    config.router = RouterConfig::Static(vec![vec![on(2), on(0)], large]);
    let mut world = World::new(config);
    world.script(2, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted)]);
    world.request();
    world.request_with(|request| request.prompt_tokens = Tokens::new(5_000));
    world.run();
    assert_eq!(pools_asked(&world), [2, 1, 0]);
}

#[test]
fn cheapest_weighs_the_price_by_the_expected_time() {
    let mut config = pools(2);
    config.router = RouterConfig::Cheapest;
    config.cables[0].price_per_slot_hour = money("1.00");
    config.cables[1].price_per_slot_hour = money("1.50");
    assert_eq!(first_pool(&config), 0);
    // Half the price, a third of the speed.
    config.cables[0].paces = vec![slow(3); 2];
    assert_eq!(first_pool(&config), 1);
}

#[test]
fn a_pace_that_was_never_stated_lets_the_price_decide() {
    let mut config = pools(2);
    config.router = RouterConfig::Cheapest;
    config.cables[0].price_per_slot_hour = money("1.50");
    for cable in &mut config.cables {
        cable.paces = vec![Pace::default(); 2];
    }
    assert_eq!(first_pool(&config), 1);
}

#[test]
fn among_equals_the_models_own_kind_of_pool_comes_first() {
    let mut config = pools(2);
    config.router = RouterConfig::Cheapest;
    config.cables[0].kind = PoolKind::Premium;
    assert_eq!(first_pool(&config), 1);
}

#[test]
fn a_local_pool_costs_nothing_and_is_still_the_last_resort() {
    for router in [RouterConfig::Cheapest, RouterConfig::Fastest] {
        let mut config = pools(2);
        config.router = router;
        config.cables[0] = cable(0, PoolKind::Local, "0.00");
        assert_eq!(first_pool(&config), 1);
    }
}

#[test]
fn a_model_goes_only_where_the_cards_have_room_for_it() {
    let mut config = pools(2);
    config.router = RouterConfig::Cheapest;
    config.cables[0].card_vram = Mebibytes::from_gib(8);
    config.cables[1].price_per_slot_hour = money("9.00");
    let mut world = World::new(config);
    world.request_with(|request| request.prompt_tokens = Tokens::new(5_000));
    world.run();
    assert_eq!((world.record().model, world.record().pool), (LARGE, Some(PoolId(1))));
}

#[test]
fn a_pinned_model_that_fits_no_card_is_rejected_with_a_reason() {
    let mut config = pools(1);
    config.models.push(crate::setting::model("qwen-70b", 80, 100));
    config.cables[0].paces = vec![Pace::default(); 3];
    let mut world = World::new(config);
    world.request_with(|request| request.model = Some(ModelId(2)));
    assert_eq!(world.outcomes(), [Outcome::Rejected]);
    assert_eq!(world.reason(), "no pool has cards for the model");
    assert_eq!((world.record().model, world.record().pool), (ModelId(2), None));
}

#[test]
fn fastest_starts_from_the_stated_pace() {
    let mut config = pools(2);
    config.router = RouterConfig::Fastest;
    config.cables[0].paces = vec![slow(2); 2];
    assert_eq!(first_pool(&config), 1);
}

#[test]
fn fastest_learns_that_a_pool_is_slower_than_stated_and_forgets_it_in_time() {
    let mut config = pools(2);
    config.router = RouterConfig::Fastest;
    // 100 prompt and 50 output tokens are expected to take 510 ms; waiting in line counts too.
    let mut world = World::new(config);
    world.script(0, OperationKind::Infer, [yes_after(secs(10)), yes_after(secs(10))]);
    world.request();
    world.run();
    world.request();
    world.run();
    world.run_for(secs(120));
    world.request();
    world.run();
    assert_eq!(pools_asked(&world), [0, 1, 0]);
}

#[test]
fn a_measurement_counts_per_token_and_not_per_request() {
    let mut config = pools(2);
    config.router = RouterConfig::Fastest;
    config.cables[1].paces = vec![slow(2); 2];
    let mut world = World::new(config);
    // Twenty times the length in less than twenty times the time: the pool keeps its pace.
    world.script(0, OperationKind::Infer, [yes_after(secs(10))]);
    world.request_with(|request| {
        request.prompt_tokens = Tokens::new(1_000);
        request.output_tokens = Tokens::new(1_000);
    });
    world.run();
    world.request();
    world.run();
    assert_eq!(pools_asked(&world), [0, 0]);
}

fn slow(times: u64) -> Pace {
    Pace { per_prompt_token: Duration::from_micros(100 * times), per_output_token: ms(10 * times) }
}

fn first_pool(config: &PlatformConfig) -> u32 {
    let mut world = World::new(config.clone());
    world.request();
    pools_asked(&world)[0]
}

fn pools_asked(world: &World) -> Vec<u32> {
    world.operations(OperationKind::Allocate).iter().map(|one| one.cable.0).collect()
}
