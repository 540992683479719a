//! Small requests that share a lease.

use connector::{
    AllocationId, CableId, ErrorKind, EventKind, Money, Operation, OperationKind, Outcome,
    Rejection, TenantId, Tokens,
};
use platform::{
    BreakerState, PlatformConfig,
    config::{
        Abandon, BatchingConfig, HedgeAfter, HedgeMeasure, HedgingConfig, LeaseConfig, RetryConfig,
    },
};

use crate::{
    setting::{at, money, ms, one_pool, pools, secs},
    world::{DOWN, World, no, yes_after},
};

/// Up to four of fewer than 512 tokens that come within 100 ms; requests have 150.
fn batching(config: PlatformConfig) -> PlatformConfig {
    let batching = BatchingConfig { max: 4, ..BatchingConfig::default() };
    let leases = LeaseConfig { batching: Some(batching), ..config.leases };
    PlatformConfig { leases, ..config }
}

/// The shares that inferences were on, in order.
fn shares(world: &World) -> Vec<u64> {
    let share = |operation: &Operation| match operation {
        Operation::Infer(infer) => Some(infer.allocation.0),
        _ => None,
    };
    world.submitted.iter().filter_map(|one| share(&one.operation)).collect()
}

/// What one share costs for so many milliseconds.
fn cost(millis: u64) -> Money {
    money("1.00").per_hour_over(ms(millis))
}

#[test]
fn a_share_is_asked_for_once_for_as_many_as_may_ride_and_each_is_an_inference() {
    let mut world = World::new(batching(pools(1)));
    (0..5).for_each(|_| _ = world.request());
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 0], "four, and the fifth");
    assert_eq!(world.asked(0, OperationKind::Infer), [10; 5]);
    assert_eq!(shares(&world), [0, 0, 0, 0, 1]);
    assert_eq!(world.asked(0, OperationKind::Release), [1_010, 1_010]);
    assert_eq!(world.outcomes(), [Outcome::Completed; 5]);
    assert_eq!(world.status(0).statistics.rides, 3);
    let paid: Vec<Money> = world.records.iter().map(|one| one.cost).collect();
    assert_eq!(paid[..4].iter().copied().sum::<Money>(), cost(1_000), "as one lease costs");
    assert_eq!(paid[4], cost(1_000));
    assert_eq!(world.platform.meters()[0].slot_ns, 2_000_000_000);
    assert!(world.records.iter().all(|one| one.allocating == Some(ms(10))));
    world.assert_nothing_leaked();
}

#[test]
fn who_boards_after_the_grant_begins_at_once_and_pays_from_then_on() {
    let mut world = World::new(batching(pools(1)));
    let first = world.request();
    world.run_for(ms(60));
    let second = world.request();
    assert_eq!(world.asked(0, OperationKind::Infer), [10, 60]);
    assert_eq!(world.platform.held(), 1, "one share, whoever sits on it");
    assert_eq!(world.platform.holdings().count(), 1);
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0]);
    assert_eq!(world.asked(0, OperationKind::Release), [1_060], "when the last has ended");
    assert_eq!(world.record_of(second).allocating, None, "nobody was asked");
    // Alone until 60 ms and from 1,010 ms on, and half of the time between.
    let (first, second) = (world.record_of(first).cost, world.record_of(second).cost);
    let near = |one: Money, other: Money| (one.as_nanos() - other.as_nanos()).abs() <= 2;
    assert!(near(first, cost(50 + 475)) && near(second, cost(475 + 50)), "{first} {second}");
    assert_eq!(first + second, cost(1_050));
    world.assert_nothing_leaked();
}

#[test]
fn only_small_requests_of_one_tenant_that_come_in_time_ride_together() {
    let mut world = World::new(batching(pools(1)));
    world.request();
    world.request_with(|request| request.tenant = TenantId(1));
    world.request_with(|request| request.prompt_tokens = Tokens::new(462));
    world.run_for(ms(100));
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 0, 0, 100]);
    assert_eq!(world.status(0).statistics.rides, 0);
    world.assert_nothing_leaked();
}

#[test]
fn who_is_cancelled_leaves_the_others_where_they_are() {
    let mut world = World::new(batching(pools(1)));
    let ids: Vec<_> = (0..3).map(|_| world.request()).collect();
    world.run_for(ms(510));
    world.cancel(ids[0]);
    assert_eq!(world.operations(OperationKind::Cancel).len(), 1);
    assert_eq!(world.asked(0, OperationKind::Release), [0; 0]);
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Cancelled, Outcome::Completed, Outcome::Completed]);
    assert_eq!(world.asked(0, OperationKind::Release), [1_010]);
    let paid: Money = world.records.iter().map(|one| one.cost).sum();
    assert_eq!(paid, cost(1_000));
    let third = cost(500).as_nanos() / 3;
    assert!((world.record_of(ids[0]).cost.as_nanos() - third).abs() <= 2);
    world.assert_nothing_leaked();
}

#[test]
fn who_asked_may_leave_before_the_grant_and_the_others_ride_on() {
    let mut world = World::new(batching(pools(1)));
    let ids: Vec<_> = (0..3).map(|_| world.request()).collect();
    world.cancel(ids[0]);
    world.cancel(ids[2]);
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0]);
    assert_eq!(shares(&world), [0]);
    assert_eq!(world.record_of(ids[1]).cost, cost(1_000));
    assert_eq!(world.status(0).statistics.late_grants, 0);
    world.assert_nothing_leaked();
}

#[test]
fn a_share_that_all_have_left_is_given_back_when_it_is_granted() {
    let mut world = World::new(batching(pools(1)));
    let ids: Vec<_> = (0..3).map(|_| world.request()).collect();
    for id in ids {
        world.cancel(id);
    }
    world.run();
    assert_eq!(world.status(0).statistics.late_grants, 1);
    assert_eq!(world.asked(0, OperationKind::Release), [10]);
    world.assert_nothing_leaked();
}

#[test]
fn a_share_that_is_not_granted_fails_all_who_wait_and_the_pool_once() {
    let mut config = batching(pools(1));
    config.retry = RetryConfig { max_retries: 0, ..config.retry };
    config.cables[0].breaker.failure_threshold = 2;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    (0..4).for_each(|_| _ = world.request());
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(DOWN); 4]);
    assert_eq!(world.status(0).breaker, BreakerState::Closed, "it failed once");
    assert_eq!(world.status(0).statistics.failed, 4);
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    world.request();
    world.run();
    assert_eq!(world.status(0).breaker, BreakerState::Open, "and twice");
    world.assert_nothing_leaked();
}

#[test]
fn those_who_failed_with_a_share_are_tried_again_on_another() {
    let mut world = World::new(batching(pools(1)));
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    (0..4).for_each(|_| _ = world.request());
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed; 4]);
    // All pause for 100 ms and come again together.
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 110]);
    assert!(world.records.iter().all(|one| one.attempts == 2));
    world.assert_nothing_leaked();
}

#[test]
fn a_share_that_is_late_fails_all_who_wait_though_who_asked_has_left() {
    let mut config = batching(pools(1));
    config.retry = RetryConfig { max_retries: 0, ..config.retry };
    config.timeouts.allocation = secs(1);
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [yes_after(secs(3))]);
    let ids: Vec<_> = (0..3).map(|_| world.request()).collect();
    world.cancel(ids[0]);
    world.run();
    for &id in &ids[1..] {
        let record = world.record_of(id);
        assert_eq!(
            (record.outcome, record.finished),
            (Outcome::Failed(ErrorKind::Timeout), at(secs(1)))
        );
    }
    let statistics = world.status(0).statistics;
    assert_eq!((statistics.allocation_timeouts, statistics.late_grants), (1, 1));
    world.assert_nothing_leaked();
}

#[test]
fn a_notice_is_for_all_who_ride() {
    let mut world = World::new(batching(pools(1)));
    (0..3).for_each(|_| _ = world.request());
    world.run_for(ms(500));
    let notice = EventKind::Preempted { allocation: AllocationId(0), grace: ms(0) };
    world.deliver(0, notice);
    assert_eq!(world.status(0).statistics.preemptions, 1);
    world.request();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 500], "nobody boards any more");
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed; 4]);
    world.assert_nothing_leaked();
}

#[test]
fn a_warm_share_is_boarded_and_lies_warm_again_when_the_last_has_ended() {
    let mut config = batching(pools(1));
    config.leases.idle = secs(5);
    let mut world = World::new(config);
    world.request();
    world.run_for(secs(2));
    (0..3).for_each(|_| _ = world.request());
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0]);
    assert_eq!(shares(&world), [0; 4]);
    assert_eq!(world.asked(0, OperationKind::Release), [8_000]);
    let statistics = world.status(0).statistics;
    assert_eq!((statistics.warm_strikes, statistics.rides), (1, 2));
    assert_eq!(statistics.slot_ns, 7_990_000_000);
    let (used, idle) = (world.platform.meters()[0], world.platform.overhead());
    assert_eq!((used.slot_ns, idle.slot_ns), (2_000_000_000, 5_990_000_000));
    assert_eq!(used.cost + idle.cost, statistics.cost);
    world.assert_nothing_leaked();
}

#[test]
fn riders_on_a_share_that_is_gone_get_new_ones_and_it_is_released_once() {
    let mut config = batching(pools(1));
    config.leases.idle = secs(5);
    let mut world = World::new(config);
    world.request();
    world.run_for(secs(2));
    world.held.remove(&(CableId(0), AllocationId(0)));
    (0..3).for_each(|_| _ = world.request());
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed; 4]);
    assert_eq!(world.status(0).statistics.stale, 3);
    let of_first = |one: &&crate::world::Submitted| {
        matches!(one.operation, Operation::Release { allocation: AllocationId(0) })
    };
    assert_eq!(world.submitted.iter().filter(of_first).count(), 1);
    world.assert_nothing_leaked();
}

#[test]
fn every_rider_takes_a_place_and_counts_for_quotas() {
    let mut config = batching(one_pool(3, 0));
    config.tenants[0].quota.concurrent = Some(2);
    let mut world = World::new(config);
    (0..3).for_each(|_| _ = world.request());
    assert_eq!(world.status(0).in_flight, 2);
    assert_eq!(world.record().rejection, Some(Rejection::ConcurrencyQuota));
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn what_is_left_to_run_keeps_its_seat_and_is_no_requests_cost() {
    let mut config = batching(pools(1));
    config.timeouts.abandon = Abandon::Leave;
    let mut world = World::new(config);
    let left = world.request();
    let other = world.request();
    world.run_for(ms(510));
    world.cancel(left);
    world.run();
    assert_eq!(world.asked(0, OperationKind::Release), [1_010]);
    let costs = world.record_of(left).cost + world.record_of(other).cost;
    assert_eq!(costs.as_nanos(), cost(1_000).as_nanos() * 3 / 4);
    let meter = world.platform.meters()[0];
    assert_eq!((meter.slot_ns, meter.cost), (1_000_000_000, cost(1_000)));
    world.assert_nothing_leaked();
}

#[test]
fn a_hedge_asks_for_another_share() {
    let mut config = batching(pools(1));
    config.leases.batching = Some(BatchingConfig { wait: secs(1), ..BatchingConfig::default() });
    config.hedging = Some(HedgingConfig {
        after: HedgeAfter::Fixed(ms(100)),
        measure: HedgeMeasure::EndToEnd,
        same_pool: true,
    });
    let mut world = World::new(config);
    world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 100]);
    assert_eq!((world.record().hedges, world.status(0).statistics.rides), (1, 0));
    world.assert_nothing_leaked();
}

#[test]
fn a_share_that_came_too_late_for_a_ride_serves_somebody_alone() {
    let mut config = batching(pools(1));
    config.leases.idle = secs(5);
    let mut world = World::new(config);
    let left = world.request();
    world.cancel(left);
    world.run_for(ms(500));
    let large = world.request_with(|request| request.prompt_tokens = Tokens::new(900));
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0]);
    assert_eq!(world.record_of(large).cost, cost(1_000));
    world.assert_nothing_leaked();
}
