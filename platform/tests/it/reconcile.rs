//! Shares that the provider holds for us without our knowledge.

use connector::{AllocationId, CableId, ErrorKind, OperationKind, Outcome, PoolId};
use platform::{
    HoldingState,
    config::{Candidate, RouterConfig},
};

use crate::{
    setting::{LARGE, SMALL, at, ms, pools, secs},
    world::{Answer, DOWN, LOST, Says, World, done_but_says, no, yes_after},
};

#[test]
fn a_ghost_is_found_by_a_list_and_released() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.request();
    world.run();
    assert_eq!(world.record().outcome, Outcome::Completed);
    assert_eq!(world.status(0).statistics.ghosts, 1);
    assert_eq!(world.releases[&AllocationId(0)], 1);
    assert_eq!(world.platform.meters()[0].slot_ns, 1_000_000_000, "nobody pays for a ghost");
    world.assert_nothing_leaked();
}

#[test]
fn what_an_unanswered_allocation_may_claim_is_told_by_name() {
    let mut world = World::new(pools(1));
    let never = Answer { after: secs(1 << 30), says: Says::Yes };
    world.script(0, OperationKind::Allocate, [never, done_but_says(LOST)]);
    world.request();
    world.request();
    world.run_for(secs(600));
    world.drain();
    world.run_for(secs(600));
    let mut told: Vec<_> =
        world.platform.holdings().map(|one| (one.allocation, one.state)).collect();
    told.sort_by_key(|&(share, _)| share);
    let listed = |share| (Some(AllocationId(share)), HoldingState::Listed);
    assert_eq!(told, [(None, HoldingState::Asked), listed(0), listed(1)]);
    assert_eq!(world.held.len(), 2);
}

#[test]
fn a_doubt_that_no_list_clears_up_is_told() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.script(0, OperationKind::List, [no(DOWN); 6]);
    world.request();
    world.run();
    world.drain();
    world.run();
    assert_eq!((world.held.len(), world.platform.held()), (1, 0));
    let [told] = world.platform.holdings().collect::<Vec<_>>()[..] else {
        panic!("one doubt is left");
    };
    assert_eq!((told.cable, told.allocation), (CableId(0), None));
    assert_eq!((told.since, told.state), (at(ms(10)), HoldingState::InDoubt));
}

#[test]
fn the_same_pool_is_not_asked_again_before_the_list_has_come() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.script(0, OperationKind::List, [yes_after(secs(4))]);
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::List), [10]);
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 4_010]);
}

#[test]
fn an_unambiguous_failure_needs_no_list() {
    for kind in ErrorKind::ALL.into_iter().filter(|kind| !kind.ambiguous()) {
        let mut world = World::new(pools(1));
        world.script(0, OperationKind::Allocate, [no(kind)]);
        world.request();
        world.run();
        assert!(world.asked(0, OperationKind::List).is_empty(), "{kind}");
    }
}

#[test]
fn another_model_on_the_same_pool_waits_for_the_list_too_and_another_pool_does_not() {
    for (pool, asked) in [(0, 4_010), (1, 10)] {
        let mut config = pools(2);
        let first = Candidate { model: SMALL, pool: PoolId(0) };
        let second = Candidate { model: LARGE, pool: PoolId(pool) };
        config.router = RouterConfig::Static(vec![vec![first, second], vec![second]]);
        config.retry.max_retries = 0;
        let mut world = World::new(config);
        world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
        world.script(0, OperationKind::List, [yes_after(secs(4))]);
        world.request();
        world.run();
        assert_eq!(world.asked(pool, OperationKind::Allocate).last(), Some(&asked));
        assert_eq!(world.record().outcome, Outcome::Completed);
    }
}

#[test]
fn a_doubt_on_one_cable_does_not_hold_up_a_retry_on_another() {
    let mut config = pools(2);
    config.retry.max_retries = 1;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(LOST); 2]);
    world.script(0, OperationKind::List, [yes_after(ms(1)), yes_after(secs(20))]);
    world.script(1, OperationKind::Allocate, [no(DOWN)]);
    world.request();
    world.run();
    assert_eq!(world.asked(1, OperationKind::Allocate), [120, 230]);
    assert_eq!(world.record().outcome, Outcome::Completed);
}

#[test]
fn other_requests_carry_on_while_a_doubt_is_cleared_up() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.script(0, OperationKind::List, [yes_after(secs(4))]);
    world.request();
    world.run_for(ms(100));
    let other = world.request();
    world.run();
    assert_eq!(world.record_of(other).finished, at(ms(1_110)));
    world.assert_nothing_leaked();
}

#[test]
fn a_share_whose_grant_is_still_under_way_is_not_mistaken_for_a_ghost() {
    let mut world = World::new(pools(1));
    // The first allocation is held by the provider at once and answered after the list.
    world.script(0, OperationKind::Allocate, [yes_after(secs(2)), done_but_says(LOST)]);
    let slow = world.request();
    world.request();
    world.run_for(secs(1));
    assert_eq!(world.asked(0, OperationKind::List).len(), 1);
    assert!(world.asked(0, OperationKind::Release).is_empty(), "both are still suspects");
    world.run();
    assert_eq!(world.record_of(slow).outcome, Outcome::Completed);
    assert_eq!(world.status(0).statistics.ghosts, 1);
    assert_eq!(world.releases[&AllocationId(1)], 1);
    // The ghost is released once the slow allocation has claimed its own share.
    assert!(world.asked(0, OperationKind::Release).contains(&2_000));
    world.assert_nothing_leaked();
}

#[test]
fn a_share_that_was_released_while_the_list_was_under_way_is_not_a_ghost() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [yes_after(ms(10)), done_but_says(LOST)]);
    world.script(0, OperationKind::List, [yes_after(secs(5))]);
    world.request();
    world.request();
    world.run();
    // The list was drawn up while the first request held its share, and came after its release.
    assert_eq!(world.status(0).statistics.ghosts, 1);
    world.assert_nothing_leaked();
}

#[test]
fn a_doubt_that_arises_during_a_list_waits_for_the_next_list() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.script(0, OperationKind::List, [yes_after(secs(5))]);
    world.request();
    world.run_for(secs(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::List), [10, 5_010]);
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 1_000, 5_010, 5_030]);
    assert_eq!(world.status(0).statistics.ghosts, 2);
    world.assert_nothing_leaked();
}

#[test]
fn a_time_out_of_our_own_is_cleared_up_too() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [yes_after(secs(45))]);
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::List), [30_000]);
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 30_100]);
    assert_eq!(world.record().outcome, Outcome::Completed);
    assert_eq!(world.status(0).statistics.late_grants, 1, "claimed, so not a ghost");
    assert_eq!(world.status(0).statistics.ghosts, 0);
    world.assert_nothing_leaked();
}

#[test]
fn a_list_that_fails_is_asked_for_again() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.script(0, OperationKind::List, [no(LOST), yes_after(secs(31))]);
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::List).len(), 3, "one error, one time-out");
    assert_eq!(world.status(0).statistics.ghosts, 1);
    assert_eq!(world.status(0).statistics.unresolved, 0);
    world.assert_nothing_leaked();
}

#[test]
fn a_doubt_that_no_list_clears_is_counted_and_the_retry_goes_ahead() {
    for (failure, lists) in [(no(LOST), 3), (no(ErrorKind::NotFound), 1)] {
        let mut world = World::new(pools(1));
        world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
        world.script(0, OperationKind::List, [failure; 3]);
        world.request();
        world.run();
        assert_eq!(world.record().outcome, Outcome::Completed);
        assert_eq!(world.asked(0, OperationKind::List).len(), lists);
        assert_eq!(world.status(0).statistics.unresolved, 1);
        assert!(world.held.contains(&(CableId(0), AllocationId(0))), "nobody knows of it");
    }
}

#[test]
fn a_later_list_finds_what_an_earlier_one_could_not() {
    let mut world = World::new(pools(1));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.script(0, OperationKind::List, [no(LOST); 3]);
    world.request();
    world.run();
    world.drain();
    world.run();
    assert_eq!(world.status(0).statistics.ghosts, 1);
    assert_eq!(world.status(0).statistics.unresolved, 0);
    world.assert_nothing_leaked();
}

#[test]
fn a_request_that_waits_for_a_list_goes_on_when_the_breaker_opens() {
    let mut config = pools(2);
    config.cables[0].breaker.failure_threshold = 2;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.script(0, OperationKind::List, [yes_after(secs(20))]);
    let waiting = world.request();
    world.run_for(secs(1));
    let down = Answer { after: ms(10), says: Says::No(LOST) };
    world.script(0, OperationKind::Allocate, [down]);
    world.request();
    world.run_for(ms(100));
    assert_eq!(world.asked(1, OperationKind::Allocate)[0], 1_010);
    world.run();
    assert_eq!(world.record_of(waiting).outcome, Outcome::Completed);
    world.assert_nothing_leaked();
}
