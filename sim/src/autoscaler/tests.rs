//! The rule against published examples, against another writing of it, and against its laws.

use connector::{BasisPoints, Duration};
use proptest::prelude::*;

use super::*;
use crate::config::{Behaviour, Latency, Schedule};

mod reference;

fn config() -> AutoscaleConfig {
    AutoscaleConfig {
        min: 1,
        max: 1_000,
        start: 1,
        targets: Vec::new(),
        interval: Duration::from_secs(15),
        tolerance: BasisPoints::from_percent(10),
        scale_out: Behaviour::default_out(),
        scale_in: Behaviour::default_in(),
        provisioning: Latency::Fixed(Duration::from_secs(60)),
        schedule: None,
        warm: 0,
        preload: Vec::new(),
        idle_to_zero: None,
        price_per_card_hour: None,
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

/// A metric of which a card should have one.
fn load(amount: u128) -> Load {
    Load { amount, per_card: 1 }
}

fn seen(amount: u128, ready: u32) -> Seen {
    Seen { loads: vec![load(amount)], ready, in_use: amount > 0 }
}

/// Looks every 15 s at a load that every card shares from the next look on.
fn follow(scaler: &mut Autoscaler, from: u64, looks: u64, amount: u128) -> Vec<u32> {
    let look = |scaler: &mut Autoscaler, second| {
        let ready = scaler.wanted();
        scaler.look(at(second), &seen(amount, ready));
        scaler.wanted()
    };
    (1..=looks).map(|step| look(scaler, from + 15 * step)).collect()
}

#[test]
fn the_examples_of_the_documentation_hold() {
    // "if the current metric value is 200m, and the desired value is 100m, the number of replicas will
    // be doubled [...] If the current value is instead 50m, you'll halve the number of replicas"
    let wish = |replicas: u32, milli: u128| {
        let load = Load { amount: milli * u128::from(replicas), per_card: 100 };
        load.wish(Cards { ready: replicas, wanted: replicas }, BasisPoints::from_percent(10))
    };
    assert_eq!(wish(3, 200), 6);
    assert_eq!(wish(4, 50), 2);
    // "skips any scaling action if the ratio is sufficiently close to 1.0", by default 0.1.
    assert_eq!([90, 100, 110].map(|milli| wish(7, milli)), [7, 7, 7]);
    assert_eq!([89, 111].map(|milli| wish(7, milli)), [7, 8], "ceil(6.23) and ceil(7.77)");
    assert_eq!(wish(10, 89), 9);
    // The announcement of the configurable tolerance: 50 replicas at 90 % of 75 % become 60.
    let load = Load { amount: 90 * 50, per_card: 75 };
    let fifty = Cards { ready: 50, wanted: 50 };
    assert_eq!(load.wish(fifty, BasisPoints::from_percent(10)), 60);
}

#[test]
fn the_example_of_two_policies_holds() {
    // 80 replicas shall become 10, by at most 4 or 10 % a minute, whichever is more: 8 go, then 7.2
    // rounded up, and so on; below 40 it is 4 at a time.
    let per = Duration::from_secs(60);
    let most = [Change::Cards(4), Change::Share(BasisPoints::from_percent(10))];
    let scale_in =
        Behaviour { window: Duration::ZERO, most: most.map(|change| Most { change, per }).into() };
    let mut scaler = Autoscaler::new(AutoscaleConfig { start: 80, scale_in, ..config() });
    let steps: Vec<u32> = (1..=14)
        .map(|minute| {
            let ready = scaler.wanted();
            scaler.look(at(60 * minute), &seen(10, ready));
            scaler.wanted()
        })
        .collect();
    assert_eq!(steps, [72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12, 10]);
}

#[test]
fn by_default_it_doubles_or_adds_four_in_fifteen_seconds() {
    let mut scaler = Autoscaler::new(config());
    assert_eq!(follow(&mut scaler, 0, 7, 100), [5, 10, 20, 40, 80, 100, 100]);
}

#[test]
fn what_was_recommended_within_five_minutes_is_kept() {
    let mut scaler = Autoscaler::new(AutoscaleConfig { start: 10, ..config() });
    follow(&mut scaler, 0, 1, 10);
    // The last recommendation of 10 is of 15 s; at 315 s it is 300 s old.
    let after = follow(&mut scaler, 15, 20, 3);
    assert_eq!((&after[..19], after[19]), ([10; 19].as_slice(), 3));
}

#[test]
fn a_constant_load_ends_at_the_load_over_the_target() {
    for amount in [1, 7, 23, 99] {
        for start in [1, 50, 200] {
            let mut scaler = Autoscaler::new(AutoscaleConfig { start, ..config() });
            let end = *follow(&mut scaler, 0, 60, amount).last().expect("it looked");
            let expected = u32::try_from(amount).expect("small");
            assert_eq!(end, expected, "from {start}");
        }
    }
}

#[test]
fn cards_on_their_way_turn_a_wish_down_if_they_will_do() {
    let tolerance = BasisPoints::from_percent(10);
    let coming = |amount| load(amount).wish(Cards { ready: 2, wanted: 6 }, tolerance);
    assert_eq!(coming(4), 6, "they will do");
    assert_eq!(coming(6), 6);
    assert_eq!(coming(9), 9, "they will not");
    assert_eq!(coming(2), 6, "what is there is on its target");
    assert_eq!(coming(1), 1, "what is there is too much");
    let none = |amount| load(amount).wish(Cards { ready: 0, wanted: 6 }, tolerance);
    assert_eq!((none(0), none(3), none(8)), (6, 6, 8), "no card, no mean");
}

#[test]
fn the_largest_wish_wins() {
    let mut scaler = Autoscaler::new(AutoscaleConfig { start: 4, ..config() });
    let loads = vec![load(2), load(7), load(4)];
    scaler.look(at(15), &Seen { loads, ready: 4, in_use: true });
    assert_eq!(scaler.wanted(), 7);
}

#[test]
fn an_idle_pool_goes_to_zero_and_wakes_at_once() {
    let idle_to_zero = Some(Duration::from_secs(60));
    let mut scaler =
        Autoscaler::new(AutoscaleConfig { min: 2, start: 5, idle_to_zero, ..config() });
    scaler.look(at(15), &seen(5, 5));
    let idle: Vec<u32> = (2..=6)
        .map(|step| {
            scaler.look(at(15 * step), &seen(0, 5));
            scaler.wanted()
        })
        .collect();
    assert_eq!(idle, [5, 5, 5, 0, 0], "60 s after the look that saw use");
    scaler.wake(at(100));
    assert_eq!(scaler.wanted(), 2);
    scaler.look(at(105), &seen(1, 0));
    assert_eq!(scaler.wanted(), 2);
}

#[test]
fn a_schedule_raises_the_floor_at_once_and_holds_an_idle_pool() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let points = vec![(hours(8), 20), (hours(20), 0)];
    let schedule = Some(Schedule { period: hours(24), points });
    let idle_to_zero = Some(hours(1));
    let mut scaler = Autoscaler::new(AutoscaleConfig { schedule, idle_to_zero, ..config() });
    let mut day = Vec::new();
    for hour in 1..=48 {
        scaler.look(at(hour * 3_600), &seen(0, scaler.wanted()));
        day.push(scaler.wanted());
    }
    let expected = |hour: u64| if (8..20).contains(&(hour % 24)) { 20 } else { 0 };
    assert_eq!(day, (1..=48).map(expected).collect::<Vec<u32>>());
}

#[test]
fn a_schedule_alone_decides_where_nothing_is_watched() {
    let schedule = Schedule { period: Duration::from_secs(600), points: vec![] };
    let points = vec![(Duration::from_secs(60), 9), (Duration::from_secs(120), 3)];
    let schedule = Some(Schedule { points, ..schedule });
    let mut scaler = Autoscaler::new(AutoscaleConfig { schedule, ..config() });
    let numbers: Vec<u32> = [45, 60, 75, 120, 360, 435, 600, 660]
        .map(|second| {
            scaler.look(at(second), &Seen { loads: vec![], ready: 0, in_use: true });
            scaler.wanted()
        })
        .into();
    // From 9 down to 3 once the last recommendation of 9, of 75 s, is 300 s old.
    assert_eq!(numbers, [1, 9, 9, 9, 9, 3, 3, 9]);
}

prop_compose! {
    fn behaviour()(
        window in 0..400u64,
        cards in prop::option::of(0..6u32),
        percent in prop::option::of(0..150u32),
        per in (1..120u64, 1..120u64),
    ) -> Behaviour {
        let most = |change, per| Most { change, per: Duration::from_secs(per) };
        let mut limits: Vec<Most> = Vec::new();
        limits.extend(cards.map(|cards| most(Change::Cards(cards), per.0)));
        limits.extend(percent.map(|of| most(Change::Share(BasisPoints::from_percent(of)), per.1)));
        if limits.is_empty() {
            limits.push(most(Change::Cards(2), per.0));
        }
        Behaviour { window: Duration::from_secs(window), most: limits }
    }
}

prop_compose! {
    fn any_config()(
        min in 0..5u32,
        more in 1..60u32,
        start in 0..70u32,
        tolerance in 0..30u32,
        scale_out in behaviour(),
        scale_in in behaviour(),
    ) -> AutoscaleConfig {
        let max = min + more;
        let start = start.clamp(min, max);
        let tolerance = BasisPoints::from_percent(tolerance);
        AutoscaleConfig { min, max, start, tolerance, scale_out, scale_in, ..config() }
    }
}

/// Seconds until the next look, the load in tenths of a card, and how many cards are not ready.
fn series() -> impl Strategy<Value = Vec<(u64, u128, u32)>> {
    prop::collection::vec((1..90u64, 0..700u128, prop_oneof![3 => Just(0), 1 => 0..4u32]), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_series_of_metrics_gives_what_the_published_formula_gives(
        config in any_config(),
        series in series(),
    ) {
        let mut theirs = reference::Hpa::new(&config);
        let mut ours = Autoscaler::new(config);
        let mut second = 0;
        for (wait, tenths, late) in series {
            second += wait;
            let ready = ours.wanted().saturating_sub(late);
            let load = Load { amount: tenths, per_card: 10 };
            ours.look(at(second), &Seen { loads: vec![load], ready, in_use: true });
            theirs.look(second, tenths as f64 / 10.0, ready);
            prop_assert_eq!(i64::from(ours.wanted()), theirs.replicas, "at {} s", second);
        }
    }

    #[test]
    fn bounds_and_pace_hold_whatever_happens(config in any_config(), series in series()) {
        let mut scaler = Autoscaler::new(config.clone());
        let mut was = vec![(0, config.start)];
        let mut second = 0;
        for (wait, tenths, late) in series {
            second += wait;
            let ready = scaler.wanted().saturating_sub(late);
            let load = Load { amount: tenths, per_card: 10 };
            scaler.look(at(second), &Seen { loads: vec![load], ready, in_use: true });
            let is = scaler.wanted();
            prop_assert!((config.min..=config.max).contains(&is));
            let before = |per: Duration| {
                let start = (second * 1_000_000_000).saturating_sub(per.as_nanos());
                let mut earlier = was.iter().filter(|(at, _)| at * 1_000_000_000 <= start);
                earlier.next_back().map_or(config.start, |(_, cards)| *cards)
            };
            let now = was.last().expect("it began").1;
            let share = |of: u32, share: BasisPoints| f64::from(of) * share.as_ratio();
            let allowed = |of: &Most| match of.change {
                Change::Cards(cards) => f64::from(cards),
                Change::Share(part) => share(before(of.per), part),
            };
            if is > now {
                let within = |of: &Most| f64::from(is) - f64::from(before(of.per)) < allowed(of) + 1.0;
                prop_assert!(config.scale_out.most.iter().any(within));
            }
            if is < now {
                let within = |of: &Most| f64::from(before(of.per)) - f64::from(is) < allowed(of) + 1.0;
                prop_assert!(config.scale_in.most.iter().any(within));
            }
            was.push((second, is));
        }
    }

    #[test]
    fn a_load_that_swings_within_the_window_lets_no_card_go(
        base in 1..20u128,
        swings in prop::collection::vec(0..20u128, 20..60),
    ) {
        // The peak returns every five looks, 75 s, and the window is 300 s.
        let mut scaler = Autoscaler::new(AutoscaleConfig { start: 1, ..config() });
        let mut last = 0;
        for (index, swing) in swings.into_iter().enumerate() {
            let amount = if index % 5 == 0 { base + 20 } else { base + swing };
            let now = follow(&mut scaler, 15 * index as u64, 1, amount);
            prop_assert!(now[0] >= last, "{} after {last}", now[0]);
            last = now[0];
        }
    }

    #[test]
    fn without_load_it_ends_at_the_minimum(config in any_config()) {
        let moves = |behaviour: &Behaviour| behaviour.most.iter().any(|most| match most.change {
            Change::Cards(cards) => cards > 0,
            Change::Share(share) => share > BasisPoints::ZERO,
        });
        prop_assume!(moves(&config.scale_in));
        let mut scaler = Autoscaler::new(config.clone());
        let numbers = follow(&mut scaler, 0, 1_500, 0);
        prop_assert_eq!(numbers.last(), Some(&config.min));
    }
}
