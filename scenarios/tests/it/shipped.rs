//! The scenarios that ship with the product.

use std::path::{Path, PathBuf};

use connector::{Metric, Statistic};
use scenarios::{Override, Scenario};

use crate::world::{fixtures, shared_trace};

#[test]
fn every_shipped_scenario_is_valid_and_has_objectives() {
    let mut count = 0;
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("the room itself") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let scenario = with_fixture_trace(&path);
            assert!(!scenario.objectives.is_empty(), "{}", path.display());
            assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(&*scenario.name));
            count += 1;
        }
    }
    assert!(count >= 3, "{count}");
}

#[test]
fn quickstart_is_shaped_like_the_azure_conversations() {
    let scenario = with_fixture_trace(&shipped("quickstart"));
    assert!(scenario.provider.models.len() >= 3);
    let kinds: std::collections::BTreeSet<_> =
        scenario.provider.pools.iter().map(|pool| pool.kind).collect();
    assert_eq!(kinds.len(), 3);
    assert!(!scenario.provider.faults.is_empty());
    let mut lengths = (Vec::new(), Vec::new());
    for seed in 0..8 {
        for request in scenario.arrivals(seed).expect("synthetic") {
            let request = request.expect("synthetic");
            lengths.0.push(request.prompt_tokens.get());
            lengths.1.push(request.output_tokens.get());
        }
    }
    // p50 and p95 of the README of the traces.
    for (mut lengths, p50, p95) in [(lengths.0, 1_020.0, 4_083.0), (lengths.1, 129.0, 451.0)] {
        lengths.sort_unstable();
        let quantile = |share: f64| f64::from(lengths[(share * lengths.len() as f64) as usize]);
        assert!((quantile(0.5) / p50 - 1.0).abs() < 0.02, "{}", quantile(0.5));
        assert!((quantile(0.95) / p95 - 1.0).abs() < 0.03, "{}", quantile(0.95));
    }
}

#[test]
fn the_proof_of_concepts_success_criteria_are_its_objectives() {
    let scenario = with_fixture_trace(&shipped("poc-success-criteria"));
    assert!(scenario.provider.models.len() >= 3);
    let p95 = Some(Statistic::Percentile(95_000));
    for (metric, statistic, threshold) in [
        (Metric::AllocationLatency, p95, 0.2),
        (Metric::EndToEnd, p95, 2.0),
        (Metric::GpuUtilization, None, 0.8),
        (Metric::ErrorRate, None, 0.001),
        (Metric::PeakInFlight, None, 100.0),
    ] {
        let found = scenario.objectives.iter().find(|objective| objective.metric == metric);
        let found = found.unwrap_or_else(|| panic!("{metric} is no objective"));
        assert_eq!(found.statistic, statistic, "{metric}");
        assert!((found.threshold - threshold).abs() < 1e-12, "{metric}");
    }
}

#[test]
fn the_azure_scenario_takes_its_trace() {
    let Some(trace) = shared_trace("azure/AzureLLMInferenceTrace_conv.csv") else { return };
    let file = format!("traffic.0.trace.file={}", trace.display()).parse().expect("an override");
    let scenario = scenarios::load(&shipped("azure-conversation"), &[file])
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(scenario.duration, None);
    assert_eq!(scenario.arrivals(1).expect("opens").count(), 19_366);
}

#[test]
fn the_worked_example_of_the_guide_is_valid() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scenarios.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let (_, after) = guide.split_once("```yaml\nname: support-desk").expect("the example");
    let (example, _) = after.split_once("```").expect("the end of the example");
    let overrides =
        ["provider.pools[shared-l4].count=3", "traffic.questions.arrivals.gamma.rate=60/min"]
            .map(|set| set.parse().expect("an override"));
    let scenario = parse_with(&format!("name: support-desk{example}"), &overrides);
    assert_eq!(scenario.provider.pools[0].count, 3);
}

fn parse_with(text: &str, overrides: &[Override]) -> Scenario {
    scenarios::parse("guide", text, &fixtures(), overrides)
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.yaml"))
}

/// A shipped scenario; where it takes a trace, the fixture in its place.
fn with_fixture_trace(path: &Path) -> Scenario {
    let text = std::fs::read_to_string(path).expect("shipped");
    let mut overrides: Vec<Override> = Vec::new();
    if text.contains("\n    trace:") {
        let file = fixtures().join("azure.csv");
        let set = format!("traffic.0.trace.file={}", file.display());
        overrides.push(set.parse().expect("an override"));
    }
    scenarios::load(path, &overrides).unwrap_or_else(|errors| panic!("{errors}"))
}
