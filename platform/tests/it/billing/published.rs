//! Worked examples that others published.

use platform::billing::{
    BillingConfig, Meter, Meters, Periods, Quantity, Rate,
    Scheme::{Graduated, Volume},
    Tariff, UsageRecord, Version,
};

use super::{amount, at, cost, money, rating, record, slots, tiers, total};

/// <https://docs.stripe.com/subscriptions/pricing-models/tiered-pricing>: fonts at 7, 6.5 and 6 USD.
/// The bills of volume pricing and the first of graduated pricing are the page's; the other three
/// are its rule ("the quantity is multiplied by the amount for each tier") by hand.
#[test]
fn stripes_fonts() {
    let prices = [(Some(5), "7", "0"), (Some(10), "6.5", "0"), (None, "6", "0")];
    let volume = tiers(Volume, &prices);
    for (used, bill) in [(1, "7"), (5, "35"), (6, "39"), (20, "120"), (25, "150")] {
        assert_eq!(cost(&volume, used), amount(bill), "{used}");
    }
    let graduated = tiers(Graduated, &prices);
    for (used, bill) in [(5, "35"), (6, "41.5"), (20, "127.5"), (25, "157.5")] {
        assert_eq!(cost(&graduated, used), amount(bill), "{used}");
    }
}

/// <https://stripe.com/docs/billing/subscriptions/tiers>: the older page, five tiers.
#[test]
fn stripes_five_tiers() {
    let prices = [
        (Some(5), "5", "0"),
        (Some(10), "4", "0"),
        (Some(15), "3", "0"),
        (Some(20), "2", "0"),
        (None, "1", "0"),
    ];
    let volume = tiers(Volume, &prices);
    for (used, bill) in [(1, "5"), (5, "25"), (6, "24"), (20, "40"), (25, "25")] {
        assert_eq!(cost(&volume, used), amount(bill), "{used}");
    }
    assert_eq!(cost(&tiers(Graduated, &prices), 6), amount("29"));
}

/// `OpenMeter`, `TestTieredVolumeCalculation` of `openmeter/billing/service/lineservice`.
#[test]
fn openmeters_volume_tiers() {
    let tariff = tiers(
        Volume,
        &[(Some(5), "0", "100"), (Some(10), "0", "150"), (Some(15), "10", "0"), (None, "5", "0")],
    );
    for (used, bill) in
        [(3, "100"), (5, "100"), (7, "150"), (14, "140"), (15, "150"), (16, "80"), (100, "500")]
    {
        assert_eq!(cost(&tariff, used), amount(bill), "{used}");
    }
}

/// `OpenMeter`, `TestTieredGraduatedCalculation`: 22 units are 100 + 50 + 5 x 5 + 7 x 1.
#[test]
fn openmeters_graduated_tiers() {
    let tariff = tiers(
        Graduated,
        &[(Some(5), "0", "100"), (Some(10), "0", "50"), (Some(15), "5", "0"), (None, "1", "0")],
    );
    assert_eq!(cost(&tariff, 22), amount("182"));
    assert_eq!(cost(&tariff, 0), amount("0"));
}

/// <https://getlago.com/docs/guide/plans/charges/charge-models/volume>: 65,000 calls are 49 USD.
#[test]
fn lagos_volume_with_a_fee() {
    let tariff = tiers(
        Volume,
        &[
            (Some(10_000), "0.0010", "10"),
            (Some(50_000), "0.0008", "10"),
            (Some(100_000), "0.0006", "10"),
            (None, "0.0004", "10"),
        ],
    );
    assert_eq!(cost(&tariff, 65_000), amount("49"));
}

/// <https://zuplo.com/docs/articles/monetization/pricing-models>: 15,000 units, both ways.
#[test]
fn zuplos_two_modes() {
    let prices = [(Some(1_000), "0.10", "0"), (Some(10_000), "0.05", "0"), (None, "0.01", "0")];
    assert_eq!(cost(&tiers(Graduated, &prices), 15_000), amount("600"));
    assert_eq!(cost(&tiers(Volume, &prices), 15_000), amount("150"));
}

/// Amazon S3's question "How will I be charged and billed", of 2011: 100 GB for 15 days and 100 TB
/// for 16 days of March are 52,900 GB-months of 744 hours, over three tiers 6,602.36 USD. Here the
/// memory meter measures it, in two records, and one GB-month is 744 GB-hours at a 744th of the
/// price, which is not a decimal; so a GB-month is one piece there and 744 hours here.
#[test]
fn amazons_storage_over_three_tiers() {
    const HOUR_NS: u128 = 3_600_000_000_000;
    let day = 86_400;
    let store = |key, gib: u128, from: u64, until: u64| UsageRecord {
        from: at(from * day),
        until: at(until * day),
        meters: Meters {
            mebibyte_ns: gib * 1_024 * u128::from((until - from) * 24) * HOUR_NS,
            ..Meters::default()
        },
        ..record(key)
    };
    let march = BillingConfig {
        book: super::book(vec![Rate::flat(Meter::Memory, money("1"))]),
        periods: Periods::between(vec![at(0), at(31 * day)]).unwrap(),
        grace: connector::Duration::ZERO,
    };
    let mut hours = super::Rating::new(march);
    hours.add(&store(1, 100, 0, 15)).unwrap();
    hours.add(&store(2, 100 * 1_024, 15, 31)).unwrap();
    let gib_hours = total(&hours.lines().unwrap());
    assert_eq!(gib_hours, amount("39357600"));
    let months = 39_357_600 / 744;
    assert_eq!(months, 52_900);
    let tariff = tiers(
        Graduated,
        &[(Some(1_024), "0.140", "0"), (Some(51_200), "0.125", "0"), (None, "0.110", "0")],
    );
    assert_eq!(cost(&tariff, months), amount("6602.36"));
}

/// Amazon EC2's billing by the second with a minimum of 60: a Linux instance that ran 1 s is charged
/// for 60, one that ran 61.2 s for 62.
#[test]
fn amazons_seconds_with_a_minimum_of_a_minute() {
    const SECOND: u128 = 1_000_000_000;
    let tariff = Tariff {
        granularity: Quantity(SECOND),
        minimum: Quantity(60 * SECOND),
        ..Tariff::flat(money("3.60"))
    };
    for (ran_ms, charged) in [(0, 0), (1_000, 60), (60_000, 60), (61_200, 62), (3_600_000, 3_600)] {
        let until = connector::Timestamp::from_nanos(ran_ms * 1_000_000);
        let mut rating =
            rating(vec![Rate::new(Meter::SlotTime, vec![Version::always(tariff.clone())])]);
        rating.add(&slots(1, at(0), until)).unwrap();
        let bill = total(&rating.lines().unwrap());
        let expected = money("0.001").as_nanos() * charged;
        let expected = connector::Amount::from_money(connector::Money::from_nanos(expected));
        assert_eq!(Some(bill), expected, "{ran_ms} ms");
    }
}
