//! `scenarios/tenant-flood.yaml`: fair lines keep a flood from the others, one line for all does not.

use std::path::Path;

use connector::{Metric, Scope, Statistic, TenantId};
use harpoon::{drive::Watch, experiment};
use reports::Summary;

/// Runs the scenario with this order of lines.
fn run(line: &str) -> Summary {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/tenant-flood.yaml");
    let change = format!("platform.cables.line={line}").parse().expect("an override");
    let scenario = scenarios::load(&path, &[change]).unwrap_or_else(|errors| panic!("{errors}"));
    experiment::simulate(&scenario, 1, None, &Watch::default()).expect("it runs").summary
}

/// Error rate, and 95th percentile of the time to the first token in seconds, of the second tenant.
fn of_acme(summary: &Summary) -> (f64, f64) {
    let scope = Scope { tenant: Some(TenantId(1)), ..Scope::default() };
    let p95 = Some(Statistic::Percentile(95_000));
    let ttft = summary.value(Metric::TimeToFirstToken, p95, &scope).expect("it was answered");
    (summary.value(Metric::ErrorRate, None, &scope).expect("it sent requests"), ttft)
}

#[test]
fn a_fair_line_keeps_a_flood_from_the_others_and_a_common_one_does_not() {
    let (fair, common) = (run("weighted_fair"), run("fifo"));
    assert!(fair.objectives_met(), "{:#?}", fair.objectives);
    assert!(!common.objectives_met(), "{:#?}", common.objectives);
    let ((fair_errors, fair_ttft), (common_errors, common_ttft)) =
        (of_acme(&fair), of_acme(&common));
    assert!(fair_errors < 0.01 && common_errors > 0.1, "{fair_errors} {common_errors}");
    assert!(fair_ttft < common_ttft / 2.0, "{fair_ttft} {common_ttft}");
    assert!(fair.requests.rejected_by.0.iter().any(|(name, _)| *name == "pushed_out"));
}
