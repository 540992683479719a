//! The breaker on its cable.

use connector::{Duration, ErrorKind, OperationKind, Outcome};
use platform::BreakerState;

use crate::{
    setting::{at, ms, one_pool, pools, secs},
    world::{DOWN, World, no, yes_after},
};

/// No retries, so that every request is one strike.
fn fragile(places: u32, queue: u32) -> World {
    let mut config = one_pool(places, queue);
    config.retry.max_retries = 0;
    World::new(config)
}

#[test]
fn five_failures_in_a_row_open_it_for_sixty_seconds() {
    let mut world = fragile(10, 0);
    world.script(0, OperationKind::Allocate, [no(DOWN); 5]);
    for _ in 0..5 {
        world.request();
        world.run_for(ms(10));
    }
    assert_eq!(world.status(0).breaker, BreakerState::Open);
    assert_eq!(world.status(0).statistics.openings, 1);
    let opened = world.now;
    world.run_until(opened + secs(60) - ms(1));
    let refused = world.request();
    assert_eq!(world.record_of(refused).outcome, Outcome::Rejected);
    assert_eq!(
        world.responses.last().and_then(|one| one.reason.as_deref()),
        Some("gemma-2b on pool-0: the breaker is open")
    );
    world.run_until(opened + secs(60) + Duration::from_nanos(1));
    let probe = world.request();
    assert_eq!(world.status(0).breaker, BreakerState::HalfOpen);
    let beside = world.request();
    assert_eq!(world.record_of(beside).outcome, Outcome::Rejected);
    world.run();
    assert_eq!(world.record_of(probe).outcome, Outcome::Completed);
    assert_eq!(world.status(0).breaker, BreakerState::Closed);
}

#[test]
fn a_success_between_failures_starts_the_count_again() {
    let mut world = fragile(10, 0);
    for _ in 0..3 {
        world.script(0, OperationKind::Allocate, [no(DOWN); 4]);
        world.script(0, OperationKind::Allocate, [yes_after(ms(10))]);
        for _ in 0..5 {
            world.request();
            world.run();
        }
    }
    assert_eq!(world.status(0).breaker, BreakerState::Closed);
}

#[test]
fn refusals_of_a_healthy_provider_do_not_open_it() {
    for kind in ErrorKind::ALL.into_iter().filter(|kind| !kind.counts_against_breaker()) {
        let mut world = fragile(10, 0);
        world.script(0, OperationKind::Allocate, [no(kind); 20]);
        for _ in 0..20 {
            world.request();
            world.run();
        }
        assert_eq!(world.status(0).breaker, BreakerState::Closed, "{kind}");
    }
}

#[test]
fn an_open_breaker_sends_requests_on_without_an_attempt() {
    let mut config = pools(2);
    config.cables[0].breaker.failure_threshold = 1;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    let first = world.request();
    world.run();
    // The retry finds the breaker open and goes on.
    let record = world.record_of(first);
    assert_eq!((record.outcome, record.attempts, record.fallbacks), (Outcome::Completed, 2, 1));
    let second = world.request();
    world.run();
    let record = world.record_of(second);
    assert_eq!((record.outcome, record.attempts, record.fallbacks), (Outcome::Completed, 1, 1));
    assert_eq!(world.status(0).statistics.refused_open, 2);
}

#[test]
fn whoever_waits_in_line_when_it_opens_goes_on_at_once() {
    let mut config = pools(2);
    for cable in &mut config.cables {
        cable.max_in_flight = Some(1);
        cable.queue = 10;
    }
    config.cables[0].breaker.failure_threshold = 1;
    config.retry.max_retries = 0;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    (0..4).for_each(|_| _ = world.request());
    assert_eq!((world.status(0).queued, world.status(1).queued), (2, 0));
    world.run_for(ms(10));
    assert_eq!((world.status(0).queued, world.status(1).queued), (0, 3));
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0]);
    assert_eq!(world.asked(1, OperationKind::Allocate).len(), 4);
}

#[test]
fn a_late_result_of_a_strike_admitted_before_it_opened_does_not_decide_the_probe() {
    let mut world = fragile(10, 0);
    world.script(0, OperationKind::Infer, [yes_after(secs(65))]);
    world.script(0, OperationKind::Allocate, [yes_after(ms(10))]);
    world.script(0, OperationKind::Allocate, [no(DOWN); 5]);
    world.script(0, OperationKind::Infer, [yes_after(secs(30))]);
    (0..6).for_each(|_| _ = world.request());
    world.run_until(at(secs(61)));
    world.request();
    assert_eq!(world.status(0).breaker, BreakerState::HalfOpen);
    world.run_until(at(secs(70)));
    assert_eq!(world.outcomes().last(), Some(&Outcome::Completed), "the old one is back");
    assert_eq!(world.status(0).breaker, BreakerState::HalfOpen);
    world.run();
    assert_eq!(world.status(0).breaker, BreakerState::Closed);
}

#[test]
fn an_inference_time_out_counts_against_the_pool() {
    let mut config = pools(1);
    config.cables[0].breaker.failure_threshold = 1;
    let mut world = World::new(config);
    world.script(0, OperationKind::Infer, [yes_after(secs(10_000))]);
    world.request();
    world.run_until(at(secs(301)));
    assert_eq!(world.status(0).breaker, BreakerState::Open);
}
