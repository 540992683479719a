//! Cards that come and go by themselves: when, and what that does to those who use them.

use connector::PoolScaling;

use super::*;
use crate::config::{AutoscaleConfig, Behaviour, Schedule, Target};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Looks every 10 s at the slots held, of which a card has two, and should have both in use; new cards
/// come after 60 s.
fn scaling() -> AutoscaleConfig {
    AutoscaleConfig {
        min: 1,
        max: 8,
        start: 1,
        targets: vec![Target::SlotUtilization(BasisPoints::ONE)],
        interval: seconds(10),
        tolerance: BasisPoints::from_percent(10),
        scale_out: Behaviour::default_out(),
        scale_in: Behaviour::default_in(),
        provisioning: Latency::Fixed(seconds(60)),
        schedule: None,
        warm: 0,
        preload: Vec::new(),
        idle_to_zero: None,
        price_per_card_hour: None,
    }
}

/// Eight cards for two, that scale.
fn pool(autoscale: AutoscaleConfig) -> ProviderConfig {
    let mut config = one_pool();
    config.pools[0].count = 8;
    config.pools[0].autoscale = Some(autoscale);
    config
}

fn full() -> ErrorKind {
    ErrorKind::CapacityExhausted
}

impl Simulator {
    /// Whatever a pool that scales is going through, this holds.
    pub(super) fn check_fleet(&mut self, now: Timestamp, pool: usize) {
        let of = &self.pools[pool];
        for at in self.shares.values().filter_map(|share| share.at) {
            assert!(of.standing(at.card).is_there(), "a card in use stays");
        }
        let Some(config) = of.config.autoscale.clone() else { return };
        let gauge = self.gauge(now, pool);
        let PoolScaling { wanted, coming, spare, .. } = gauge.scaling.expect("it scales");
        assert!(wanted <= config.max);
        let least = config.schedule.is_none() && config.idle_to_zero.is_none();
        assert!(!least || wanted >= config.min);
        let room = self.pools[pool].config.count.min(config.max + config.warm);
        assert!(gauge.cards + coming <= room, "{} and {coming} of {room}", gauge.cards);
        assert!(spare <= config.warm && wanted + spare <= self.pools[pool].config.count);
    }
}

impl World {
    /// Cards in service, on their way and to spare, in whole seconds from now on.
    fn cards_at(&mut self, second: u64) -> (u32, u32, u32) {
        self.run_until(second * 1_000);
        let gauge = self.gauge();
        let scaling = gauge.scaling.expect("the pool scales");
        assert!(scaling.spare <= gauge.cards);
        (gauge.cards - scaling.spare, scaling.coming, scaling.spare)
    }

    /// Asks for this many shares at once and returns those that were granted.
    fn grants(&mut self, shares: usize) -> Vec<AllocationId> {
        (0..shares).for_each(|_| {
            self.submit(Operation::Allocate(ask()));
        });
        let answers: Vec<_> = (0..shares).map(|_| self.completion().1).collect();
        let granted = answers.into_iter().filter_map(|answer| match answer {
            Ok(Reply::Granted { allocation }) => Some(allocation),
            _ => None,
        });
        granted.collect()
    }
}

#[test]
fn a_step_of_load_is_answered_after_the_next_look_and_the_provisioning() {
    let mut world = World::new(pool(scaling()));
    world.run_until(3_000);
    assert_eq!(world.grants(6).len(), 2, "one card has two slots");
    assert_eq!(world.cards_at(9), (1, 0, 0));
    // Two held and four asked for in vain are six: three cards.
    assert_eq!(world.cards_at(10), (1, 2, 0));
    world.run_until(69_999);
    assert_eq!(world.refusal(Operation::Allocate(ask())), full());
    assert_eq!(world.gauge().cards, 3, "the answer took 40 ms");
    world.grant(ask());
}

#[test]
fn a_new_card_loads_its_weights_and_serves_then() {
    let mut config = pool(scaling());
    config.pools[0].weight_load_bandwidth = Some(1e9);
    let mut world = World::new(config);
    assert_eq!(world.grants(3).len(), 2);
    world.run_until(70_000);
    let share = world.grant(ask());
    world.infer(share, 1);
    // Asked at the look at 10 s, there at 70 s, two gigabytes at one a second, and a step of 10 ms.
    assert_eq!(world.wait(), (72_010, EventKind::FirstToken { ticket: Ticket(5) }));
}

#[test]
fn a_spare_card_comes_in_at_the_look_with_its_weights() {
    let warm = AutoscaleConfig { warm: 1, preload: vec![ModelId(0)], ..scaling() };
    let mut config = pool(warm);
    config.pools[0].weight_load_bandwidth = Some(1e9);
    let mut world = World::new(config);
    assert_eq!(world.cards_at(0), (1, 0, 1));
    assert_eq!(world.grants(3).len(), 2, "nothing is placed on a spare card");
    assert_eq!(world.cards_at(10), (2, 1, 0), "and another one sets out");
    let share = world.grant(ask());
    world.infer(share, 1);
    // 40 ms for the grant, 100 on the way, 10 for the step.
    assert_eq!(world.wait(), (10_150, EventKind::FirstToken { ticket: Ticket(5) }));
    assert_eq!(world.cards_at(69), (2, 1, 0));
    assert_eq!(world.cards_at(70), (2, 0, 1));
}

#[test]
fn weights_set_out_for_a_spare_card_when_it_comes() {
    let warm = AutoscaleConfig { warm: 1, preload: vec![ModelId(0)], ..scaling() };
    let mut config = pool(warm);
    config.pools[0].weight_load_bandwidth = Some(1e9);
    let mut world = World::new(config);
    world.grants(3);
    world.run_until(70_500);
    // The second spare card came at 70 s; a share on it waits for what is left of the two seconds.
    world.grants(3);
    assert_eq!(world.cards_at(80), (3, 1, 0));
    let share = world.grant(ask());
    world.infer(share, 1);
    assert_eq!(world.wait().0, 80_150);
}

#[test]
fn a_constant_load_ends_at_the_load_over_the_target() {
    for (percent, shares, cards) in [(100, 8, 4), (50, 5, 5), (80, 7, 5), (60, 3, 3)] {
        let targets = vec![Target::SlotUtilization(BasisPoints::from_percent(percent))];
        let autoscale = AutoscaleConfig { targets, start: 8, ..scaling() };
        let mut world = World::new(pool(autoscale));
        assert_eq!(world.grants(shares).len(), shares);
        // Eight cards hold one share each: those with none go, and so does whoever drains.
        let gauge_at = |world: &mut World, second: u64| {
            world.run_until(second * 1_000);
            world.gauge().scaling.expect("it scales").wanted
        };
        let expected = (shares as f64 / (2.0 * f64::from(percent) / 100.0)).ceil() as u32;
        assert_eq!(expected, cards);
        assert_eq!(gauge_at(&mut world, 299), 8, "within the window nothing goes");
        assert_eq!(gauge_at(&mut world, 320), cards, "{shares} shares at {percent}%");
        assert_eq!(gauge_at(&mut world, 2_000), cards);
    }
}

#[test]
fn a_card_in_use_drains_and_nobody_loses_a_share() {
    let scale_in = Behaviour { window: Duration::ZERO, ..Behaviour::default_in() };
    let autoscale = AutoscaleConfig { start: 4, scale_in, ..scaling() };
    let mut world = World::new(pool(autoscale));
    let shares = world.grants(4);
    world.infer(shares[3], 2_000);
    // Each card holds one share; two cards would do.
    world.run_until(10_000);
    let gauge = world.gauge();
    assert_eq!((gauge.cards, gauge.slots_held), (4, 4));
    assert_eq!(gauge.scaling.expect("it scales").wanted, 2);
    let (at, answer) = world.completion();
    assert!(answer.is_ok());
    assert!(at > 20_000, "2,000 steps of 10 ms: {at}");
    for share in shares {
        world.release(share);
    }
    assert_eq!(world.gauge().cards, 2, "who is empty goes at once");
}

#[test]
fn a_card_that_drains_is_taken_back_before_another_comes() {
    let scale_in = Behaviour { window: Duration::ZERO, ..Behaviour::default_in() };
    let autoscale = AutoscaleConfig { start: 4, scale_in, ..scaling() };
    let mut world = World::new(pool(autoscale));
    world.grants(4);
    world.run_until(10_000);
    assert_eq!(world.grants(4).len(), 2, "two cards are closing, two have a slot left");
    // Six held and two asked for in vain: four cards again, and all of them are there.
    assert_eq!(world.cards_at(20), (4, 0, 0));
    assert_eq!(world.grants(2).len(), 2);
}

#[test]
fn an_idle_pool_goes_to_zero_and_the_first_who_asks_wakes_it() {
    let idle_to_zero = Some(seconds(60));
    let mut world =
        World::new(pool(AutoscaleConfig { start: 2, min: 2, idle_to_zero, ..scaling() }));
    let share = world.grant(ask());
    world.run_until(25_000);
    world.release(share);
    // The look at 30 s sees use for the last time.
    assert_eq!(world.cards_at(89), (2, 0, 0));
    assert_eq!(world.cards_at(90), (0, 0, 0));
    world.run_until(123_000);
    assert_eq!(world.refusal(Operation::Allocate(ask())), full());
    assert_eq!(world.cards_at(124), (0, 2, 0), "at once, not at the next look");
    assert_eq!(world.cards_at(182), (0, 2, 0));
    assert_eq!(world.cards_at(183), (2, 0, 0));
    world.grant(ask());
    let scaling = world.gauge().scaling.expect("it scales");
    assert_eq!((scaling.scaled_in, scaling.scaled_out), (1, 1));
}

#[test]
fn an_idle_pool_with_a_spare_card_wakes_within_the_call() {
    let idle_to_zero = Some(seconds(60));
    let autoscale = AutoscaleConfig { start: 0, idle_to_zero, warm: 1, ..scaling() };
    let mut world = World::new(pool(autoscale));
    assert_eq!(world.refusal(Operation::Allocate(ask())), full());
    world.grant(ask());
}

#[test]
fn what_is_not_needed_any_more_is_called_off() {
    let scale_in = Behaviour { window: Duration::ZERO, ..Behaviour::default_in() };
    let mut world = World::new(pool(AutoscaleConfig { scale_in, ..scaling() }));
    let shares = world.grants(6);
    assert_eq!(world.cards_at(10), (1, 2, 0));
    world.release(shares[0]);
    assert_eq!(world.cards_at(20), (1, 0, 0));
    assert_eq!(world.cards_at(100), (1, 0, 0));
}

#[test]
fn cards_that_compute_are_what_gpu_utilization_sees() {
    let targets = vec![Target::GpuUtilization(BasisPoints::from_percent(50))];
    let mut world = World::new(pool(AutoscaleConfig { targets, start: 2, ..scaling() }));
    let shares = world.grants(2);
    // Both compute all the time: two at 50 % are four.
    world.infer(shares[0], 4_000);
    world.infer(shares[1], 4_000);
    assert_eq!(world.cards_at(10), (2, 2, 0));
}

#[test]
fn requests_that_wait_or_run_are_what_queues_and_concurrency_see() {
    for (target, cards) in [(Target::Waiting(5), 3), (Target::Concurrency(4), 4)] {
        let mut config = pool(AutoscaleConfig { targets: vec![target], ..scaling() });
        config.pools[0].serving.max_sequences = 4;
        let mut world = World::new(config);
        let shares = world.grants(2);
        // Four of the sixteen are in the batch and twelve wait.
        (0..16).for_each(|index| world.infer(shares[index % 2], 10_000));
        world.run_until(10_000);
        let wanted = world.gauge().scaling.expect("it scales").wanted;
        assert_eq!(wanted, cards, "{target:?}");
    }
}

#[test]
fn a_schedule_has_its_cards_there_one_provisioning_after_the_look_that_sees_it() {
    let points = vec![(seconds(100), 5), (seconds(400), 0)];
    let schedule = Some(Schedule { period: seconds(1_000), points });
    let mut world = World::new(pool(AutoscaleConfig { schedule, ..scaling() }));
    assert_eq!(world.cards_at(99), (1, 0, 0));
    assert_eq!(world.cards_at(100), (1, 4, 0));
    assert_eq!(world.cards_at(160), (5, 0, 0));
    assert_eq!(world.cards_at(700), (0, 0, 0));
}

#[test]
fn a_card_lost_to_a_fault_is_not_replaced_without_need_and_counts_when_it_is_back() {
    let mut config = pool(AutoscaleConfig { start: 3, min: 3, ..scaling() });
    let (at, lasts) = (seconds(5), seconds(50));
    let kind = FaultKind::GpuLoss { count: 1 };
    config.faults.push(FaultConfig { at, lasts, pool: None, kind });
    let mut world = World::new(config);
    assert_eq!(world.cards_at(6), (2, 0, 0));
    assert_eq!(world.cards_at(30), (2, 0, 0));
    assert_eq!(world.cards_at(56), (3, 0, 0));
}

#[test]
fn a_spare_card_lost_to_a_fault_comes_back_to_spare() {
    let mut config = pool(AutoscaleConfig { warm: 2, ..scaling() });
    let (at, lasts) = (seconds(5), seconds(50));
    let kind = FaultKind::GpuLoss { count: 1 };
    config.faults.push(FaultConfig { at, lasts, pool: None, kind });
    let mut world = World::new(config);
    world.run_until(6_000);
    assert_eq!(world.gauge().cards, 2);
    world.run_until(60_000);
    assert_eq!(world.gauge().cards, 3);
    assert_eq!(world.grants(3).len(), 2, "and takes no shares");
}

#[test]
fn time_of_cards_is_that_of_cards_that_are_there() {
    let mut world = World::new(pool(scaling()));
    world.grants(6);
    world.run_until(100_000);
    // One for 100 s, two from 70 s on.
    assert_eq!(world.gauge().card_ns / 1_000_000_000, 100 + 2 * 30);
}

#[test]
fn neighbours_come_and_go_with_their_card() {
    let mut config = pool(AutoscaleConfig { start: 2, ..scaling() });
    config.pools[0].sharing_ratio = 3;
    config.pools[0].neighbours = vec![crate::config::NeighbourConfig {
        busy: None,
        idle: Latency::Fixed(seconds(1)),
        working_set: Mebibytes::ZERO,
        guaranteed: BasisPoints::ZERO,
        vip: false,
    }];
    let mut world = World::new(config);
    world.run_until(11_000);
    assert_eq!(world.gauge().busy_card_ns / 1_000_000_000, 20, "on two of the eight cards");
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let refused = |autoscale| Simulator::new(pool(autoscale), 1).expect_err("wrong").to_string();
    let many = refused(AutoscaleConfig { max: 9, ..scaling() });
    assert_eq!(many, "pool `shared`: autoscaling: `max` must be from 1 to the pool's `count`");
    let none = Behaviour { window: Duration::ZERO, most: Vec::new() };
    for wrong in [
        AutoscaleConfig { min: 9, ..scaling() },
        AutoscaleConfig { start: 0, ..scaling() },
        AutoscaleConfig { warm: 9, ..scaling() },
        AutoscaleConfig { interval: Duration::from_millis(999), ..scaling() },
        AutoscaleConfig { scale_in: none, ..scaling() },
        AutoscaleConfig { targets: vec![Target::Waiting(0)], ..scaling() },
        AutoscaleConfig { preload: vec![ModelId(1)], ..scaling() },
        AutoscaleConfig {
            schedule: Some(Schedule { period: seconds(10), points: vec![(seconds(11), 1)] }),
            ..scaling()
        },
    ] {
        refused(wrong);
    }
}
