//! Bills for tests: any price book, any use, told in any order.

use connector::{
    BasisPoints, ClassId, Duration, ModelId, Money, Names, PoolId, TenantId, Timestamp,
};
use platform::billing::{
    Bill, Biller, BillingConfig, Currency, Meter, Meters, Periods, PriceBook, Prices, Quantity,
    Rate, RecordKey, Scheme, StrikeId, Tariff, Tier, UsageRecord, UseKind, Version,
};
use proptest::prelude::*;

use crate::{Billed, Header};

/// A bill that owns what it takes to put it into writing.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) bill: Bill,
    pub(crate) billing: BillingConfig,
    pub(crate) names: Names,
    pub(crate) regions: Vec<String>,
    pub(crate) header: Header,
}

impl World {
    /// Bills records in the order in which they are given.
    pub(crate) fn new(billing: BillingConfig, records: &[UsageRecord]) -> Self {
        let text = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let mut biller = Biller::new(billing.clone(), Vec::new(), "sample");
        for record in records {
            biller.add(record).expect("a price");
        }
        Self {
            bill: biller.finish(at(1)).expect("in range").0,
            billing,
            names: Names {
                pools: text(["east", "spot"]),
                models: text(["mistral-7b", "qwen-32b"]),
                tenants: text(["acme", "globex"]),
                classes: text(["simple", "complex"]),
            },
            regions: text(["eu", "us"]),
            header: Header {
                digest: Some(crate::RunDigest(0xfeed)),
                ..Header::new("0.1.0", "sample", 0xabc, 42)
            },
        }
    }

    pub(crate) fn billed(&self) -> Billed<'_> {
        Billed {
            bill: &self.bill,
            billing: &self.billing,
            names: &self.names,
            regions: &self.regions,
            starts_at: "2026-01-31T23:59:30Z".parse().expect("a time"),
            header: &self.header,
        }
    }
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

pub(crate) fn money(text: &str) -> Money {
    text.parse().expect("a price")
}

/// A delivered request of acme to the first model in `east`.
pub(crate) fn record(key: u128, from_s: u64, for_ms: u64, meters: Meters) -> UsageRecord {
    UsageRecord {
        key: RecordKey(key),
        from: at(from_s),
        until: at(from_s) + Duration::from_millis(for_ms),
        tenant: TenantId(0),
        class: ClassId(0),
        model: ModelId(0),
        pool: PoolId(0),
        strike: StrikeId(0),
        request: None,
        kind: UseKind::Delivered,
        meters,
    }
}

/// The price book and the records of the example in `docs/billing.md`; its last record comes late.
pub(crate) fn example() -> World {
    let tokens = Tariff {
        included: Quantity(1_000),
        ..Tariff::tiered(
            Scheme::Graduated,
            vec![
                Tier { up_to: Some(Quantity(10_000)), price: money("0.60"), fee: Money::ZERO },
                Tier { up_to: None, price: money("0.40"), fee: money("0.25") },
            ],
        )
    };
    let share =
        |price| Tariff { granularity: Quantity(1_000_000_000), ..Tariff::flat(money(price)) };
    let half = at(1_800);
    let prices = Prices {
        rates: vec![
            Rate::new(Meter::OutputTokens, vec![Version::always(tokens)]),
            Rate::flat(Meter::Requests, money("0.005")),
            Rate::new(
                Meter::SlotTime,
                vec![
                    Version { from: at(0), until: Some(half), tariff: share("2.50") },
                    Version { from: half, until: None, tariff: share("3.00") },
                ],
            ),
        ],
        discounts: [(PoolId(1), BasisPoints::from_percent(30))].into(),
        commitments: [(TenantId(0), money("5"))].into(),
        ..Prices::new(Currency::USD)
    };
    let billing = BillingConfig {
        book: PriceBook::new(prices).expect("a price book"),
        periods: Periods::every(Duration::from_secs(3_600)).expect("an hour"),
        grace: Duration::ZERO,
    };
    let used = |output_tokens, ms: u128| Meters {
        requests: 1,
        output_tokens,
        slot_ns: ms * 1_000_000,
        ..Meters::default()
    };
    let spot = PoolId(1);
    let records = [
        record(1, 600, 12_300, used(8_000, 12_300)),
        record(2, 1_790, 30_000, used(9_000, 30_000)),
        UsageRecord { pool: spot, ..record(3, 2_400, 5_000, used(500, 5_000)) },
        UsageRecord {
            pool: spot,
            kind: UseKind::Preempted,
            ..record(4, 2_460, 3_000, used(200, 3_000))
        },
        // Nobody's, but it ends with the hour, which is therefore drawn.
        UsageRecord { kind: UseKind::Idle, ..record(6, 3_599, 1_000, Meters::default()) },
        record(5, 1_200, 2_000, used(1_000, 2_000)),
    ];
    World::new(billing, &records)
}

prop_compose! {
    /// Any world of two tenants, models and pools and four periods; much of its use is told late.
    pub(crate) fn any_world()(
        billing in some_billing(),
        records in prop::collection::vec(some_record(), 1..40),
    ) -> World {
        let keyed = (0..).zip(records).map(|(key, record)| UsageRecord { key: RecordKey(key), ..record });
        World::new(billing, &keyed.collect::<Vec<_>>())
    }
}

prop_compose! {
    fn some_billing()(
        currency in prop::sample::select(vec!["USD", "JPY", "KWD", "CLF"]),
        rates in prop::collection::vec(some_rate(), 1..10),
        discount in 0u32..=10_000,
        commitment in prop::option::of(0i128..50),
        grace_s in 0u64..60,
    ) -> BillingConfig {
        let prices = Prices {
            rates,
            discounts: [(PoolId(1), BasisPoints::new(discount))].into(),
            commitments: commitment
                .map(|coins| (TenantId(0), Money::from_nanos(coins * 1_000_000_000)))
                .into_iter()
                .collect(),
            ..Prices::new(currency.parse().expect("a currency"))
        };
        BillingConfig {
            book: PriceBook::new(prices).expect("a price book"),
            periods: Periods::every(Duration::from_secs(100)).expect("a period"),
            grace: Duration::from_secs(grace_s),
        }
    }
}

prop_compose! {
    fn some_rate()(
        meter in prop::sample::select(Meter::ALL.to_vec()),
        tenant in prop::option::of(0u32..2),
        change in prop::option::of(1u64..400),
        tariffs in (some_tariff(), some_tariff()),
    ) -> Rate {
        let (first, second) = tariffs;
        let versions = match change {
            None => vec![Version::always(first)],
            Some(second_s) => vec![
                Version { from: at(0), until: Some(at(second_s)), tariff: first },
                Version { from: at(second_s), until: None, tariff: second },
            ],
        };
        Rate { tenants: tenant.map(|index| vec![TenantId(index)]), ..Rate::new(meter, versions) }
    }
}

prop_compose! {
    fn some_tariff()(
        ends in prop::collection::btree_set(1u128..1 << 45, 0..3),
        // Discounts are steps of 10^-4, so these prices stay within nine decimals.
        prices in prop::collection::vec((0i128..1 << 30, 0i128..1 << 33), 3),
        volume in any::<bool>(),
        included in prop_oneof![Just(0u128), 0u128..1 << 40],
        granularity in prop_oneof![Just(1u128), 1u128..1 << 16],
        minimum in prop_oneof![Just(0u128), 0u128..1 << 16],
    ) -> Tariff {
        let ends = ends.into_iter().map(|end| Some(Quantity(end))).chain([None]);
        let tiers = ends.zip(prices).map(|(up_to, (price, fee))| Tier {
            up_to,
            price: Money::from_nanos(price * 10_000),
            fee: Money::from_nanos(fee),
        });
        let scheme = if volume { Scheme::Volume } else { Scheme::Graduated };
        Tariff {
            included: Quantity(included),
            granularity: Quantity(granularity),
            minimum: Quantity(minimum),
            ..Tariff::tiered(scheme, tiers.collect())
        }
    }
}

prop_compose! {
    fn some_record()(
        (from_ns, length_ns) in (0u64..300_000_000_000, 0u64..100_000_000_000),
        (tenant, model, pool) in (0u32..2, 0u32..2, 0u32..2),
        kind in prop::sample::select(vec![UseKind::Delivered, UseKind::Disconnected, UseKind::Ghost]),
        tokens in (0u64..100_000, 0u64..100_000, 0u64..100_000),
        times in (0u128..1 << 42, 0u128..1 << 52, 0u128..1 << 52, 0u64..1 << 42, 0u64..1 << 42),
    ) -> UsageRecord {
        let from = Timestamp::from_nanos(from_ns);
        UsageRecord {
            from,
            until: from + Duration::from_nanos(length_ns),
            tenant: TenantId(tenant),
            model: ModelId(model),
            pool: PoolId(pool),
            kind,
            ..record(0, 0, 0, Meters {
                input_tokens: tokens.0,
                cached_tokens: tokens.1,
                output_tokens: tokens.2,
                requests: 1,
                slot_ns: times.0,
                flop: times.1,
                mebibyte_ns: times.2,
                queue_ns: times.3,
                cold_start_ns: times.4,
            })
        }
    }
}
