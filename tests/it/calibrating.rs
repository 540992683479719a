//! A simulator with known constants is recorded, and its constants are found in the recording.

use std::path::Path;

use connector::{Duration, OperationKind};
use harpoon::{
    calibrate::recording::{Calibration, Operation, Region, calibrate},
    drive::Watch,
    experiment::taping::{self, Taping},
};
use scenarios::Scenario;
use sim::config::{Latency, Timing};
use tempfile::TempDir;

use crate::binary::{Desk, SMALL};

/// Two regions with an API each, small requests that ride together, and failures.
const KNOWN: &str = "\
name: known
seed: 5
duration: 20min
provider:
  regions:
    - name: eu
      control_plane:
        allocate: { lognormal: { p50: 40ms, p95: 120ms } }
        release: 20ms
        infer: { uniform: { min: 4ms, max: 12ms } }
        timeout: 3s
        failures: { unavailable: { allocate: 5%, release: 1% }, timed_out: { infer: 2% } }
    - name: us
      control_plane:
        allocate: { exponential: { mean: 30ms } }
        release: { uniform: { min: 10ms, max: 50ms } }
        infer: 7ms
  pools:
    - { name: near, region: eu, gpu: L4, count: 8, weight_load_bandwidth: instant }
    - { name: far, region: us, gpu: L4, count: 8, weight_load_bandwidth: instant }
models:
  - name: tiny
    requirements: { tflops: 10 TFLOPS, vram: 4 GiB }
    timing: { linear: { base: 5ms, per_sequence: 500us, per_prompt_token: 20us } }
platform:
  router: round_robin
  leases: { batching: { below: 2048 } }
traffic:
  - name: chat
    arrivals: { poisson: { rate: 8/s } }
    prompt_tokens: { uniform: { min: 20, max: 1000 } }
    output_tokens: { uniform: { min: 20, max: 200 } }
";

/// The same experiment by somebody who knows nothing of the provider.
const UNKNOWN: &str = "\
name: unknown
seed: 5
duration: 20min
provider:
  regions: [{ name: eu }, { name: us }]
  pools:
    - { name: near, region: eu, gpu: L4, count: 8, weight_load_bandwidth: instant }
    - { name: far, region: us, gpu: L4, count: 8, weight_load_bandwidth: instant }
models: [{ name: tiny, requirements: { tflops: 10 TFLOPS, vram: 4 GiB }, timing: { linear: { base: 1s } } }]
traffic: [{ name: chat, arrivals: { poisson: { rate: 8/s } }, prompt_tokens: 20, output_tokens: 20 }]
";

fn parse(text: &str, overlay: &str) -> Scenario {
    let overrides = scenarios::parse_overlay("overlay", overlay).expect("a valid overlay");
    scenarios::parse("scenario", text, Path::new("."), &overrides).expect("a valid scenario")
}

fn fitted(seed: u64) -> Calibration {
    let directory = TempDir::new().unwrap();
    let taping = Taping { path: directory.path().join("run.jsonl.zst"), texts: false };
    let scenario = parse(KNOWN, "{}");
    taping::simulate(&scenario, seed, None, &taping, (), &Watch::default()).unwrap();
    let first = calibrate(&taping.path).unwrap();
    let again = calibrate(&taping.path).unwrap();
    assert_eq!(first.to_string(), again.to_string(), "the same recording, the same bytes");
    first
}

fn region<'a>(fitted: &'a Calibration, name: &str) -> &'a Region {
    fitted.regions.iter().find(|region| region.name == name).expect("a region of this name")
}

fn operation(region: &Region, kind: OperationKind) -> &Operation {
    let found = region.latencies.iter().find(|operation| operation.kind == kind);
    found.unwrap_or_else(|| panic!("{kind} of {}", region.name))
}

/// Whether a time is this many milliseconds, but for this share of them.
fn near(found: Duration, ms: f64, share: f64) -> bool {
    (found.as_millis_f64() / ms - 1.0).abs() <= share
}

#[test]
fn the_constants_of_a_recorded_simulator_are_found() {
    for seed in [5, 6] {
        let fitted = fitted(seed);
        println!("{fitted}");
        assert!(fitted.is_complete && fitted.lost == 0);
        latencies_are_found(&fitted);
        failures_are_found(&fitted);
        serving_is_found(&fitted);
    }
}

fn latencies_are_found(fitted: &Calibration) {
    let (eu, us) = (region(fitted, "eu"), region(fitted, "us"));
    let law = |region, kind| operation(region, kind).law;
    let found = law(eu, OperationKind::Allocate);
    assert!(
        matches!(found, Latency::LogNormal { p50, p95 } if near(p50, 40.0, 0.06) && near(p95, 120.0, 0.08)),
        "{found:?}"
    );
    assert_eq!(law(eu, OperationKind::Release), Latency::Fixed(Duration::from_millis(20)));
    let found = law(eu, OperationKind::Infer);
    assert!(
        matches!(found, Latency::Uniform { min, max } if near(min, 4.0, 0.1) && near(max, 12.0, 0.05)),
        "{found:?}"
    );
    let found = law(us, OperationKind::Allocate);
    assert!(matches!(found, Latency::Exponential { mean } if near(mean, 30.0, 0.06)), "{found:?}");
    let found = law(us, OperationKind::Release);
    assert!(
        matches!(found, Latency::Uniform { min, max } if near(min, 10.0, 0.03) && near(max, 50.0, 0.03)),
        "{found:?}"
    );
    for kind in [OperationKind::Allocate, OperationKind::Release] {
        for region in [eu, us] {
            let quality = operation(region, kind).quality;
            // One in a thousand samples of the law itself is further off.
            let critical = 1.95 / libm::sqrt(quality.values as f64);
            assert!(quality.ks < critical, "{kind} of {}: {quality:?}", region.name);
        }
    }
}

fn failures_are_found(fitted: &Calibration) {
    let rates = &region(fitted, "eu").rates;
    let all = [
        (&rates.unavailable, OperationKind::Allocate, 0.05),
        (&rates.unavailable, OperationKind::Release, 0.01),
        (&rates.timed_out, OperationKind::Infer, 0.02),
    ];
    for (rates, kind, share) in all {
        let rate = rates.iter().find(|rate| rate.kind == kind).expect("it fails now and then");
        let off = (rate.share.as_ratio() - share).abs();
        assert!(off < 2.0 * rate.uncertainty(), "{rate:?}");
    }
    assert_eq!(rates.timeout, Some(Duration::from_secs(3)));
    assert!(rates.rate_limited.is_empty() && rates.timed_out.len() == 1, "{rates:?}");
    assert_eq!(region(fitted, "us").rates, harpoon::calibrate::recording::Rates::default());
}

fn serving_is_found(fitted: &Calibration) {
    let [served] = &fitted.models[..] else { panic!("one model: {:?}", fitted.models) };
    let near = |found: f64, ns: f64, share: f64| (found / ns - 1.0).abs() < share;
    assert!(near(served.base, 5e6, 0.03), "{served:?}");
    assert!(near(served.per_sequence, 5e5, 0.1), "{served:?}");
    assert!(near(served.per_prompt_token, 2e4, 0.03), "{served:?}");
    let [first, token] = served.errors;
    assert!(first.median < 0.25 && token.median < 0.03, "{served:?}");
}

#[test]
fn what_was_fitted_makes_a_scenario_like_the_recorded_one() {
    let overlay = fitted(5).to_string();
    let scenario = parse(UNKNOWN, &overlay);
    let [eu, us] = [0, 1].map(|index| &scenario.provider.regions[index].control_plane);
    assert!(matches!(eu.allocate, Latency::LogNormal { p50, .. } if near(p50, 40.0, 0.06)));
    assert!(matches!(us.allocate, Latency::Exponential { mean } if near(mean, 30.0, 0.06)));
    assert_eq!(eu.timeout, Duration::from_secs(3));
    assert!(eu.failures.unavailable[OperationKind::Allocate as usize].as_ratio() > 0.04);
    let Timing::Linear(linear) = &scenario.provider.models[0].timing else { panic!("stated") };
    assert!(near(linear.base, 5.0, 0.03));
}

#[test]
fn an_overlay_takes_the_place_of_another_and_of_nothing_else() {
    let desk = Desk::with_scenario(SMALL);
    desk.harpoon(&["run", "scenario.yaml", "--quiet", "--record", "run.zst"]);
    let onto = |file| ["calibrate", "run.zst", "--out", file];
    assert_eq!(desk.harpoon(&onto("fitted.yaml")).code, Some(0));
    assert_eq!(desk.harpoon(&onto("fitted.yaml")).code, Some(0));
    insta::assert_snapshot!(desk.harpoon(&onto("scenario.yaml")).refusal(), @r"
    error: `scenario.yaml` is in the way and was not written by harpoon
    help: name another file with --out, move this one, or replace it with --force
    exit code 1
    ");
    assert_eq!(desk.read("scenario.yaml"), SMALL);
    assert_eq!(desk.harpoon(&onto("run.zst")).code, Some(1), "nor of what it is fitted to");
    let forced = [&onto("scenario.yaml")[..], &["--force"]].concat();
    assert_eq!(desk.harpoon(&forced).code, Some(0));
    assert_eq!(desk.read("scenario.yaml"), desk.read("fitted.yaml"));
}

#[test]
fn a_scenario_is_fitted_from_the_command_line() {
    let desk = Desk::with_scenario(SMALL);
    desk.harpoon(&["run", "scenario.yaml", "--quiet", "--record", "run.zst"]);
    let printed = desk.harpoon(&["calibrate", "run.zst"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""), "{}", printed.stdout);
    assert_eq!(desk.harpoon(&["calibrate", "run.zst", "--out", "fitted.yaml"]).code, Some(0));
    assert_eq!(desk.read("fitted.yaml"), printed.stdout);
    let with = ["run", "scenario.yaml", "--quiet", "--overlay", "fitted.yaml"];
    let ran = desk.harpoon(&with);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", printed.stdout);
    let checked = desk.harpoon(&["check", "scenario.yaml", "--overlay", "fitted.yaml"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let bad = desk.harpoon(&["calibrate", "scenario.yaml"]).refusal();
    assert!(bad.contains("scenario.yaml: no recording") && bad.contains("exit code 2"), "{bad}");
    desk.put("wrong.yaml", "provider.pools[carts].count: 1\n");
    let wrong = desk.harpoon(&["check", "scenario.yaml", "--overlay", "wrong.yaml"]).refusal();
    assert!(wrong.contains("carts") && wrong.contains("wrong.yaml:1:1"), "{wrong}");
}
