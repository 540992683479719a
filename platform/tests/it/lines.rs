//! Lines in other orders than that of arrival, patience, and who is refused at once.

use connector::{Duration, Outcome, Rejection, RequestId, TenantId, Tokens};
use platform::{
    PlatformConfig,
    config::{AdmissionConfig, CodelConfig, Discipline, Drops},
};

use crate::{
    setting::{at, ms, one_pool, pools, secs, tenant},
    world::World,
};

fn in_line(discipline: Discipline, queue: u32) -> PlatformConfig {
    let mut config = one_pool(1, queue);
    config.cables[0].discipline = discipline;
    config
}

/// Tenant and length of the answer of those who arrive one after the other, behind one that is
/// served; in the order in which they end.
fn order(config: PlatformConfig, requests: &[(u32, u32)]) -> Vec<u64> {
    let mut world = World::new(config);
    world.request();
    for &(tenant, tokens) in requests {
        world.request_with(|request| {
            request.tenant = TenantId(tenant);
            request.output_tokens = Tokens::new(tokens);
        });
    }
    world.run();
    world.assert_nothing_leaked();
    let completed = |one: &&connector::RequestRecord| one.outcome == Outcome::Completed;
    world.records.iter().filter(completed).map(|one| one.request.0).collect()
}

#[test]
fn a_line_serves_in_the_order_of_its_discipline() {
    // Tenant 1 has the higher priority.
    let requests = [(0, 500), (0, 100), (1, 900), (0, 300)];
    for (discipline, expected) in [
        (Discipline::Fifo, [0, 1, 2, 3, 4]),
        (Discipline::Lifo, [0, 4, 3, 2, 1]),
        (Discipline::Shortest, [0, 2, 4, 1, 3]),
        (Discipline::Priority, [0, 3, 1, 2, 4]),
    ] {
        assert_eq!(order(in_line(discipline, 10), &requests), expected, "{discipline:?}");
    }
}

#[test]
fn a_fair_line_serves_tenants_in_proportion_to_their_weights() {
    let mut config = in_line(Discipline::WeightedFair, 1_000);
    config.tenants[1].weight = Some(3);
    config.timeouts.queue = secs(1_000);
    let requests: Vec<(u32, u32)> = (0..200).map(|n| (n / 100, 50)).collect();
    let served = order(config, &requests);
    // Requests 1 to 100 are of the first tenant, the others of the second.
    let of_first = served[1..101].iter().filter(|&&id| id <= 100).count();
    assert!((24..=26).contains(&of_first), "{of_first} of 100, not a quarter");
}

#[test]
fn a_flood_is_pushed_out_of_a_full_fair_line_by_others_and_not_by_itself() {
    let mut world = World::new(in_line(Discipline::WeightedFair, 10));
    (0..20).for_each(|_| _ = world.request());
    let others: Vec<RequestId> =
        (0..3).map(|_| world.request_with(|request| request.tenant = TenantId(1))).collect();
    assert_eq!(world.status(0).queued, 10);
    world.run();
    let rejections =
        |rejection| world.records.iter().filter(|one| one.rejection == Some(rejection)).count();
    assert_eq!((rejections(Rejection::LineFull), rejections(Rejection::PushedOut)), (9, 3));
    for id in others {
        assert_eq!(world.record_of(id).outcome, Outcome::Completed);
    }
    assert_eq!(world.status(0).statistics.pushed_out, 3);
}

#[test]
fn who_is_pushed_out_goes_on_to_the_next_pool_but_pushes_nobody_out_there() {
    let mut config = pools(2);
    for cable in &mut config.cables {
        cable.max_in_flight = Some(1);
        cable.queue = 1;
        cable.discipline = Discipline::Priority;
    }
    config.tenants.push(tenant("initech", 9));
    let mut world = World::new(config);
    // Two are served, one of rank 0 waits at each pool.
    (0..4).for_each(|_| _ = world.request());
    let middle = world.request_with(|request| request.tenant = TenantId(1));
    assert_eq!(world.records.len(), 1, "the one it pushed out found the other line full");
    assert_eq!(world.records[0].rejection, Some(Rejection::LineFull));
    let high = world.request_with(|request| request.tenant = TenantId(2));
    world.run();
    // The middle one is pushed out, and the last of rank 0 stays where it is.
    assert_eq!(world.record_of(middle).rejection, Some(Rejection::LineFull));
    assert_eq!(world.record_of(high).outcome, Outcome::Completed);
}

#[test]
fn a_caller_without_patience_leaves_the_line_and_nobody_asks_elsewhere() {
    let mut config = pools(2);
    config.cables[0].max_in_flight = Some(1);
    config.cables[0].queue = 5;
    config.cables[1].max_in_flight = Some(1);
    let mut world = World::new(config);
    (0..2).for_each(|_| _ = world.request());
    let hasty = world.request_with(|request| request.patience = Some(ms(300)));
    let patient = world.request_with(|request| request.patience = Some(secs(5)));
    world.run();
    let record = world.record_of(hasty);
    assert_eq!(
        (record.outcome, record.rejection),
        (Outcome::Rejected, Some(Rejection::WaitedTooLong),)
    );
    assert_eq!((record.finished, record.queued), (at(ms(300)), ms(300)));
    assert_eq!(world.record_of(patient).outcome, Outcome::Completed);
}

/// Serves so many, one after the other, so that the line's pace is known: one in 1.01 s.
fn with_a_known_pace(mut config: PlatformConfig) -> World {
    config.timeouts.queue = secs(1_000);
    let mut world = World::new(config);
    (0..10).for_each(|_| _ = world.request());
    world.run();
    world.records.clear();
    world.responses.clear();
    world
}

#[test]
fn who_would_wait_longer_than_half_its_patience_is_refused_at_once() {
    let mut world = with_a_known_pace(in_line(Discipline::Fifo, 100));
    let hasty = |world: &mut World| {
        let id = world.request_with(|request| request.patience = Some(secs(10)));
        world.records.iter().find(|one| one.request == id).map(|one| one.rejection)
    };
    // One is served at once; the fifth in line would wait 5.05 s.
    let refused: Vec<_> = (0..7).map(|_| hasty(&mut world)).collect();
    assert_eq!(refused[..5], [None; 5]);
    assert_eq!(refused[5..], [Some(Some(Rejection::TooLate)); 2]);
    let reason = world.responses[0].reason.as_deref().expect("a reason");
    assert!(reason.contains("the wait in the queue would be too long, about 5s"), "{reason}");
    world.request();
    assert_eq!(world.status(0).queued, 5, "who has no deadline may wait");
    assert_eq!(world.status(0).statistics.refused_late, 2);
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn without_a_bound_everybody_may_wait() {
    let mut config = in_line(Discipline::Fifo, 100);
    config.admission = AdmissionConfig { wait_bound: None, ..AdmissionConfig::default() };
    let mut world = with_a_known_pace(config);
    (0..20).for_each(|_| _ = world.request_with(|request| request.patience = Some(secs(10))));
    assert_eq!(world.records.len(), 0);
}

/// One comes whenever one of ten places is free, and once twenty more at a time. How long the last ten
/// waited, and how many were dropped.
fn after_a_burst(discipline: Discipline, codel: Option<CodelConfig>) -> (Vec<Duration>, u64) {
    let mut config = one_pool(10, 1_000);
    config.cables[0].discipline = discipline;
    config.cables[0].codel = codel;
    let mut world = World::new(config);
    for n in 0..400 {
        let burst = if n == 20 { 20 } else { 0 };
        (0..=burst).for_each(|_| _ = world.request());
        world.run_for(ms(101));
    }
    world.run();
    world.assert_nothing_leaked();
    let mut served: Vec<_> =
        world.records.iter().filter(|one| one.outcome == Outcome::Completed).collect();
    served.sort_by_key(|one| one.arrived);
    let dropped =
        world.records.iter().filter(|one| one.rejection == Some(Rejection::Standing)).count();
    assert_eq!(world.status(0).statistics.standing, dropped as u64);
    (served.iter().rev().take(10).map(|one| one.queued).collect(), dropped as u64)
}

#[test]
fn a_burst_leaves_a_standing_line_without_codel_and_none_with_it() {
    let (waits, dropped) = after_a_burst(Discipline::Fifo, None);
    assert_eq!(dropped, 0);
    assert!(waits.iter().all(|&wait| wait >= ms(1_900)), "{waits:?}");
    let rule = CodelConfig::default();
    let (waits, dropped) = after_a_burst(Discipline::Fifo, Some(rule));
    assert!(waits.iter().all(|&wait| wait <= rule.target + ms(101)), "{waits:?}");
    // Twenty stand in line; five of them are no longer than the target.
    assert!((14..=18).contains(&dropped), "{dropped}");
}

#[test]
fn a_standing_line_that_is_last_come_first_served_loses_whoever_is_overdue() {
    let order = Discipline::AdaptiveLifo { after: ms(100) };
    let rule = CodelConfig { target: ms(5), interval: ms(100), drops: Drops::AllOverdue };
    let (_, dropped) = after_a_burst(order, None);
    assert_eq!(dropped, 0, "the burst is served at last");
    let (waits, dropped) = after_a_burst(order, Some(rule));
    assert_eq!(dropped, 20, "whoever of the burst was not served at once");
    assert!(waits.iter().all(|&wait| wait <= ms(101)), "{waits:?}");
}
