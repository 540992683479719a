//! Times between tokens, from the engines to the report.

use harpoon::{drive::Watch, experiment};
use reports::Summary;

use crate::binary::Desk;

/// Steps of 10 ms, and nothing else that takes time.
const STEADY: &str = "\
name: steady
provider:
  regions:
    - { name: here, control_plane: { allocate: 0s, release: 0s, infer: 0s } }
  pools:
    - { name: cards, gpu: L4, count: 2, sharing_ratio: 4, weight_load_bandwidth: instant }
models:
  - name: tiny
    requirements: { tflops: 10 TFLOPS, vram: 4 GiB }
    timing: { linear: { base: 10ms } }
traffic:
  - name: file
    trace: { file: trace.csv, format: own }
objectives:
  - itl.p50{pool=cards, model=tiny} < 11ms
  - itl.p50 < 9ms
";

/// An answer of 1,001 tokens from the start on, ten seconds long, and three that come together later.
const TRACE: &str = "\
arrived_s,prompt_tokens,output_tokens
0,100,1001
20,100,101
20,100,51
20,100,1
";

#[test]
fn the_objective_is_judged_and_every_token_after_the_first_counts() {
    let summary = run(&[]);
    let gaps = summary.latency.inter_token.unwrap();
    assert_eq!(gaps.count, summary.requests.output_tokens - summary.requests.completed);
    assert_eq!(gaps.count, 1_000 + 100 + 50);
    for figure in [gaps.mean_s, gaps.min_s, gaps.p50_s, gaps.max_s] {
        assert_near(figure.unwrap(), 0.01);
    }
    let verdicts: Vec<bool> = summary.objectives.iter().map(|verdict| verdict.met).collect();
    assert_eq!(verdicts, [true, false]);
}

#[test]
fn many_requests_that_share_cards_lose_no_token() {
    let many = "{ name: many, arrivals: { poisson: { rate: 2/s } }, prompt_tokens: 100, \
                output_tokens: { uniform: { min: 1, max: 200 } } }";
    let tight = "{ kv_cache: 480, token_budget: 64 }";
    let summary = run(&[
        &format!("traffic.0={many}"),
        "duration=60s",
        "provider.pools.0.count=1",
        &format!("provider.pools.0.serving={tight}"),
    ]);
    let requests = &summary.requests;
    assert_eq!(requests.offered, requests.completed);
    assert!(summary.kv_cache.unwrap().recomputations > 0, "{:?}", summary.kv_cache);
    let gaps = summary.latency.inter_token.unwrap();
    assert_eq!(gaps.count, requests.output_tokens - requests.completed);
    assert!(gaps.max_s > gaps.min_s);
}

#[test]
fn gaps_before_the_end_of_the_warm_up_are_left_out() {
    // Tokens of the first answer come every 10 ms from 10 ms on; the 401st comes at 4.01 s.
    let gaps = run(&["warm_up=4015ms"]).latency.inter_token.unwrap();
    assert_eq!(gaps.count, 600 + 100 + 50);
    assert_near(gaps.max_s.unwrap(), 0.01);
    let gaps = run(&["warm_up=15s"]).latency.inter_token.unwrap();
    assert_eq!(gaps.count, 100 + 50);
}

#[test]
fn a_run_that_ends_in_its_warm_up_has_no_gaps() {
    let summary = run(&["warm_up=1h"]);
    assert_eq!(summary.latency.inter_token, None);
    assert!(!summary.objectives[0].met, "there is no data");
}

#[test]
fn the_look_at_the_end_of_the_warm_up_changes_nothing_that_requests_see() {
    let (with, without) = (Desk::empty(), Desk::empty());
    for (desk, warm_up) in [(&with, "warm_up=4015ms"), (&without, "warm_up=1ns")] {
        desk.put("scenario.yaml", STEADY);
        desk.put("trace.csv", TRACE);
        desk.harpoon(&["run", "scenario.yaml", "--quiet", "--out", "out", "--set", warm_up]);
    }
    let finished = |desk: &Desk| -> Vec<String> {
        let rows = desk.read("out/requests.csv");
        let times = |row: &str| row.split(',').skip(7).map(str::to_owned).collect::<Vec<_>>();
        rows.lines().skip(2).map(|row| times(row).join(",")).collect()
    };
    assert_eq!(finished(&with), finished(&without));
    assert_eq!(finished(&with).len(), 4);
}

fn run(changes: &[&str]) -> Summary {
    let desk = Desk::empty();
    desk.put("trace.csv", TRACE);
    let changes: Vec<_> = changes.iter().map(|change| change.parse().unwrap()).collect();
    let scenario = scenarios::parse("steady", STEADY, &desk.path(""), &changes);
    let scenario = scenario.unwrap_or_else(|told| panic!("{told}"));
    experiment::simulate(&scenario, 1, None, &Watch::default()).unwrap().summary
}

/// Within the 1 % of a bucket, upwards.
fn assert_near(value: f64, expected: f64) {
    assert!((expected..=1.01 * expected).contains(&value), "{value} instead of {expected}");
}
