//! What requests cost and what is wasted: known by hand, and the same wherever it is told.

use std::path::Path;

use connector::{Amount, Money, PoolId, PricingUnit};
use harpoon::{
    drive::Watch,
    experiment::{self, reconcile::reconcile},
};
use platform::billing::{Economics, UseKind, reconcile::Reconciliation};
use reports::{EconomicsReport, Style, Summary};
use scenarios::{Override, Scenario};

use crate::binary::Desk;

/// A card is lost while it answers the only request, which then begins anew in the other pool. Nothing
/// is drawn: a step takes 100 ms, a share-second 0.001 in `main` and 0.002 in `spare`.
const LOST: &str = "
name: lost
seed: 1
duration: 60s
provider:
  regions:
    - { name: near, control_plane: { allocate: 100ms, infer: 0s, release: 20ms, inspect: 20ms } }
  pools:
    - { name: main, region: near, gpu: L4, count: 1, sharing_ratio: 1, price_per_slot_hour: 3.60 }
    - { name: spare, region: near, gpu: L4, count: 1, sharing_ratio: 1, price_per_slot_hour: 7.20 }
models:
  - name: tiny
    requirements: { tflops: 10 TFLOPS, vram: 4 GiB }
    timing: { linear: { base: 100ms } }
platform:
  router: { static: { all: [tiny@main, tiny@spare] } }
  price_book:
    currency: EUR
    rates:
      - { meter: requests, price: 0.05 }
traffic:
  - { name: one, trace: { file: one.csv, format: own } }
faults:
  - { at: 10s, lasts: 5s, pool: main, gpu_loss: { count: 1 } }
objectives: [error_rate < 1%]
";

fn lost() -> Desk {
    let desk = Desk::with_scenario(LOST);
    desk.put("one.csv", "arrived_s,prompt_tokens,output_tokens\n0,100,200\n");
    desk
}

fn load(path: &Path, settings: &[&str]) -> Scenario {
    let overrides: Vec<Override> = settings.iter().map(|one| one.parse().unwrap()).collect();
    scenarios::load(path, &overrides).unwrap_or_else(|errors| panic!("{errors}"))
}

fn shipped(name: &str, settings: &[&str]) -> Scenario {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name), settings)
}

fn simulate(scenario: &Scenario) -> Summary {
    experiment::simulate(scenario, scenario.seed, None, &Watch::default()).unwrap().summary
}

fn economics(summary: &Summary) -> &EconomicsReport {
    summary.economics.as_ref().expect("use is always told")
}

fn worth(price: &str, slot_ns: u128) -> Amount {
    let price: Money = price.parse().unwrap();
    Amount::product(price, slot_ns, PricingUnit::Hour).unwrap()
}

#[test]
fn unit_costs_can_be_asked_for_by_objectives() {
    let desk = lost();
    let asked = "objectives=['cost.per_request{pool=spare} < 1', cost.per_million_tokens < 1000, \
        'waste{model=tiny, pool=main} >= 99%', margin < 1%, margin > 0.1%]";
    let summary = simulate(&load(&desk.path("scenario.yaml"), &[asked]));
    let costs = &economics(&summary).unit_costs;
    let measured: Vec<f64> =
        summary.objectives.iter().map(|verdict| verdict.measured.expect("it was")).collect();
    let of_spare = costs.pools[&PoolId(1)].per_request().expect("it answered");
    let of_all = costs.whole.per_million_tokens().expect("it answered");
    // Of 0.05 that is charged 0.0001 is left.
    assert_eq!(measured, [of_spare, of_all, 1.0, 0.002, 0.002]);
    assert!(summary.objectives_met());
}

#[test]
fn what_a_lost_card_wastes_is_known_to_the_nanosecond() {
    let desk = lost();
    let summary = simulate(&load(&desk.path("scenario.yaml"), &[]));
    let told = economics(&summary);
    let whole = &told.unit_costs.whole;
    // Held from 0.1 s, when the grant was known, until the card was lost.
    assert_eq!(whole.of(UseKind::Retried), worth("3.60", 9_900_000_000));
    assert_eq!(whole.waste.to_string(), "0.0099");
    // 200 steps of 100 ms in the pool that costs twice as much.
    assert_eq!(whole.of(UseKind::Delivered).to_string(), "0.04");
    assert_eq!(whole.cost.to_string(), "0.0499");
    assert_eq!((whole.requests, whole.tokens), (1, 300));
    let margins = told.margins.as_ref().expect("there is a price book");
    assert_eq!(margins.whole.left().unwrap().to_string(), "0.0001");
    let pools: Vec<String> =
        margins.margins.pools.values().map(|pool| pool.left().unwrap().to_string()).collect();
    assert_eq!(pools, ["-0.0099", "0.01"]);
}

#[test]
fn a_run_and_the_reconciliation_of_it_tell_the_same_economics() {
    for (name, settings) in [
        ("quickstart.yaml", &[][..]),
        ("bill-shock.yaml", &["provider.regions.0.control_plane.failures={ timed_out: 2% }"]),
        ("hedging-tail.yaml", &["duration=2min"]),
        ("spot-reclaim.yaml", &["duration=10min"]),
    ] {
        let scenario = shipped(name, settings);
        let (outcome, books) = reconcile(&scenario, scenario.seed, &Watch::default()).unwrap();
        let books = books.unwrap();
        let summary = simulate(&scenario);
        let run = economics(&summary);
        assert_eq!(summary.header.digest, outcome.summary.header.digest, "{name}");
        assert_eq!(Some(run), outcome.summary.economics.as_ref(), "{name}");
        assert_eq!(Economics::new(&books.uses).as_ref(), Ok(&run.unit_costs), "{name}");
        assert_books(name, &books, &run.unit_costs);
    }
}

/// Tenants and idle shares as the reconciliation has them, pool for pool, are what was spent there.
fn assert_books(name: &str, books: &Reconciliation, economics: &Economics) {
    for (pool, side) in &books.pools {
        let Some(spent) = economics.pools.get(pool) else {
            assert_eq!((side.tenants, side.idle), (Amount::ZERO, Amount::ZERO), "{name} {pool}");
            continue;
        };
        let booked = [side.tenants, side.idle, spent.of(UseKind::Ghost)];
        assert_eq!(Amount::checked_sum(booked), Some(spent.cost), "{name} {pool}");
        assert_eq!(spent.of(UseKind::Idle), side.idle, "{name} {pool}");
    }
}

#[test]
fn the_bill_of_a_run_has_the_margins_that_the_run_told() {
    let prices = "platform.price_book={ period: 2min, preemptible_discount: 30%, rates: [\
        { meter: output_tokens, price: [{ each: 0.60, until: 5min }, { each: 0.80, from: 5min }] }, \
        { meter: input_tokens, price: 0.07 }, { meter: slot_time, price: 0.01 }] }";
    let scenario = shipped("quickstart.yaml", &[prices, "platform.leases={ idle: 2s }"]);
    let config = scenario.billing.as_ref().unwrap();
    let (outcome, bill) =
        experiment::bill::simulated(&scenario, config, scenario.seed, &Watch::default()).unwrap();
    let told = economics(&outcome.summary).margins.as_ref().unwrap();
    assert_eq!(bill.unwrap().margins().as_ref(), Ok(&told.margins));
    assert_eq!(told.unrated_records, 0);
    assert!(told.margins.idle > Amount::ZERO && told.whole.revenue > Amount::ZERO);
}

#[test]
fn every_hedge_is_paid_and_told_as_waste() {
    let with = simulate(&shipped("hedging-tail.yaml", &["duration=2min"]));
    let without =
        simulate(&shipped("hedging-tail.yaml", &["duration=2min", "platform.hedging.after=1h"]));
    let kinds = |summary: &Summary| -> Vec<UseKind> {
        economics(summary).unit_costs.whole.wasted().map(|(kind, _)| kind).collect()
    };
    assert_eq!(kinds(&with), [UseKind::Hedged]);
    assert_eq!(kinds(&without), []);
    assert!(without.table(Style::PLAIN).contains("waste     none of "));
}

#[test]
fn a_what_if_is_told_beside_what_is() {
    let desk = lost();
    for (out, set) in [("is", "seed=1"), ("if", "faults=[]")] {
        let ran = desk.harpoon(&["run", "scenario.yaml", "-q", "--out", out, "--set", set]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{out}");
    }
    let ran = desk.harpoon(&["compare", "is", "if"]);
    let (_, costs) = ran.stdout.split_once("\n\n").unwrap();
    insta::assert_snapshot!(costs, @"
    run  per request  change  per 1M tokens  change   waste   change  margin   change
    is        0.0499       -            166       -  0.0099        -  0.0001        -
    if        0.0200  -59.9%           66.7  -59.9%  0.0000  -0.0099  0.0300  +0.0299
    ");
    let json = desk.harpoon(&["compare", "is", "if", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    insta::assert_snapshot!(json[0].to_string(), @r#"{"difference":null,"economics":{"cost":0.0499,"cost_per_1m_tokens":166.33333333333334,"cost_per_request":0.0499,"margin":0.0001,"revenue":0.05,"waste":0.0099,"waste_share":0.19839679358717435},"measured":{"arrivals":1,"in_time":1,"peak_in_flight":1,"sent_to_pools":3},"name":"is"}"#);
    let difference = &json[1]["difference"];
    let money = ["cost", "waste", "revenue", "margin"].map(|name| difference[name].as_f64());
    assert_eq!(money, [-0.0299, -0.0099, 0.0, 0.0299].map(Some));
    let vary = "provider.pools[spare].price_per_slot_hour=7.20,3.60";
    let swept =
        desk.harpoon(&["sweep", "scenario.yaml", "-q", "--vary", vary, "--csv", "runs.csv"]);
    let (_, costs) = swept.stdout.split_once("\n\n").unwrap();
    insta::assert_snapshot!(costs, @"
    price_per_slot_hour  per request  change  per 1M tokens  change   waste  change  margin   change
    7.20                      0.0499       -            166       -  0.0099       -  0.0001        -
    3.60                      0.0299  -40.1%           99.7  -40.1%  0.0099  0.0000  0.0201  +0.0200
    ");
    let csv = desk.read("runs.csv");
    let cells =
        csv.lines().map(|line| line.split(',').skip(11).take(6).collect::<Vec<_>>().join(","));
    insta::assert_snapshot!(cells.collect::<Vec<_>>().join("\n"), @"
    cost_per_request,cost_per_1m_tokens,waste,waste_share,revenue,margin
    0.0499,166.33333333333334,0.0099,0.19839679358717435,0.05,0.0001
    0.029900000000000003,99.66666666666669,0.0099,0.3311036789297659,0.05,0.0201
    ");
    let swept = desk.harpoon(&["sweep", "scenario.yaml", "-q", "--vary", vary, "--json"]).stdout;
    let swept: serde_json::Value = serde_json::from_str(&swept).unwrap();
    assert_eq!(swept[1]["difference"]["margin"].to_string(), "0.02");
    assert_eq!(swept[0]["difference"], serde_json::Value::Null);
}
