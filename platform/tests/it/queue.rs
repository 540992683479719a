//! The line before a cable.

use connector::{Duration, OperationKind, Outcome};

use crate::{
    setting::{ms, one_pool, pools, secs},
    world::{World, yes_after},
};

const CYCLE: u64 = 1_010;

#[test]
fn strikes_beyond_the_limit_wait_in_order_of_arrival() {
    let mut world = World::new(one_pool(2, 10));
    let ids: Vec<_> = (0..6).map(|_| world.request()).collect();
    assert_eq!((world.status(0).in_flight, world.status(0).queued), (2, 4));
    world.run();
    let finished: Vec<_> = world.records.iter().map(|record| record.request).collect();
    assert_eq!(finished, ids);
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 0, CYCLE, CYCLE, 2 * CYCLE, 2 * CYCLE]);
}

#[test]
fn a_request_waits_in_line_only_when_no_candidate_takes_it_at_once() {
    let mut config = pools(2);
    for cable in &mut config.cables {
        cable.max_in_flight = Some(1);
        cable.queue = 10;
    }
    let mut world = World::new(config);
    (0..4).for_each(|_| _ = world.request());
    let standing = |cable| (world.status(cable).in_flight, world.status(cable).queued);
    assert_eq!((standing(0), standing(1)), ((1, 2), (1, 0)), "the best line is joined");
    world.run();
    let fallbacks: Vec<_> = world.records.iter().map(|record| record.fallbacks).collect();
    assert_eq!(fallbacks, [0, 1, 0, 0]);
}

#[test]
fn a_place_is_free_when_the_release_is_asked_for_not_when_it_is_confirmed() {
    let mut world = World::new(one_pool(1, 1));
    world.script(0, OperationKind::Release, [yes_after(secs(20))]);
    world.request();
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, CYCLE]);
}

#[test]
fn waiting_counts_as_queued_and_not_as_allocating() {
    let mut world = World::new(one_pool(1, 1));
    world.request();
    let second = world.request();
    world.run();
    let record = world.record_of(second);
    assert_eq!((record.queued, record.allocating), (ms(CYCLE), Some(ms(10))));
}

#[test]
fn a_full_line_refuses_at_once() {
    let mut world = World::new(one_pool(1, 2));
    (0..4).for_each(|_| _ = world.request());
    assert_eq!(world.outcomes(), [Outcome::Rejected]);
    assert_eq!(world.reason(), "gemma-2b on pool-0: the queue is full");
    let record = world.record();
    assert_eq!((record.pool, record.attempts, record.queued), (None, 0, Duration::ZERO));
    assert_eq!(world.status(0).statistics.refused_full, 1);
}

#[test]
fn a_line_of_length_zero_is_a_loss_system() {
    let mut world = World::new(one_pool(3, 0));
    (0..5).for_each(|_| _ = world.request());
    assert_eq!(world.outcomes(), [Outcome::Rejected; 2]);
}

#[test]
fn a_full_line_sends_requests_on_without_an_attempt() {
    let mut config = pools(2);
    config.cables[0].max_in_flight = Some(1);
    let mut world = World::new(config);
    world.request();
    let sent_on = world.request();
    world.run();
    let record = world.record_of(sent_on);
    assert_eq!(record.outcome, Outcome::Completed);
    assert_eq!((record.attempts, record.fallbacks), (1, 1));
}

#[test]
fn who_waits_longer_than_the_time_out_leaves_the_line() {
    let mut config = one_pool(1, 10);
    config.timeouts.queue = secs(2);
    let mut world = World::new(config);
    (0..4).for_each(|_| _ = world.request());
    world.run_until(crate::setting::at(secs(2)));
    // Two were served by 2.02 s; the third waited from 0 s on and left at 2 s, like the fourth.
    assert_eq!(world.outcomes(), [Outcome::Completed, Outcome::Rejected, Outcome::Rejected]);
    assert_eq!(world.records[1].queued, secs(2));
    assert_eq!(world.status(0).queued, 0);
    assert_eq!(world.status(0).statistics.queue_timeouts, 2);
    world.run();
    assert_eq!(world.records.len(), 4);
}

#[test]
fn a_place_that_becomes_free_at_the_very_end_of_the_wait_is_taken() {
    let mut config = one_pool(1, 1);
    config.timeouts.queue = ms(CYCLE);
    let mut world = World::new(config);
    world.request();
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed; 2]);
}

#[test]
fn who_left_the_line_makes_room_for_another() {
    let mut world = World::new(one_pool(1, 1));
    world.request();
    let impatient = world.request();
    world.cancel(impatient);
    let next = world.request();
    world.run();
    assert_eq!(world.record_of(next).outcome, Outcome::Completed);
}
