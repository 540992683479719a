//! The scenarios of billing, from end to end, against arithmetic on what their runs told.

use std::{collections::BTreeMap, path::Path};

use connector::{
    Amount, Duration, Money, PoolId, PricingUnit, StatementLine, StayEnd, TenantId, Timestamp,
};
use harpoon::{
    drive::{Observer, Watch},
    experiment::{bill, reconcile::reconcile, simulate_beside},
};
use platform::billing::{
    AccountId, Band, Bill, Invoice, LineKey, Meter, PeriodId, UsageRecord, UseKind,
    reconcile::{Cause, Reconciliation},
};
use reports::Summary;
use scenarios::Scenario;
use sim::delivery::Delivery;

fn shipped(name: &str, settings: &[&str]) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    let settings: Vec<_> = settings.iter().map(|one| one.parse().unwrap()).collect();
    scenarios::load(&path, &settings).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Everything that both books are made of.
#[derive(Debug, Default)]
struct Told {
    usage: Vec<UsageRecord>,
    lines: Vec<StatementLine>,
}

impl Observer for Told {
    fn reads_books(&self) -> bool {
        true
    }

    fn reads_statement(&self) -> bool {
        true
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.usage.push(*record);
    }

    fn statement(&mut self, line: &StatementLine) {
        self.lines.push(*line);
    }
}

/// A run that keeps its objectives, and what it told.
fn told(scenario: &Scenario) -> (Summary, Told) {
    let seed = scenario.seed;
    let run = simulate_beside(scenario, seed, None, Told::default(), &Watch::default());
    let (outcome, told) = run.unwrap();
    assert!(outcome.summary.objectives_met(), "{:?}", outcome.summary.objectives);
    (outcome.summary, told)
}

fn reconciled(scenario: &Scenario) -> Reconciliation {
    let (_, books) = reconcile(scenario, scenario.seed, &Watch::default()).unwrap();
    books.unwrap()
}

fn billed(scenario: &Scenario) -> Bill {
    let config = scenario.billing.as_ref().unwrap();
    let (_, bill) = bill::simulated(scenario, config, scenario.seed, &Watch::default()).unwrap();
    bill.unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    Amount::checked_sum(amounts).unwrap()
}

const UNCHANGED: [&str; 2] =
    ["provider.pools.0.price_changes=[]", "provider.pools.1.price_changes=[]"];

/// Pool, second of the change, and how much dearer a share gets in 10^-9 an hour.
const CHANGES: [(u32, u64, i128); 2] = [(0, 300, 90_000_000), (1, 600, -18_000_000)];

#[test]
fn a_price_that_changes_is_named_to_the_last_digit() {
    let scenario = shipped("price-change-mid-run.yaml", &[]);
    let (summary, told) = told(&scenario);
    let unchanged = shipped("price-change-mid-run.yaml", &UNCHANGED);
    assert_eq!(self::told(&unchanged).0.header.digest, summary.header.digest, "the same run");
    let (books, before) = (reconciled(&scenario), reconciled(&unchanged));
    for (pool, second, dearer) in CHANGES {
        let (pool, change) = (PoolId(pool), at(second));
        // Work and idle time of our shares after the change, from the records of use.
        let own = told.usage.iter().filter(|record| record.pool == pool);
        let own = own.filter(|record| record.meters.slot_ns > 0 && record.kind != UseKind::Ghost);
        let after = own.map(|one| one.until.since(one.from.max(change).min(one.until)).as_nanos());
        let after: u128 = after.map(u128::from).sum();
        let named = books.pools[&pool].cause(Cause::PriceChange);
        assert!(named.slot_ns > 0);
        assert_eq!(named.slot_ns, after, "pool {pool}");
        let dearer = signed(dearer, after);
        assert_eq!(named.amount, dearer, "pool {pool}");
        for cause in Cause::ALL {
            let (with, without) =
                (books.pools[&pool].cause(cause), before.pools[&pool].cause(cause));
            let expected = if cause == Cause::PriceChange { 0 } else { with.slot_ns };
            assert_eq!(without.slot_ns, expected, "pool {pool}: {cause:?}");
            assert!(cause != Cause::Unknown || with.pieces == 0);
        }
        assert_eq!(before.pools[&pool].tenants, books.pools[&pool].tenants, "our books");
    }
}

/// A price per hour, which may be below zero, times a time.
fn signed(nanos: i128, slot_ns: u128) -> Amount {
    Amount::product(Money::from_nanos(nanos), slot_ns, PricingUnit::Hour).unwrap()
}

#[test]
fn the_statement_is_cut_where_the_price_changes() {
    let (_, told) = told(&shipped("price-change-mid-run.yaml", &[]));
    let prices = [("0.36", "0.45"), ("0.18", "0.162")];
    let mut cut = 0;
    for line in &told.lines {
        let (_, second, _) = CHANGES[line.pool.index()];
        let (old, new) = prices[line.pool.index()];
        let is_new = line.from >= at(second);
        assert!(is_new || line.until <= at(second), "{line:?}");
        let price = money(if is_new { new } else { old });
        assert_eq!(line.price_per_slot_hour, price, "{line:?}");
        assert_eq!(line.charge, price.per_hour_over(line.until.since(line.from)));
        if line.ended == StayEnd::PriceChanged {
            let goes_on = |other: &&StatementLine| {
                (other.allocation, other.from) == (line.allocation, line.until)
            };
            assert_eq!(told.lines.iter().filter(goes_on).count(), 1, "{line:?}");
            cut += 1;
        }
    }
    assert!(cut > 2, "{cut} shares were held when a price changed");
}

#[test]
fn what_tenants_pay_changes_with_the_price_book() {
    let scenario = shipped("price-change-mid-run.yaml", &[]);
    let ((_, told), bill) = (told(&scenario), billed(&scenario));
    let change = at(450);
    for tenant in [TenantId(0), TenantId(1)] {
        let charged = told.usage.iter().filter(|one| {
            one.tenant == tenant
                && matches!(one.kind, UseKind::Delivered | UseKind::Disconnected)
                && one.meters.slot_ns > 0
        });
        // What lies before and after the change, at 0.90 and 1.08 an hour.
        let (mut early, mut late) = (0, 0);
        for one in charged {
            let before = u128::from(one.until.min(change).since(one.from.min(change)).as_nanos());
            early += before;
            late += one.meters.slot_ns - before;
        }
        let [invoice] = invoices(&bill, tenant) else { panic!("one invoice: {bill:?}") };
        let parts = invoice.lines.iter().flat_map(|line| &line.parts);
        let slots = parts.filter(|part| part.key.meter == Meter::SlotTime);
        let mut found = [0, 0];
        for part in slots {
            found[part.key.version as usize] += part.quantity.0;
            let price = ["0.90", "1.08"][part.key.version as usize];
            assert_eq!(part.price, money(price));
        }
        assert!(early > 0 && late > 0);
        assert_eq!(found, [early, late], "tenant {tenant}");
    }
}

fn invoices(bill: &Bill, tenant: TenantId) -> &[Invoice] {
    let first = bill.standing.partition_point(|one| one.tenant < tenant);
    let until = bill.standing.partition_point(|one| one.tenant <= tenant);
    &bill.standing[first..until]
}

/// Use of a tenant in one period of ten minutes, in whole numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    tokens: i128,
    requests: i128,
    /// Whole seconds, each record rounded up, by the period in which they lie.
    slot_ns: i128,
}

/// Tokens and requests belong to where a record begins; its time is rounded up to whole seconds, which
/// are spread over it evenly, rounded down at the end of the period.
fn sums(records: &[UsageRecord], tenant: u32, period: u64) -> Sums {
    const PERIOD_NS: u64 = 600_000_000_000;
    let (begins, ends) = (period * PERIOD_NS, (period + 1) * PERIOD_NS);
    let mut sums = Sums::default();
    let paid = [UseKind::Delivered, UseKind::Disconnected];
    for one in records.iter().filter(|one| one.tenant.0 == tenant && paid.contains(&one.kind)) {
        let (from, until) = (one.from.as_nanos(), one.until.as_nanos());
        if (begins..ends).contains(&from) {
            sums.tokens += i128::from(one.meters.output_tokens);
            sums.requests += i128::from(one.meters.requests);
        }
        let whole = one.meters.slot_ns.div_ceil(1_000_000_000).cast_signed() * 1_000_000_000;
        let until_instant = |instant: u64| match instant {
            instant if instant <= from => 0,
            instant if instant >= until => whole,
            instant => whole * i128::from(instant - from) / i128::from(until - from),
        };
        sums.slot_ns += until_instant(ends) - until_instant(begins);
    }
    sums
}

/// In 10^-9 of a dollar, what so many tokens cost: 20,000 are free, 50,000 cost 8.00 per million, 100,000
/// cost 6.00, and the rest 4.50 and a quarter.
fn tokens_cost(tokens: i128) -> i128 {
    let first = (tokens - 20_000).clamp(0, 50_000);
    let second = (tokens - 70_000).clamp(0, 100_000);
    let third = (tokens - 170_000).max(0);
    first * 8_000 + second * 6_000 + third * 4_500 + if third > 0 { 250_000_000 } else { 0 }
}

/// The nearest cent of an exact fraction, halves to the even one.
fn cents(numerator: i128, denominator: i128) -> i128 {
    let (below, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
    let up = 2 * rest > denominator || (2 * rest == denominator && below % 2 == 1);
    below + i128::from(up)
}

#[test]
fn tiers_allowance_and_commitment_are_what_a_hand_would_reckon() {
    const CENT: i128 = 10_000_000;
    let scenario = shipped("tiered-commitment.yaml", &[]);
    let ((_, told), bill) = (told(&scenario), billed(&scenario));
    let committed = [50, 75];
    for tenant in 0..2 {
        let invoices = invoices(&bill, TenantId(tenant));
        assert!(invoices.len() >= 2, "two periods of ten minutes");
        for invoice in &invoices[..2] {
            let Sums { tokens, requests, slot_ns } =
                sums(&told.usage, tenant, invoice.period.0.into());
            let lines = [
                (Meter::OutputTokens, cents(tokens_cost(tokens), CENT)),
                (Meter::Requests, cents(requests * 1_000_000, CENT)),
                (Meter::SlotTime, cents(slot_ns * 1_800_000_000, CENT * 3_600_000_000_000)),
            ];
            let stated: Vec<_> =
                invoice.lines.iter().map(|one| (one.meter, one.billed.as_nanos() / CENT)).collect();
            assert_eq!(stated, lines, "tenant {tenant}, period {}", invoice.period.0);
            let used: i128 = lines.iter().map(|(_, cents)| cents).sum();
            let short = (committed[tenant as usize] - used).max(0);
            assert_eq!(short > 0, tenant == 1, "only globex is short");
            assert_eq!(invoice.shortfall.as_nanos() / CENT, short);
            assert_eq!(invoice.total.as_nanos() / CENT, used + short);
        }
    }
    let bands = |tenant| -> Vec<Band> {
        let parts = invoices(&bill, TenantId(tenant))[0].lines.iter().flat_map(|line| &line.parts);
        let tokens = parts.filter(|part| part.key.meter == Meter::OutputTokens);
        tokens.map(|part| part.key.band).collect()
    };
    assert_eq!(bands(0), [Band::Included, Band::Tier(0), Band::Tier(1), Band::Tier(2)]);
    assert_eq!(bands(1), [Band::Included, Band::Tier(0)]);
}

#[test]
fn records_that_come_twice_late_and_out_of_order_make_the_same_bill() {
    let faulty = shipped("duplicate-and-late-usage.yaml", &[]);
    let sound = shipped("duplicate-and-late-usage.yaml", &["platform.metering={}"]);
    let ((summary, told), (same, _)) = (told(&faulty), told(&sound));
    assert_eq!(summary.header.digest, same.header.digest, "the way to the bill moves nothing");
    let mut delivery = Delivery::new(faulty.metering, faulty.seed);
    told.usage.iter().for_each(|record| delivery.send(record.until, record));
    while delivery.rest().is_some() {}
    let delivered = delivery.delivered();
    assert_eq!(delivered.records as usize, told.usage.len());
    assert!(
        delivered.twice > 50 && delivered.late > 50 && delivered.overtaken > 500,
        "{delivered:?}"
    );

    let (bill, plain) = (billed(&faulty), billed(&sound));
    assert!(plain.corrections.is_empty(), "{:?}", plain.corrections);
    assert!(bill.corrections.len() > 5, "{}", bill.corrections.len());
    assert_ne!(bill.invoices, plain.invoices, "some were drawn without what came late");
    assert_eq!(bill.standing, plain.standing, "line for line after corrections");
    assert_eq!((&bill.uses, &bill.periods), (&plain.uses, &plain.periods), "nothing is doubled");
    assert_eq!(nets(&bill), nets(&plain));
    let answered: u64 = bill.uses.values().map(|one| one.requests).sum();
    let records: u64 = bill.uses.values().map(|one| one.records).sum();
    let told_of: u64 = told.usage.iter().map(|record| record.meters.requests).sum();
    assert_eq!((answered, records), (told_of, told.usage.len() as u64));
    for standing in &bill.standing {
        assert_eq!(corrected(&bill, standing.tenant, standing.period), standing.total);
    }
}

/// An invoice as it was drawn, and what its corrections changed in it.
fn corrected(bill: &Bill, tenant: TenantId, period: PeriodId) -> Money {
    let drawn = bill.invoices.iter().filter(|one| (one.tenant, one.period) == (tenant, period));
    let corrections = bill.corrections_of(tenant, period).map(|one| one.total);
    drawn.map(|one| one.total).chain(corrections).sum()
}

fn nets(bill: &Bill) -> BTreeMap<AccountId, Amount> {
    let nets = bill.balances.iter().map(|(account, balance)| (*account, balance.net()));
    nets.filter(|(_, net)| *net != Amount::ZERO).collect()
}

/// Every part of every line is where it belongs: no period has use of another.
#[test]
fn corrections_belong_to_the_period_of_the_use() {
    let bill = billed(&shipped("duplicate-and-late-usage.yaml", &[]));
    for correction in &bill.corrections {
        let lines = correction.reversed.iter().chain(&correction.restated);
        let parts: Vec<LineKey> = lines.flat_map(|line| &line.parts).map(|part| part.key).collect();
        let of = |key: &LineKey| (key.tenant, key.period);
        assert!(parts.iter().all(|key| of(key) == (correction.tenant, correction.period)));
    }
    let drawn = sum(bill.invoices.iter().map(|one| Amount::from_money(one.total).unwrap()));
    let late = sum(bill.corrections.iter().map(|one| Amount::from_money(one.total).unwrap()));
    let owed = [0, 1].map(|id| bill.balance(AccountId::Receivable(TenantId(id))).net());
    assert_eq!(sum([drawn, late]), sum(owed));
}
