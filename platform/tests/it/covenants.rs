//! What tenants and requests are promised, and what becomes of it.

use std::sync::Arc;

use connector::{
    BasisPoints, BreachReason, Concessions, CovenantOutcome, Duration, ErrorKind, Mebibytes,
    Operation, OperationKind, Outcome, TenantId, Tflops, TierId,
};
use platform::{
    ConfigError, Platform, PlatformConfig, Targets, Terms,
    config::{TenantConfig, TierConfig},
};

use crate::{
    setting::{money, ms, one_pool, pools, tenant},
    world::{World, no, yes_after},
};

/// The world's first token comes after 210 ms, the end after 1,010 ms, the 49 tokens between them
/// take 16.33 ms each, and all of it costs 0.000277778.
#[test]
fn a_target_is_kept_up_to_its_last_nanosecond_and_broken_beyond() {
    let nanosecond = Duration::from_nanos(1);
    for (reason, exact, targets) in [
        (BreachReason::FirstToken, ms(210), first_token as fn(Duration) -> Targets),
        (BreachReason::PerOutputToken, Duration::from_nanos(800_000_000 / 49), per_output_token),
        (BreachReason::EndToEnd, ms(1_010), end_to_end),
    ] {
        assert_eq!(served_on(promising(targets(exact))), CovenantOutcome::Kept, "{reason:?}");
        let less = exact.saturating_sub(nanosecond);
        let CovenantOutcome::Broken(breach) = served_on(promising(targets(less))) else {
            panic!("{reason:?} is kept although it was missed");
        };
        assert_eq!((breach.reason, breach.excess), (reason, BasisPoints::new(1)));
    }
}

#[test]
fn a_breach_tells_by_how_much_the_target_was_missed() {
    let CovenantOutcome::Broken(breach) = served_on(promising(end_to_end(ms(808)))) else {
        panic!("1,010 ms are more than 808 ms");
    };
    assert_eq!(breach.excess, BasisPoints::from_percent(25));
    let ceiling = |price| Terms { cost_ceiling: Some(money(price)), ..Terms::default() };
    assert_eq!(served_on(ceiling("0.000277778")), CovenantOutcome::Kept);
    let mut world = World::new(with_tier(pools(1), ceiling("0.0008")));
    world.script(0, OperationKind::Infer, [yes_after(ms(3_600))]);
    world.request();
    world.run();
    let CovenantOutcome::Broken(breach) = world.record().covenant else {
        panic!("3.6 s at 1.00 an hour cost 0.001");
    };
    let excess = BasisPoints::from_percent(25);
    assert_eq!((breach.reason, breach.excess), (BreachReason::Cost, excess));
}

#[test]
fn of_several_broken_promises_the_first_in_time_is_told() {
    let targets = Targets {
        first_token: Some(ms(209)),
        per_output_token: Some(ms(1)),
        end_to_end: Some(ms(1)),
    };
    let CovenantOutcome::Broken(breach) = served_on(promising(targets)) else {
        panic!("all three were missed");
    };
    assert_eq!(breach.reason, BreachReason::FirstToken);
}

#[test]
fn a_request_without_an_answer_breaks_its_covenant_and_one_without_promises_has_none() {
    for (terms, outcome) in [
        (promising(end_to_end(ms(60_000))), Some(BreachReason::Failed)),
        (Terms { preemptible: Some(false), ..Terms::default() }, None),
    ] {
        let mut world = World::new(with_tier(pools(1), terms));
        world.script(0, OperationKind::Allocate, [no(ErrorKind::Invalid)]);
        world.request();
        world.run();
        let record = world.record();
        assert_eq!(record.outcome, Outcome::Failed(ErrorKind::Invalid));
        assert_eq!(reason(record.covenant), outcome);
    }
}

#[test]
fn a_request_that_is_never_started_breaks_its_covenant() {
    let terms = promising(end_to_end(ms(60_000)));
    let mut world = World::new(with_tier(one_pool(1, 0), terms));
    world.request();
    let refused = world.request();
    world.run();
    let record = world.record_of(refused);
    assert_eq!(record.outcome, Outcome::Rejected);
    assert_eq!(reason(record.covenant), Some(BreachReason::Rejected));
}

#[test]
fn a_caller_who_leaves_in_time_has_nothing_to_complain_about() {
    for (after, expected) in [(ms(500), None), (ms(900), Some(BreachReason::EndToEnd))] {
        let mut world = World::new(with_tier(pools(1), promising(end_to_end(ms(800)))));
        let request = world.request();
        world.run_for(after);
        world.cancel(request);
        world.run();
        assert_eq!(world.record().outcome, Outcome::Cancelled);
        assert_eq!(reason(world.record().covenant), expected, "after {after}");
    }
}

#[test]
fn an_answer_without_a_first_token_is_judged_as_if_it_came_all_at_the_end() {
    let mut world = World::new(with_tier(pools(1), promising(first_token(ms(210)))));
    // It ends before the world tells of a first token.
    world.script(0, OperationKind::Infer, [yes_after(ms(150))]);
    world.request();
    world.run();
    assert_eq!(world.record().covenant, CovenantOutcome::Kept);
}

#[test]
fn what_a_request_states_goes_before_its_tenant_and_that_before_its_tier() {
    let mut config = with_tier(pools(1), promising(end_to_end(ms(1))));
    assert_eq!(reason(served(config.clone(), None)), Some(BreachReason::EndToEnd));
    config.tenants[0].terms = promising(end_to_end(ms(5_000)));
    assert_eq!(served(config.clone(), None), CovenantOutcome::Kept);
    let own = promising(first_token(ms(1)));
    assert_eq!(reason(served(config, Some(own))), Some(BreachReason::FirstToken));
}

#[test]
fn a_share_has_what_the_terms_ask_for() {
    let terms = Terms {
        tflops: Some(Tflops::new(7)),
        vram_min: Some(Mebibytes::from_gib(3)),
        preemptible: Some(false),
        ..Terms::default()
    };
    let mut world = World::new(with_tier(pools(1), terms));
    world.request();
    // The large model needs more memory than the terms ask for.
    world.request_with(|request| request.prompt_tokens = connector::Tokens::new(2_000));
    world.run();
    let shares: Vec<_> = world
        .operations(OperationKind::Allocate)
        .into_iter()
        .map(|one| match one.operation {
            Operation::Allocate(share) => (share.requirements, share.preemptible),
            other => panic!("{other:?}"),
        })
        .collect();
    let vram: Vec<_> = shares.iter().map(|(needs, _)| needs.vram).collect();
    assert_eq!(vram, [Mebibytes::from_gib(3), Mebibytes::from_gib(14)]);
    assert!(
        shares
            .iter()
            .all(|(needs, preemptible)| { needs.tflops == Tflops::new(7) && !preemptible })
    );
}

#[test]
fn books_are_kept_by_tenant() {
    let mut config = with_tier(pools(1), promising(end_to_end(ms(1))));
    config.tenants.push(tenant("initech", 1));
    let mut world = World::new(config);
    for tenant in [0, 0, 1, 2] {
        world.request_with(|request| request.tenant = TenantId(tenant));
    }
    world.run();
    let books = world.platform.covenants();
    assert_eq!((books[0].broken_by(BreachReason::EndToEnd), books[0].all()), (2, 2));
    assert_eq!((books[1].broken(), books[2].free()), (1, 1));
    assert_eq!(books.iter().map(connector::CovenantBook::promised).sum::<u64>(), 3);
}

#[test]
fn a_tier_that_does_not_exist_is_refused() {
    let mut config = pools(1);
    config.tenants[1].tier = Some(TierId(0));
    let error = Platform::new(config).expect_err("there are no tiers");
    assert_eq!(error.to_string(), "tenant `globex` is of tier 0, but there are 0");
    let mut config = with_tier(pools(1), Terms::default());
    config.tiers.push(TierConfig { name: "gold".into(), ..TierConfig::default() });
    let error = Platform::new(config).expect_err("two of one name");
    assert!(matches!(error, ConfigError::Duplicate { what: "tiers", .. }), "{error}");
}

fn served_on(terms: Terms) -> CovenantOutcome {
    served(with_tier(pools(1), terms), None)
}

/// What became of one undisturbed request.
fn served(config: PlatformConfig, own: Option<Terms>) -> CovenantOutcome {
    let mut world = World::new(config);
    world.request_with(|request| request.terms = own.map(Arc::new));
    world.run();
    assert_eq!(world.record().outcome, Outcome::Completed);
    assert_eq!(world.record().covenant.concessions(), Concessions::NONE);
    world.record().covenant
}

fn reason(outcome: CovenantOutcome) -> Option<BreachReason> {
    match outcome {
        CovenantOutcome::Broken(breach) => Some(breach.reason),
        CovenantOutcome::Free | CovenantOutcome::Kept | CovenantOutcome::Renegotiated(_) => None,
    }
}

/// Every tenant is of one tier with these terms.
fn with_tier(mut config: PlatformConfig, terms: Terms) -> PlatformConfig {
    config.tiers = vec![TierConfig { name: "gold".into(), terms, ..TierConfig::default() }];
    let tier = Some(TierId(0));
    config.tenants = config.tenants.into_iter().map(|one| TenantConfig { tier, ..one }).collect();
    config
}

fn promising(targets: Targets) -> Terms {
    Terms { targets, ..Terms::default() }
}

fn first_token(at_most: Duration) -> Targets {
    Targets { first_token: Some(at_most), ..Targets::default() }
}

fn per_output_token(at_most: Duration) -> Targets {
    Targets { per_output_token: Some(at_most), ..Targets::default() }
}

fn end_to_end(at_most: Duration) -> Targets {
    Targets { end_to_end: Some(at_most), ..Targets::default() }
}
