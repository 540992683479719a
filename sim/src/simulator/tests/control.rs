//! Latencies of each operation, standing failures, brown-outs and partitions.

use super::*;

fn at(kind: OperationKind) -> OperationRates {
    let mut rates = OperationRates::default();
    rates[kind as usize] = BasisPoints::ONE;
    rates
}

fn failing(failures: FailureRates) -> World {
    let mut config = one_pool();
    config.regions[0].control_plane.failures = failures;
    World::new(config)
}

fn cut(direction: Direction, from_ms: u64, for_ms: u64) -> World {
    World::new(with_fault(FaultKind::Partition { direction }, from_ms, for_ms))
}

#[test]
fn every_operation_has_a_latency_of_its_own() {
    let mut config = one_pool();
    let plane = &mut config.regions[0].control_plane;
    let ms = |n| Latency::Fixed(Duration::from_millis(n));
    (plane.inspect, plane.list) = (ms(1), ms(2));
    (plane.pools, plane.cancel) = (ms(3), ms(4));
    let mut world = World::new(config);
    let allocation = world.grant(ask());
    for (operation, latency) in [
        (Operation::Inspect { allocation }, 1),
        (Operation::List { pool: PoolId(0) }, 2),
        (Operation::Pools, 3),
        (Operation::Cancel { inference: Ticket(99) }, 4),
    ] {
        let (asked, kind) = (world.ms(), operation.kind());
        world.submit(operation);
        assert_eq!(world.completion().0 - asked, latency, "{kind}");
    }
}

#[test]
fn standing_failures_strike_their_operation_and_nothing_is_done() {
    let rate_limited = at(OperationKind::Allocate);
    let mut world = failing(FailureRates { rate_limited, ..FailureRates::default() });
    let throttled = ErrorKind::RateLimited { retry_after: None };
    assert_eq!(world.refusal(Operation::Allocate(ask())), throttled);
    assert_eq!(world.list(), []);

    let unavailable = at(OperationKind::Release);
    let mut world = failing(FailureRates { unavailable, ..FailureRates::default() });
    let allocation = world.grant(ask());
    let inside = ErrorKind::Unavailable { reached: true };
    assert_eq!(world.refusal(Operation::Release { allocation }), inside);
    assert_eq!(world.list(), [allocation]);

    let timed_out = at(OperationKind::Infer);
    let mut world = failing(FailureRates { timed_out, ..FailureRates::default() });
    let allocation = world.grant(ask());
    world.infer(allocation, 1);
    let (at, lost) = world.completion();
    assert_eq!((at, lost.map_err(|e| e.kind)), (15_040, Err(ErrorKind::Timeout)));
    assert_eq!(world.usage().output_tokens, 0);
}

#[test]
fn lists_of_pools_and_cancellations_fail_like_other_calls() {
    let unavailable = at(OperationKind::Pools);
    let rate_limited = at(OperationKind::Cancel);
    let mut world = failing(FailureRates { rate_limited, unavailable, ..FailureRates::default() });
    let inside = ErrorKind::Unavailable { reached: true };
    assert_eq!(world.refusal(Operation::Pools), inside);
    let share = world.grant(ask());
    world.infer(share, 3);
    let inference = Ticket(world.tickets);
    let throttled = ErrorKind::RateLimited { retry_after: None };
    assert_eq!(world.refusal(Operation::Cancel { inference }), throttled);
    assert!(world.completion().1.is_ok(), "it runs on");
}

#[test]
fn a_brown_out_multiplies_latencies_for_a_while() {
    let slowdown = BasisPoints::from_percent(500);
    let errors = BasisPoints::ZERO;
    let mut world = World::new(with_fault(FaultKind::Brownout { slowdown, errors }, 0, 1_000));
    let share = world.grant(ask());
    assert_eq!(world.ms(), 5 * 40);
    world.infer(share, 1);
    assert_eq!(world.wait().0, 200 + 5 * 100 + 10, "the way to the card, but not the work");
    world.completion().1.expect("answered");
    world.run_until(1_000);
    world.grant(ask());
    assert_eq!(world.ms(), 1_040);
}

#[test]
fn a_brown_out_adds_errors() {
    let (slowdown, errors) = (BasisPoints::ONE, BasisPoints::ONE);
    let mut world = World::new(with_fault(FaultKind::Brownout { slowdown, errors }, 10, 1_000));
    let share = world.grant(ask());
    let inside = ErrorKind::Unavailable { reached: true };
    assert_eq!(world.refusal(Operation::Release { allocation: share }), inside);
    world.run_until(1_010);
    world.release(share);
}

#[test]
fn a_partition_of_requests_keeps_calls_away_and_lets_answers_through() {
    let mut world = cut(Direction::Request, 200, 1_000);
    let share = world.grant(ask());
    world.infer(share, 20);
    world.run_until(200);
    world.submit(Operation::Allocate(ask()));
    let (at, answer) = world.completion();
    assert!(answer.is_ok(), "what ran before is heard of");
    assert_eq!(at, 40 + 100 + 200);
    let (at, lost) = world.completion();
    assert_eq!((at, lost.map_err(|e| e.kind)), (15_200, Err(ErrorKind::Timeout)));
    assert_eq!(world.list(), [share], "the other was never asked for");
}

#[test]
fn a_partition_of_answers_has_calls_done_and_not_heard_of() {
    let mut world = cut(Direction::Answer, 200, 1_000);
    let first = world.grant(ask());
    world.infer(first, 20);
    world.run_until(200);
    world.submit(Operation::Allocate(ask()));
    let (at, lost) = world.completion();
    assert_eq!((at, lost.map_err(|e| e.kind)), (15_200, Err(ErrorKind::Timeout)));
    let (at, lost) = world.completion();
    assert_eq!(at, 340 + 15_000, "its answer was due at 340 ms");
    assert_eq!(lost.map_err(|e| e.kind), Err(ErrorKind::Timeout));
    assert_eq!(world.list().len(), 2, "the second share is a ghost");
    assert_eq!(world.usage().output_tokens, 20, "the inference was not lost, its answer was");
}

#[test]
fn an_inference_that_outlasts_a_partition_is_heard_of() {
    let mut world = cut(Direction::Both, 100, 200);
    let share = world.grant(ask());
    world.infer(share, 100);
    let (at, answer) = world.completion();
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(at, 40 + 100 + 1_000, "the first token at 150 ms was lost");
}

#[test]
fn a_partition_both_ways_is_of_its_pool_only() {
    let mut config = with_fault(FaultKind::Partition { direction: Direction::Both }, 0, 1_000);
    let other = PoolConfig { name: "other".to_owned(), ..config.pools[0].clone() };
    config.pools.push(other);
    config.faults[0].pool = Some(PoolId(0));
    let mut world = World::new(config);
    world.grant(Allocate { pool: PoolId(1), ..ask() });
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::Timeout);
    assert_eq!(world.simulator.held(), 1);
}

#[test]
fn a_notice_is_lost_in_a_partition_like_any_answer() {
    let mut config = with_fault(FaultKind::Partition { direction: Direction::Answer }, 50, 100);
    config.pools[0].count = 1;
    config.pools[0].sharing_ratio = 1;
    config.pools[0].preemption = Some(after(Duration::from_secs(1)));
    let mut world = World::new(config);
    world.grant(Allocate { preemptible: true, ..ask() });
    world.run_until(60);
    world.submit(Operation::Allocate(Allocate { priority: Priority::MAX, ..ask() }));
    let (at, granted) = world.wait();
    assert_eq!(at, 1_100, "no notice was heard");
    assert!(matches!(granted, EventKind::Completed { result: Ok(_), .. }));
}

#[test]
fn more_than_all_of_something_is_refused() {
    let mut config = one_pool();
    config.regions[0].control_plane.failures.timed_out[0] = BasisPoints::from_percent(101);
    let error = Simulator::new(config, 1).expect_err("too many").to_string();
    assert_eq!(error, "region `eu`: 101% of all calls cannot be timed out: at most 100% can");
    let quirks = Quirks { foreign_rows: 10_001, ..Quirks::default() };
    let error = Simulator::new(with_quirks(quirks), 1).expect_err("too many").to_string();
    assert_eq!(error, "foreign rows of a list: 10001 is more than 10000");
}
