//! The time that a request has, and what each step may take of it.

use connector::{ErrorKind, OperationKind, Outcome};
use platform::{
    BreakerState, PlatformConfig,
    config::{Abandon, Pace, Timeouts},
};

use crate::{
    setting::{ms, one_pool, pools, secs},
    world::{Answer, DOWN, INFERENCE, Says, World, no, yes_after},
};

const TIMEOUT: Outcome = Outcome::Failed(ErrorKind::Timeout);

#[test]
fn a_request_whose_time_is_over_is_answered_at_once_and_what_runs_is_stopped() {
    let mut world = World::new(limited(pools(2), 600));
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.outcome, record.attempts), (TIMEOUT, 1));
    assert_eq!(record.finished.since(record.arrived), ms(600));
    assert_eq!(world.asked(0, OperationKind::Cancel), [600]);
    assert_eq!(world.asked(0, OperationKind::Release), [600]);
    assert!(world.asked(1, OperationKind::Allocate).is_empty(), "there is no time for another");
    assert_eq!(world.reason(), "gemma-2b on pool-0: timeout: the time of the request is over");
    world.assert_nothing_leaked();
}

#[test]
fn an_answer_at_the_very_end_is_in_time() {
    let mut world = World::new(limited(pools(1), 1_010));
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed]);
    assert_eq!(world.platform.deadline(), None, "nothing is left to wait for");
}

#[test]
fn tries_and_fallbacks_come_out_of_the_same_time() {
    let mut world = World::new(limited(pools(2), 1_400));
    world.script(0, OperationKind::Infer, [Answer { after: ms(600), says: Says::No(DOWN) }]);
    world.script(1, OperationKind::Infer, [yes_after(secs(10))]);
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.outcome, record.attempts), (TIMEOUT, 2));
    assert_eq!(record.finished.since(record.arrived), ms(1_400));
}

#[test]
fn no_retry_is_begun_that_cannot_end_in_time() {
    // 100 prompt and 50 output tokens take 510 ms on an idle card.
    for (total, attempts) in [(619, 1), (620, 2)] {
        let mut world = World::new(limited(pools(1), total));
        world.script(0, OperationKind::Allocate, [no(DOWN)]);
        world.request();
        world.run();
        // The first try fails after 10 ms, and the pause is 100 ms.
        assert_eq!(world.record().attempts, attempts, "within {total} ms");
        let failed = if attempts == 1 { Outcome::Failed(DOWN) } else { TIMEOUT };
        assert_eq!(world.outcomes(), [failed]);
    }
}

#[test]
fn a_candidate_that_is_too_slow_for_what_is_left_is_passed_over() {
    let mut config = limited(pools(2), 2_000);
    config.cables[0].paces[0] = Pace { per_prompt_token: secs(1), ..Pace::default() };
    let mut world = World::new(config);
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed]);
    assert!(world.asked(0, OperationKind::Allocate).is_empty());
    assert_eq!(world.status(0).statistics.refused_late, 1);
}

#[test]
fn nobody_waits_in_line_for_longer_than_half_of_the_time() {
    let mut world = World::new(limited(one_pool(1, 10), 1_800));
    let first = world.request();
    let second = world.request();
    world.run();
    assert_eq!(world.record_of(first).outcome, Outcome::Completed);
    let record = world.record_of(second);
    assert_eq!((record.outcome, record.attempts), (Outcome::Rejected, 0));
    assert_eq!(record.queued, ms(900));
}

#[test]
fn who_comes_to_the_front_too_late_is_not_struck() {
    let mut config = limited(one_pool(1, 10), 1_400);
    // Whoever waited for the 690 ms of this one has 710 ms left, which is not enough.
    config.cables[0].paces[0] = Pace { per_output_token: ms(15), ..Pace::default() };
    let mut world = World::new(config);
    world.script(0, OperationKind::Infer, [yes_after(ms(680))]);
    world.request();
    let second = world.request();
    world.run();
    assert_eq!(world.record_of(second).outcome, Outcome::Rejected);
    assert_eq!(world.record_of(second).queued, ms(690));
    assert_eq!(world.asked(0, OperationKind::Allocate), [0]);
}

#[test]
fn a_pool_is_to_blame_for_a_late_strike_only_if_it_had_the_time() {
    for (begun, state) in [(500, BreakerState::Open), (900, BreakerState::Closed)] {
        let mut config = limited(pools(2), 1_500);
        config.cables[1].breaker.failure_threshold = 1;
        config.cables.iter_mut().for_each(|cable| cable.paces[0] = Pace::default());
        let mut world = World::new(config);
        let full = Answer { after: ms(begun), says: Says::No(ErrorKind::CapacityExhausted) };
        world.script(0, OperationKind::Allocate, [full]);
        world.script(1, OperationKind::Infer, [yes_after(secs(10))]);
        world.request();
        world.run();
        assert_eq!(world.outcomes(), [TIMEOUT]);
        assert_eq!(world.status(1).breaker, state, "a strike begun after {begun} ms");
    }
}

#[test]
fn a_request_that_pauses_or_has_not_been_answered_ends_in_time_too() {
    let mut config = limited(pools(1), 300);
    config.cables[0].paces[0] = Pace::default();
    config.retry.base = ms(200);
    let mut world = World::new(config.clone());
    world.script(0, OperationKind::Allocate, [no(DOWN), yes_after(secs(40))]);
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [TIMEOUT]);
    assert_eq!(world.status(0).statistics.late_grants, 1, "and the grant is given back");
    world.assert_nothing_leaked();
}

#[test]
fn a_first_token_that_does_not_come_ends_the_strike() {
    let mut config = pools(2);
    config.timeouts.first_token = Some(ms(150));
    let mut world = World::new(config);
    world.request();
    world.run();
    // The first token would come after 200 ms.
    assert_eq!(world.asked(0, OperationKind::Cancel), [160]);
    assert_eq!(world.asked(1, OperationKind::Cancel), [320]);
    assert_eq!(world.outcomes(), [TIMEOUT]);
    let statistics = world.status(0).statistics;
    assert_eq!((statistics.first_token_timeouts, statistics.inference_timeouts), (1, 0));
    world.assert_nothing_leaked();
}

#[test]
fn a_first_token_in_time_is_all_that_is_asked_for() {
    let mut config = pools(1);
    config.timeouts.first_token = Some(ms(200));
    let mut world = World::new(config);
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed]);
    assert_eq!(world.platform.deadline(), None);
}

#[test]
fn an_inference_that_took_too_long_is_tried_again_there_only_if_asked_for() {
    for (after_timeout, attempts) in [(false, 1), (true, 4)] {
        let mut config = pools(1);
        config.timeouts.inference = ms(900);
        config.retry.after_timeout = after_timeout;
        let mut world = World::new(config);
        world.request();
        world.run();
        assert_eq!((world.record().outcome, world.record().attempts), (TIMEOUT, attempts));
    }
}

#[test]
fn work_that_is_left_keeps_its_share_until_it_ends() {
    let mut config = pools(1);
    config.timeouts = Timeouts { inference: ms(400), abandon: Abandon::Leave, ..config.timeouts };
    let mut world = World::new(config);
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.outcome, record.finished.as_nanos()), (TIMEOUT, 410_000_000));
    assert!(world.asked(0, OperationKind::Cancel).is_empty());
    assert_eq!(world.asked(0, OperationKind::Release), [1_010]);
    world.assert_nothing_leaked();
    assert_eq!(world.platform.meters()[0].slot_ns, u128::from(INFERENCE.as_nanos()));
    assert!(record.cost < world.platform.meters()[0].cost, "the rest is on no record");
}

#[test]
fn a_drain_stops_what_was_left() {
    let mut config = pools(1);
    config.timeouts = Timeouts { inference: ms(400), abandon: Abandon::Leave, ..config.timeouts };
    let mut world = World::new(config);
    world.script(0, OperationKind::Infer, [yes_after(secs(100))]);
    world.request();
    world.run_for(secs(1));
    world.drain();
    assert_eq!(world.asked(0, OperationKind::Release), [1_000]);
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn nothing_is_left_to_run_once_the_platform_drains() {
    let mut config = pools(1);
    config.timeouts = Timeouts { inference: ms(400), abandon: Abandon::Leave, ..config.timeouts };
    let mut world = World::new(config);
    world.script(0, OperationKind::Infer, [yes_after(secs(100))]);
    world.request();
    world.run_for(ms(100));
    world.drain();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Release), [410]);
    world.assert_nothing_leaked();
}

fn limited(mut config: PlatformConfig, total: u64) -> PlatformConfig {
    config.timeouts.total = Some(ms(total));
    config
}
