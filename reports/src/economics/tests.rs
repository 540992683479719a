//! The worked example of `docs/reports.md`, "Unit costs": a share-second costs 0.001 in `east` and 0.002 in
//! `west`; tenants pay 0.005 for a request and 2.00 for a million output tokens.

use connector::{ClassId, Duration, ModelId, Money, PoolId, TenantId, Timestamp};
use platform::billing::{
    BillingConfig, Currency, Meter, Meters, Periods, PriceBook, Prices, Rate, RecordKey, StrikeId,
    UsageRecord, UseKind,
};

use crate::{Recorder, RecorderConfig, RunEnd, Style, Summary, sample};

const MILLISECOND: u128 = 1_000_000;

fn money(text: &str) -> Money {
    text.parse().expect("money")
}

fn billing(rates: Vec<Rate>) -> BillingConfig {
    let book = PriceBook::new(Prices { rates, ..Prices::new(Currency::EUR) }).expect("prices");
    let periods = Periods::every(Duration::from_secs(3_600)).expect("an hour");
    BillingConfig { book, periods, grace: Duration::ZERO }
}

fn rates() -> Vec<Rate> {
    vec![
        Rate::flat(Meter::Requests, money("0.005")),
        Rate::flat(Meter::OutputTokens, money("2.00")),
    ]
}

fn record(
    [tenant, model, pool]: [u32; 3],
    kind: UseKind,
    ms: u128,
    [input, output]: [u64; 2],
) -> UsageRecord {
    UsageRecord {
        key: RecordKey(0),
        from: Timestamp::ZERO,
        until: Timestamp::ZERO,
        tenant: TenantId(tenant),
        class: ClassId(0),
        model: ModelId(model),
        pool: PoolId(pool),
        strike: StrikeId(0),
        request: None,
        kind,
        meters: Meters {
            input_tokens: input,
            output_tokens: output,
            requests: u64::from(kind == UseKind::Delivered),
            slot_ns: ms * MILLISECOND,
            ..Meters::default()
        },
    }
}

fn records() -> [UsageRecord; 9] {
    use UseKind::{Delivered, Disconnected, Hedged, Idle, Preempted, Retried};
    [
        record([0, 0, 0], Delivered, 4_000, [800, 200]),
        record([0, 0, 0], Delivered, 5_000, [1_500, 500]),
        record([0, 0, 0], Retried, 500, [0, 0]),
        record([0, 0, 0], Idle, 2_000, [0, 0]),
        record([1, 0, 1], Delivered, 1_000, [800, 200]),
        record([1, 0, 1], Hedged, 250, [0, 0]),
        record([1, 1, 1], Delivered, 3_000, [3_000, 1_000]),
        record([1, 1, 1], Preempted, 500, [0, 0]),
        record([1, 1, 1], Disconnected, 1_000, [0, 300]),
    ]
}

fn summary(billing: Option<BillingConfig>, records: &[UsageRecord]) -> Summary {
    let config = RecorderConfig {
        slot_prices: vec![money("3.60"), money("7.20")],
        billing,
        ..sample::config(None)
    };
    let mut recorder = Recorder::new(sample::names(), config);
    for record in records {
        recorder.usage(record);
    }
    recorder.finish(RunEnd::default()).0
}

fn tables(summary: &Summary) -> String {
    let table = summary.table(Style::PLAIN);
    let facts = table.lines().filter(|line| line.starts_with("waste"));
    let sections = table.lines().skip_while(|line| !line.starts_with("unit costs"));
    facts.chain(sections).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_worked_example_of_the_documentation() {
    insta::assert_snapshot!(tables(&summary(Some(billing(rates())), &records())), @"
    waste     0.0060, 26.1% of 0.0230: 0.0020 disconnected, 0.0010 preempted, 0.0005 hedged, 0.0005
    unit costs, over the whole run
                       answered  per request  per 1M tokens    cost   waste  of cost
    all                       4      0.00575           2.88  0.0230  0.0060    26.1%
    model  mistral-7b         3      0.00467           3.50  0.0140  0.0030    21.4%
    model  qwen-32b           1      0.00900           2.25  0.0090  0.0030    33.3%
    pool   east               2      0.00575           3.83  0.0115  0.0025    21.7%
    pool   west               2      0.00575           2.30  0.0115  0.0035    30.4%

    margins in EUR, over the whole run
                        revenue    cost   margin  of revenue
    all                  0.0244  0.0230   0.0014       5.74%
    tenant  globex       0.0130  0.0115   0.0015       11.5%
    tenant  acme         0.0114  0.0095   0.0019       16.7%
    idle                 0.0000  0.0020  -0.0020           -
    model   mistral-7b   0.0168  0.0140   0.0028       16.7%
    model   qwen-32b     0.0076  0.0090  -0.0014      -18.4%
    pool    east         0.0114  0.0115  -0.0001     -0.877%
    pool    west         0.0130  0.0115   0.0015       11.5%
    ");
}

#[test]
fn the_json_of_the_worked_example() {
    let json = summary(Some(billing(rates())), &records()).to_json();
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let economics = &value["economics"];
    insta::assert_snapshot!(economics["whole"].to_string(), @r#"{"cost":0.023,"cost_per_1m_tokens":2.8750000000000004,"cost_per_request":0.005750000000000001,"requests":4,"tokens":8000,"waste":0.006,"waste_by_kind":{"disconnected":0.002,"hedged":0.0005,"idle":0.002,"preempted":0.001,"retried":0.0005},"waste_share":0.2608695652173913}"#);
    insta::assert_snapshot!(economics["models_in_pools"][1].to_string(), @r#"{"cost":0.0025,"cost_per_1m_tokens":2.5,"cost_per_request":0.0025,"model":"mistral-7b","pool":"west","requests":1,"tokens":1000,"waste":0.0005,"waste_by_kind":{"hedged":0.0005},"waste_share":0.2}"#);
    insta::assert_snapshot!(economics["margins"].to_string(), @r#"{"currency":"EUR","idle_cost":0.002,"models":[{"cost":0.014,"margin":0.0028,"name":"mistral-7b","revenue":0.0168},{"cost":0.009,"margin":-0.0014,"name":"qwen-32b","revenue":0.0076}],"pools":[{"cost":0.0115,"margin":-0.0001,"name":"east","revenue":0.0114},{"cost":0.0115,"margin":0.0015,"name":"west","revenue":0.013}],"tenants":[{"cost":0.0095,"margin":0.0019,"name":"acme","revenue":0.0114},{"cost":0.0115,"margin":0.0015,"name":"globex","revenue":0.013}],"unrated_records":0,"whole":{"cost":0.023,"margin":0.0014,"revenue":0.0244}}"#);
    for parts in ["models", "pools"] {
        let waste = economics[parts].as_array().expect("a list").iter().map(|part| &part["waste"]);
        let waste: f64 = waste.map(|waste| waste.as_f64().expect("a number")).sum();
        assert!((waste - 0.006).abs() < 1e-15, "{parts}: {waste}");
    }
}

#[test]
fn margins_are_told_to_the_last_digit() {
    let told = summary(Some(billing(rates())), &records()).economics.expect("use was told");
    let table = told.margins_table().expect("prices");
    assert!(table.starts_with("margins in EUR, over the whole run\n"), "{table}");
    let last = table.lines().last();
    assert_eq!(last, Some("tenants less idle = models = pools, exactly: 0.0014"));
}

#[test]
fn without_a_price_book_there_are_costs_and_no_margins() {
    let told = summary(None, &records());
    let economics = told.economics.as_ref().expect("use was told");
    assert_eq!(economics.unit_costs.whole.cost.to_string(), "0.023");
    assert_eq!((economics.margins.as_ref(), economics.margins_table()), (None, None));
    assert!(!tables(&told).contains("margin"));
    assert!(!told.to_json().contains("margins"));
}

#[test]
fn without_records_of_use_nothing_is_said_about_costs() {
    let silent = summary(Some(billing(rates())), &[]);
    assert_eq!(silent.economics, None);
    assert!(!silent.to_json().contains("economics"));
    assert_eq!(tables(&silent), "");
}

#[test]
fn records_that_no_price_holds_for_are_counted() {
    let mut late = rates();
    late[0].versions[0].from = Timestamp::from_nanos(1);
    let told = summary(Some(billing(late)), &records());
    let margins = told.economics.and_then(|economics| economics.margins).expect("prices");
    // Only answered requests use the meter that has no price yet.
    assert_eq!(margins.unrated_records, 4);
    assert_eq!(margins.whole.revenue.to_string(), "0.0006", "the tokens of who went away");
    assert_eq!(margins.whole.cost.to_string(), "0.023");
}
