//! Cards that come and go by themselves, against what is known of such processes.

use proptest::prelude::*;

use super::*;
use crate::config::{
    CapacityConfig, CommonFailures, FailuresConfig, KeptProgress, Levels, NodeFailures, Reclaim,
    RequeueConfig, Spells, SpotConfig, Supply,
};

/// Samples of a pool of which each is far from the one before.
const SAMPLES: u64 = 4_000;

#[test]
fn a_card_is_there_for_mtbf_over_mtbf_and_mttr_of_the_time() {
    for (up, down) in [(1_000, 250), (600, 600), (5_000, 50)] {
        let failures = FailuresConfig { card: Some(spells(up, down)), ..Default::default() };
        let there = cards_there(pool_of(50, failing(failures)), 2 * (up + down));
        let available = up as f64 / (up + down) as f64;
        assert_binomial(&there, 50.0, available);
    }
}

/// Every card depends on itself, its node and what all have in common, each independently.
#[test]
fn a_card_is_there_when_nothing_that_it_depends_on_is_broken() {
    let share = BasisPoints::from_percent(40);
    let failures = FailuresConfig {
        card: Some(spells(1_000, 250)),
        node: Some(NodeFailures { cards: 8, spells: spells(2_000, 200) }),
        common: Some(CommonFailures { spells: spells(900, 100), share }),
    };
    let there = cards_there(pool_of(40, failing(failures)), 8_000);
    let available = 0.8 * (2_000.0 / 2_200.0) * (1.0 - 0.4 * 0.1);
    let (mean, variance) = moments(&there);
    let error = libm::sqrt(variance / there.len() as f64);
    assert!((mean - 40.0 * available).abs() < 4.0 * error, "{mean}, {}", 40.0 * available);
    assert!(variance > 40.0 * available * (1.0 - available) * 1.5, "they fail together");
}

#[test]
fn the_cards_of_a_node_fail_together() {
    let node = NodeFailures { cards: 8, spells: spells(1_000, 250) };
    let failures = FailuresConfig { node: Some(node), ..Default::default() };
    // The last node has four cards only.
    let there = cards_there(pool_of(36, failing(failures)), 2_500);
    assert!(there.iter().all(|cards| cards % 8 == 4 || cards % 8 == 0));
    assert!(there.contains(&36) && there.contains(&32));
    let (mean, _) = moments(&there);
    assert!((mean - 36.0 * 0.8).abs() < 4.0 * 8.0 / libm::sqrt(SAMPLES as f64), "{mean}");
}

/// The binomial failure rate model: of the time after a shock, the cards hit are binomial.
#[test]
fn a_common_failure_hits_a_binomial_number_of_cards() {
    let share = BasisPoints::from_percent(30);
    let common = CommonFailures { spells: spells(1_000, 1_000), share };
    let failures = FailuresConfig { common: Some(common), ..Default::default() };
    let there = cards_there(pool_of(50, failing(failures)), 10_000);
    let hit: Vec<u32> = there.iter().filter(|&&cards| cards < 50).copied().collect();
    let half = hit.len() as f64 / SAMPLES as f64;
    assert!((half - 0.5).abs() < 4.0 * 0.5 / libm::sqrt(SAMPLES as f64), "{half}");
    assert_binomial(&hit, 50.0, 0.7);
}

const CARDS: f64 = 200.0;
const TIME: u64 = 1_000_000;

/// The number of failures up to `t` is asymptotically normal with mean `t / m` and variance
/// `t s^2 / m^3`, where `m` and `s^2` are those of a whole cycle (Cox, "Renewal Theory", 1962, 3.3).
#[test]
fn failures_are_a_renewal_process() {
    let uniform = |min, max| Latency::Uniform { min: secs(min), max: secs(max) };
    let spells = Spells { up: uniform(500, 1_500), down: uniform(100, 400) };
    let failures = FailuresConfig { card: Some(spells), ..Default::default() };
    let mut falls = 0;
    let mut last = CARDS as u32;
    watch(pool_of(CARDS as u32, failing(failures)), TIME, |_, cards| {
        falls += last.saturating_sub(cards);
        last = cards;
    });
    let (cycle, variance) = (1_250.0, (1_000.0 * 1_000.0 + 300.0 * 300.0) / 12.0);
    let time = TIME as f64;
    // Of a process that begins with a whole life, the mean is higher by the second term.
    let mean = time / cycle + variance / (2.0 * cycle * cycle) - 0.5 + 250.0 / cycle;
    let error = libm::sqrt(CARDS * time * variance / (cycle * cycle * cycle));
    assert!((f64::from(falls) - CARDS * mean).abs() < 4.0 * error, "{falls}, {}", CARDS * mean);
}

#[test]
fn what_fails_is_lost_without_notice() {
    let fixed = Spells { up: Latency::Fixed(secs(10)), down: Latency::Fixed(secs(5)) };
    let failures = FailuresConfig { card: Some(fixed), ..Default::default() };
    let mut world = World::new(pool_of(1, failing(failures)));
    let share = world.grant(ask());
    world.infer(share, 10_000);
    assert!(matches!(world.wait().1, EventKind::FirstToken { .. }));
    let (at, lost) = world.completion();
    let unavailable = ErrorKind::Unavailable { reached: true };
    assert_eq!((at, lost.map_err(|e| e.kind)), (10_000, Err(unavailable)));
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::CapacityExhausted);
    assert_eq!((world.gauge().cards, world.gauge().preemptions), (0, 0));
    world.run_until(15_000);
    world.grant(ask());
}

#[test]
fn a_reclaimed_card_has_notice_and_comes_back_empty() {
    let spot = SpotConfig {
        grace: secs(30),
        provisioning: Latency::Fixed(secs(60)),
        ..trace(&[(0, 1), (100, 0), (300, 1)], Reclaim::Last)
    };
    let mut config = pool_of(1, sold(spot));
    config.pools[0].weight_load_bandwidth = Some(1e9);
    let mut world = World::new(config);
    let share = world.grant(ask());
    world.infer(share, 100_000);
    assert_eq!(world.wait(), (2_010, EventKind::FirstToken { ticket: Ticket(2) }));
    let notice = EventKind::Preempted { allocation: share, grace: secs(30) };
    assert_eq!(world.wait(), (100_000, notice));
    assert_eq!((world.gauge().cards, world.gauge().preemptions), (1, 1), "still there");
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::CapacityExhausted);
    let (at, taken) = world.completion();
    assert_eq!((at, taken.map_err(|e| e.kind)), (130_000, Err(ErrorKind::Preempted)));
    assert_eq!(world.gauge().cards, 0);
    world.run_until(359_000);
    assert_eq!(world.gauge().cards, 0, "capacity is back, but the card is being provisioned");
    world.run_until(360_000);
    let share = world.grant(ask());
    world.infer(share, 1);
    assert_eq!(world.wait().0, 362_010, "the weights are loaded again");
}

/// The same where shares may wait for another place: nobody hears of it, and one token gap is long.
#[test]
fn a_share_of_a_reclaimed_card_goes_on_elsewhere_where_it_may_wait() {
    let spot =
        SpotConfig { grace: secs(30), ..trace(&[(0, 2), (100, 0), (300, 2)], Reclaim::Last) };
    let mut config = pool_of(2, sold(spot));
    let requeue = Some(RequeueConfig {
        max_wait: secs(600),
        max_waiting: 10,
        progress: KeptProgress::Recompute,
    });
    config.pools[0].preemption = Some(PreemptionConfig { requeue, ..PreemptionConfig::default() });
    let mut world = World::new(config);
    let share = world.grant(ask());
    world.infer(share, 20_000);
    assert!(matches!(world.wait().1, EventKind::FirstToken { .. }));
    world.run_until(200_000);
    let gauge = world.gauge();
    assert_eq!((gauge.cards, gauge.slots_held, gauge.set_aside.waiting), (0, 0, 1));
    let (at, answered) = world.completion();
    assert!(matches!(answered, Ok(Reply::Generated { usage, .. }) if usage.output.get() == 20_000));
    // 200 s of steps, 170 s without a card, and a prompt more to compute again.
    assert!((369_000..373_000).contains(&at), "{at}");
    assert_eq!(world.gauge().set_aside.resumed, 1);
}

#[test]
fn a_card_that_nobody_uses_goes_with_its_notice() {
    let spot = SpotConfig { grace: secs(30), ..trace(&[(0, 2), (100, 1)], Reclaim::Last) };
    let mut world = World::new(pool_of(2, sold(spot)));
    world.run_until(100_000);
    assert_eq!(world.gauge().cards, 1);
}

#[test]
fn a_card_with_notice_goes_even_if_the_level_has_risen() {
    let levels = [(0, 1), (100, 0), (110, 1), (115, 0), (120, 1)];
    let spot = SpotConfig { grace: secs(30), ..trace(&levels, Reclaim::Last) };
    let mut world = World::new(pool_of(1, sold(spot)));
    let share = world.grant(ask());
    world.infer(share, 100_000);
    let (at, taken) = world.completion();
    assert_eq!((at, taken.map_err(|e| e.kind)), (130_000, Err(ErrorKind::Preempted)));
    assert_eq!(world.gauge().cards, 1, "a new one in its place");
    world.grant(ask());
}

#[test]
fn capacity_that_falls_takes_what_has_not_come_yet() {
    let levels = [(0, 2), (100, 0), (200, 2), (220, 1)];
    let provisioning = Latency::Fixed(secs(60));
    let spot = SpotConfig { provisioning, ..trace(&levels, Reclaim::Last) };
    let mut there = Vec::new();
    watch(pool_of(2, sold(spot)), 1_000, |at, cards| there.push((at, cards)));
    there.dedup_by_key(|&mut (_, cards)| cards);
    assert_eq!(there, [(0, 2), (100, 0), (260, 1)]);
}

#[test]
fn a_trace_begins_where_it_is_told_and_holds_or_repeats() {
    let levels = |start, repeats| {
        let mut spot = trace(&[(0, 3), (100, 1), (200, 2)], Reclaim::Last);
        let Supply::Trace { levels, .. } = &mut spot.supply else { panic!("a trace") };
        (levels.start, levels.length, levels.repeats) = (secs(start), secs(300), repeats);
        let mut there = Vec::new();
        watch(pool_of(4, sold(spot)), 600, |at, cards| there.push((at, cards)));
        there.dedup_by_key(|&mut (_, cards)| cards);
        there
    };
    assert_eq!(levels(0, false), [(0, 3), (100, 1), (200, 2)]);
    assert_eq!(levels(150, false), [(0, 1), (50, 2)]);
    assert_eq!(
        levels(0, true),
        [(0, 3), (100, 1), (200, 2), (300, 3), (400, 1), (500, 2), (600, 3)]
    );
    assert_eq!(
        levels(250, true),
        [(0, 2), (50, 3), (150, 1), (250, 2), (350, 3), (450, 1), (550, 2)]
    );
}

#[test]
fn a_process_has_the_means_that_it_is_given() {
    for (group, together) in [(1, 0), (4, 0)] {
        let there = cards_there(pool_of(40, sold(process(group, together))), 2_500);
        assert!(there.iter().all(|cards| cards % group == 0));
        let groups: Vec<u32> = there.iter().map(|cards| cards / group).collect();
        assert_binomial(&groups, 40.0 / f64::from(group), 0.8);
    }
}

/// Two groups that begin to fall at rate `l` each and take the other along with chance `p`, and come
/// back together at rate `m`: a Markov chain of four states (both there, one away, both away for one
/// cause, both away for two).
#[test]
fn those_that_fall_together_do_so_as_often_as_they_should() {
    let (l, m, p) = (1.0 / 1_000.0, 1.0 / 250.0, 0.4);
    // With both there 1: one away (any of two) x1, both for one cause xt, both for two causes x2.
    // As often as a state is entered it is left, and as often as a cut is crossed it is crossed back.
    let xt = 2.0 * l * p / m;
    let x1 = 2.0 * l * (1.0 - p) / m;
    let x2 = l * x1 / (2.0 * m);
    let all = 1.0 + x1 + xt + x2;
    let there = cards_there(pool_of(2, sold(process(1, 40))), 2_500);
    for (cards, chance) in [(2, 1.0 / all), (1, x1 / all), (0, (xt + x2) / all)] {
        let found = there.iter().filter(|&&found| found == cards).count() as f64 / SAMPLES as f64;
        let error = libm::sqrt(chance * (1.0 - chance) / SAMPLES as f64);
        assert!((found - chance).abs() < 4.0 * error, "{cards} cards: {found}, {chance}");
    }
}

/// A card is there when its group is and there is no shortage, which are independent.
#[test]
fn a_shortage_takes_all_cards_for_its_time() {
    let mut spot = process(1, 0);
    let Supply::Process { shortage, .. } = &mut spot.supply else { panic!("a process") };
    *shortage = Some(spells(3_000, 1_000));
    let there = cards_there(pool_of(20, sold(spot)), 8_000);
    let none = there.iter().filter(|&&cards| cards == 0).count() as f64 / SAMPLES as f64;
    assert!((none - 0.25).abs() < 4.0 * libm::sqrt(0.25 * 0.75 / SAMPLES as f64), "{none}");
    let others: Vec<u32> = there.into_iter().filter(|&cards| cards > 0).collect();
    assert_binomial(&others, 20.0, 0.8);
}

#[test]
fn a_share_has_notice_once_whatever_its_card_is_wanted_for() {
    let grace = secs(30);
    let spot = SpotConfig { grace, ..trace(&[(0, 1), (100, 0)], Reclaim::Last) };
    let mut config = pool_of(1, sold(spot));
    let kind =
        FaultKind::Maintenance { count: 1, deadline: secs(0), grace: secs(5), at_a_time: None };
    config.faults.push(FaultConfig { at: secs(110), lasts: secs(60), pool: None, kind });
    let mut world = World::new(config);
    let share = world.grant(ask());
    assert_eq!(world.wait(), (100_000, EventKind::Preempted { allocation: share, grace }));
    world.run_until(114_999);
    assert_eq!(world.gauge().slots_held, 1);
    world.run_until(115_000);
    assert_eq!((world.gauge().slots_held, world.gauge().preemptions), (0, 1));
}

#[test]
fn maintenance_waits_gives_notice_and_gives_back() {
    let kind =
        FaultKind::Maintenance { count: 1, deadline: secs(20), grace: secs(10), at_a_time: None };
    let mut world = World::new(with_fault(kind, 10_000, 60_000));
    let shares: Vec<_> = (0..4).map(|_| world.grant(ask())).collect();
    world.run_until(10_000);
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::CapacityExhausted);
    assert_eq!(world.gauge().cards, 2, "it waits for two shares");
    let mut told = Vec::new();
    loop {
        match world.wait() {
            (30_000, EventKind::Preempted { allocation, grace }) => {
                assert_eq!(grace, secs(10));
                told.push(allocation);
            }
            (at, other) => panic!("{at}: {other:?}"),
        }
        if told.len() == 2 {
            break;
        }
    }
    assert!(told.iter().all(|share| shares.contains(share)));
    world.run_until(40_000);
    assert_eq!((world.gauge().cards, world.gauge().slots_held), (1, 2));
    world.run_until(69_999);
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::CapacityExhausted);
    world.run_until(70_100);
    world.grant(ask());
    assert_eq!(world.gauge().cards, 2);
}

#[test]
fn a_rolling_maintenance_comes_to_every_card_once() {
    let kind =
        FaultKind::Maintenance { count: 5, deadline: secs(0), grace: secs(0), at_a_time: Some(2) };
    let mut config = with_fault(kind, 100_000, 60_000);
    config.pools[0].count = 6;
    let mut there = Vec::new();
    watch(config, 1_000, |at, cards| there.push((at, cards)));
    // At the end of a lot all six are there for an instant, before the next one begins.
    there.dedup_by_key(|&mut (_, cards)| cards);
    assert_eq!(there, [(0, 6), (100, 4), (220, 5), (280, 6)]);
}

#[test]
fn a_card_in_maintenance_is_left_alone_by_another_one() {
    let kind = |count| FaultKind::Maintenance {
        count,
        deadline: secs(0),
        grace: secs(0),
        at_a_time: None,
    };
    let mut config = with_fault(kind(1), 100_000, 100_000);
    let other = FaultConfig { at: secs(150), ..config.faults[0].clone() };
    config.faults.push(FaultConfig { kind: kind(2), ..other });
    let mut there = Vec::new();
    watch(config, 1_000, |at, cards| there.push((at, cards)));
    there.dedup_by_key(|&mut (_, cards)| cards);
    assert_eq!(there, [(0, 2), (100, 1), (150, 0), (200, 1), (250, 2)]);
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let refused = |config| Simulator::new(config, 1).expect_err("refused").to_string();
    let never = Spells { up: Latency::Fixed(Duration::ZERO), ..spells(1, 1) };
    let failures = FailuresConfig { card: Some(never), ..Default::default() };
    assert_eq!(
        refused(pool_of(1, failing(failures))),
        "pool `shared`: what comes and goes must be there for a second in the mean"
    );
    assert_eq!(
        refused(pool_of(1, sold(trace(&[(1, 1)], Reclaim::Last)))),
        "pool `shared`: a trace of cards begins at zero and goes on in order of time"
    );
    assert_eq!(refused(pool_of(1, sold(process(0, 0)))), "pool `shared`: a group has no cards");
    let endless =
        FaultKind::Maintenance { count: 1, deadline: secs(50), grace: secs(10), at_a_time: None };
    assert_eq!(
        refused(with_fault(endless, 0, 60_000)),
        "fault 0: deadline and grace of a maintenance must be shorter than it lasts"
    );
}

prop_compose! {
    /// Up to 20 changes of the level, each after up to an hour.
    fn levels()(
        steps in prop::collection::vec((1..3_600_000_000_000_u64, 0..9_u32), 0..20),
        first in 0..9_u32,
        rest in 1..3_600_000_000_000_u64,
        start in 0.0..1.0_f64,
        repeats: bool,
    ) -> Levels {
        let mut at = Duration::ZERO;
        let steps = steps.into_iter().map(|(gap, cards)| {
            at += Duration::from_nanos(gap);
            (at, cards)
        });
        let steps: Vec<_> = std::iter::once((Duration::ZERO, first)).chain(steps).collect();
        let length = at + Duration::from_secs(1) + Duration::from_nanos(rest);
        Levels { steps: steps.into(), length, start: length.scale(start * 0.999), repeats }
    }
}

/// The time that cards are there according to the trace, by its definition.
fn integral(levels: &Levels, until: Duration, count: u32) -> u128 {
    let mut at = levels.start;
    let end = levels.start + until;
    let mut sum = 0;
    while at < end {
        let length = levels.length.as_nanos();
        let inside = Duration::from_nanos(if levels.repeats {
            at.as_nanos() % length
        } else {
            at.as_nanos()
        });
        let holds =
            levels.steps.iter().rev().find(|&&(from, _)| from <= inside).expect("the first");
        let changes = levels.steps.iter().map(|&(from, _)| from).find(|&from| from > inside);
        let changes = changes.unwrap_or(if levels.repeats { levels.length } else { Duration::MAX });
        let lasts = changes.saturating_sub(inside).as_nanos().min(end.as_nanos() - at.as_nanos());
        sum += u128::from(lasts) * u128::from(holds.1.min(count));
        at += Duration::from_nanos(lasts);
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// With no grace and no provisioning, cards are there for exactly the time that the trace says.
    #[test]
    fn the_cards_of_a_trace_are_there_for_as_long_as_it_says(
        levels in levels(),
        random: bool,
        hours in 1..200_u64,
        count in 1..9_u32,
    ) {
        let reclaim = if random { Reclaim::Random } else { Reclaim::Last };
        let expected = integral(&levels, secs(hours * 3_600), count);
        let spot = SpotConfig {
            supply: Supply::Trace { levels, reclaim },
            ..trace(&[], Reclaim::Last)
        };
        let mut world = World::new(pool_of(count, sold(spot)));
        world.run_until(hours * 3_600_000);
        prop_assert_eq!(world.gauge().card_ns, expected);
    }
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn spells(up: u64, down: u64) -> Spells {
    let exponential = |mean| Latency::Exponential { mean: secs(mean) };
    Spells { up: exponential(up), down: exponential(down) }
}

fn failing(failures: FailuresConfig) -> CapacityConfig {
    CapacityConfig { failures, spot: None }
}

fn sold(spot: SpotConfig) -> CapacityConfig {
    CapacityConfig { spot: Some(spot), ..CapacityConfig::default() }
}

/// Groups that stay for 1,000 s and are away for 250 s in the mean.
fn process(group: u32, together: u32) -> SpotConfig {
    let together = BasisPoints::from_percent(together);
    let supply = Supply::Process { spells: spells(1_000, 250), group, together, shortage: None };
    SpotConfig { supply, ..trace(&[], Reclaim::Last) }
}

/// A trace by seconds, without grace, that ends a second after its last change.
fn trace(steps: &[(u64, u32)], reclaim: Reclaim) -> SpotConfig {
    let levels = Levels {
        steps: steps.iter().map(|&(at, cards)| (secs(at), cards)).collect(),
        length: secs(steps.last().map_or(0, |&(at, _)| at) + 1),
        start: Duration::ZERO,
        repeats: false,
    };
    let supply = Supply::Trace { levels, reclaim };
    SpotConfig { supply, grace: Duration::ZERO, provisioning: Latency::Fixed(Duration::ZERO) }
}

fn pool_of(count: u32, capacity: CapacityConfig) -> ProviderConfig {
    let mut config = one_pool();
    (config.pools[0].count, config.pools[0].capacity) = (count, capacity);
    config
}

/// The number of cards there, looked at in intervals of so many seconds.
fn cards_there(config: ProviderConfig, interval: u64) -> Vec<u32> {
    let mut world = World::new(config);
    let look = |index| {
        world.run_until((index + 1) * interval * 1_000);
        world.gauge().cards
    };
    (0..SAMPLES).map(look).collect()
}

/// Tells the number of cards after every instant at which something happens, in seconds.
fn watch(config: ProviderConfig, until: u64, mut tell: impl FnMut(u64, u32)) {
    let mut world = World::new(config);
    while let Some(next) = world.simulator.deadline() {
        if next > Timestamp::ZERO + secs(until) {
            break;
        }
        let cards = world.gauge().cards;
        tell(world.ms() / 1_000, cards);
        world.now = next.max(world.now);
        while world.simulator.poll(world.now).is_some() {}
    }
    let cards = world.gauge().cards;
    tell(world.ms() / 1_000, cards);
}

fn moments(samples: &[u32]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = samples.iter().copied().map(f64::from).sum::<f64>() / n;
    let squares = samples.iter().map(|&x| (f64::from(x) - mean) * (f64::from(x) - mean));
    (mean, squares.sum::<f64>() / (n - 1.0))
}

/// Mean and variance within four standard errors of the binomial's.
fn assert_binomial(samples: &[u32], n: f64, p: f64) {
    let (mean, variance) = moments(samples);
    let (expected, spread) = (n * p, n * p * (1.0 - p));
    let count = samples.len() as f64;
    let error = libm::sqrt(spread / count);
    assert!((mean - expected).abs() < 4.0 * error, "mean {mean}, expected {expected}");
    let fourth = spread * (1.0 + (3.0 * n - 6.0) * p * (1.0 - p));
    let error = libm::sqrt((fourth - spread * spread) / count);
    assert!((variance - spread).abs() < 4.0 * error, "variance {variance}, expected {spread}");
}
