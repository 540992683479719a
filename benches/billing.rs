//! Rating records of use and posting what they come to: a price book of seven meters with tiers,
//! allowances and a change of price; a hundred tenants, four models, four pools. One element is one
//! record. `each_record` books every record by itself, `each_thousand` what a thousand came to, tenant by tenant.

use std::{collections::BTreeMap, hint::black_box, time::Duration as StdDuration};

use connector::{Amount, ClassId, Duration, ModelId, Money, PoolId, TenantId, Timestamp};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use platform::billing::{
    AccountId, BillingConfig, Change, Currency, Meter, Meters, Periods, PriceBook, Prices,
    Quantity, Rate, Rating, RecordKey, Scheme, StrikeId, Tariff, Tier, UsageRecord, UseKind,
    Version,
    ledger::{Ledger, Line, Step, Transaction, TransactionId},
};

const RECORDS: u64 = 1_000_000;
const HOUR: Duration = Duration::from_secs(3_600);

fn billing(c: &mut Criterion) {
    let mut group = c.benchmark_group("billing");
    group.throughput(Throughput::Elements(RECORDS));
    group.sample_size(10).measurement_time(StdDuration::from_secs(20));
    for (name, batch) in [("each_record", 1), ("each_thousand", 1_000)] {
        group.bench_function(name, |b| b.iter(|| black_box(bill(RECORDS, batch))));
    }
    group.finish();
}

/// Rates so many records and posts after each batch; the books at the end.
fn bill(records: u64, batch: u64) -> Ledger {
    let mut rating = Rating::new(config());
    let mut ledger = Ledger::default();
    for number in 0..records {
        let record = record(number);
        rating.add(&record).expect("all is priced");
        if (number + 1) % batch == 0 {
            post(&mut rating, &mut ledger, record.until, number);
        }
    }
    ledger
}

fn post(rating: &mut Rating, ledger: &mut Ledger, now: Timestamp, number: u64) {
    let changes = rating.changes().expect("in range");
    // A tenant's legs balance by themselves, and there are at most 17 accounts of a tenant.
    let tenants = changes.chunk_by(|one, other| one.key().tenant == other.key().tenant);
    for (part, changes) in tenants.enumerate() {
        let mut sums: BTreeMap<AccountId, Amount> = BTreeMap::new();
        for (account, amount) in changes.iter().flat_map(Change::legs) {
            let sum = sums.entry(account).or_default();
            *sum = sum.checked_add(amount).expect("in range");
        }
        let line = |(account, amount)| Line::debit(account, Currency::USD, amount);
        let step = Step::Book { effective: now, lines: sums.into_iter().map(line).collect() };
        let id = TransactionId(u128::from(number) << 16 | part as u128);
        ledger.post(now, Transaction { id, step }).expect("it is balanced");
    }
}

fn money(thousandths: i128) -> Money {
    Money::from_nanos(thousandths * 1_000_000)
}

fn config() -> BillingConfig {
    let tier = |up_to, price, fee| Tier { up_to, price: money(price), fee: money(fee) };
    let tiers = vec![tier(Some(Quantity(50_000_000)), 600, 0), tier(None, 400, 5_000)];
    let tokens =
        Tariff { included: Quantity(1_000_000), ..Tariff::tiered(Scheme::Graduated, tiers) };
    let change = Timestamp::ZERO + HOUR;
    let shares = vec![
        Version {
            from: Timestamp::ZERO,
            until: Some(change),
            tariff: Tariff { granularity: Quantity(1_000_000), ..Tariff::flat(money(2_500)) },
        },
        Version { from: change, until: None, tariff: Tariff::flat(money(3_000)) },
    ];
    let mut prices = Prices::new(Currency::USD);
    prices.rates = vec![
        Rate::flat(Meter::InputTokens, money(150)),
        Rate::flat(Meter::CachedTokens, money(15)),
        Rate::new(Meter::OutputTokens, vec![Version::always(tokens)]),
        Rate::flat(Meter::Requests, money(1)),
        Rate::new(Meter::SlotTime, shares),
        Rate::flat(Meter::Compute, money(10)),
        Rate::flat(Meter::Memory, money(20)),
    ];
    BillingConfig {
        book: PriceBook::new(prices).expect("valid"),
        periods: Periods::every(HOUR * 24).expect("valid"),
        grace: Duration::ZERO,
    }
}

/// The record of so many: a strike of some seconds, seven milliseconds after the one before.
fn record(number: u64) -> UsageRecord {
    let from = Timestamp::ZERO + Duration::from_millis(7 * number);
    let lasts = Duration::from_millis(500 + number % 4_001);
    let ns = u128::from(lasts.as_nanos());
    UsageRecord {
        key: RecordKey(number.into()),
        from,
        until: from + lasts,
        tenant: TenantId((number % 100) as u32),
        class: ClassId(0),
        model: ModelId((number / 3 % 4) as u32),
        pool: PoolId((number / 7 % 4) as u32),
        strike: StrikeId(number),
        kind: UseKind::Delivered,
        meters: Meters {
            input_tokens: 100 + number % 1_999,
            cached_tokens: number % 257,
            output_tokens: 10 + number % 509,
            requests: 1,
            slot_ns: ns,
            flop: ns * 30_000,
            mebibyte_ns: ns * 20_480,
            ..Meters::default()
        },
    }
}

criterion_group!(benches, billing);
criterion_main!(benches);
