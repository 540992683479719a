//! `scenarios/cold-start.yaml` and `scenarios/partition-heal.yaml`: what leases that stay warm are good for, and what
//! becomes of allocations in doubt.

use std::path::Path;

use connector::{Metric, Scope, Statistic};
use harpoon::{
    drive::Watch,
    experiment::{self, Outcome},
};
use reports::Summary;
use scenarios::Override;

fn run(name: &str, settings: &[&str]) -> Outcome {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    let settings: Vec<Override> =
        settings.iter().map(|one| one.parse().expect("a setting")).collect();
    let scenario = scenarios::load(&path, &settings).unwrap_or_else(|errors| panic!("{errors}"));
    experiment::simulate(&scenario, scenario.seed, None, &Watch::default()).expect("it runs")
}

/// 95th percentile of the time to the first token in seconds, and what the provider charges.
fn start_and_charge(summary: &Summary) -> (f64, i128) {
    let p95 = Some(Statistic::Percentile(95_000));
    let start = summary.value(Metric::TimeToFirstToken, p95, &Scope::default());
    let charged = summary.run.charged.as_ref().expect("the provider tells").cost.0.as_nanos();
    (start.expect("requests were answered"), charged)
}

#[test]
fn warm_leases_start_at_once_and_cost_less_than_a_share_for_each_visitor() {
    let none = run("cold-start.yaml", &["platform.leases={}"]).summary;
    assert!(!none.objectives_met(), "{:?}", none.objectives);
    let (cold, paid_cold) = start_and_charge(&none);
    for warm in [
        &[][..],
        &["platform.leases.min_warm={}"],
        &["platform.leases.min_warm={}", "platform.leases.forecast={ interval: 30s, ahead: 1min }"],
    ] {
        let summary = run("cold-start.yaml", warm).summary;
        assert!(summary.objectives_met(), "{warm:?}: {:?}", summary.objectives);
        let (start, paid) = start_and_charge(&summary);
        assert!(start * 10.0 < cold, "{warm:?}: {start} s, {cold} s without");
        assert!(paid < paid_cold, "{warm:?}: {paid}, {paid_cold} without");
    }
}

#[test]
fn a_partition_leaves_ghosts_and_every_one_of_them_is_found() {
    let ghosts = |outcome: &Outcome| {
        outcome.summary.run.charged.as_ref().expect("the provider tells").ghost_slot_ns
    };
    let cut = run("partition-heal.yaml", &[]);
    assert!(cut.summary.objectives_met(), "{:?}", cut.summary.objectives);
    assert_eq!(cut.warnings, [""; 0], "nothing is held at the end");
    assert!(ghosts(&cut) > 0, "allocations were granted that nobody here knew of");
    let whole = run("partition-heal.yaml", &["faults=[]"]);
    assert_eq!((ghosts(&whole), whole.warnings.len()), (0, 0));
}
