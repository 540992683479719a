//! What `billing` and `instructions` rate and post: a price book of seven meters with tiers, an
//! allowance and a change of price; a hundred tenants, four models, four pools.

use connector::{ClassId, Duration, ModelId, Money, PoolId, TenantId, Timestamp};
use platform::billing::{
    BillingConfig, Change, Currency, Meter, Meters, Periods, PriceBook, Prices, Quantity, Rate,
    Rating, RecordKey, Scheme, StrikeId, Tariff, Tier, UsageRecord, UseKind, Version,
    ledger::{Ledger, Line, Step, Transaction, TransactionId},
};

pub(super) const HOUR: Duration = Duration::from_secs(3_600);
const TENANTS: u64 = 100;
pub(super) const INCLUDED: u128 = 1_000_000;
pub(super) const FIRST_TIER: u128 = 50_000_000;

/// Rates records and posts after each batch, one transaction for each tenant; the books at the end.
pub(super) fn bill(records: &[UsageRecord], batch: usize) -> Ledger {
    let mut rating = Rating::new(config());
    let mut ledger = Ledger::default();
    for (number, batch) in (0..).zip(records.chunks(batch)) {
        for record in batch {
            rating.add(record).expect("all is priced");
        }
        let now = batch.last().map_or(Timestamp::ZERO, |record| record.until);
        post(&mut rating, &mut ledger, now, number);
    }
    ledger
}

fn post(rating: &mut Rating, ledger: &mut Ledger, now: Timestamp, batch: u128) {
    let changes = rating.changes().expect("in range");
    let tenants = changes.chunk_by(|one, other| one.key().tenant == other.key().tenant);
    for (part, changes) in tenants.enumerate() {
        let legs = Change::booking(changes).expect("in range").into_iter();
        let lines = legs.map(|(account, amount)| Line::debit(account, Currency::USD, amount));
        let step = Step::Book { effective: now, lines: lines.collect() };
        let id = TransactionId(batch << 16 | part as u128);
        ledger.post(now, Transaction { id, step }).expect("it is balanced");
    }
}

pub(super) fn money(thousandths: i128) -> Money {
    Money::from_nanos(thousandths * 1_000_000)
}

pub(super) fn config() -> BillingConfig {
    let tier = |up_to, price, fee| Tier { up_to, price: money(price), fee: money(fee) };
    let tiers = vec![tier(Some(Quantity(FIRST_TIER)), 600, 0), tier(None, 400, 5_000)];
    let tokens =
        Tariff { included: Quantity(INCLUDED), ..Tariff::tiered(Scheme::Graduated, tiers) };
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

/// So many records: strikes of some seconds in whole milliseconds, so that granules add nothing, each
/// seven milliseconds after the one before.
pub(super) fn records(count: u64) -> Vec<UsageRecord> {
    (0..count).map(record).collect()
}

fn record(number: u64) -> UsageRecord {
    let from = Timestamp::ZERO + Duration::from_millis(7 * number);
    let lasts = Duration::from_millis(500 + number % 4_001);
    let ns = u128::from(lasts.as_nanos());
    UsageRecord {
        key: RecordKey(number.into()),
        from,
        until: from + lasts,
        tenant: TenantId((number % TENANTS) as u32),
        class: ClassId(0),
        model: ModelId((number / 3 % 4) as u32),
        pool: PoolId((number / 7 % 4) as u32),
        strike: StrikeId(number),
        request: None,
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
