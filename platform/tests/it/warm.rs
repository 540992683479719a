//! Leases that outlive their strikes.

use connector::{
    AllocationId, CableId, Duration, ErrorKind, EventKind, Money, OperationKind, Outcome, PoolId,
    Priority, TenantId, Tokens,
};
use platform::{
    HoldingState, PlatformConfig,
    config::{Candidate, ForecastConfig, LeaseConfig, MinWarm, RouterConfig},
};

use crate::{
    setting::{LARGE, SMALL, at, every_pool, ms, one_pool, pools, secs},
    world::{DOWN, LOST, World, done_but_says, no, yes_after},
};

const HERE: Candidate = Candidate { model: SMALL, pool: PoolId(0) };

#[test]
fn a_second_request_works_on_the_lease_of_the_first() {
    let mut world = World::new(keeping(pools(1), secs(5)));
    let first = world.request();
    world.run_for(secs(2));
    let second = world.request();
    world.run();
    assert_eq!(world.asked(0, OperationKind::Allocate), [0]);
    assert_eq!(world.asked(0, OperationKind::Infer), [10, 2_000], "without the allocation's time");
    assert_eq!(world.asked(0, OperationKind::Release), [8_000], "5 s after its last use");
    assert_eq!(world.record_of(first).allocating, Some(ms(10)));
    assert_eq!(world.record_of(second).allocating, None, "nobody was asked");
    let statistics = world.status(0).statistics;
    assert_eq!((statistics.strikes, statistics.warm_strikes), (2, 1));
    world.assert_nothing_leaked();
}

#[test]
fn tenants_pay_for_use_and_the_overhead_is_what_lay_idle() {
    let mut world = World::new(keeping(pools(1), secs(5)));
    world.request();
    world.run_for(secs(2));
    world.request();
    world.run();
    let (used, idle) = (world.platform.meters()[0], world.platform.overhead());
    assert_eq!(used.slot_ns, 2_000_000_000);
    // From 1,010 to 2,000 ms and from 3,000 to 8,000 ms.
    assert_eq!(idle.slot_ns, 5_990_000_000);
    assert_eq!(idle.mebibyte_ns, 2 * 1024 * idle.slot_ns);
    let statistics = world.status(0).statistics;
    assert_eq!((statistics.slot_ns, statistics.idle_slot_ns), (7_990_000_000, idle.slot_ns));
    assert_eq!((statistics.cost, statistics.idle_cost), (used.cost + idle.cost, idle.cost));
    assert_eq!(world.records.iter().map(|record| record.cost).sum::<Money>(), used.cost);
}

#[test]
fn the_one_put_down_last_works_first_so_that_what_is_too_many_goes() {
    let mut world = World::new(keeping(pools(1), secs(5)));
    world.request();
    world.request();
    world.run_for(ms(1_500));
    for _ in 0..8 {
        world.request();
        world.run_for(ms(1_500));
    }
    let used: Vec<AllocationId> = world.operations(OperationKind::Infer)[2..]
        .iter()
        .map(|one| match &one.operation {
            connector::Operation::Infer(infer) => infer.allocation,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(used.iter().all(|&share| share == AllocationId(1)), "{used:?}");
    assert_eq!(world.asked(0, OperationKind::Release), [6_010], "the other one has grown old");
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn so_many_lie_warm_and_no_more() {
    let mut config = keeping(pools(1), secs(5));
    config.leases.max_warm = 2;
    let mut world = World::new(config);
    (0..5).for_each(|_| _ = world.request());
    world.run_for(secs(2));
    assert_eq!(world.asked(0, OperationKind::Release), [1_010; 3]);
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn leases_of_one_tenant_do_not_serve_another_unless_they_are_shared() {
    for (shared, asked) in [(false, 2), (true, 1)] {
        let mut config = keeping(pools(1), secs(5));
        config.leases.shared = shared;
        let mut world = World::new(config);
        world.request();
        world.run_for(secs(2));
        world.request_with(|request| request.tenant = TenantId(1));
        world.run();
        assert_eq!(world.asked(0, OperationKind::Allocate).len(), asked, "shared: {shared}");
        let of = |tenant: usize| world.platform.meters()[tenant].slot_ns;
        assert_eq!((of(0), of(1)), (1_000_000_000, 1_000_000_000));
        let rank = world.terms[&AllocationId(0)].priority;
        assert_eq!(rank, Priority::new(if shared { 5 } else { 0 }).unwrap());
        world.assert_nothing_leaked();
    }
}

#[test]
fn another_model_gets_the_room_of_a_lease_that_lies_idle() {
    let mut config = keeping(one_pool(1, 1), secs(60));
    config.router = RouterConfig::Static(vec![every_pool(SMALL, 1), every_pool(LARGE, 1)]);
    let mut world = World::new(config);
    world.request();
    world.run_for(secs(2));
    world.request_with(|request| request.prompt_tokens = Tokens::new(2_000));
    world.run_for(secs(2));
    assert_eq!(world.asked(0, OperationKind::Release), [2_000]);
    assert_eq!(world.outcomes(), [Outcome::Completed; 2]);
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn a_full_pool_makes_us_give_up_what_lies_idle_there_and_go_elsewhere() {
    let mut config = keeping(pools(2), secs(60));
    config.router = RouterConfig::Static(vec![every_pool(SMALL, 2), every_pool(LARGE, 2)]);
    let mut world = World::new(config);
    world.request();
    world.run_for(secs(2));
    world.script(0, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted)]);
    world.request_with(|request| request.prompt_tokens = Tokens::new(2_000));
    world.run_for(secs(2));
    assert_eq!(world.asked(0, OperationKind::Release), [2_010]);
    assert_eq!(world.asked(1, OperationKind::Allocate), [2_010], "spilled over");
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn a_share_that_is_gone_is_replaced_within_the_same_strike() {
    let mut config = keeping(pools(1), secs(60));
    config.retry.max_retries = 0;
    let mut world = World::new(config);
    world.request();
    world.run_for(secs(2));
    world.held.clear();
    let second = world.request();
    world.run();
    let record = world.record_of(second);
    assert_eq!((record.outcome, record.attempts), (Outcome::Completed, 1));
    assert_eq!(world.status(0).statistics.stale, 1);
    assert_eq!(world.status(0).statistics.failed, 0);
    assert_eq!(world.platform.held(), 0);
}

#[test]
fn a_lease_that_failed_is_not_kept() {
    let mut world = World::new(keeping(pools(1), secs(60)));
    world.script(0, OperationKind::Infer, [no(DOWN)]);
    world.request();
    world.run_for(secs(5));
    assert_eq!(world.asked(0, OperationKind::Release), [20]);
    world.drain();
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn a_notice_ends_a_lease_that_lies_idle() {
    let mut world = World::new(keeping(pools(1), secs(60)));
    world.request();
    world.run_for(secs(2));
    world.deliver(0, EventKind::Preempted { allocation: AllocationId(0), grace: secs(30) });
    assert_eq!(world.asked(0, OperationKind::Release), [2_000]);
    world.request();
    world.run_for(secs(2));
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 2_000]);
    world.drain();
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn a_breaker_that_opens_clears_the_shelves_of_its_cable() {
    let mut config = keeping(pools(1), secs(60));
    config.cables[0].breaker.failure_threshold = 1;
    config.retry.max_retries = 0;
    let mut world = World::new(config);
    (0..3).for_each(|_| _ = world.request());
    world.run_for(secs(2));
    world.script(0, OperationKind::Infer, [no(DOWN)]);
    world.request();
    world.run_for(secs(1));
    assert_eq!(world.asked(0, OperationKind::Release), [2_010; 3]);
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn a_lease_of_age_is_replaced_before_the_provider_ends_it() {
    let mut config = keeping(pools(1), secs(60));
    config.leases.max_age = Some(secs(10));
    let mut world = World::new(config);
    for _ in 0..12 {
        world.request();
        world.run_for(ms(1_500));
    }
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 10_500]);
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn a_late_grant_is_kept_where_leases_are_kept() {
    let mut config = keeping(pools(1), secs(60));
    config.retry.max_retries = 0;
    let mut world = World::new(config);
    world.script(0, OperationKind::Allocate, [yes_after(secs(45))]);
    world.request();
    world.run_for(secs(50));
    assert_eq!(world.outcomes(), [Outcome::Failed(ErrorKind::Timeout)]);
    let statistics = world.status(0).statistics;
    assert_eq!((statistics.late_grants, statistics.adopted), (1, 1));
    world.request();
    world.run();
    assert_eq!(world.operations(OperationKind::Allocate).len(), 1);
    world.assert_nothing_leaked();
}

#[test]
fn a_ghost_that_must_be_ours_is_adopted_and_any_other_is_released() {
    let mut world = World::new(keeping(pools(1), secs(60)));
    world.script(0, OperationKind::Allocate, [done_but_says(LOST)]);
    world.request();
    let foreign = AllocationId(77);
    world.held.insert((CableId(0), foreign));
    world.run_for(secs(5));
    assert_eq!(world.status(0).statistics.ghosts, 2);
    assert_eq!(world.status(0).statistics.adopted, 1);
    assert_eq!(world.releases.get(&foreign), Some(&1));
    assert_eq!(world.asked(0, OperationKind::Allocate), [0], "the retry takes what it left behind");
    assert_eq!(world.platform.meters()[0].slot_ns, 1_000_000_000, "nobody pays for a ghost");
    world.drain();
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn a_drain_gives_everything_back_and_keeps_nothing_any_more() {
    let mut world = World::new(keeping(pools(2), secs(3_600)));
    (0..4).for_each(|_| _ = world.request());
    world.run_for(ms(500));
    (0..4).for_each(|_| _ = world.request());
    world.run_for(ms(600));
    assert_eq!(world.platform.holdings().filter(|one| one.state == HoldingState::Warm).count(), 4);
    world.drain();
    world.run();
    assert_eq!(world.now, at(ms(1_515)), "the last answer, and its release");
    assert_eq!(world.platform.deadline(), None);
    world.assert_nothing_leaked();
}

#[test]
fn what_could_not_be_given_back_is_told_with_evidence() {
    let mut world = World::new(keeping(pools(1), secs(1)));
    world.script(0, OperationKind::Release, [no(DOWN); 42]);
    world.request();
    world.run();
    world.drain();
    world.run();
    let [left] = world.platform.holdings().collect::<Vec<_>>()[..] else {
        panic!("one share is left");
    };
    assert_eq!((left.cable, left.allocation), (CableId(0), Some(AllocationId(0))));
    assert_eq!((left.since, left.state), (at(ms(0)), HoldingState::Unreleased { times: 21 }));
    assert_eq!(world.platform.held(), 1);
}

#[test]
fn leases_that_are_kept_are_looked_at_once_however_often_they_were() {
    let mut config = keeping(pools(1), Duration::ZERO);
    config.leases.min_warm = vec![MinWarm { of: HERE, leases: 2 }];
    let mut world = World::new(config);
    world.run_for(ms(1));
    world.request();
    world.run_for(secs(3_600));
    let timers = format!("{:?}", world.platform).matches("Shelf(0)").count();
    assert_eq!(timers, 1, "one timer per look would never end");
}

#[test]
fn so_many_are_held_from_the_start_and_again_when_one_is_lost() {
    let mut config = keeping(pools(2), Duration::ZERO);
    config.leases.min_warm = vec![MinWarm { of: HERE, leases: 3 }];
    let mut world = World::new(config);
    world.run_for(secs(1));
    assert_eq!(world.asked(0, OperationKind::Allocate), [0; 3]);
    (0..4).for_each(|_| _ = world.request());
    world.run_for(secs(2));
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 0, 0, 1_000], "one beyond those held");
    assert_eq!(world.asked(0, OperationKind::Release), [2_000], "and one too many");
    world.deliver(0, EventKind::Preempted { allocation: AllocationId(1), grace: secs(1) });
    world.run_for(secs(60));
    assert_eq!(world.asked(0, OperationKind::Allocate)[4..], [10_000]);
    assert_eq!(world.held.len(), 3, "kept, however long nobody comes");
    assert_eq!(world.status(0).statistics.stocked, 4);
    world.drain();
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn leases_that_are_always_held_are_looked_at_and_nothing_else_is_to_come() {
    let mut config = keeping(pools(1), Duration::ZERO);
    config.leases.min_warm = vec![MinWarm { of: HERE, leases: 3 }];
    let mut world = World::new(config);
    assert!(World::new(pools(1)).platform.only_looks(), "nothing at all is to come");
    // Each is put down again every ten seconds, which must not set more than one watch.
    world.run_for(secs(600));
    assert!(world.platform.only_looks());
    world.request();
    assert!(!world.platform.only_looks(), "its answer has a time-out");
    world.run_for(secs(600));
    assert!(world.platform.only_looks());
}

#[test]
fn a_stock_that_is_refused_or_lost_is_asked_for_again_at_the_next_look() {
    let mut config = keeping(pools(1), Duration::ZERO);
    config.leases.min_warm = vec![MinWarm { of: HERE, leases: 1 }];
    let mut world = World::new(config);
    let late = yes_after(secs(45));
    world.script(0, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted), late]);
    world.run_for(secs(120));
    assert_eq!(world.asked(0, OperationKind::Allocate), [0, 10_000, 40_000]);
    assert_eq!(world.status(0).statistics.allocation_timeouts, 1);
    assert_eq!(world.held.len(), 1, "the late one was one too many");
    world.drain();
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn a_forecast_asks_ahead_of_need_and_lets_go_when_nobody_comes() {
    let mut config = keeping(pools(1), Duration::ZERO);
    config.leases.forecast = Some(ForecastConfig::default());
    let mut world = World::new(config);
    // Two at work at any time.
    for _ in 0..120 {
        world.request();
        world.request();
        world.run_for(ms(1_010));
    }
    let asked = world.operations(OperationKind::Allocate).len();
    assert!(asked < 40, "leases are kept for those who come: {asked}");
    // Two on average: P(N <= 5) = 0.983, P(N <= 4) = 0.947 of a Poisson variable.
    assert_eq!(world.held.len(), 5);
    world.run();
    assert_eq!(world.held.len(), 0, "and given back");
    assert!(world.now < at(secs(1_000)), "nobody looks for ever: {:?}", world.now);
    world.assert_nothing_leaked();
}

#[test]
fn what_is_asked_for_ahead_of_need_may_cost_so_much_and_no_more() {
    let held_with = |limit: Option<u32>| {
        let mut config = keeping(pools(1), Duration::ZERO);
        let price = config.cables[0].price_per_slot_hour;
        let cost_per_hour = limit.map(|leases| (0..leases).map(|_| price).sum());
        config.leases.forecast = Some(ForecastConfig { cost_per_hour, ..Default::default() });
        let mut world = World::new(config);
        // As above: two at work at any time, of whom five are wanted.
        for _ in 0..120 {
            world.request();
            world.request();
            world.run_for(ms(1_010));
        }
        let held = world.held.len();
        world.drain();
        world.run();
        world.assert_nothing_leaked();
        held
    };
    assert_eq!([None, Some(3), Some(2), Some(1), Some(0)].map(held_with), [5, 5, 4, 3, 2]);
}

#[test]
fn a_sweep_finds_what_nobody_doubted_and_a_platform_at_rest_asks_nobody() {
    let mut config = pools(2);
    config.leases.sweep = Some(secs(300));
    let mut world = World::new(config);
    world.request();
    world.run_for(secs(10));
    world.held.insert((CableId(0), AllocationId(500)));
    world.run();
    assert_eq!(world.asked(0, OperationKind::List), [300_000, 600_000]);
    assert!(world.asked(1, OperationKind::List).is_empty(), "nothing went on there");
    assert_eq!(world.status(0).statistics.ghosts, 1);
    assert_eq!(world.platform.deadline(), None);
    world.request();
    world.run_for(secs(2));
    world.held.insert((CableId(0), AllocationId(501)));
    world.drain();
    world.run();
    assert_eq!(world.status(0).statistics.ghosts, 2, "a drain looks once more");
    world.assert_nothing_leaked();
}

fn keeping(config: PlatformConfig, idle: Duration) -> PlatformConfig {
    let leases = LeaseConfig { idle, ..LeaseConfig::default() };
    PlatformConfig { leases, ..config }
}
