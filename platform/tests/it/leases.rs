//! Whatever was granted is given back.

use connector::{AllocationId, ErrorKind, EventKind, OperationKind, Outcome, Reply};

use crate::{
    setting::{at, ms, one_pool, pools, secs},
    world::{Answer, DOWN, LOST, RELEASE, Says, World, done_but_says, no, yes_after},
};

#[test]
fn a_late_grant_after_timeout_is_released() {
    let mut config = pools(1);
    config.retry.max_retries = 0;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [yes_after(secs(45))]);
    world.request();
    world.run_until(at(secs(30)));
    assert_eq!(world.outcomes(), [Outcome::Failed(ErrorKind::Timeout)]);
    assert_eq!(world.records[0].finished, at(secs(30)), "the founding time-out");
    assert_eq!(world.status(0).statistics.allocation_timeouts, 1);
    assert!(world.platform.held() > 0, "the grant may still come");
    world.run();
    assert_eq!(world.asked(0, OperationKind::Release), [45_000]);
    assert_eq!(world.now, at(secs(45) + RELEASE));
    assert_eq!(world.records[0].cost, world.platform.meters()[0].cost);
    world.assert_nothing_leaked();
}

#[test]
fn a_grant_at_the_very_end_of_the_time_out_is_in_time() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [yes_after(secs(30))]);
    world.request();
    world.run();
    assert_eq!(world.record().outcome, Outcome::Completed);
    assert_eq!(world.record().attempts, 1);
}

#[test]
fn a_late_refusal_leaves_nothing_to_release() {
    let mut config = pools(1);
    config.retry.max_retries = 0;
    let mut world = World::new(config);
    let late = Answer { after: secs(45), says: Says::No(ErrorKind::CapacityExhausted) };
    world.script(0, OperationKind::Allocate, [late]);
    world.request();
    world.run();
    assert!(world.asked(0, OperationKind::Release).is_empty());
    world.assert_nothing_leaked();
}

#[test]
fn an_inference_that_takes_five_minutes_is_stopped_and_its_share_given_back() {
    let mut world = World::new(pools(2));
    world.script(0, OperationKind::Infer, [yes_after(secs(600))]);
    world.request();
    world.run();
    let timeout = 300_010;
    assert_eq!(world.asked(0, OperationKind::Cancel), [timeout]);
    assert_eq!(world.asked(0, OperationKind::Release), [timeout]);
    assert_eq!(world.asked(0, OperationKind::Allocate), [0], "not tried there again");
    assert_eq!(world.asked(1, OperationKind::Allocate), [timeout]);
    assert_eq!(world.record().outcome, Outcome::Completed);
    assert_eq!(world.status(0).statistics.inference_timeouts, 1);
    world.assert_nothing_leaked();
}

#[test]
fn a_release_is_asked_for_until_it_is_confirmed() {
    let mut world = World::new(pools(1));
    let failures = [no(DOWN), no(ErrorKind::Unauthorized), done_but_says(LOST)];
    world.script(0, OperationKind::Release, failures);
    world.request();
    world.run();
    assert_eq!(world.operations(OperationKind::Release).len(), 4);
    assert_eq!(world.status(0).statistics.release_retries, 3);
    world.assert_nothing_leaked();
}

#[test]
fn a_share_that_the_provider_no_longer_knows_is_released() {
    for kind in [ErrorKind::NotFound, ErrorKind::Conflict] {
        let mut world = World::new(pools(1));
        world.script(0, OperationKind::Release, [done_but_says(kind)]);
        world.request();
        world.run();
        assert_eq!(world.operations(OperationKind::Release).len(), 1, "{kind}");
        world.assert_nothing_leaked();
    }
}

#[test]
fn a_release_that_is_not_confirmed_in_time_is_asked_for_again() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Release, [yes_after(secs(100))]);
    world.request();
    world.run();
    let asked = world.asked(0, OperationKind::Release);
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!((31_010..31_120).contains(&asked[1]), "{asked:?}");
    world.assert_nothing_leaked();
}

#[test]
fn the_late_failure_of_an_earlier_asking_does_not_hurry_the_present_one() {
    let mut world = World::new(pools(1));
    let late = Answer { after: secs(40), says: Says::No(DOWN) };
    world.script(0, OperationKind::Release, [late, yes_after(secs(20))]);
    world.request();
    world.run();
    assert_eq!(world.operations(OperationKind::Release).len(), 2);
    world.assert_nothing_leaked();
}

#[test]
fn a_release_that_is_never_confirmed_is_given_up_and_still_counted() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Release, [no(DOWN); 21]);
    world.request();
    world.run();
    assert_eq!(world.operations(OperationKind::Release).len(), 21);
    assert!(world.now > at(secs(180)), "it was tried for minutes");
    assert_eq!(world.status(0).statistics.unreleased, 1);
    assert_eq!(world.platform.held(), 1);
    world.drain();
    world.run();
    assert_eq!(world.status(0).statistics.unreleased, 0);
    world.assert_nothing_leaked();
}

#[test]
fn a_second_answer_to_the_same_question_is_ignored_and_counted() {
    let mut world = World::new(pools(1));
    world.request();
    world.run_for(ms(100));
    let allocate = world.operations(OperationKind::Allocate)[0].ticket;
    let infer = world.operations(OperationKind::Infer)[0].ticket;
    let granted = Reply::Granted { allocation: AllocationId(0) };
    world.deliver(0, EventKind::Completed { ticket: allocate, result: Ok(granted) });
    world.run();
    let generated = Reply::Generated { usage: connector::Usage::default(), text: None };
    world.deliver(0, EventKind::Completed { ticket: infer, result: Ok(generated) });
    world.deliver(0, EventKind::FirstToken { ticket: infer });
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed]);
    assert_eq!(world.status(0).statistics.stray_answers, 2);
    assert_eq!(world.operations(OperationKind::Infer).len(), 1);
    world.assert_nothing_leaked();
}

#[test]
fn a_second_grant_of_another_share_is_found_out_and_given_back() {
    let mut world = World::new(pools(1));
    world.request();
    world.run();
    let allocate = world.operations(OperationKind::Allocate)[0].ticket;
    let share = AllocationId(77);
    world.held.insert((connector::CableId(0), share));
    let granted = Reply::Granted { allocation: share };
    world.deliver(0, EventKind::Completed { ticket: allocate, result: Ok(granted) });
    world.run();
    assert_eq!(world.status(0).statistics.ghosts, 1);
    world.assert_nothing_leaked();
}

#[test]
fn a_provider_that_owes_too_many_answers_is_not_asked_any_more() {
    let mut world = World::new(one_pool(1, 0));
    world.script(0, OperationKind::Allocate, vec![yes_after(secs(1_000)); 5_000]);
    for _ in 0..4_097 {
        let request = world.request();
        world.cancel(request);
    }
    assert_eq!(world.operations(OperationKind::Allocate).len(), 4_096);
    assert_eq!(world.outcomes().last(), Some(&Outcome::Rejected));
    world.run();
    assert_eq!(world.status(0).statistics.late_grants, 4_096);
    world.assert_nothing_leaked();
    world.request();
    world.run_for(ms(1));
    assert_eq!(world.operations(OperationKind::Allocate).len(), 4_097);
}
