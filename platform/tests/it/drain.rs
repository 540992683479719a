//! No more requests are taken, and everything is given back.

use connector::{ErrorKind, OperationKind, Outcome};

use crate::{
    setting::{ms, one_pool, pools, secs},
    world::{DOWN, LOST, World, done_but_says, no, yes_after},
};

#[test]
fn strikes_under_way_finish_and_everybody_else_is_refused() {
    let mut world = World::new(one_pool(1, 5));
    let under_way = world.request();
    let waiting = world.request();
    world.run_for(ms(100));
    world.drain();
    assert_eq!(world.record_of(waiting).outcome, Outcome::Rejected);
    assert_eq!(world.record_of(waiting).queued, ms(100));
    let new = world.request();
    assert_eq!(world.record_of(new).outcome, Outcome::Rejected);
    assert_eq!(
        world.responses.last().and_then(|one| one.reason.as_deref()),
        Some("the platform is draining")
    );
    world.run();
    assert_eq!(world.record_of(under_way).outcome, Outcome::Completed);
    assert_eq!(world.platform.deadline(), None);
    world.assert_nothing_leaked();
}

#[test]
fn a_strike_that_fails_meanwhile_is_neither_retried_nor_sent_on() {
    let mut world = World::new(pools(2));
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    world.request();
    world.drain();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(DOWN)]);
    assert_eq!(world.submitted.len(), 1);
}

#[test]
fn a_strike_that_never_ends_ends_with_its_time_out() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Infer, [yes_after(secs(1_000))]);
    world.request();
    world.drain();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(ErrorKind::Timeout)]);
    assert_eq!(world.asked(0, OperationKind::Release), [300_010]);
    world.assert_nothing_leaked();
}

#[test]
fn who_cannot_wait_for_strikes_under_way_cancels_them_all_and_has_their_shares_given_back() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Infer, [yes_after(secs(1_000)), yes_after(secs(1_000))]);
    world.request();
    world.request();
    world.run_for(ms(50));
    world.drain();
    world.hand_over(platform::Input::CancelAll);
    assert_eq!(world.outcomes(), [Outcome::Cancelled, Outcome::Cancelled]);
    assert_eq!(world.platform.in_flight(), 0);
    world.run();
    assert_eq!(world.asked(0, OperationKind::Release), [50, 50]);
    world.assert_nothing_leaked();
}

#[test]
fn whoever_pauses_before_a_retry_ends_with_the_failure_there_was() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    world.request();
    world.run_for(ms(50));
    world.drain();
    assert_eq!(world.outcomes(), [Outcome::Failed(DOWN)]);
    assert_eq!(
        world.reason(),
        "gemma-2b on pool-0: unavailable; gemma-2b on pool-0: the platform is draining"
    );
    world.run();
    assert_eq!(world.submitted.len(), 1);
}

#[test]
fn doubts_are_still_cleared_up() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.request();
    world.drain();
    world.run();
    assert_eq!(world.status(0).statistics.ghosts, 1);
    world.assert_nothing_leaked();
}

#[test]
fn draining_twice_is_draining_once() {
    let mut world = World::new(pools(1));
    world.request();
    world.drain();
    world.drain();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed]);
}
