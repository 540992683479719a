//! What a price book becomes as it is written in a scenario.

use connector::{
    Amount, BasisPoints, ClassId, Duration, ModelId, Money, PoolId, TenantId, Timestamp,
};
use platform::billing::{
    BillingConfig, Currency, Invoice, InvoiceLine, Meter, Meters, PeriodId, Quantity, Rate, Rating,
    RecordKey, Scheme, StrikeId, Tariff, Tier, UsageRecord, UseKind, Version,
};
use sim::{
    config::{Latency, PriceChange},
    delivery::{DeliveryConfig, Lateness},
};

use crate::world::{SMALLEST, fixtures, parse};

fn money(text: &str) -> Money {
    text.parse().expect("a price")
}

fn at(minutes: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(minutes * 60)
}

#[test]
fn what_the_provider_will_ask_later_reaches_the_pool() {
    let scenario = scenarios::load(&fixtures().join("everything.yaml"), &[])
        .unwrap_or_else(|errors| panic!("{errors}"));
    let [shared, ..] = &scenario.provider.pools[..] else { panic!("a pool") };
    assert_eq!(shared.price_per_slot_hour, money("0.35"));
    let later = |minutes, price| PriceChange {
        at: at(minutes).since(Timestamp::ZERO),
        price_per_slot_hour: money(price),
    };
    assert_eq!(shared.price_changes, [later(10, "0.40"), later(20, "0.38")]);
    let cable = scenario.platform.cables.iter().find(|cable| cable.pool == PoolId(0));
    let believed = cable.map(|cable| cable.price_per_slot_hour);
    assert_eq!(believed, Some(money("0.35")), "what was agreed on");
}

#[test]
fn what_happens_to_records_of_use_is_nothing_unless_it_is_stated() {
    let scenario = parse(SMALLEST).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(scenario.metering, DeliveryConfig::default());
    let scenario = scenarios::load(&fixtures().join("everything.yaml"), &[])
        .unwrap_or_else(|errors| panic!("{errors}"));
    let minutes = |n| at(n).since(Timestamp::ZERO);
    let by = Latency::LogNormal { p50: minutes(10), p95: minutes(120) };
    let expected = DeliveryConfig {
        duplicates: BasisPoints::from_percent(5),
        late: Some(Lateness { share: BasisPoints::from_percent(2), by }),
        reordered: Duration::from_secs(30),
    };
    assert_eq!(scenario.metering, expected);
}

#[test]
fn every_key_of_a_price_book_reaches_it() {
    let scenario = scenarios::load(&fixtures().join("everything.yaml"), &[])
        .unwrap_or_else(|errors| panic!("{errors}"));
    // Told with an offset, which is not kept.
    assert_eq!(scenario.starts_at.to_string(), "2026-02-28T23:00:00Z");
    let billing = scenario.billing.expect("a price book");
    let hour = (at(60), at(120));
    assert_eq!(billing.periods.bounds(PeriodId(1)), Some(hour));
    let book = billing.book;
    assert_eq!(book.currency(), Currency::EUR);
    assert_eq!(book.commitment(TenantId(0)), Some(money("100")));
    assert_eq!(book.commitment(TenantId(1)), None);
    let charged = UseKind::ALL.into_iter().filter(|&kind| book.charges(kind));
    let named = [UseKind::Delivered, UseKind::Disconnected, UseKind::Preempted];
    assert_eq!(charged.collect::<Vec<_>>(), named);
    let tier = |up_to: Option<u128>, price, fee| Tier {
        up_to: up_to.map(Quantity),
        price: money(price),
        fee: money(fee),
    };
    let rise = Tariff {
        included: Quantity(1_000_000),
        ..Tariff::tiered(
            Scheme::Graduated,
            vec![tier(Some(5_000_000), "0.50", "1"), tier(None, "0.40", "0")],
        )
    };
    let own = Rate {
        tenants: Some(vec![TenantId(0)]),
        models: Some(vec![ModelId(0)]),
        pools: Some(vec![PoolId(0), PoolId(1)]),
        ..Rate::new(
            Meter::OutputTokens,
            vec![
                Version { from: at(0), until: Some(at(10)), tariff: Tariff::flat(money("0.60")) },
                Version { from: at(10), until: None, tariff: rise },
            ],
        )
    };
    let minute = Tariff {
        granularity: Quantity(1_000_000_000),
        minimum: Quantity(60_000_000_000),
        ..Tariff::flat(money("2.50"))
    };
    let volume =
        vec![tier(Some(500 * 3_600_000_000_000_000), "0.01", "0"), tier(None, "0.009", "0")];
    let memory =
        Tariff { included: Quantity(2 * 1_024 * 3_600_000_000_000), ..Tariff::flat(money("0.02")) };
    let always = |meter, tariff| Rate::new(meter, vec![Version::always(tariff)]);
    assert_eq!(
        book.rates(),
        [
            own,
            Rate::flat(Meter::OutputTokens, money("0.70")),
            always(Meter::SlotTime, minute),
            always(Meter::Compute, Tariff::tiered(Scheme::Volume, volume)),
            always(Meter::Memory, memory),
        ]
    );
}

fn with_book(pool: &str, platform: &str) -> BillingConfig {
    let text = SMALLEST
        .replace("models: [gemma-2b]\n", &format!("    {pool}\nmodels: [gemma-2b]\n{platform}"));
    parse(&text).unwrap_or_else(|errors| panic!("{errors}")).billing.expect("a price book")
}

const SPOT: &str = "- { name: spot, gpu: L4, count: 1, kind: preemptible }";

/// A request in pool 0 for the first tenant, from a millisecond on and for some.
fn request(key: u128, from_ms: u64, for_ms: u64, output_tokens: u64) -> UsageRecord {
    let from = Timestamp::ZERO + Duration::from_millis(from_ms);
    let slot_ns = Duration::from_millis(for_ms).as_nanos().into();
    UsageRecord {
        key: RecordKey(key),
        from,
        until: from + Duration::from_millis(for_ms),
        tenant: TenantId(0),
        class: ClassId(0),
        model: ModelId(0),
        pool: PoolId(0),
        strike: StrikeId(0),
        request: None,
        kind: UseKind::Delivered,
        meters: Meters { requests: 1, output_tokens, slot_ns, ..Meters::default() },
    }
}

#[test]
fn preemptible_pools_are_cheaper_by_the_discount() {
    let book = "platform: { price_book: { preemptible_discount: 30%, rates: [{ meter: requests, price: 1 }] } }\n";
    let mut rating = Rating::new(with_book(SPOT, book));
    rating.add(&request(0, 0, 0, 0)).expect("a price");
    rating.add(&UsageRecord { pool: PoolId(1), ..request(1, 0, 0, 0) }).expect("a price");
    let prices: Vec<_> = rating.lines().expect("in range").iter().map(|line| line.price).collect();
    assert_eq!(prices, [money("1"), money("0.70")]);
}

/// The worked example of `docs/billing.md`: its price book as it stands there, and every figure.
#[test]
fn the_example_of_the_documentation_is_right_to_the_digit() {
    let text = std::fs::read_to_string("../docs/billing.md").expect("the documentation");
    let (_, example) = text.split_once("```yaml\n").expect("a price book");
    let (book, example) = example.split_once("```").expect("its end");
    let book = format!("{book}tenants: [{{ name: acme }}]\n");
    let mut rating = Rating::new(with_book(SPOT, &book));
    let (minute, spot) = (60_000, PoolId(1));
    for record in [
        request(1, 10 * minute, 12_300, 8_000),
        request(2, 30 * minute - 10_000, 30_000, 9_000),
        UsageRecord { pool: spot, ..request(3, 40 * minute, 5_000, 500) },
        UsageRecord { pool: spot, kind: UseKind::Preempted, ..request(4, 41 * minute, 3_000, 200) },
    ] {
        rating.add(&record).expect("a price");
    }
    let first = draw(&rating);
    let (closed, corrected) = example.split_once("The hour is closed.").expect("two parts");
    assert_eq!(first.lines.len(), 6);
    for line in &first.lines {
        assert!(closed.contains(&row(line)), "{}", row(line));
    }
    let lines: Money = first.lines.iter().map(|line| line.billed).sum();
    let all = format!("| all | | {} | {lines} | {} |", first.exact, first.residue);
    assert!(closed.contains(&all), "{all}");
    let last = format!("The shortfall is {}, the total {}.", first.shortfall, first.total);
    assert!(closed.contains(&last), "{last}");

    rating.close(PeriodId(0)).expect("in range");
    rating.add(&request(5, 20 * minute, 2_000, 1_000)).expect("a price");
    assert!(rating.changes().expect("in range").iter().all(|change| change.correction));
    let second = draw(&rating);
    let correction = first.corrected(&second).expect("a correction");
    assert_eq!((correction.reversed.len(), correction.restated.len()), (3, 3));
    for line in &correction.restated {
        assert!(corrected.contains(&row(line)), "{}", row(line));
    }
    let lines: Money = second.lines.iter().map(|line| line.billed).sum();
    let last = format!(
        "The lines come to {lines}, the shortfall falls to {}, and the total\nchanges by {}.",
        second.shortfall, correction.total
    );
    assert!(corrected.contains(&last), "{last}");
    let legs = first.legs().into_iter().chain(correction.legs());
    assert_eq!(Amount::checked_sum(legs.map(|(_, amount)| amount)), Some(Amount::ZERO));
}

fn draw(rating: &Rating) -> Invoice {
    let (tenant, lines) = (TenantId(0), rating.lines().expect("in range"));
    let book = rating.book();
    Invoice::draw(tenant, PeriodId(0), book.currency(), book.commitment(tenant), &lines)
        .expect("in range")
}

/// A line as the documentation has it.
fn row(line: &InvoiceLine) -> String {
    let pool = ["a", "spot"][line.pool.index()];
    let meter = line.meter.name();
    format!("| {pool} | {meter} | {} | {} | {} |", line.exact, line.billed, line.residue)
}

#[test]
fn without_the_key_nothing_is_charged() {
    assert_eq!(parse(SMALLEST).unwrap_or_else(|errors| panic!("{errors}")).billing, None);
}
