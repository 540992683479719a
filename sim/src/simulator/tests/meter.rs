//! The provider's meter against what was held.

use std::collections::BTreeMap;

use connector::{Money, StatementLine, StayEnd};
use proptest::prelude::*;

use super::*;
use crate::config::{KeptProgress, PriceChange, RequeueConfig};

fn ms(ns: u128) -> u128 {
    ns / 1_000_000
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_share_is_charged_from_the_question_to_the_release() {
    let mut config = one_pool();
    config.pools[0].price_per_slot_hour = "3.60".parse().expect("a price");
    let mut world = World::new(config);
    let share = world.grant(ask());
    world.run_until(1_000);
    world.release(share);
    let usage = world.usage();
    assert_eq!(ms(usage.slot_ns), 1_000);
    assert_eq!(ms(usage.mebibyte_ns), 2_048 * 1_000);
    assert_eq!(usage.flop, 5_000_000_000_000, "5 TFLOPS for a second");
    assert_eq!(usage.cost, "0.001".parse().expect("an amount"));
    assert_eq!(ms(usage.untold_slot_ns), 40);
    assert_eq!((usage.ghost_slot_ns, usage.releasing_slot_ns, usage.slots_held), (0, 0, 0));
}

#[test]
fn a_ghost_is_charged_as_one_until_it_is_released() {
    let quirks = Quirks { ghosts: BasisPoints::ONE, ..Quirks::default() };
    let mut world = World::new(with_quirks(quirks));
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::Timeout);
    let [ghost] = world.list()[..] else { panic!("one share is held") };
    world.run_until(20_000);
    assert_eq!((ms(world.usage().ghost_slot_ns), world.usage().slots_held), (20_000, 1));
    world.release(ghost);
    world.run_until(30_000);
    let usage = world.usage();
    assert_eq!((ms(usage.ghost_slot_ns), ms(usage.slot_ns)), (20_000, 20_000));
    assert_eq!((usage.untold_slot_ns, usage.slots_held), (0, 0));
}

#[test]
fn a_slow_release_is_charged_until_it_is_done() {
    let slow = Some(Latency::Fixed(secs(60)));
    let mut world = World::new(with_quirks(Quirks { slow_release: slow, ..Quirks::default() }));
    let share = world.grant(ask());
    world.run_until(1_000);
    world.release(share);
    world.run_until(31_000);
    assert_eq!(ms(world.usage().releasing_slot_ns), 30_000);
    world.run_until(100_000);
    let usage = world.usage();
    assert_eq!((ms(usage.slot_ns), ms(usage.releasing_slot_ns)), (61_000, 60_000));
}

#[test]
fn v3_hours_and_use_are_metered_apart_and_may_disagree() {
    let mut world = World::new(one_pool());
    let idle = world.grant(Allocate { tenant: TenantId(1), ..ask() });
    let busy = world.grant(Allocate { tenant: TenantId(2), ..ask() });
    world.infer(busy, 50);
    world.completion().1.expect("answered");
    world.release(busy);
    world.run_until(60_000);
    world.release(idle);
    let mut of = Vec::new();
    world.simulator.provider_usage(world.now, &mut |usage| of.push(usage));
    let [idle, busy] = of[..] else { panic!("two tenants: {of:?}") };
    assert_eq!((idle.tenant, busy.tenant), (TenantId(1), TenantId(2)));
    assert!(idle.slot_ns > 50 * busy.slot_ns, "{of:?}");
    assert_eq!((idle.output_tokens, busy.output_tokens), (0, 50));
    assert_eq!((idle.prompt_tokens, busy.prompt_tokens), (0, 100));
}

/// Something that a caller does, or nothing.
#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate {
        tenant: u32,
        gib: u64,
        priority: u8,
    },
    Infer(usize),
    /// Of one of the shares listed, known to the caller or not.
    Release(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_u32, 1..8_u64, 0..10_u8)
            .prop_map(|(tenant, gib, priority)| Step::Allocate { tenant, gib, priority }),
        1 => (0..4_usize).prop_map(Step::Infer),
        3 => (0..4_usize).prop_map(Step::Release),
        2 => (0..5_000_u64).prop_map(Step::Wait),
    ]
}

fn world_of(ghosts: u32, empty: u32, release_s: u64, lag_s: u64, seed: u64) -> World {
    let quirks = Quirks {
        ghosts: BasisPoints::from_percent(ghosts),
        empty_200: BasisPoints::from_percent(empty),
        slow_release: (release_s > 0).then(|| Latency::Exponential { mean: secs(release_s) }),
        eventual_lists: secs(lag_s),
        foreign_rows: 1,
        ..Quirks::default()
    };
    let mut config = with_quirks(quirks);
    let waits =
        RequeueConfig { max_wait: secs(20), max_waiting: 2, progress: KeptProgress::Recompute };
    let requeue = (seed % 2 == 1).then_some(waits);
    config.pools[0].preemption = Some(PreemptionConfig { requeue, ..after(secs(1)) });
    let (at, lasts) = (secs(5), secs(3));
    let loss = FaultKind::GpuLoss { count: 1 };
    let cut = FaultKind::Partition { direction: Direction::Answer };
    let fault = |at, kind| FaultConfig { at, lasts, pool: None, kind };
    config.faults = vec![fault(at, loss), fault(secs(12), cut)];
    config.pools[0].price_per_slot_hour = PRICES[0].1;
    config.pools[0].price_changes = changes().collect();
    let simulator = Simulator::new(config, seed).expect("valid").keeping_statement();
    World { simulator, ..World::idle() }
}

/// From which second on, and what a share costs for an hour.
const PRICES: [(u64, Money); 3] = [
    (0, Money::from_nanos(3_600_000_000)),
    (4, Money::from_nanos(3_960_000_000)),
    (9, Money::from_nanos(1_000_000_007)),
];

fn changes() -> impl Iterator<Item = PriceChange> {
    PRICES[1..].iter().map(|&(at, price)| PriceChange { at: secs(at), price_per_slot_hour: price })
}

/// Integrals of what was held, made by looking at every instant at which anything may change.
#[derive(Debug, Default)]
struct Held {
    at: Timestamp,
    slots: u128,
    mebibytes: u128,
}

impl Held {
    /// Goes from deadline to deadline up to `until`.
    fn follow(&mut self, world: &mut World, until: Timestamp) {
        loop {
            let next = world.simulator.deadline().map_or(until, |next| next.min(until));
            let gauge = world.gauge();
            let elapsed = u128::from(next.since(self.at).as_nanos());
            self.slots += elapsed * u128::from(gauge.slots_held);
            self.mebibytes += elapsed * u128::from(gauge.vram_promised.get());
            (self.at, world.now) = (self.at.max(next), self.at.max(next));
            while world.simulator.poll(world.now).is_some() {}
            if self.at >= until {
                return;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_meter_is_the_integral_of_what_was_held(
        steps in proptest::collection::vec(step(), 1..60),
        (ghosts, empty) in (0..60_u32, 0..60_u32),
        (release_s, lag_s) in (0..5_u64, 0..4_u64),
        seed in 0..1_000_u64,
    ) {
        let mut world = world_of(ghosts, empty, release_s, lag_s, seed);
        let mut held = Held::default();
        for step in steps {
            let shares: Vec<_> = world.simulator.rows(world.now, PoolId(0));
            let share = |index: usize| shares.get(index % shares.len().max(1)).map(|row| row.allocation);
            match step {
                Step::Allocate { tenant, gib, priority } => {
                    let priority = Priority::new(priority).expect("below 10");
                    let (tenant, requirements) = (TenantId(tenant), need(gib));
                    let preemptible = tenant.0 == 0;
                    let ask = Allocate { tenant, requirements, priority, preemptible, ..ask() };
                    world.submit(Operation::Allocate(ask));
                }
                Step::Infer(index) => {
                    if let Some(share) = share(index) {
                        world.infer(share, 5);
                    }
                }
                Step::Release(index) => {
                    let ask = |allocation| Operation::Release { allocation };
                    if let Some(share) = share(index) {
                        world.submit(ask(share));
                    }
                }
                Step::Wait(ms) => {
                    let until = held.at + Duration::from_millis(ms);
                    held.follow(&mut world, until);
                }
            }
        }
        let until = held.at + secs(3);
        held.follow(&mut world, until);
        let (usage, gauge) = (world.usage(), world.gauge());
        prop_assert_eq!(usage.slot_ns, held.slots);
        prop_assert_eq!(usage.mebibyte_ns, held.mebibytes);
        prop_assert_eq!(usage.slot_ns, gauge.held_slot_ns);
        prop_assert_eq!(usage.slots_held, gauge.slots_held);
        prop_assert_eq!(usage.slots_held as usize, world.simulator.held() - gauge.set_aside.waiting as usize);
        let parts = usage.untold_slot_ns + usage.ghost_slot_ns + usage.releasing_slot_ns;
        prop_assert!(parts <= usage.slot_ns);
        assert_lines_add_up(&mut world);
    }
}

/// The lines of the statement are the same time told share by share, and no share has two at once.
fn assert_lines_add_up(world: &mut World) {
    let mut lines = Vec::new();
    world.simulator.statement(world.now, &mut |line| lines.push(line));
    world.simulator.statement_of_held(world.now, &mut |line| lines.push(line));
    let (foreign, ours): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.tenant.is_none());
    let begun = PRICES.iter().filter(|&&(at, _)| at == 0 || Timestamp::ZERO + secs(at) < world.now);
    assert_eq!(foreign.len(), begun.count(), "the row of another tenant, by price");
    let mut accounts = Vec::new();
    world.simulator.provider_usage(world.now, &mut |usage| accounts.push(usage));
    for usage in accounts {
        let of_tenant = |line: &&StatementLine| line.tenant == Some(usage.tenant);
        let times = PRICES.map(|(_, price)| {
            let at_price = ours.iter().filter(of_tenant);
            let at_price = at_price.filter(|line| line.price_per_slot_hour == price);
            at_price.map(|line| u128::from(line.until.since(line.from).as_nanos())).sum()
        });
        assert_eq!(times.iter().sum::<u128>(), usage.slot_ns);
        let costs = PRICES.iter().zip(times).map(|((_, price), ns)| price.per_slot_hour_over(ns));
        assert_eq!(costs.sum::<Money>(), usage.cost);
    }
    for line in &ours {
        let holds = |(at, _): &&(u64, Money)| Timestamp::ZERO + secs(*at) <= line.from;
        let price = PRICES.iter().rfind(holds).expect("one from the start").1;
        assert_eq!(line.price_per_slot_hour, price, "{line:?}");
        let is_within = |at: Timestamp| line.from < at && at < line.until;
        assert!(!changes().any(|change| is_within(Timestamp::ZERO + change.at)), "{line:?}");
    }
    let mut until = BTreeMap::new();
    for line in &ours {
        let before = until.insert(line.allocation, line.until);
        assert!(before.is_none_or(|before| before <= line.from), "{line:?}");
    }
    world.simulator.statement(world.now, &mut |line| panic!("told twice: {line:?}"));
}

#[test]
fn a_statement_says_of_every_share_since_when_until_when_and_why() {
    let mut config = one_pool();
    config.pools[0].price_per_slot_hour = "3.60".parse().expect("a price");
    let mut world = World::new(config);
    world.simulator = world.simulator.keeping_statement();
    let [gone, held] = [(); 2].map(|()| world.grant(ask()));
    world.run_until(1_000);
    world.release(gone);
    let (mut lines, now) = (Vec::new(), world.now);
    world.simulator.statement(now, &mut |line| lines.push(line));
    world.simulator.statement_of_held(now, &mut |line| lines.push(line));
    let told =
        lines.iter().map(|line| (line.allocation, line.ended, ms(line.until.as_nanos().into())));
    let released = (gone, StayEnd::Released, 1_000);
    assert_eq!(told.collect::<Vec<_>>(), [released, (held, StayEnd::Held, world.ms().into())]);
    assert_eq!(lines[0].charge, "0.001".parse().expect("an amount"));
}

#[test]
fn a_price_that_changes_cuts_the_line_and_is_told_with_the_pool() {
    let mut config = one_pool();
    config.pools[0].price_per_slot_hour = "3.60".parse().expect("a price");
    let dearer = "7.20".parse().expect("a price");
    config.pools[0].price_changes = vec![PriceChange { at: secs(1), price_per_slot_hour: dearer }];
    let mut world = World::new(config);
    world.simulator = world.simulator.keeping_statement();
    let share = world.grant(ask());
    world.run_until(3_000);
    world.release(share);
    let mut lines = Vec::new();
    world.simulator.statement(world.now, &mut |line| lines.push(line));
    let told = lines.iter().map(|line| {
        let (from, until) = (line.from.as_nanos().into(), line.until.as_nanos().into());
        (ms(from), ms(until), line.ended, line.charge.to_string())
    });
    let expected = [
        (0, 1_000, StayEnd::PriceChanged, "0.001".to_owned()),
        (1_000, 3_000, StayEnd::Released, "0.004".to_owned()),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(world.usage().cost.to_string(), "0.005");
    world.submit(Operation::Pools);
    let (_, told) = world.wait();
    let EventKind::Completed { result: Ok(Reply::Pools(pools)), .. } = told else {
        panic!("{told:?}")
    };
    assert_eq!(pools[0].price_per_slot_hour, dearer);
}

#[test]
fn prices_change_after_the_start_and_in_order() {
    let told = |seconds: &[u64]| {
        let mut config = one_pool();
        let change = |&at| PriceChange { at: secs(at), price_per_slot_hour: Money::ZERO };
        config.pools[0].price_changes = seconds.iter().map(change).collect();
        Simulator::new(config, 1).err().map(|error| error.to_string())
    };
    assert_eq!(told(&[1, 2]), None);
    let expected = "pool `shared`: the price changes at 0s, not after 0s";
    assert_eq!(told(&[0]).as_deref(), Some(expected));
    let expected = "pool `shared`: the price changes at 2s, not after 2s";
    assert_eq!(told(&[2, 2]).as_deref(), Some(expected));
}

#[test]
fn usage_reported_as_zero_has_lines_without_time() {
    let mut world = World::new(with_quirks(Quirks { zero_usage: true, ..Quirks::default() }));
    world.simulator = world.simulator.keeping_statement();
    let share = world.grant(ask());
    world.run_until(1_000);
    world.release(share);
    let mut lines = Vec::new();
    world.simulator.statement(world.now, &mut |line| lines.push(line));
    let [line] = lines[..] else { panic!("one share: {lines:?}") };
    assert_eq!((line.until, line.charge), (line.from, connector::Money::ZERO));
}
