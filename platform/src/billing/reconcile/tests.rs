//! Against an oracle that looks at every hour by itself, and the causes one by one.

use connector::{ClassId, Duration, ModelId, PricingUnit, StayEnd, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::billing::{Meters, Origin, RecordKey, StrikeId, UseKind};

const NANO: Money = Money::from_nanos(1);
const PRICE: Money = Money::from_nanos(3_000_000_001);

fn at(hours: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(3_600 * hours)
}

fn hours(n: u64) -> u128 {
    u128::from(n) * 3_600_000_000_000
}

fn line(share: u64, from: u64, until: u64) -> StatementLine {
    StatementLine {
        allocation: AllocationId(share),
        pool: PoolId(0),
        tenant: Some(TenantId(0)),
        from: at(from),
        until: at(until),
        ended: StayEnd::Released,
        price_per_slot_hour: PRICE,
        charge: PRICE.per_slot_hour_over(hours(until - from)),
    }
}

fn lease(share: u64, origin: Origin, [known, booked, given_back]: [u64; 3]) -> LeaseRecord {
    LeaseRecord {
        allocation: AllocationId(share),
        pool: PoolId(0),
        origin,
        known: at(known),
        booked: at(booked),
        given_back: at(given_back),
        price_per_slot_hour: PRICE,
    }
}

/// The time that the books have for these leases.
fn used(leases: &[LeaseRecord]) -> u128 {
    leases.iter().map(|one| u128::from(one.given_back.since(one.booked).as_nanos())).sum()
}

fn use_of(kind: UseKind, slot_ns: u128) -> UsageRecord {
    UsageRecord {
        key: RecordKey(0),
        from: Timestamp::ZERO,
        until: Timestamp::ZERO,
        tenant: TenantId(0),
        class: ClassId(0),
        model: ModelId(0),
        pool: PoolId(0),
        strike: StrikeId(0),
        request: None,
        kind,
        meters: Meters { slot_ns, ..Meters::default() },
    }
}

fn reconcile(lines: &[StatementLine], leases: &[LeaseRecord]) -> Side {
    let mut reconciler = Reconciler::new(vec![PRICE], NANO);
    for line in lines {
        reconciler.line(line);
    }
    for lease in leases {
        reconciler.lease(lease);
    }
    reconciler.usage(&use_of(UseKind::Delivered, used(leases)));
    reconciler.reconcile().expect("in range").whole().expect("in range")
}

/// What was found, in hours.
fn found(side: &Side) -> Vec<(Cause, u64)> {
    let causes = side.causes.iter().filter(|(cause, _)| **cause != Cause::Rounding);
    causes.map(|(&cause, sum)| (cause, (sum.slot_ns / hours(1)) as u64)).collect()
}

#[test]
fn a_share_that_both_sides_saw_alike_is_matched() {
    let side = reconcile(&[line(1, 2, 5)], &[lease(1, Origin::Granted, [2, 2, 5])]);
    assert_eq!(found(&side), [(Cause::Matched, 3)]);
    assert_eq!(side.overhead(), Ok(Amount::ZERO));
    assert_eq!(side.charged, side.tenants);
}

#[test]
fn what_lies_around_a_lease_is_told_apart() {
    let side = reconcile(&[line(1, 1, 9)], &[lease(1, Origin::Granted, [2, 2, 5])]);
    let expected = [(Cause::Matched, 3), (Cause::GrantUnderWay, 1), (Cause::SlowRelease, 4)];
    assert_eq!(found(&side), expected);
    let side = reconcile(&[line(1, 1, 3)], &[lease(1, Origin::Late, [3, 3, 3])]);
    assert_eq!(found(&side), [(Cause::LateGrant, 2)]);
    let side = reconcile(&[line(1, 1, 9)], &[lease(1, Origin::Found, [4, 6, 8])]);
    let expected = [(Cause::Matched, 2), (Cause::Ghost, 5), (Cause::SlowRelease, 1)];
    assert_eq!(found(&side), expected);
}

#[test]
fn a_share_that_we_never_knew_is_a_ghost_or_somebody_elses() {
    let foreign = StatementLine { tenant: None, ..line(2, 0, 7) };
    let expected = [(Cause::Ghost, 4), (Cause::Foreign, 7)];
    assert_eq!(found(&reconcile(&[line(1, 1, 5), foreign], &[])), expected);
    let given_back_in_vain = lease(2, Origin::Found, [3, 3, 3]);
    assert_eq!(found(&reconcile(&[line(1, 1, 5), foreign], &[given_back_in_vain])), expected);
}

#[test]
fn time_charged_twice_is_an_overlap_whichever_line_comes_first() {
    let lines = [line(1, 2, 5), line(1, 3, 6), line(1, 3, 4)];
    let leases = [lease(1, Origin::Granted, [2, 2, 6])];
    let side = reconcile(&lines, &leases);
    assert_eq!(found(&side), [(Cause::Matched, 4), (Cause::Overlap, 3)]);
    let [one, two, three] = lines;
    assert_eq!(reconcile(&[three, two, one], &leases), side);
}

#[test]
fn work_tried_on_a_share_that_was_gone_is_uncharged() {
    let leases = [lease(1, Origin::Granted, [2, 2, 5]), lease(1, Origin::Found, [6, 7, 8])];
    let side = reconcile(&[line(1, 2, 5)], &leases);
    assert_eq!(found(&side), [(Cause::Matched, 3), (Cause::Uncharged, 1)]);
}

#[test]
fn usage_reported_as_zero_is_uncharged() {
    let zero = StatementLine { until: at(2), charge: Money::ZERO, ..line(1, 2, 5) };
    let side = reconcile(&[zero], &[lease(1, Origin::Granted, [2, 2, 5])]);
    assert_eq!(found(&side), [(Cause::Uncharged, 3)]);
    assert_eq!(side.overhead(), Ok(-side.tenants));
}

#[test]
fn another_price_is_told_apart_from_the_time() {
    let dearer = Money::from_nanos(4_000_000_001);
    let line = StatementLine {
        price_per_slot_hour: dearer,
        charge: dearer.per_slot_hour_over(hours(3)),
        ..line(1, 2, 5)
    };
    let side = reconcile(&[line], &[lease(1, Origin::Granted, [2, 2, 5])]);
    let change = Amount::product(Money::from_nanos(1_000_000_000), hours(3), PricingUnit::Hour);
    assert_eq!(Some(side.cause(Cause::PriceChange).amount), change);
    assert_eq!(side.overhead().ok(), change);
}

#[test]
fn a_charge_that_is_no_rounding_of_its_time_is_unknown() {
    let line = StatementLine { charge: PRICE, ..line(1, 2, 5) };
    let side = reconcile(&[line], &[lease(1, Origin::Granted, [2, 2, 5])]);
    let missing = Amount::product(PRICE, hours(2), PricingUnit::Hour).expect("small");
    assert_eq!(side.cause(Cause::Unknown).amount, -missing);
}

#[test]
fn use_that_fills_no_lease_is_unknown() {
    let mut reconciler = Reconciler::new(vec![PRICE], NANO);
    reconciler.line(&line(1, 2, 5));
    reconciler.lease(&lease(1, Origin::Granted, [2, 2, 5]));
    let side = reconciler.reconcile().expect("in range").whole().expect("in range");
    assert_eq!(side.cause(Cause::Unknown).amount, side.charged, "the meter has lost it");
}

#[test]
fn a_bill_of_sums_is_explained_as_far_as_our_books_go() {
    let beside = |charged: Option<u64>| {
        let mut reconciler = Reconciler::new(vec![PRICE], NANO);
        let leases = [
            lease(1, Origin::Granted, [2, 2, 5]),
            lease(2, Origin::Found, [4, 6, 8]),
            lease(3, Origin::Found, [1, 5, 5]),
        ];
        for lease in &leases {
            reconciler.lease(lease);
        }
        reconciler.usage(&use_of(UseKind::Delivered, used(&leases)));
        let charge = |time| (PoolId(0), PRICE.per_slot_hour_over(hours(time)));
        let charged = charged.map(charge).into_iter().collect();
        reconciler.beside_sums(&charged).expect("in range").whole().expect("in range")
    };
    let time = |time| Amount::product(PRICE, hours(time), PricingUnit::Hour).expect("small");
    let exact = beside(Some(11));
    assert_eq!(found(&exact), [(Cause::Matched, 5), (Cause::Ghost, 6)]);
    assert_eq!((exact.tenants, exact.overhead()), (time(5), Ok(time(6))));
    let dearer = beside(Some(14));
    assert_eq!(dearer.cause(Cause::Unknown).amount, time(3));
    assert_eq!(beside(None).cause(Cause::Unknown).amount, -time(11));
}

/// `docs/reconciliation.md`, "A worked example": seconds at 3.60 an hour.
#[test]
fn the_worked_example_of_the_documentation() {
    let second = |seconds: f64| Timestamp::ZERO + Duration::from_secs_f64(seconds);
    let ours = Money::from_nanos(3_600_000_000);
    let example = |share, (from, until), price: Money| {
        let (from, until) = (second(from), second(until));
        let charge = price.per_hour_over(until.since(from));
        StatementLine { from, until, charge, price_per_slot_hour: price, ..line(share, 0, 0) }
    };
    let raised = Money::from_nanos(3_960_000_000);
    let lines = [
        example(1, (10.0, 95.0), ours),
        example(2, (20.0, 50.0), ours),
        example(3, (40.0, 42.5), raised),
    ];
    let owned = |share, origin, [known, booked, given_back]: [f64; 3]| LeaseRecord {
        known: second(known),
        booked: second(booked),
        given_back: second(given_back),
        price_per_slot_hour: ours,
        ..lease(share, origin, [0; 3])
    };
    let mut reconciler = Reconciler::new(vec![ours], NANO);
    for line in &lines {
        reconciler.line(line);
    }
    reconciler.lease(&owned(1, Origin::Granted, [11.0, 11.0, 35.0]));
    reconciler.lease(&owned(2, Origin::Found, [50.0, 50.0, 50.0]));
    reconciler.lease(&owned(3, Origin::Granted, [40.0, 40.0, 42.5]));
    let work = [(UseKind::Delivered, 4_000), (UseKind::Idle, 20_000), (UseKind::Delivered, 2_500)];
    for (kind, ms) in work {
        reconciler.usage(&use_of(kind, ms * 1_000_000));
    }
    let side = reconciler.reconcile().expect("in range").whole().expect("in range");
    let amounts = |causes: [Cause; 4]| causes.map(|cause| side.cause(cause).amount.to_string());
    let causes = [Cause::GrantUnderWay, Cause::SlowRelease, Cause::Ghost, Cause::PriceChange];
    assert_eq!(amounts(causes), ["0.001", "0.06", "0.03", "0.00025"]);
    assert_eq!((side.tenants.to_string(), side.idle.to_string()), ("0.0065".into(), "0.02".into()));
    assert_eq!(side.overhead().expect("in range").to_string(), "0.09125");
    assert_eq!(side.charged.to_string(), "0.11775");
}

/// One side's view of one share, in hours.
#[derive(Clone, Debug)]
struct World {
    lines: Vec<(u64, u64)>,
    lease: Option<(Origin, [u64; 3])>,
    ours: bool,
}

const HOURS: u64 = 12;

fn worlds() -> impl Strategy<Value = World> {
    let line = (0..HOURS, 0..HOURS).prop_map(|(one, two)| (one.min(two), one.max(two)));
    let origin = prop::sample::select(&[Origin::Granted, Origin::Late, Origin::Found][..]);
    let lease = (origin, [0..HOURS, 0..HOURS, 0..HOURS]).prop_map(|(origin, mut times)| {
        times.sort_unstable();
        (origin, times)
    });
    (proptest::collection::vec(line, 0..4), proptest::option::of(lease), any::<bool>())
        .prop_map(|(lines, lease, ours)| World { lines, lease, ours })
}

/// What every hour is, looked at by itself.
fn oracle(world: &World) -> BTreeMap<Cause, u64> {
    let mut sums = BTreeMap::new();
    for hour in 0..HOURS {
        let charged = world.lines.iter().filter(|(from, until)| (*from..*until).contains(&hour));
        let times = charged.count() as u64;
        let booked = |[_, booked, given_back]: [u64; 3]| (booked..given_back).contains(&hour);
        let is_booked = world.lease.is_some_and(|(_, times)| booked(times));
        let cause = match world.lease {
            _ if !world.ours => Cause::Foreign,
            None => Cause::Ghost,
            Some((Origin::Granted, [known, ..])) if hour < known => Cause::GrantUnderWay,
            Some((Origin::Late, [known, ..])) if hour < known => Cause::LateGrant,
            Some((_, [_, booked, _])) if hour < booked => Cause::Ghost,
            Some((_, [.., given_back])) if hour < given_back => Cause::Matched,
            Some(_) => Cause::SlowRelease,
        };
        if times > 0 {
            *sums.entry(cause).or_default() += 1;
        }
        if is_booked && (times == 0 || !world.ours) {
            *sums.entry(Cause::Uncharged).or_default() += 1;
        }
        if times > 1 {
            *sums.entry(Cause::Overlap).or_default() += times - 1;
        }
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_hour_has_the_cause_that_it_has_by_itself(
        all in proptest::collection::vec(worlds(), 1..8),
        prices in proptest::collection::vec(1_i128..9_000_000_000, 8),
        errors in proptest::collection::vec(prop_oneof![3 => Just(0), 1 => 2_i128..50], 8),
    ) {
        let (mut lines, mut leases, mut expected) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut wrong = 0;
        for (share, world) in all.iter().enumerate() {
            for &(from, until) in &world.lines {
                let price = Money::from_nanos(prices[share]);
                let charge = price.per_slot_hour_over(hours(until - from)).as_nanos() + errors[share];
                wrong += errors[share];
                let tenant = world.ours.then_some(TenantId(0));
                lines.push(StatementLine {
                    tenant,
                    price_per_slot_hour: price,
                    charge: Money::from_nanos(charge),
                    ..line(share as u64, from, until)
                });
            }
            leases.extend(world.lease.map(|(origin, times)| lease(share as u64, origin, times)));
            for (cause, hours) in oracle(world) {
                *expected.entry(cause).or_insert(0) += hours;
            }
        }
        let side = reconcile(&lines, &leases);
        for cause in Cause::ALL {
            // Price changes are of time that is matched, and what has no time has no hours.
            if !matches!(cause, Cause::PriceChange | Cause::Rounding | Cause::Unknown) {
                let hours = expected.get(&cause).copied().unwrap_or(0);
                prop_assert_eq!((side.cause(cause).slot_ns / self::hours(1)) as u64, hours, "{:?}", cause);
            }
        }
        let charged: Money = lines.iter().map(|line| line.charge).sum();
        prop_assert_eq!(Some(side.charged), Amount::from_money(charged));
        let sides = side.tenants.checked_add(side.idle).expect("small");
        prop_assert_eq!(side.overhead().ok().and_then(|more| sides.checked_add(more)), Some(side.charged));
        // Whole hours are charged without rounding, so errors of the provider's are all that is unknown.
        prop_assert_eq!(Some(side.cause(Cause::Unknown).amount), Amount::from_money(Money::from_nanos(wrong)));
    }
}
