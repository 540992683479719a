//! From records of use to lines: against examples that others published, against rational numbers,
//! and under every order, repetition and lateness.

mod biller;
mod book;
mod faults;
mod invoice;
mod oracle;
mod order;
mod published;
mod reservations;
mod splitting;

use connector::{Amount, ClassId, Duration, ModelId, Money, PoolId, TenantId, Timestamp};
use platform::billing::{
    BillingConfig, Currency, Meter, Meters, Periods, PriceBook, Prices, Quantity, Rate, RatedLine,
    Rating, RecordKey, Scheme, StrikeId, Tariff, Tier, UsageRecord, UseKind, Version,
};

fn money(text: &str) -> Money {
    text.parse().expect("valid")
}

fn amount(text: &str) -> Amount {
    text.parse().expect("valid")
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

fn tier(up_to: Option<u128>, price: &str, fee: &str) -> Tier {
    Tier { up_to: up_to.map(Quantity), price: money(price), fee: money(fee) }
}

fn book(rates: Vec<Rate>) -> PriceBook {
    PriceBook::new(Prices { rates, ..Prices::new(Currency::USD) }).expect("valid")
}

/// Periods of a day.
fn rating(rates: Vec<Rate>) -> Rating {
    let periods = Periods::every(Duration::from_secs(86_400)).expect("valid");
    Rating::new(BillingConfig { book: book(rates), periods, grace: Duration::ZERO })
}

/// A record of one second at the start of time that used nothing.
fn record(key: u128) -> UsageRecord {
    UsageRecord {
        key: RecordKey(key),
        from: at(0),
        until: at(1),
        tenant: TenantId(0),
        class: ClassId(0),
        model: ModelId(0),
        pool: PoolId(0),
        strike: StrikeId(key as u64),
        request: None,
        kind: UseKind::Delivered,
        meters: Meters::default(),
    }
}

fn requests(key: u128, requests: u64) -> UsageRecord {
    UsageRecord { meters: Meters { requests, ..Meters::default() }, ..record(key) }
}

fn slots(key: u128, from: Timestamp, until: Timestamp) -> UsageRecord {
    let slot_ns = until.since(from).as_nanos().into();
    UsageRecord { from, until, meters: Meters { slot_ns, ..Meters::default() }, ..record(key) }
}

fn total(lines: &[RatedLine]) -> Amount {
    Amount::checked_sum(lines.iter().map(|line| line.amount)).expect("valid")
}

/// What so many requests come to under a price.
fn cost(tariff: &Tariff, used: u64) -> Amount {
    let mut rating =
        rating(vec![Rate::new(Meter::Requests, vec![Version::always(tariff.clone())])]);
    rating.add(&requests(1, used)).expect("valid");
    total(&rating.lines().expect("valid"))
}

fn tiers(scheme: Scheme, tiers: &[(Option<u128>, &str, &str)]) -> Tariff {
    Tariff::tiered(
        scheme,
        tiers.iter().map(|&(up_to, price, fee)| tier(up_to, price, fee)).collect(),
    )
}
