//! Pools that asked to be left alone, or are out of credit.

use connector::{Duration, ErrorKind, OperationKind, Outcome};
use platform::config::CooldownConfig;

use crate::{
    setting::{ms, one_pool, pools, secs},
    world::{World, no},
};

const fn slow_down(wait: Duration) -> ErrorKind {
    ErrorKind::RateLimited { retry_after: Some(wait) }
}

#[test]
fn a_pool_that_asks_for_time_gets_it_from_everybody() {
    let mut config = one_pool(10, 10);
    config.cables[0].queue = 10;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(slow_down(secs(5)))]);
    world.request();
    world.run_for(ms(1_000));
    let second = world.request();
    world.run();
    // The one that was told comes back by itself, the other one waits in line.
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 5_010, 5_010]);
    assert_eq!(world.outcomes(), [Outcome::Completed; 2]);
    assert_eq!(world.record_of(second).queued, ms(4_010));
    assert_eq!(world.status(0).statistics.cooldowns, 1);
}

#[test]
fn a_pool_that_is_left_alone_is_passed_over_where_another_takes_the_request() {
    let mut config = pools(2);
    config.cables[0].queue = 10;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(slow_down(secs(5)))]);
    world.request();
    world.run_for(ms(1_000));
    world.request();
    world.run();
    assert_eq!(world.asked(1, OperationKind::Allocate), [1_000]);
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 5_010]);
}

#[test]
fn nobody_waits_for_a_pause_that_is_longer_than_any_wait_in_line() {
    let mut config = one_pool(10, 10);
    config.retry.max_retries = 0;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(slow_down(secs(31)))]);
    world.request();
    world.run_for(ms(500));
    let second = world.request();
    assert_eq!(world.record_of(second).outcome, Outcome::Rejected);
    assert_eq!(world.status(0).statistics.refused_paused, 1);
    world.run_for(secs(31));
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 31_500]);
}

#[test]
fn without_credit_a_pool_is_not_asked_again_for_five_minutes() {
    for operation in [OperationKind::Allocate, OperationKind::Infer] {
        let mut world = World::new(pools(2));
        world.script(0, operation, [no(ErrorKind::CreditExhausted)]);
        world.request();
        world.run_for(secs(10));
        assert_eq!(world.outcomes(), [Outcome::Completed], "on the other pool");
        world.request();
        world.run_for(secs(289));
        world.request();
        world.run_for(secs(2));
        world.request();
        world.run();
        assert_eq!(world.outcomes(), [Outcome::Completed; 4]);
        assert_eq!(world.asked(0, OperationKind::Allocate), [0, 301_000]);
        world.assert_nothing_leaked();
    }
}

#[test]
fn who_has_no_credit_is_not_to_blame_for_its_health() {
    let mut config = pools(1);
    config.cables[0].breaker.failure_threshold = 1;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(ErrorKind::CreditExhausted)]);
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(ErrorKind::CreditExhausted)]);
    assert_eq!(world.record().attempts, 1, "and it is not retried");
    assert_eq!(world.status(0).breaker, platform::BreakerState::Closed);
}

#[test]
fn a_pause_has_a_bound_and_can_be_switched_off() {
    for (longest, asked) in [(secs(2), [0, 2_020]), (Duration::ZERO, [0, 20])] {
        let mut config = one_pool(10, 10);
        config.retry.max_retries = 0;
        config.cooldown = CooldownConfig { longest, ..CooldownConfig::default() };
        let mut world = World::new(config);
        world.script(0, OperationKind::Allocate, [no(slow_down(secs(3_000)))]);
        world.request();
        world.run_for(ms(20));
        if longest > Duration::ZERO {
            world.run_for(longest);
        }
        world.request();
        world.run();
        assert_eq!(world.asked(0, OperationKind::Allocate), asked);
    }
}
