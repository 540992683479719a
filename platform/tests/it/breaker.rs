//! The breaker on its cable.

use connector::{BasisPoints, CableId, Duration, ErrorKind, OperationKind, Outcome};
use platform::{
    BreakerState, Input,
    breaker::Control,
    config::{EjectionConfig, RampUp, RatesConfig, SlowCall, WindowConfig},
};

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

#[test]
fn a_pool_that_answers_too_slowly_opens_it_by_its_rate_of_slow_calls() {
    let mut config = one_pool(10, 0);
    config.retry.max_retries = 0;
    config.cables[0].breaker.rates = Some(RatesConfig {
        window: WindowConfig::Calls(4),
        minimum_calls: 4,
        slow_rate: BasisPoints::from_percent(50),
        slow: SlowCall { first_token: secs(5), per_output_token: Some(ms(100)) },
        ..RatesConfig::default()
    });
    let mut world = World::new(config);
    // 50 tokens: slow by its time per token, however soon the first one came; then by its share.
    world.script(0, OperationKind::Infer, [yes_after(secs(20))]);
    world.script(0, OperationKind::Allocate, [yes_after(ms(10)), yes_after(secs(6))]);
    for _ in 0..3 {
        world.request();
        world.run();
    }
    assert_eq!(world.status(0).breaker, BreakerState::Closed, "below the minimum");
    assert_eq!(world.status(0).rates.slow, BasisPoints::new(6_666));
    world.request();
    world.run();
    assert_eq!(world.status(0).breaker, BreakerState::Open);
    assert!(world.outcomes().iter().all(|&one| one == Outcome::Completed));
}

#[test]
fn which_errors_count_is_configured() {
    let mut config = one_pool(10, 0);
    config.retry.max_retries = 0;
    let counted = &mut config.cables[0].breaker.counted;
    *counted = counted.with(ErrorKind::CapacityExhausted).without(DOWN);
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(DOWN); 10]);
    world.script(0, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted); 5]);
    for _ in 0..14 {
        world.request();
        world.run();
        assert_eq!(world.status(0).breaker, BreakerState::Closed);
    }
    world.request();
    world.run();
    assert_eq!(world.status(0).breaker, BreakerState::Open);
}

#[test]
fn a_recovered_pool_is_given_a_part_of_its_places_at_first() {
    let mut config = one_pool(16, 100);
    config.retry.max_retries = 0;
    config.cables[0].breaker.failure_threshold = 1;
    config.cables[0].breaker.ramp_up = Some(RampUp { time: secs(160), start: BasisPoints::ZERO });
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    world.request();
    world.run_until(at(secs(100)));
    world.request();
    world.run_until(at(secs(102)));
    assert_eq!(world.status(0).breaker, BreakerState::Closed);
    world.script(0, OperationKind::Infer, [yes_after(secs(250)); 20]);
    (0..20).for_each(|_| _ = world.request());
    assert_eq!((world.status(0).in_flight, world.status(0).queued), (1, 19));
    // Every ten seconds one place more, without anything else happening.
    world.run_until(at(secs(125)));
    assert_eq!((world.status(0).in_flight, world.status(0).queued), (2, 18));
    world.run_until(at(secs(129)));
    (0..20).for_each(|_| _ = world.request());
    assert_eq!(world.status(0).in_flight, 2, "nobody overtakes the line");
}

#[test]
fn an_operator_takes_a_pool_out_and_puts_it_back() {
    let mut world = fragile(1, 10);
    (0..3).for_each(|_| _ = world.request());
    world.hand_over(Input::Breaker(CableId(0), Control::ForceOpen));
    assert_eq!(world.status(0).breaker, BreakerState::ForcedOpen);
    assert_eq!(world.outcomes(), [Outcome::Rejected; 2], "nobody waits for what does not come");
    world.run();
    assert_eq!(world.outcomes().last(), Some(&Outcome::Completed), "what runs is left alone");
    world.request();
    assert_eq!(world.outcomes().last(), Some(&Outcome::Rejected));
    world.hand_over(Input::Breaker(CableId(0), Control::Reset));
    world.request();
    world.run();
    assert_eq!(world.outcomes().last(), Some(&Outcome::Completed));
}

#[test]
fn a_breaker_that_turns_half_open_by_itself_needs_no_traffic_and_does_not_hold_up_a_drain() {
    let mut config = one_pool(1, 0);
    config.retry.max_retries = 0;
    config.cables[0].breaker.failure_threshold = 1;
    config.cables[0].breaker.auto_half_open = true;
    let mut world = World::new(config.clone());
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    world.request();
    world.run_until(at(ms(60_010)));
    assert_eq!(world.status(0).breaker, BreakerState::HalfOpen);
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    world.request();
    world.run_until(at(secs(1)));
    assert_eq!(world.status(0).breaker, BreakerState::Open);
    world.drain();
    world.run();
    assert_eq!(world.platform.deadline(), None);
    assert_eq!(world.status(0).breaker, BreakerState::Open);
}

#[test]
fn a_pool_that_fails_more_than_its_peers_is_left_out_although_its_breaker_is_closed() {
    let mut config = pools(3);
    config.retry.max_retries = 0;
    config.ejection = Some(EjectionConfig::default());
    for cable in &mut config.cables {
        cable.max_in_flight = Some(10);
        cable.breaker.failure_threshold = u32::MAX;
    }
    let mut world = World::new(config);
    let answers = || (0..120).map(|n| if n % 2 == 0 { no(DOWN) } else { yes_after(ms(10)) });
    world.script(0, OperationKind::Allocate, answers());
    for _ in 0..15 {
        (0..30).for_each(|_| _ = world.request());
        world.run_for(secs(2));
    }
    assert_eq!(world.platform.ejections(), 1);
    assert_eq!(world.status(0).breaker, BreakerState::Closed);
    let struck = world.status(0).statistics.strikes;
    (0..10).for_each(|_| _ = world.request());
    assert_eq!(world.status(0).statistics.strikes, struck, "the others serve");
    world.run_for(secs(60));
    world.request();
    assert_eq!(world.status(0).statistics.strikes, struck + 1, "it is back in time");
}
