//! The caller goes away, in every phase.

use connector::{Operation, OperationKind, Outcome, RequestId};

use crate::{
    setting::{ms, one_pool, pools, secs},
    world::{DOWN, LOST, World, done_but_says, no, yes_after},
};

#[test]
fn in_line_it_just_leaves() {
    let mut world = World::new(one_pool(1, 5));
    world.request();
    let waiting = world.request();
    let behind = world.request();
    world.run_for(ms(100));
    world.cancel(waiting);
    assert_eq!(world.record_of(waiting).outcome, Outcome::Cancelled);
    assert_eq!(world.record_of(waiting).queued, ms(100));
    world.run();
    assert_eq!(world.record_of(behind).queued, ms(1_010), "served next");
    assert_eq!(world.operations(OperationKind::Allocate).len(), 2);
}

#[test]
fn when_all_callers_leave_nobody_in_line_takes_a_place_that_becomes_free() {
    let mut world = World::new(one_pool(1, 5));
    (0..3).for_each(|_| _ = world.request());
    world.run_for(ms(100));
    world.hand_over(platform::Input::CancelAll);
    assert_eq!(world.outcomes(), [Outcome::Cancelled; 3]);
    world.run();
    assert_eq!(world.operations(OperationKind::Allocate).len(), 1);
    world.assert_nothing_leaked();
}

#[test]
fn while_allocating_its_share_is_given_back_when_it_comes() {
    let mut world = World::new(one_pool(1, 5));
    world.script(0, OperationKind::Allocate, [yes_after(secs(3))]);
    let leaving = world.request();
    let next = world.request();
    world.run_for(ms(100));
    world.cancel(leaving);
    assert_eq!(world.record_of(leaving).outcome, Outcome::Cancelled);
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 100], "its place is free");
    assert_eq!(world.platform.held(), 2, "the share it asked for may still come");
    world.run();
    assert_eq!(world.record_of(next).outcome, Outcome::Completed);
    assert_eq!(world.status(0).statistics.late_grants, 1);
    assert!(world.asked(0, OperationKind::Release).contains(&3_000));
    world.assert_nothing_leaked();
}

#[test]
fn while_inferring_it_is_stopped_and_the_share_given_back_at_once() {
    let mut world = World::new(pools(1));
    let leaving = world.request();
    world.run_for(ms(500));
    world.cancel(leaving);
    let record = world.record_of(leaving);
    assert_eq!(record.outcome, Outcome::Cancelled);
    assert_eq!(world.asked(0, OperationKind::Cancel), [500]);
    assert_eq!(world.asked(0, OperationKind::Release), [500]);
    let inference = world.operations(OperationKind::Infer)[0].ticket;
    let stop = &world.operations(OperationKind::Cancel)[0].operation;
    assert_eq!(*stop, Operation::Cancel { inference });
    world.run();
    assert_eq!(world.platform.meters()[0].slot_ns, 490_000_000, "it pays for the time held");
    assert_eq!(record.cost, world.platform.meters()[0].cost);
    assert_eq!(world.platform.meters()[0].completed, 0);
    world.assert_nothing_leaked();
}

#[test]
fn while_pausing_before_a_retry_nothing_is_left_to_do() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    let leaving = world.request();
    world.run_for(ms(50));
    world.cancel(leaving);
    assert_eq!(world.record_of(leaving).outcome, Outcome::Cancelled);
    world.run();
    assert_eq!(world.submitted.len(), 1);
    assert_eq!(world.platform.deadline(), None);
}

#[test]
fn while_a_doubt_is_cleared_up_the_list_is_still_used() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.script(0, OperationKind::List, [yes_after(secs(2))]);
    let leaving = world.request();
    world.run_for(secs(1));
    world.cancel(leaving);
    assert_eq!(world.record_of(leaving).outcome, Outcome::Cancelled);
    world.run();
    assert_eq!(world.status(0).statistics.ghosts, 1);
    assert_eq!(world.operations(OperationKind::Allocate).len(), 1);
    world.assert_nothing_leaked();
}

#[test]
fn after_the_answer_or_before_the_question_it_changes_nothing() {
    let mut world = World::new(pools(1));
    world.cancel(RequestId(0));
    let done = world.request();
    world.run();
    world.cancel(done);
    assert_eq!(world.outcomes(), [Outcome::Completed]);
}

#[test]
fn twice_is_once() {
    let mut world = World::new(pools(1));
    let leaving = world.request();
    world.cancel(leaving);
    world.cancel(leaving);
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Cancelled]);
    world.assert_nothing_leaked();
}

#[test]
fn requests_numbered_out_of_order_are_still_found() {
    let mut world = World::new(pools(1));
    for id in [5, 3, 4, 9] {
        world.request_with(|request| request.id = RequestId(id));
    }
    for id in [3, 5, 9, 4] {
        world.cancel(RequestId(id));
        assert_eq!(world.record_of(RequestId(id)).outcome, Outcome::Cancelled);
    }
}

#[test]
fn the_stopped_inferences_own_answer_is_no_news() {
    let mut world = World::new(pools(1));
    let leaving = world.request();
    world.run_for(ms(500));
    world.cancel(leaving);
    world.run();
    assert_eq!(world.status(0).statistics.stray_answers, 0);
    assert_eq!(world.outcomes(), [Outcome::Cancelled]);
}
