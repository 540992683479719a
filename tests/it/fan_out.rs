//! Fan-outs through the whole product: a scenario, its run, and the report's figures against the law of
//! the slowest of n independent parts.
//!
//! With parts that take longer than `t` with probability `(least / t)^alpha`, n parts are all done within
//! `t` with probability `(1 - (least / t)^alpha)^n` (Dean and Barroso, "The Tail at Scale", CACM 2013: of
//! 100 parts that are slow with probability 1 %, 63 % of the wholes are).

use std::path::Path;

use connector::{Metric, Scope, Statistic};
use harpoon::{drive::Watch, experiment};
use reports::Summary;

/// Nobody waits for a place, so a part takes its allocation, a Pareto time of least 1 s and alpha 2, and
/// some milliseconds of inference. One in a hundred takes longer than 10 s.
const SCENARIO: &str = "
name: fan-out
seed: 1
duration: 2000s
provider:
  regions: [{ name: near, control_plane: { allocate: { pareto: { least: 1s, alpha: 2 } } } }]
  pools: [{ name: wide, gpu: H100, count: 2000, price_per_card_hour: 4.00 }]
models: [gemma-2b]
platform:
  router: { static: { all: [gemma-2b@wide] } }
  timeouts: { allocation: 3h }
traffic:
  - name: search
    arrivals: { poisson: { rate: 100/s } }
    fan_out: 100
    covenant: { end_to_end: 10s }
    prompt_tokens: 16
    output_tokens: 1
objectives:
  - fan_out.p50 < 1min
  - fan_out.kept > 30%
";
const PARTS: f64 = 100.0;

#[test]
fn the_slowest_part_decides_as_its_law_says() {
    let summary = run();
    let ended = summary.fan_out.expect("callers fan out").ended;
    assert_eq!(summary.requests.completed, 100 * ended, "every part was answered");
    let ended = ended as f64;
    assert!((ended / 2_000.0 - 1.0).abs() < 0.1, "one a second: {ended}");
    let value = |metric, statistic| summary.value(metric, statistic, &Scope::default());
    let kept = value(Metric::FanOutKept, None).expect("some ended");
    assert_close(kept, 0.99_f64.powf(PARTS), binomial_error(0.366, ended));
    for share in [0.5, 0.95, 0.99] {
        let percentile = Some(Statistic::Percentile((share * 100_000.0) as u32));
        let found = value(Metric::FanOut, percentile).expect("some completed");
        let within = (1.0 - found.powi(-2)).powf(PARTS);
        assert_close(within, share, binomial_error(share, ended));
    }
    assert!(summary.objectives_met(), "{:?}", summary.objectives);
}

/// Of a share of so many.
fn binomial_error(share: f64, of: f64) -> f64 {
    (share * (1.0 - share) / of).sqrt()
}

/// Within 4.5 standard errors, and what inferences of some milliseconds shift a share by.
fn assert_close(found: f64, exact: f64, standard_error: f64) {
    let off = (found - exact).abs();
    assert!(off <= 4.5 * standard_error + 0.002, "{found} {exact} {standard_error}");
}

fn run() -> Summary {
    let scenario = scenarios::parse("fan-out.yaml", SCENARIO, Path::new("."), &[]);
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    experiment::simulate(&scenario, scenario.seed, None, &Watch::default())
        .expect("it runs")
        .summary
}
