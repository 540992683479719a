//! One test for each quirk, named after it.

use super::*;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn slow_release(seconds: u64) -> Quirks {
    Quirks { slow_release: Some(Latency::Fixed(secs(seconds))), ..Quirks::default() }
}

#[test]
fn ghosts_are_held_and_listed_although_the_call_timed_out() {
    let quirks = Quirks { ghosts: BasisPoints::ONE, ..Quirks::default() };
    let mut world = World::new(with_quirks(quirks));
    world.submit(Operation::Allocate(ask()));
    let (at, answer) = world.completion();
    assert_eq!((at, answer.map_err(|e| e.kind)), (15_000, Err(ErrorKind::Timeout)));
    let [ghost] = world.list()[..] else { panic!("one share is held") };
    world.release(ghost);
    assert_eq!(world.simulator.held(), 0);
}

#[test]
fn ghosts_are_the_stated_share_of_grants() {
    let quirks = Quirks { ghosts: BasisPoints::from_percent(25), ..Quirks::default() };
    let mut world = World::new(with_quirks(quirks));
    let mut ghosts = 0;
    for _ in 0..2_000 {
        world.submit(Operation::Allocate(ask()));
        ghosts += u32::from(world.completion().1.is_err());
        let [share] = world.list()[..] else { panic!("one share is held") };
        world.release(share);
    }
    // Five standard deviations of a binomial sample are 97.
    assert!((403..=597).contains(&ghosts), "{ghosts} of 2,000");
}

#[test]
fn empty_200_reads_as_protocol_while_the_share_is_held() {
    let quirks = Quirks { empty_200: BasisPoints::ONE, ..Quirks::default() };
    let mut world = World::new(with_quirks(quirks));
    world.submit(Operation::Allocate(ask()));
    let (at, answer) = world.completion();
    assert_eq!((at, answer.map_err(|e| e.kind)), (40, Err(ErrorKind::Protocol)));
    assert_eq!((world.list().len(), world.gauge().slots_held), (1, 1));
}

#[test]
fn already_subscribed_is_told_of_one_pool_and_one_tenant_only() {
    let mut config = with_quirks(Quirks { already_subscribed: true, ..Quirks::default() });
    let other = PoolConfig { name: "other".to_owned(), ..config.pools[0].clone() };
    config.pools.push(other);
    let mut world = World::new(config);
    let share = world.grant(ask());
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::Conflict);
    world.grant(Allocate { pool: PoolId(1), ..ask() });
    world.grant(Allocate { tenant: TenantId(1), ..ask() });
    world.release(share);
    world.grant(ask());
}

#[test]
fn foreign_rows_are_listed_and_cannot_be_touched() {
    let mut world = World::new(with_quirks(Quirks { foreign_rows: 3, ..Quirks::default() }));
    let share = world.grant(ask());
    let rows = world.list();
    assert_eq!((rows.len(), rows[0]), (4, share));
    for &allocation in &rows[1..] {
        assert_eq!(world.refusal(Operation::Release { allocation }), ErrorKind::NotFound);
        assert_eq!(world.refusal(Operation::Inspect { allocation }), ErrorKind::NotFound);
    }
    assert_eq!(world.list(), rows, "they stay");
}

#[test]
fn eventual_lists_show_what_was_held_before() {
    let mut world =
        World::new(with_quirks(Quirks { eventual_lists: secs(5), ..Quirks::default() }));
    let share = world.grant(ask());
    assert_eq!(world.list(), [], "granted at 0, looked at 50 ms");
    world.run_until(4_980);
    assert_eq!(world.list(), [], "the list arrives at 4,990 ms");
    assert_eq!(world.list(), [share], "the next one at 5,000 ms");
    world.release(share);
    assert_eq!(world.list(), [share], "released at 5,000 ms");
    world.run_until(9_980);
    assert_eq!(world.list(), [share]);
    assert_eq!(world.list(), [], "10,000 ms");
    assert_eq!(world.refusal(Operation::Inspect { allocation: share }), ErrorKind::NotFound);
}

#[test]
fn slow_release_is_confirmed_at_once_and_done_later() {
    let mut world = World::new(with_quirks(slow_release(60)));
    let share = world.grant(ask());
    world.infer(share, 1_000);
    world.wait();
    world.submit(Operation::Release { allocation: share });
    let (_, ended) = world.completion();
    assert_eq!(ended.expect_err("stopped").kind, ErrorKind::Conflict);
    assert_eq!(world.completion().1, Ok(Reply::Released));
    assert_eq!(world.list(), [share], "still there");
    assert_eq!(world.refusal(Operation::Release { allocation: share }), ErrorKind::NotFound);
    world.infer(share, 1);
    let (_, refused) = world.completion();
    assert_eq!(refused.expect_err("gone to its holder").kind, ErrorKind::NotFound);
    world.run_until(61_000);
    assert_eq!((world.list(), world.simulator.held()), (Vec::new(), 0));
}

#[test]
fn slow_release_is_cut_short_when_the_share_is_taken_away() {
    let mut config = with_quirks(slow_release(60));
    config.pools[0].count = 1;
    config.pools[0].sharing_ratio = 1;
    config.pools[0].preemption = Some(after(secs(1)));
    let mut world = World::new(config);
    let share = world.grant(Allocate { preemptible: true, ..ask() });
    let rival = Allocate { priority: Priority::MAX, ..ask() };
    world.submit(Operation::Allocate(rival));
    assert!(matches!(world.wait().1, EventKind::Preempted { .. }));
    world.release(share);
    let (at, granted) = world.completion();
    assert!((granted.is_ok(), at) == (true, 1_080), "{granted:?} at {at} ms");
    world.run_until(70_000);
    assert_eq!(world.simulator.held(), 1, "the end of the release finds nothing");
}

#[test]
fn policy_500_hides_refusals_in_an_error_inside() {
    let mut config = with_quirks(Quirks { policy_500: true, ..Quirks::default() });
    config.regions[0].control_plane.no_access = vec![TenantId(7)];
    let mut world = World::new(config);
    let inside = ErrorKind::Unavailable { reached: true };
    let stranger = Allocate { tenant: TenantId(7), ..ask() };
    assert_eq!(world.refusal(Operation::Allocate(stranger)), inside);
    for _ in 0..4 {
        world.grant(ask());
    }
    assert_eq!(world.refusal(Operation::Allocate(ask())), inside);
    assert_eq!(world.simulator.held(), 4, "nothing was done");
}

#[test]
fn zero_usage_is_what_is_told_whatever_was_used() {
    let mut world = World::new(with_quirks(Quirks { zero_usage: true, ..Quirks::default() }));
    let share = world.grant(ask());
    world.infer(share, 10);
    let (_, answer) = world.completion();
    let zero = connector::Usage::default();
    assert_eq!(answer, Ok(Reply::Generated { usage: zero, text: None }));
    assert_eq!(world.usage(), ProviderUsage::default());
    assert!(world.gauge().held_slot_ns > 0, "it was held all the same");
}

#[test]
fn switching_a_quirk_on_moves_no_other_behaviours_luck() {
    let timing = |quirks| {
        let mut config = with_quirks(quirks);
        let plane = &mut config.regions[0].control_plane;
        plane.allocate = Latency::Exponential { mean: Duration::from_millis(40) };
        plane.release = Latency::Exponential { mean: Duration::from_millis(20) };
        let mut world = World::new(config);
        let mut told = Vec::new();
        for _ in 0..50 {
            let asked = world.now;
            world.submit(Operation::Allocate(ask()));
            let granted = world.completion().1.is_ok();
            let took = world.now.since(asked);
            let share = world.list().first().copied().expect("held");
            let asked = world.now;
            world.release(share);
            told.push((granted.then_some(took), world.now.since(asked)));
        }
        told
    };
    let plain = timing(Quirks::default());
    let mut ghostly = timing(Quirks { ghosts: BasisPoints::from_percent(20), ..Quirks::default() });
    let timed_out = ghostly.iter().filter(|(took, _)| took.is_none()).count();
    assert!((1..50).contains(&timed_out), "{timed_out}");
    for (told, plain) in ghostly.iter_mut().zip(&plain) {
        told.0 = told.0.or(plain.0);
    }
    assert_eq!(ghostly, plain);
}
