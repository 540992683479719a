//! `scenarios/cheapest-vs-covenant.yaml`: the covenant's rule keeps its promises for less than the cheapest pool first
//! and the fastest first cost, on Azure's conversations and on traffic made up after them.

use std::path::Path;

use connector::{Metric, Scope};
use harpoon::{drive::Watch, experiment};
use scenarios::Override;

/// Rate and lengths of the trace, roughly, in bursts.
const SYNTHETIC: &str = "traffic=[{ name: synthetic, tenant: conversation, \
    arrivals: { gamma: { rate: 5.5/s, cv: 1.5 } }, \
    prompt_tokens: { lognormal: { p50: 1020, p95: 4000 } }, \
    output_tokens: { lognormal: { p50: 130, p95: 450 } } }]";

/// Part of the covenants kept, and the cost, by rule.
fn kept_at(rule: &str, traffic: &[&str]) -> (f64, f64) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/cheapest-vs-covenant.yaml");
    let rule = format!("platform.router={rule}");
    let settings = traffic.iter().copied().chain([rule.as_str()]);
    let settings: Vec<Override> = settings.map(|one| one.parse().expect("a setting")).collect();
    let scenario = scenarios::load(&path, &settings).unwrap_or_else(|errors| panic!("{errors}"));
    let run = experiment::simulate(&scenario, 1, None, &Watch::default()).expect("it runs");
    let value =
        |metric| run.summary.value(metric, None, &Scope::default()).expect("it is measured");
    (value(Metric::CovenantsKept), value(Metric::Cost))
}

fn keeps_its_promises_for_less(traffic: &[&str]) {
    let [cheapest, fastest, covenant] =
        ["cheapest", "fastest", "covenant"].map(|rule| kept_at(rule, traffic));
    assert!(covenant.0 >= 0.99, "{covenant:?}");
    assert!(cheapest.0 < 0.9, "the cheapest breaks what it promised: {cheapest:?}");
    assert!(fastest.0 >= 0.99, "{fastest:?}");
    assert!(
        covenant.1 < cheapest.1 && covenant.1 < fastest.1,
        "{cheapest:?} {fastest:?} {covenant:?}"
    );
}

#[test]
fn on_real_conversations() {
    let trace = "../shared/traces/azure/AzureLLMInferenceTrace_conv.csv";
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join(trace);
    if !trace.exists() {
        println!("skipped: {} is not there", trace.display());
        return;
    }
    keeps_its_promises_for_less(&[&format!("traffic.0.trace.file={}", trace.display())]);
}

#[test]
fn on_traffic_made_up_after_them() {
    keeps_its_promises_for_less(&[SYNTHETIC, "duration=20min"]);
}
