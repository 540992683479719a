//! Trying again on the same cable.

use connector::{ErrorKind, OperationKind, Outcome};
use platform::config::Jitter;

use crate::{
    setting::{ms, one_pool, pools, secs},
    world::{Answer, DOWN, INFERENCE, Says, World, no},
};

#[test]
fn pauses_are_100_200_and_400_ms_and_the_fourth_failure_is_the_last() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [no(DOWN); 9]);
    world.request();
    world.run();
    // Every attempt fails after 10 ms.
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 110, 320, 730]);
    assert_eq!(world.outcomes(), [Outcome::Failed(DOWN)]);
    assert_eq!(world.reason(), "gemma-2b on pool-0: unavailable (4 times)");
    assert_eq!(world.record().attempts, 4);
    assert_eq!(world.status(0).statistics.retries, 3);
}

#[test]
fn a_retry_that_works_is_a_completed_request() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [no(DOWN), no(DOWN)]);
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.outcome, record.attempts, record.fallbacks), (Outcome::Completed, 3, 0));
    assert_eq!(record.allocating, Some(ms(10)), "of the attempt that was granted");
}

#[test]
fn a_failed_inference_gives_its_share_back_before_the_retry() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Infer, [Answer { after: ms(500), says: Says::No(DOWN) }]);
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Release)[0], 510);
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 610]);
    let record = world.record();
    assert_eq!(record.outcome, Outcome::Completed);
    let first_token = record.first_token.expect("of the second attempt");
    assert_eq!(first_token.as_nanos() / 1_000_000, 820);
    world.assert_nothing_leaked();
    assert_eq!(world.platform.meters()[0].slot_ns, 1_500_000_000, "both shares are paid for");
}

#[test]
fn errors_that_will_not_pass_are_not_retried() {
    for kind in ErrorKind::ALL.into_iter().filter(|kind| !kind.retryable()) {
        let mut world = World::new(pools(1));
        world.script(0, OperationKind::Allocate, [no(kind)]);
        world.request();
        world.run();
        assert_eq!(world.outcomes(), [Outcome::Failed(kind)]);
        assert_eq!(world.record().attempts, 1, "{kind}");
    }
}

#[test]
fn every_retryable_error_is_retried() {
    for kind in ErrorKind::ALL.into_iter().filter(|kind| kind.retryable()) {
        for operation in [OperationKind::Allocate, OperationKind::Infer] {
            let mut world = World::new(pools(1));
            world.script(0, operation, [no(kind)]);
            world.request();
            world.run();
            let record = world.record();
            assert_eq!((record.outcome, record.attempts), (Outcome::Completed, 2), "{kind}");
        }
    }
}

#[test]
fn a_provider_that_asks_for_time_gets_it() {
    let mut world = World::new(pools(1));
    let slow_down = ErrorKind::RateLimited { retry_after: Some(secs(5)) };
    world.script(0, OperationKind::Allocate, [no(slow_down)]);
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 5_010]);
}

#[test]
fn a_provider_that_asks_for_more_time_than_a_queue_may_take_is_passed_over() {
    let mut world = World::new(pools(2));
    let much_later = ErrorKind::RateLimited { retry_after: Some(secs(31)) };
    world.script(0, OperationKind::Allocate, [no(much_later)]);
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0]);
    assert_eq!(world.asked(1, OperationKind::Allocate), [10]);
}

#[test]
fn a_strike_that_pauses_holds_no_place() {
    let mut world = World::new(one_pool(1, 1));
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    let pausing = world.request();
    let waiting = world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 10, 1_020]);
    let finished: Vec<_> = world.records.iter().map(|record| record.request).collect();
    assert_eq!(finished, [waiting, pausing]);
    assert_eq!(world.record_of(pausing).queued, INFERENCE.saturating_sub(ms(90)));
}

#[test]
fn jitter_spreads_retries_and_the_same_seed_spreads_them_alike() {
    let run = |seed| {
        let mut config = pools(1);
        config.retry.jitter = Jitter::Full;
        config.seed = seed;
        let mut world = World::new(config);
        world.script(0, OperationKind::Allocate, [no(DOWN); 8]);
        (0..4).for_each(|_| _ = world.request());
        world.run();
        world.submitted.iter().map(|one| one.at).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
