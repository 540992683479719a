//! What a covenant gives up before it is broken, in which order, and what is told of it.
//!
//! A request is of 100 and 50 tokens; an idle card needs 10 ms and 500 ms for them, and a share costs
//! 1.00 an hour.

use std::sync::Arc;

use connector::{
    BasisPoints, Breach, BreachReason, Concession, Concessions, CovenantOutcome, ErrorKind,
    Mebibytes, Operation, OperationKind, Outcome, PoolId, PoolKind, TierId, Tokens,
};
use platform::{
    Fallback, PlatformConfig, Shortening, Step, Targets, Terms,
    config::{Candidate, RouterConfig, TenantConfig, TierConfig},
};

use crate::{
    setting::{LARGE, SMALL, money, ms, pools},
    world::{World, no, yes_after},
};

#[test]
fn another_model_serves_when_no_candidate_does() {
    let terms = Terms { fallbacks: vec![Fallback::Model(SMALL)], ..conceding(&[Step::Fallback]) };
    let mut world = World::new(with(large_on_the_first_of(1), terms));
    world.script(0, OperationKind::Allocate, [no(ErrorKind::Invalid)]);
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.outcome, record.model), (Outcome::Completed, SMALL));
    assert_eq!((record.attempts, record.fallbacks), (2, 1));
    assert_eq!(record.covenant, given_up(&[Concession::OtherModel]));
    assert_eq!(world.responses[0].given_up, record.covenant.concessions());
    world.assert_nothing_leaked();
}

#[test]
fn another_pool_serves_although_the_router_does_not_know_it() {
    let terms = Terms {
        fallbacks: vec![Fallback::Pool(PoolId(7)), Fallback::Pool(PoolId(1))],
        ..conceding(&[Step::Fallback])
    };
    let mut world = World::new(with(large_on_the_first_of(2), terms));
    world.script(0, OperationKind::Allocate, [no(ErrorKind::Invalid)]);
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.model, record.pool), (LARGE, Some(PoolId(1))));
    assert_eq!(record.covenant, given_up(&[Concession::OtherPool]), "there is no pool 7");
}

#[test]
fn fallbacks_cost_no_more_than_the_platform_allows_and_are_not_asked_twice() {
    let fallbacks = vec![Fallback::Pool(PoolId(1)), Fallback::Pool(PoolId(0))];
    let terms = Terms { fallbacks, ..conceding(&[Step::Fallback]) };
    let mut config = large_on_the_first_of(2);
    config.cables[1].price_per_slot_hour = money("2.01");
    let mut world = World::new(with(config, terms));
    world.script(0, OperationKind::Allocate, [no(ErrorKind::Invalid)]);
    world.request();
    world.run();
    assert_eq!(world.record().attempts, 1);
    assert_eq!(world.record().outcome, Outcome::Failed(ErrorKind::Invalid));
    assert_eq!(world.record().pool, Some(PoolId(0)), "where it was struck");
    assert!(world.reason().starts_with("qwen-14b on pool-0: "), "{}", world.reason());
}

#[test]
fn an_answer_that_would_come_too_late_is_shortened() {
    let terms = Terms { targets: end_to_end(300), ..shortening(50, 10) };
    let mut world = World::new(with(pools(1), terms));
    world.script(0, OperationKind::Infer, [yes_after(ms(250))]);
    world.request();
    world.run();
    assert_eq!(asked_for(&world), Tokens::new(25));
    assert_eq!(world.record().covenant, given_up(&[Concession::ShorterAnswer]));
}

#[test]
fn an_answer_is_not_shortened_below_its_least_length_nor_without_need() {
    let terms = Terms { targets: end_to_end(300), ..shortening(10, 20) };
    let mut world = World::new(with(pools(1), terms));
    world.request();
    world.run();
    assert_eq!(asked_for(&world), Tokens::new(20));
    let terms = Terms { targets: end_to_end(2_000), ..shortening(50, 1) };
    let mut world = World::new(with(pools(1), terms));
    world.request();
    world.run();
    assert_eq!(asked_for(&world), Tokens::new(50));
    assert_eq!(world.record().covenant, CovenantOutcome::Kept);
}

#[test]
fn a_late_answer_is_better_than_none() {
    for terms in [
        // There is nothing to give up.
        Terms { targets: end_to_end(300), ..Terms::default() },
        // What is given up is not enough.
        Terms { targets: end_to_end(300), ..shortening(90, 1) },
        // The other model has no room anywhere.
        Terms {
            targets: end_to_end(300),
            fallbacks: vec![Fallback::Model(LARGE)],
            ..conceding(&[Step::Fallback])
        },
    ] {
        let mut config = pools(1);
        config.models[1].requirements.vram = Mebibytes::from_gib(2);
        config.cables[0].paces[1].per_output_token = ms(20);
        let mut world = World::new(with(config, terms.clone()));
        world.request();
        world.run();
        let record = world.record();
        assert_eq!((record.outcome, record.model), (Outcome::Completed, SMALL), "{terms:?}");
        let CovenantOutcome::Broken(breach) = record.covenant else {
            panic!("{terms:?}: 1,010 ms are more than 300 ms");
        };
        assert_eq!(breach.reason, BreachReason::EndToEnd);
        assert!(!breach.concessions.contains(Concession::OtherModel), "it went back");
    }
}

#[test]
fn shares_that_may_be_taken_away_are_not_used_unless_that_is_given_up() {
    let mut config = pools(2);
    config.cables[0].kind = PoolKind::Preemptible;
    let never = Terms { preemptible: Some(false), ..Terms::default() };
    let mut world = World::new(with(config.clone(), never.clone()));
    world.request();
    world.run();
    assert_eq!((world.record().pool, world.record().fallbacks), (Some(PoolId(1)), 0));
    assert_eq!(world.record().covenant, CovenantOutcome::Free);

    config.cables.truncate(1);
    let first = |model| vec![Candidate { model, pool: PoolId(0) }];
    config.router = RouterConfig::Static(vec![first(SMALL), first(LARGE)]);
    let mut world = World::new(with(config.clone(), never));
    world.request();
    world.run();
    assert_eq!(world.record().outcome, Outcome::Rejected);
    assert!(world.reason().ends_with("; 1 more would break the covenant"), "{}", world.reason());

    let unless = Terms { preemptible: Some(false), ..conceding(&[Step::Preemptible]) };
    let mut world = World::new(with(config, unless));
    world.request();
    world.run();
    assert_eq!(world.record().covenant, given_up(&[Concession::Preemptible]));
    let Operation::Allocate(share) = &world.submitted[0].operation else {
        panic!("{:?}", world.submitted[0]);
    };
    assert!(share.preemptible);
}

#[test]
fn the_example_of_the_docs_to_the_digit() {
    let terms = Terms {
        targets: end_to_end(300),
        cost_ceiling: Some(money("0.0001")),
        concessions: Vec::new(),
        ..shortening(50, 1)
    };
    let set = Concessions::NONE.with(Concession::ShorterAnswer);
    let late = Breach {
        reason: BreachReason::EndToEnd,
        excess: BasisPoints::from_percent(25),
        concessions: set,
    };
    for (answered, end, cost, covenant) in [
        (200, 210, "0.000055556", CovenantOutcome::Renegotiated(set)),
        (365, 375, "0.000101389", CovenantOutcome::Broken(late)),
    ] {
        let mut world = World::new(with(pools(1), terms.clone()));
        world.script(0, OperationKind::Infer, [yes_after(ms(answered))]);
        world.request();
        world.run();
        let record = world.record();
        assert_eq!(asked_for(&world), Tokens::new(25));
        assert_eq!((record.end_to_end(), record.cost), (ms(end), money(cost)));
        assert_eq!(record.covenant, covenant);
    }
}

#[test]
fn nothing_is_begun_that_would_cost_more_than_agreed() {
    // 510 ms at 1.00 an hour are 0.000141667; half the answer takes 260 ms and costs 0.000072222.
    let ceiling = |price| Terms { cost_ceiling: Some(money(price)), ..shortening(50, 1) };
    for (price, tokens) in [("0.000141667", Some(50)), ("0.0001", Some(25)), ("0.00007", None)] {
        let mut world = World::new(with(pools(1), ceiling(price)));
        world.script(0, OperationKind::Infer, [yes_after(ms(200))]);
        world.request();
        world.run();
        let begun = !world.operations(OperationKind::Infer).is_empty();
        assert_eq!(begun.then(|| asked_for(&world).get()), tokens, "{price}");
        assert_eq!(world.record().outcome == Outcome::Completed, tokens.is_some());
    }
}

#[test]
fn a_dear_first_choice_does_not_raise_the_limit_of_the_others() {
    let mut config = pools(3);
    for (cable, price) in config.cables.iter_mut().zip(["9.00", "1.00", "3.00"]) {
        cable.price_per_slot_hour = money(price);
    }
    let terms = Terms { cost_ceiling: Some(money("0.001")), ..Terms::default() };
    let mut world = World::new(with(config, terms));
    world.script(1, OperationKind::Allocate, [no(ErrorKind::Invalid)]);
    world.request();
    world.run();
    assert_eq!(world.record().outcome, Outcome::Failed(ErrorKind::Invalid));
    assert!(world.reason().contains("1 more above the cost ceiling"), "{}", world.reason());
}

#[test]
fn a_dearer_pool_serves_if_the_covenant_pays_for_it() {
    let mut config = pools(2);
    config.cables[1].price_per_slot_hour = money("3.00");
    for (steps, ceiling, served) in [
        (&[][..], None, false),
        (&[Step::HigherPrice][..], None, true),
        (&[Step::HigherPrice][..], Some("0.0004"), false),
        (&[Step::HigherPrice][..], Some("0.01"), true),
    ] {
        let terms = Terms { cost_ceiling: ceiling.map(money), ..conceding(steps) };
        let mut world = World::new(with(config.clone(), terms));
        world.script(0, OperationKind::Allocate, [no(ErrorKind::Invalid)]);
        world.request();
        world.run();
        assert_eq!(world.record().outcome == Outcome::Completed, served, "{steps:?} {ceiling:?}");
        if served {
            assert_eq!(world.record().covenant, given_up(&[Concession::HigherPrice]));
        }
    }
}

#[test]
fn things_are_given_up_in_the_order_of_the_terms() {
    let both = Terms { targets: end_to_end(300), ..shortening(50, 1) };
    let fallbacks = vec![Fallback::Model(LARGE)];
    for (steps, model, tokens) in [
        ([Step::Fallback, Step::ShorterAnswer], LARGE, 50),
        ([Step::ShorterAnswer, Step::Fallback], SMALL, 25),
    ] {
        let mut config = pools(1);
        // The other model is fast enough.
        config.cables[0].paces[1].per_output_token = ms(2);
        let fallbacks = fallbacks.clone();
        let terms = Terms { fallbacks, concessions: steps.to_vec(), ..both.clone() };
        let mut world = World::new(with(config, terms));
        world.request();
        world.run();
        assert_eq!(world.record().model, model);
        assert_eq!(asked_for(&world), Tokens::new(tokens));
    }
}

#[test]
fn who_would_wait_too_long_in_line_falls_back() {
    let terms = Terms {
        targets: Targets { first_token: Some(ms(5_000)), ..Targets::default() },
        fallbacks: vec![Fallback::Pool(PoolId(1))],
        ..conceding(&[Step::Fallback])
    };
    let mut config = large_on_the_first_of(2);
    (config.cables[0].max_in_flight, config.cables[0].queue) = (Some(1), 100);
    let mut world = World::new(with(config, terms));
    // Nothing is known of the line yet, and these have all the time there is.
    let targets = Targets { first_token: Some(ms(100_000)), ..Targets::default() };
    let patient = Arc::new(Terms { targets, ..Terms::default() });
    for _ in 0..20 {
        world.request_with(|request| request.terms = Some(Arc::clone(&patient)));
    }
    world.run_for(ms(11_500));
    // One leaves a second, and nine wait.
    let late = world.request();
    world.run();
    let record = world.record_of(late);
    assert_eq!(
        (record.pool, record.covenant),
        (Some(PoolId(1)), given_up(&[Concession::OtherPool]))
    );
}

#[test]
fn models_that_need_more_memory_than_allowed_do_not_serve() {
    let terms = Terms { vram_max: Some(Mebibytes::from_gib(8)), ..Terms::default() };
    let mut world = World::new(with(pools(2), terms));
    world.request();
    world.request_with(|request| request.prompt_tokens = Tokens::new(2_000));
    world.run();
    let outcomes: Vec<_> = world.records.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Rejected, Outcome::Completed]);
}

#[test]
fn the_last_step_is_an_error_that_tells_the_whole_way() {
    let terms = Terms {
        targets: end_to_end(5_000),
        fallbacks: vec![Fallback::Model(SMALL), Fallback::Pool(PoolId(1))],
        ..conceding(&[Step::Fallback])
    };
    let mut world = World::new(with(large_on_the_first_of(2), terms));
    for pool in 0..2 {
        world.script(pool, OperationKind::Allocate, [no(ErrorKind::Invalid); 3]);
    }
    world.request();
    world.run();
    assert_eq!(
        world.reason(),
        "qwen-14b on pool-0: invalid; gemma-2b on pool-0: invalid; \
         gemma-2b on pool-1: invalid; given up: other_model"
    );
    let CovenantOutcome::Broken(breach) = world.record().covenant else {
        panic!("nobody answered");
    };
    assert_eq!(breach.reason, BreachReason::Failed);
    assert_eq!(world.responses[0].text, None);
}

#[test]
fn nothing_is_given_up_while_draining() {
    let terms = Terms { fallbacks: vec![Fallback::Model(SMALL)], ..conceding(&[Step::Fallback]) };
    let mut world = World::new(with(large_on_the_first_of(1), terms));
    world.script(0, OperationKind::Allocate, [no(ErrorKind::Invalid)]);
    world.request();
    world.drain();
    world.run();
    assert_eq!(world.record().attempts, 1);
    assert_eq!(world.record().covenant, CovenantOutcome::Free);
}

fn given_up(concessions: &[Concession]) -> CovenantOutcome {
    CovenantOutcome::Renegotiated(
        concessions.iter().fold(Concessions::NONE, |set, &one| set.with(one)),
    )
}

fn conceding(steps: &[Step]) -> Terms {
    Terms { concessions: steps.to_vec(), ..Terms::default() }
}

fn shortening(percent: u32, at_least: u32) -> Terms {
    let to = BasisPoints::from_percent(percent);
    let shortening = Some(Shortening { to, at_least: Tokens::new(at_least) });
    Terms { shortening, ..conceding(&[Step::ShorterAnswer]) }
}

fn end_to_end(at_most_ms: u64) -> Targets {
    Targets { end_to_end: Some(ms(at_most_ms)), ..Targets::default() }
}

/// Every class is served by the large model on the first pool.
fn large_on_the_first_of(number: u32) -> PlatformConfig {
    let mut config = pools(number);
    let only = vec![Candidate { model: LARGE, pool: PoolId(0) }];
    config.router = RouterConfig::Static(vec![only; 2]);
    config
}

/// The length of the answer that was asked for last.
fn asked_for(world: &World) -> Tokens {
    match world.operations(OperationKind::Infer).pop().map(|one| one.operation) {
        Some(Operation::Infer(infer)) => infer.max_tokens,
        other => panic!("{other:?}"),
    }
}

fn with(mut config: PlatformConfig, terms: Terms) -> PlatformConfig {
    config.tiers = vec![TierConfig { name: "gold".into(), terms, ..TierConfig::default() }];
    let tier = Some(TierId(0));
    config.tenants = config.tenants.into_iter().map(|one| TenantConfig { tier, ..one }).collect();
    config
}
