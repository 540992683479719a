//! Records over changes of price and period.

use connector::{Duration, ModelId, PoolId};
use platform::billing::{
    Band, BillingConfig, Meter, Meters, PeriodId, Quantity, Rate, RatedLine, RatingError, Scheme,
    Tariff, UsageRecord, UseKind, Version,
};
use proptest::prelude::*;

use super::{amount, at, money, rating, record, requests, slots, tier, total};

fn rise(at_second: u64, before: Tariff, after: Tariff) -> Vec<Version> {
    vec![
        Version { from: at(0), until: Some(at(at_second)), tariff: before },
        Version { from: at(at_second), until: None, tariff: after },
    ]
}

fn quantities(lines: &[RatedLine]) -> Vec<(u32, u32, u128)> {
    let told = |line: &RatedLine| (line.key.period.0, line.key.version, line.quantity.0);
    lines.iter().map(told).collect()
}

#[test]
fn a_rise_within_a_record_is_charged_from_its_instant() {
    let versions = rise(3_600, Tariff::flat(money("2.50")), Tariff::flat(money("3.00")));
    let mut rating = rating(vec![Rate::new(Meter::SlotTime, versions)]);
    rating.add(&slots(1, at(1_800), at(9_000))).unwrap();
    let lines = rating.lines().unwrap();
    let second = 1_000_000_000;
    assert_eq!(quantities(&lines), [(0, 0, 1_800 * second), (0, 1, 5_400 * second)]);
    assert_eq!(total(&lines), amount("5.75"), "half an hour at 2.50, one and a half at 3");
}

/// Use after a rise is behind the use before it, also in a quote.
#[test]
fn a_quote_fills_tiers_over_a_rise() {
    let hour = 3_600_000_000_000;
    let tiers = vec![tier(Some(hour), "1", "0"), tier(None, "10", "0")];
    let tariff = Tariff::tiered(Scheme::Graduated, tiers);
    let versions = rise(3_600, tariff.clone(), tariff);
    let mut rating = rating(vec![Rate::new(Meter::SlotTime, versions)]);
    let record = slots(1, at(0), at(7_200));
    assert_eq!(rating.quote(&record), Ok(amount("11")));
    rating.add(&record).unwrap();
    assert_eq!(total(&rating.lines().unwrap()), amount("11"));
}

#[test]
fn requests_and_tokens_cost_what_they_cost_at_the_beginning() {
    let versions = || rise(100, Tariff::flat(money("1")), Tariff::flat(money("2")));
    let mut rating = rating(vec![
        Rate::new(Meter::Requests, versions()),
        Rate::new(Meter::OutputTokens, versions()),
    ]);
    let meters = Meters { requests: 1, output_tokens: 1_000_000, ..Meters::default() };
    rating.add(&UsageRecord { from: at(99), until: at(200), meters, ..record(1) }).unwrap();
    assert_eq!(total(&rating.lines().unwrap()), amount("2"));
    rating.add(&UsageRecord { from: at(100), until: at(200), meters, ..record(2) }).unwrap();
    assert_eq!(total(&rating.lines().unwrap()), amount("6"));
}

#[test]
fn a_record_over_midnight_belongs_to_both_days() {
    let mut rating = rating(vec![Rate::flat(Meter::SlotTime, money("3.6"))]);
    rating.add(&slots(1, at(86_399), at(86_402))).unwrap();
    let lines = rating.lines().unwrap();
    assert_eq!(quantities(&lines), [(0, 0, 1_000_000_000), (1, 0, 2_000_000_000)]);
    assert_eq!(lines[1].key.period, PeriodId(1));
}

/// Seven units over three seconds: 2, 4 - 2 and 7 - 4, rounded down at each edge, none lost.
#[test]
fn what_does_not_divide_goes_to_the_later_part() {
    let mut rating = rating(vec![Rate::new(
        Meter::Compute,
        vec![
            Version { from: at(0), until: Some(at(1)), tariff: Tariff::flat(money("1")) },
            Version { from: at(1), until: Some(at(2)), tariff: Tariff::flat(money("2")) },
            Version { from: at(2), until: None, tariff: Tariff::flat(money("3")) },
        ],
    )]);
    let meters = Meters { flop: 7, ..Meters::default() };
    rating.add(&UsageRecord { until: at(3), meters, ..record(1) }).unwrap();
    assert_eq!(quantities(&rating.lines().unwrap()), [(0, 0, 2), (0, 1, 2), (0, 2, 3)]);
}

#[test]
fn tiers_go_on_where_the_earlier_price_left_them() {
    let tariff = |price: &str| {
        Tariff::tiered(Scheme::Graduated, vec![tier(Some(10), price, "0"), tier(None, "1", "5")])
    };
    let mut rating =
        rating(vec![Rate::new(Meter::Requests, rise(100, tariff("10"), tariff("20")))]);
    rating.add(&requests(1, 8)).unwrap();
    rating.add(&UsageRecord { from: at(100), until: at(101), ..requests(2, 5) }).unwrap();
    let lines = rating.lines().unwrap();
    let bands: Vec<_> = lines.iter().map(|line| (line.key.band, line.quantity.0)).collect();
    assert_eq!(bands, [(Band::Tier(0), 8), (Band::Tier(0), 2), (Band::Tier(1), 3)]);
    assert_eq!(total(&lines), amount("128"), "80 + 40 + 3, and the second tier's fee");
}

#[test]
fn what_is_included_is_free_once_for_all_models_and_pools() {
    let tariff = Tariff { included: Quantity(10), ..Tariff::flat(money("1")) };
    let mut rating = rating(vec![Rate::new(Meter::Requests, vec![Version::always(tariff)])]);
    rating.add(&UsageRecord { model: ModelId(1), ..requests(1, 8) }).unwrap();
    rating.add(&UsageRecord { pool: PoolId(1), ..requests(2, 8) }).unwrap();
    let lines = rating.lines().unwrap();
    let told = lines.iter().map(|line| (line.key.model.0, line.key.band, line.quantity.0));
    let told: Vec<_> = told.collect();
    let (free, paid) = (Band::Included, Band::Tier(0));
    assert_eq!(told, [(0, free, 8), (1, free, 2), (1, paid, 6)]);
    assert_eq!(total(&lines), amount("6"));
}

#[test]
fn waste_is_not_charged_and_a_walk_away_is() {
    let mut rating = rating(vec![Rate::flat(Meter::Requests, money("1"))]);
    for (key, kind) in (0..).zip(UseKind::ALL) {
        rating.add(&UsageRecord { kind, ..requests(key, 1) }).unwrap();
    }
    assert_eq!(total(&rating.lines().unwrap()), amount("2"));
}

#[test]
fn what_cannot_be_rated_changes_nothing() {
    let ends =
        vec![Version { from: at(10), until: Some(at(20)), tariff: Tariff::flat(money("1")) }];
    let mut rating =
        rating(vec![Rate::flat(Meter::Requests, money("1")), Rate::new(Meter::SlotTime, ends)]);
    let meters = |requests, slot_ns| Meters { requests, slot_ns, ..Meters::default() };
    let early = UsageRecord { from: at(9), until: at(11), meters: meters(1, 2), ..record(1) };
    let late = UsageRecord { from: at(19), until: at(21), meters: meters(1, 2), ..record(2) };
    let huge =
        UsageRecord { from: at(10), until: at(11), meters: meters(1, u128::MAX), ..record(3) };
    let backwards = UsageRecord { from: at(11), until: at(10), ..record(4) };
    let told = [early, late, huge, backwards].map(|record| rating.add(&record).unwrap_err());
    let texts = told.map(|error| error.to_string());
    assert_eq!(
        texts,
        [
            "record 0x1: rate 1 has no price for slot_time at 9s",
            "record 0x2: rate 1 has no price for slot_time at 20s",
            "record 0x3: slot_time is out of range",
            "record 0x4 ends at 10s, before it begins at 11s",
        ]
    );
    assert_eq!(rating.lines().unwrap(), []);
    assert!(rating.add(&UsageRecord { from: at(10), ..early_but_in_time(early) }).is_ok());
}

fn early_but_in_time(record: UsageRecord) -> UsageRecord {
    UsageRecord { until: at(12), ..record }
}

#[test]
fn a_record_over_too_many_periods_is_refused() {
    let periods = platform::billing::Periods::every(connector::Duration::from_nanos(1)).unwrap();
    let book = super::book(vec![Rate::flat(Meter::SlotTime, money("1"))]);
    let mut rating = super::Rating::new(BillingConfig { book, periods, grace: Duration::ZERO });
    let long = slots(1, at(0), connector::Timestamp::from_nanos(20_000));
    assert_eq!(rating.add(&long), Err(RatingError::TooLong { key: long.key, limit: 10_000 }));
    let shorter = slots(1, at(0), connector::Timestamp::from_nanos(10_000));
    assert!(rating.add(&shorter).is_ok());
}

proptest! {
    #[test]
    fn parts_add_up_to_the_whole(
        flop in 1u128..1 << 90,
        from in 0u64..10_000_000_000,
        length in 0u64..10_000_000_000,
        changes in prop::collection::btree_set(1u64..20_000_000_000, 0..6),
    ) {
        let edges: Vec<u64> = std::iter::once(0).chain(changes).collect();
        let versions = edges.iter().enumerate().map(|(index, &edge)| Version {
            from: connector::Timestamp::from_nanos(edge),
            until: edges.get(index + 1).map(|&edge| connector::Timestamp::from_nanos(edge)),
            tariff: Tariff::flat(money("0")),
        });
        let mut rating = rating(vec![Rate::new(Meter::Compute, versions.collect())]);
        let [from, until] = [from, from + length].map(connector::Timestamp::from_nanos);
        let meters = Meters { flop, ..Meters::default() };
        rating.add(&UsageRecord { from, until, meters, ..record(1) }).unwrap();
        let lines = rating.lines().unwrap();
        prop_assert_eq!(lines.iter().map(|line| line.quantity.0).sum::<u128>(), flop);
    }
}
