//! What comes after the first choice: other pools within the ceiling, local pools, a clear error.

use connector::{
    BasisPoints, Error, ErrorKind, EventKind, OperationKind, Outcome, PoolId, PoolKind,
};

use crate::{
    setting::{cable, money, ms, pools},
    world::{Answer, DOWN, Says, World, no},
};

const FULL: ErrorKind = ErrorKind::CapacityExhausted;

#[test]
fn a_full_pool_is_not_asked_again_but_the_next_one_is_asked_at_once() {
    let mut world = World::new(pools(2));
    world.script(0, OperationKind::Allocate, [no(FULL)]);
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0]);
    assert_eq!(world.asked(1, OperationKind::Allocate), [10]);
    let record = world.record();
    assert_eq!((record.attempts, record.fallbacks), (2, 1));
    assert_eq!((record.outcome, record.pool), (Outcome::Completed, Some(PoolId(1))));
}

#[test]
fn the_next_pool_is_asked_when_retries_are_exhausted() {
    let mut world = World::new(pools(2));
    world.script(0, OperationKind::Allocate, [no(DOWN); 4]);
    world.request();
    world.run();
    assert_eq!(world.asked(1, OperationKind::Allocate), [740]);
    let record = world.record();
    assert_eq!((record.attempts, record.fallbacks), (5, 1));
}

#[test]
fn a_pool_above_the_cost_ceiling_is_left_out() {
    let mut config = pools(3);
    config.cables[1].price_per_slot_hour = money("2.01");
    config.cables[2].price_per_slot_hour = money("2.00");
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(FULL)]);
    world.script(2, OperationKind::Allocate, [no(FULL)]);
    world.request();
    world.run();
    assert!(world.asked(1, OperationKind::Allocate).is_empty());
    assert_eq!(world.outcomes(), [Outcome::Failed(FULL)]);
    assert_eq!(
        world.reason(),
        "gemma-2b on pool-0: capacity_exhausted; gemma-2b on pool-2: capacity_exhausted; \
         1 more above the cost ceiling"
    );
}

#[test]
fn local_pools_come_last_at_any_price() {
    let mut config = pools(3);
    config.cables[0] = cable(0, PoolKind::Local, "99.00");
    let mut world = World::new(config);
    for cable in 1..3 {
        world.script(cable, OperationKind::Allocate, [no(FULL)]);
    }
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [20]);
    assert_eq!(world.record().outcome, Outcome::Completed);
}

#[test]
fn without_fallback_only_the_first_choice_is_asked() {
    let mut config = pools(2);
    config.fallback.enabled = false;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(FULL)]);
    world.request();
    world.run();
    assert_eq!(world.reason(), "gemma-2b on pool-0: capacity_exhausted");
    assert!(world.asked(1, OperationKind::Allocate).is_empty());
}

#[test]
fn a_ceiling_below_the_first_price_leaves_only_cheaper_pools() {
    let mut config = pools(2);
    config.fallback.cost_ceiling = BasisPoints::from_percent(50);
    config.cables[1].price_per_slot_hour = money("0.50");
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(FULL)]);
    world.request();
    world.run();
    assert_eq!(world.record().pool, Some(PoolId(1)));
}

#[test]
fn a_preempted_share_sends_the_request_on_and_does_not_count_against_the_pool() {
    let mut config = pools(2);
    config.cables[0].breaker.failure_threshold = 1;
    let mut world = World::new(config);
    world.script(0, OperationKind::Infer, [Answer { after: ms(300), says: Says::Preempts }]);
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.outcome, record.pool), (Outcome::Completed, Some(PoolId(1))));
    assert_eq!((record.attempts, record.fallbacks), (2, 1));
    assert_eq!(world.status(0).statistics.preemptions, 1);
    assert_eq!(world.status(0).breaker, platform::BreakerState::Closed);
    world.assert_nothing_leaked();
}

#[test]
fn whatever_error_follows_the_notice_of_a_preemption_is_the_preemption() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Infer, [Answer { after: ms(300), says: Says::No(DOWN) }]);
    world.request();
    world.run_for(ms(100));
    let share = world.held.first().expect("a share is held").1;
    world.deliver(0, EventKind::Preempted { allocation: share, grace: ms(200) });
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(ErrorKind::Preempted)]);
}

#[test]
fn a_notice_may_name_any_cable_of_its_connector() {
    let mut config = pools(2);
    config.retry.max_retries = 0;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(FULL)]);
    world.script(1, OperationKind::Infer, [Answer { after: ms(300), says: Says::No(DOWN) }]);
    world.request();
    world.run_for(ms(100));
    let share = world.held.first().expect("a share is held").1;
    world.deliver(0, EventKind::Preempted { allocation: share, grace: ms(200) });
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(ErrorKind::Preempted)]);
    assert_eq!(world.status(1).statistics.preemptions, 1);
}

#[test]
fn an_answer_within_the_grace_of_a_preemption_counts() {
    let mut world = World::new(pools(1));
    world.request();
    world.run_for(ms(100));
    let share = world.held.first().expect("a share is held").1;
    world.deliver(0, EventKind::Preempted { allocation: share, grace: ms(2_000) });
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed]);
    world.assert_nothing_leaked();
}

#[test]
fn an_answer_to_another_question_is_a_breach_of_the_protocol() {
    let nonsense = Answer { after: ms(10), says: Says::Nonsense };
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Infer, [nonsense]);
    world.script(0, OperationKind::Release, [nonsense]);
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(ErrorKind::Protocol)]);
    let words = Error::new(ErrorKind::Protocol, "the answer is to another question");
    assert_eq!(world.reason(), format!("gemma-2b on pool-0: {words}"));
    world.assert_nothing_leaked();
}

#[test]
fn every_pool_of_the_list_is_tried_once() {
    let mut world = World::new(pools(5));
    for cable in 0..5 {
        world.script(cable, OperationKind::Allocate, [no(FULL)]);
    }
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.attempts, record.fallbacks), (5, 4));
    assert_eq!(record.pool, Some(PoolId(4)), "the pool of the last attempt");
}
