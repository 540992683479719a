//! Cards that are shared, with serving engines on them and others beside.

use super::*;
use crate::config::{HostFull, NeighbourConfig, PagingConfig, SharingConfig, TurnsConfig};

const STEP_MS: u64 = 10;

/// One card, shared by so many, with as many models whose every step takes 10 ms.
fn one_card(sharing_ratio: u32, sharing: SharingConfig) -> ProviderConfig {
    let mut config = one_pool();
    let pool = &mut config.pools[0];
    (pool.count, pool.sharing_ratio, pool.sharing) = (1, sharing_ratio, sharing);
    pool.serving.max_sequences = 1;
    config.models = (0..10)
        .map(|index| ModelConfig { name: format!("m{index}"), ..config.models[0].clone() })
        .collect();
    config
}

fn turns(quantum_s: u64) -> TurnsConfig {
    TurnsConfig { quantum: Duration::from_secs(quantum_s), ..TurnsConfig::default() }
}

fn neighbour(busy: Option<u64>, idle: u64) -> NeighbourConfig {
    let fixed = |seconds| Latency::Fixed(Duration::from_secs(seconds));
    NeighbourConfig {
        busy: busy.map(fixed),
        idle: fixed(idle),
        working_set: Mebibytes::ZERO,
        guaranteed: BasisPoints::ZERO,
        vip: false,
    }
}

fn of_model(model: u32) -> Allocate {
    Allocate { model: ModelId(model), ..ask() }
}

/// Tenants that always have three requests of 50 tokens on the way.
struct Busy {
    world: World,
    shares: Vec<AllocationId>,
    /// Whose request a ticket is.
    owner: std::collections::BTreeMap<u64, usize>,
}

impl Busy {
    fn new(config: ProviderConfig, tenants: u32) -> Self {
        let mut world = World::new(config);
        let shares: Vec<_> = (0..tenants).map(|model| world.grant(of_model(model))).collect();
        let mut busy = Self { world, shares, owner: std::collections::BTreeMap::new() };
        for tenant in 0..busy.shares.len() {
            (0..3).for_each(|_| busy.ask(tenant));
        }
        busy
    }

    fn ask(&mut self, tenant: usize) {
        self.world.infer(self.shares[tenant], 50);
        self.owner.insert(self.world.tickets, tenant);
    }

    /// Seconds of the card that each had in the next so many.
    fn pass(&mut self, seconds: u64) -> Vec<f64> {
        let end = self.world.now + Duration::from_secs(seconds);
        let mut had = vec![0.0; self.shares.len()];
        loop {
            let Some(event) = self.world.simulator.poll(self.world.now) else {
                match self.world.simulator.deadline() {
                    Some(next) if next <= end => self.world.now = next,
                    _ => break,
                }
                continue;
            };
            let EventKind::Completed { ticket, .. } = event.kind else { continue };
            let tenant = self.owner.remove(&ticket.0).expect("an inference");
            had[tenant] += (50 * STEP_MS) as f64 / 1e3;
            self.ask(tenant);
        }
        self.world.now = end;
        had
    }
}

fn jain(had: &[f64]) -> f64 {
    let (sum, squares) =
        had.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    sum * sum / (had.len() as f64 * squares)
}

#[test]
fn tenants_that_are_always_busy_have_equal_parts_over_any_hundred_quanta() {
    for tenants in [2, 4, 10] {
        let mut busy = Busy::new(one_card(tenants, SharingConfig::Turns(turns(10))), tenants);
        for window in [37, 1_000, 1_000, 1_000] {
            let had = busy.pass(window);
            if window == 1_000 {
                let part = 1_000.0 / f64::from(tenants);
                assert!(had.iter().all(|had| (had - part).abs() <= 10.0), "{had:?}");
                assert!(jain(&had) >= 0.99, "{had:?}");
            }
        }
    }
}

#[test]
fn t3_who_is_alone_has_all_of_the_card() {
    let mut busy = Busy::new(one_card(4, SharingConfig::Turns(turns(10))), 1);
    assert!(busy.pass(100)[0] > 98.9);
}

#[test]
fn a7_a_card_that_is_not_shared_is_a_bare_card() {
    let seen = |sharing| Busy::new(one_card(1, sharing), 1).pass(100);
    let bare = seen(SharingConfig::Spatial { interference: 0.0, by_compute: false });
    assert_eq!(
        seen(SharingConfig::Turns(TurnsConfig { switch: Duration::from_secs(1), ..turns(10) })),
        bare
    );
}

#[test]
fn sharing_in_space_halves_the_speed_of_two_and_interferes() {
    let config = one_card(4, SharingConfig::Spatial { interference: 0.25, by_compute: false });
    let had = Busy::new(config, 2).pass(1_000);
    assert!(had.iter().all(|had| (had - 400.0).abs() < 2.0), "{had:?}");
}

#[test]
fn a_slice_computes_at_its_part_and_refuses_more_than_its_memory() {
    let had = Busy::new(one_card(4, SharingConfig::Slices), 1).pass(1_000);
    assert!((had[0] - 250.0).abs() < 2.0, "{had:?}");
    let mut world = World::new(one_card(4, SharingConfig::Slices));
    let larger = Allocate { requirements: need(7), ..ask() };
    assert_eq!(world.refusal(Operation::Allocate(larger)), ErrorKind::Invalid);
}

/// The stall that a client sees: a neighbour has the card when the request arrives.
#[test]
fn t6_a_request_waits_for_a_neighbours_quantum() {
    let mut config = one_card(2, SharingConfig::Turns(turns(30)));
    config.pools[0].neighbours = vec![neighbour(None, 0)];
    let mut world = World::new(config);
    let share = world.grant(ask());
    world.infer(share, 1);
    assert_eq!(world.wait().0, 30_000 + STEP_MS, "the quantum began at 0");
    world.completion().1.expect("answered");
    world.infer(share, 1);
    assert_eq!(world.wait().0, 60_010 + STEP_MS, "and the next when the work was done");
}

#[test]
fn a_busy_neighbour_takes_its_part_and_an_idle_one_none() {
    let had = |neighbours| {
        let mut config = one_card(3, SharingConfig::Turns(turns(10)));
        config.pools[0].neighbours = neighbours;
        Busy::new(config, 1).pass(3_000)[0]
    };
    let rests = neighbour(Some(1), 1_000_000);
    assert!(had(vec![rests.clone(), rests]) > 2_990.0);
    assert!((had(vec![neighbour(None, 0), neighbour(None, 0)]) - 1_000.0).abs() <= 10.0);
}

/// Alone on the card it gets the same part of it again and again.
#[test]
fn a_neighbour_that_works_and_rests_is_busy_for_its_part_of_the_time() {
    for sharing in [SharingConfig::Turns(turns(10)), SharingConfig::Slices] {
        let mut config = one_card(2, sharing);
        config.pools[0].neighbours = vec![neighbour(Some(1), 9)];
        let mut world = World::new(config);
        world.run_until(1_000_000);
        let gauge = world.gauge();
        let part = gauge.busy_card_ns as f64 / gauge.card_ns as f64;
        let expected = if sharing == SharingConfig::Slices { 2.0 / 11.0 } else { 0.1 };
        assert!((part - expected).abs() < 0.002, "{part} and not {expected} under {sharing:?}");
    }
}

#[test]
fn a5_neighbours_take_slots_and_not_load() {
    let mut config = one_card(3, SharingConfig::Turns(turns(10)));
    config.pools[0].neighbours = vec![neighbour(Some(1), 1_000_000)];
    let mut world = World::new(config);
    let whole = Allocate { requirements: need(24), ..ask() };
    world.grant(whole);
    world.grant(whole);
    assert_eq!(world.refusal(Operation::Allocate(whole)), ErrorKind::CapacityExhausted);
    assert_eq!(world.gauge().slots, 2);
}

#[test]
fn a3_the_eleventh_share_of_a_card_is_refused_and_not_delayed() {
    let mut world = World::new(one_card(10, SharingConfig::Turns(turns(30))));
    for model in 0..10 {
        world.grant(of_model(model));
    }
    let asked = world.ms();
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::CapacityExhausted);
    assert_eq!(world.ms() - asked, 40);
}

#[test]
fn p4_shares_whose_guarantees_exceed_a_card_are_refused() {
    let mut config = one_card(4, SharingConfig::Turns(turns(10)));
    config.pools[0].guaranteed_share = BasisPoints::from_percent(40);
    let mut world = World::new(config);
    world.grant(of_model(0));
    world.grant(of_model(1));
    assert_eq!(world.refusal(Operation::Allocate(of_model(2))), ErrorKind::CapacityExhausted);
}

#[test]
fn m7_shares_beyond_the_card_and_the_hosts_memory_are_refused() {
    let paging =
        PagingConfig { host_memory: Some(Mebibytes::from_gib(24)), ..PagingConfig::default() };
    let sharing = SharingConfig::Turns(TurnsConfig { paging, ..turns(10) });
    let mut world = World::new(one_card(4, sharing));
    let whole = |model| Allocate { requirements: need(24), ..of_model(model) };
    world.grant(whole(0));
    world.grant(whole(1));
    assert_eq!(world.refusal(Operation::Allocate(whole(2))), ErrorKind::CapacityExhausted);
}

/// Three models of 15 GB on a card of 24 GiB: 18 GiB of them do not fit.
#[test]
fn m7_who_has_most_in_a_hosts_full_memory_is_killed_and_starts_anew() {
    let paging = PagingConfig {
        host_memory: Some(Mebibytes::from_gib(16)),
        host_full: HostFull::Kill,
        ..PagingConfig::default()
    };
    let mut config = one_card(4, SharingConfig::Turns(TurnsConfig { paging, ..turns(10) }));
    for model in &mut config.models {
        let Timing::Linear(linear) = &mut model.timing else { panic!("linear") };
        linear.weight_bytes = 15e9;
    }
    let mut world = World::new(config);
    let [first, second] = [0, 1].map(|model| world.grant(of_model(model)));
    world.infer(first, 100_000);
    world.infer(second, 100_000);
    world.run_until(60_000);
    assert_eq!(world.gauge().running, 2, "two fit");
    let third = world.grant(of_model(2));
    world.infer(third, 100);
    let (mut killed, mut done) = (0, 0);
    for _ in 0..2 {
        match world.completion().1 {
            Ok(_) => done += 1,
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Unavailable { reached: true });
                assert!(error.to_string().contains("out of memory"), "{error}");
                killed += 1;
            }
        }
    }
    assert_eq!((killed, done), (1, 1));
    assert_eq!(world.gauge().slots_held, 3, "its share stays");
    assert_eq!(world.gauge().running, 1, "the others go on");
    let idle = |world: &mut World, share| world.inspect(share).running == Some(0);
    let killed = [first, second].into_iter().find(|&share| idle(&mut world, share));
    let killed = killed.expect("one of them");
    for share in [first, second, third].into_iter().filter(|share| *share != killed) {
        world.submit(Operation::Release { allocation: share });
    }
    world.run_until(world.ms() + 1_000);
    world.infer(killed, 1);
    assert!(world.completion().1.is_ok(), "its process starts anew");
}

#[test]
fn t9_all_cards_of_a_pool_have_its_quantum_and_pools_their_own() {
    let mut config = one_card(2, SharingConfig::Turns(turns(10)));
    config.pools[0].count = 2;
    let slower = SharingConfig::Turns(turns(30));
    config.pools.push(PoolConfig {
        name: "slow".into(),
        sharing: slower,
        ..config.pools[0].clone()
    });
    let mut world = World::new(config);
    let shares: Vec<_> = (0..8)
        .map(|number| world.grant(Allocate { pool: PoolId(number / 4), ..of_model(number % 4) }))
        .collect();
    for &share in &shares {
        world.infer(share, 100_000);
    }
    world.run_until(600_000);
    for pool in &world.simulator.pools {
        let quantum = if &*pool.config.name == "slow" { 30 } else { 10 };
        for card in &pool.cards {
            let (due, _) = card.turn.expect("two share it");
            let since = due.since(Timestamp::ZERO).as_nanos() % (quantum * 1_000_000_000);
            assert!(since < 1_000_000_000, "turns end every {quantum} s: {due:?}");
        }
    }
}

/// Two models of 15 GB on a card of 24 GiB: what does not fit moves at every change.
#[test]
fn m3_weights_that_do_not_fit_together_are_paged_at_every_change() {
    let mut config = one_card(2, SharingConfig::Turns(turns(10)));
    for model in &mut config.models {
        let Timing::Linear(linear) = &mut model.timing else { panic!("linear") };
        linear.weight_bytes = 15e9;
    }
    let mut busy = Busy::new(config, 2);
    busy.pass(100);
    let before = busy.world.gauge();
    let had = busy.pass(10_000);
    let after = busy.world.gauge();
    // Each change moves what both exceed the card by, out and in, over 25 GB/s one after the other.
    let moved = 2.0 * (30e9 - 24.0 * 1_073_741_824.0);
    let round = 2.0 * (10.0 + moved / 25e9);
    let changes = 2.0 * 10_000.0 / round;
    assert!(((after.paged_bytes - before.paged_bytes) as f64 / moved - changes).abs() <= 2.0);
    let part = 10_000.0 * 10.0 / round;
    assert!(had.iter().all(|had| (had - part).abs() <= 11.0), "{had:?} and not {part}");
    let (busy_ns, changing, wall) = (
        after.busy_card_ns - before.busy_card_ns,
        after.changing_card_ns - before.changing_card_ns,
        after.card_ns - before.card_ns,
    );
    assert_eq!(busy_ns + changing, wall, "time on the card sums to wall time");
}

#[test]
fn m1_a_tenant_beyond_its_limit_fails_alone() {
    let mut config = one_card(2, SharingConfig::Turns(turns(10)));
    config.pools[0].serving.kv_cache = KvCache::Tokens(1_000);
    let mut world = World::new(config);
    let (small, other) = (world.grant(of_model(0)), world.grant(of_model(1)));
    world.infer(other, 100);
    world.infer(small, 2_000);
    let (mut failed, mut done) = (0, 0);
    for _ in 0..2 {
        match world.completion().1 {
            Ok(_) => done += 1,
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Invalid);
                failed += 1;
            }
        }
    }
    assert_eq!((failed, done), (1, 1));
}
