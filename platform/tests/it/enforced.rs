//! Covenants whose targets are deadlines: what cannot meet them any more is not carried on.
//!
//! A request is of 100 and 50 tokens, for which an idle card needs 10 ms and 500 ms. A share is granted
//! after 10 ms, the first token comes 200 ms later, the whole answer 1,000 ms later.

use std::sync::Arc;

use connector::{
    BasisPoints, BreachReason, Concession, Concessions, CovenantOutcome, ErrorKind, OperationKind,
    Outcome, Rejection, TierId, Timestamp,
};
use platform::{
    BreakerState, Fallback, PlatformConfig, Shortening, Targets, Terms,
    config::{TenantConfig, TierConfig},
};

use crate::{
    setting::{LARGE, ms, one_pool, pools, secs},
    world::{World, yes_after},
};

const TIMEOUT: Outcome = Outcome::Failed(ErrorKind::Timeout);
#[test]
fn an_answer_that_is_late_is_ended_at_its_target_and_only_if_that_is_enforced() {
    let mut world = World::new(with(pools(1), &enforced(end_to_end(800))));
    world.request();
    world.run();
    assert_eq!((world.record().outcome, world.record().end_to_end()), (TIMEOUT, ms(800)));
    assert_eq!(world.asked(0, OperationKind::Cancel), [800]);
    assert_eq!(world.reason(), "gemma-2b on pool-0: timeout: the time of the request is over");
    world.assert_nothing_leaked();

    let mut world = World::new(with(pools(1), &judged(end_to_end(800))));
    world.request();
    world.run();
    assert_eq!(
        (world.record().outcome, world.record().end_to_end()),
        (Outcome::Completed, ms(1_010))
    );
    assert!(matches!(world.record().covenant, CovenantOutcome::Broken(_)));
}

#[test]
fn a_first_token_that_is_late_ends_the_request_and_one_in_time_lets_it_run() {
    for (target, outcome, took) in
        [(209, TIMEOUT, 209), (210, Outcome::Completed, 1_010), (1_009, Outcome::Completed, 1_010)]
    {
        let mut world = World::new(with(pools(1), &enforced(first_token(target))));
        world.request();
        world.run();
        assert_eq!((world.record().outcome, world.record().end_to_end()), (outcome, ms(took)));
        assert_eq!(world.platform.deadline(), None);
    }
    let mut world = World::new(with(pools(1), &enforced(first_token(150))));
    world.request();
    world.run();
    let words = "timeout: there is no first token in the time that was promised";
    assert_eq!(world.reason(), format!("gemma-2b on pool-0: {words}"));
}

#[test]
fn after_its_first_token_a_request_still_has_to_end_in_time() {
    let targets = Targets { first_token: Some(ms(300)), end_to_end: Some(ms(900)), ..NONE };
    let mut world = World::new(with(pools(1), &enforced(targets)));
    world.request();
    world.run();
    assert_eq!((world.record().outcome, world.record().end_to_end()), (TIMEOUT, ms(900)));
}

#[test]
fn work_is_not_begun_or_carried_on_that_an_idle_card_could_not_end_in_time() {
    // 510 ms from the arrival, from the grant at 10 ms; and 490 ms from the first token at 210 ms.
    for (target, ended, infers) in
        [(509, 0, 0), (519, 10, 0), (520, 210, 1), (699, 210, 1), (700, 700, 1)]
    {
        let mut world = World::new(with(pools(1), &enforced(end_to_end(target))));
        world.request();
        world.run();
        assert_eq!(world.record().end_to_end(), ms(ended), "within {target} ms");
        assert_eq!(world.operations(OperationKind::Infer).len(), infers, "within {target} ms");
        let rejected = world.record().rejection == Some(Rejection::TooLate);
        assert_eq!(rejected, ended == 0, "within {target} ms");
        world.assert_nothing_leaked();
    }
}

#[test]
fn what_is_hopeless_falls_back_where_that_may_be_in_time() {
    let fallbacks = vec![Fallback::Model(LARGE)];
    let shortening =
        Some(Shortening { to: BasisPoints::from_percent(50), at_least: connector::Tokens::new(1) });
    for (terms, given_up) in [
        (Terms { fallbacks, ..enforced(end_to_end(400)) }, Concession::OtherModel),
        (Terms { shortening, ..enforced(end_to_end(400)) }, Concession::ShorterAnswer),
    ] {
        let mut config = pools(1);
        config.cables[0].paces[1].per_output_token = ms(2);
        let mut world = World::new(with(config, &terms));
        world.script(0, OperationKind::Infer, [yes_after(ms(150))]);
        world.request();
        world.run();
        let set = Concessions::NONE.with(given_up);
        assert_eq!(world.record().covenant, CovenantOutcome::Renegotiated(set));
    }
}

#[test]
fn a_strike_that_became_hopeless_goes_elsewhere() {
    let terms = Terms { fallbacks: vec![Fallback::Model(LARGE)], ..enforced(end_to_end(600)) };
    let mut config = pools(1);
    config.cables[0].paces[1].per_output_token = ms(2);
    let mut world = World::new(with(config, &terms));
    // Granted after 100 ms, so that 510 ms are too long; the other model needs 110 ms.
    world.script(0, OperationKind::Allocate, [yes_after(ms(100)), yes_after(ms(10))]);
    world.script(0, OperationKind::Infer, [yes_after(ms(190))]);
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.model, record.end_to_end(), record.attempts), (LARGE, ms(300), 2));
    assert_eq!(world.status(0).statistics.refused_late, 1);
    world.assert_nothing_leaked();
}

#[test]
fn who_waits_is_dropped_when_not_even_an_idle_card_would_be_in_time() {
    // 10 ms are the least until the first token; and nobody waits for longer than half of the time.
    for (targets, waited, why) in [
        (first_token(500), ms(490), Rejection::TooLate),
        (end_to_end(1_000), ms(490), Rejection::TooLate),
        (end_to_end(1_600), ms(800), Rejection::WaitedTooLong),
    ] {
        let mut world = World::new(with(one_pool(1, 10), &enforced(targets)));
        world.script(0, OperationKind::Infer, [yes_after(secs(20))]);
        world.request_with(|request| request.terms = Some(Arc::new(free())));
        let second = world.request();
        world.run();
        let record = world.record_of(second);
        assert_eq!((record.queued, record.rejection), (waited, Some(why)));
        assert_eq!(record.finished, record.arrived + waited);
    }
}

#[test]
fn a_request_may_be_excepted_from_what_its_tenant_enforces_and_the_other_way_round() {
    for (tenants, own, outcome) in [
        (Some(true), Some(false), Outcome::Completed),
        (Some(true), None, TIMEOUT),
        (Some(false), Some(true), TIMEOUT),
        (None, None, Outcome::Completed),
    ] {
        let terms = Terms { enforce: tenants, ..judged(end_to_end(800)) };
        let mut world = World::new(with(pools(1), &terms));
        world.request_with(|request| {
            request.terms = Some(Arc::new(Terms { enforce: own, ..Terms::default() }));
        });
        world.run();
        assert_eq!(world.record().outcome, outcome, "{tenants:?} {own:?}");
    }
}

#[test]
fn the_platforms_own_limit_stays_beside_it() {
    for (total, end) in [(750, 750), (900, 800)] {
        let mut config = with(pools(1), &enforced(end_to_end(800)));
        config.timeouts.total = Some(ms(total));
        let mut world = World::new(config);
        world.request();
        world.run();
        assert_eq!(world.record().end_to_end(), ms(end));
    }
}

#[test]
fn a_pool_that_was_answering_is_not_to_blame_for_what_somebody_was_promised() {
    for (targets, state) in
        [(end_to_end(800), BreakerState::Closed), (first_token(150), BreakerState::Open)]
    {
        let mut config = with(pools(1), &enforced(targets));
        config.cables[0].breaker.failure_threshold = 1;
        let mut world = World::new(config);
        world.request();
        world.run_until(Timestamp::ZERO + ms(900));
        assert_eq!((world.record().outcome, world.status(0).breaker), (TIMEOUT, state));
    }
}

/// Four places that serve four requests in 1,010 ms, and twice as many requests for a minute.
#[test]
fn under_overload_more_promises_are_kept_if_they_are_enforced() {
    let capacity = 4 * 60_000 / 1_010;
    for bounded in [true, false] {
        let kept = |terms: &Terms| {
            let mut config = with(one_pool(4, 1_000), terms);
            if !bounded {
                config.admission.wait_bound = None;
            }
            let mut world = World::new(config);
            for _ in 0..480 {
                world.request();
                world.run_for(ms(125));
            }
            world.run();
            world.assert_nothing_leaked();
            world.records.iter().filter(|one| one.covenant == CovenantOutcome::Kept).count()
        };
        for targets in [end_to_end(3_000), first_token(2_000)] {
            let (with_it, without) = (kept(&enforced(targets)), kept(&judged(targets)));
            assert!(with_it * 100 >= capacity * 95, "{with_it} of {capacity}: {targets:?}");
            assert!(without * 5 < with_it, "{without} without, {with_it} with: {targets:?}");
        }
    }
}

#[test]
fn nothing_is_enforced_where_nothing_is_promised() {
    let targets = Targets { per_output_token: Some(ms(1)), ..NONE };
    let mut world = World::new(with(pools(1), &enforced(targets)));
    world.request();
    world.run();
    let CovenantOutcome::Broken(breach) = world.record().covenant else {
        panic!("{:?}", world.record());
    };
    assert_eq!(breach.reason, BreachReason::PerOutputToken, "it is judged all the same");
}

const NONE: Targets = Targets { first_token: None, per_output_token: None, end_to_end: None };

fn free() -> Terms {
    let never = secs(1_000_000);
    let targets = Targets { first_token: Some(never), end_to_end: Some(never), ..NONE };
    Terms { targets, ..Terms::default() }
}

fn enforced(targets: Targets) -> Terms {
    Terms { targets, enforce: Some(true), ..Terms::default() }
}

fn judged(targets: Targets) -> Terms {
    Terms { targets, ..Terms::default() }
}

fn end_to_end(at_most_ms: u64) -> Targets {
    Targets { end_to_end: Some(ms(at_most_ms)), ..NONE }
}

fn first_token(at_most_ms: u64) -> Targets {
    Targets { first_token: Some(ms(at_most_ms)), ..NONE }
}

fn with(mut config: PlatformConfig, terms: &Terms) -> PlatformConfig {
    let terms = terms.clone();
    config.tiers = vec![TierConfig { name: "gold".into(), terms, ..TierConfig::default() }];
    let tier = Some(TierId(0));
    config.tenants = config.tenants.into_iter().map(|one| TenantConfig { tier, ..one }).collect();
    config
}
