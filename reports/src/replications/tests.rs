use connector::{Comparison, Duration, ErrorKind, Outcome};

use super::*;
use crate::{
    RunEnd, Style,
    sample::{at_ms, completed, failed, recorder},
};

#[test]
fn mean_deviation_and_interval_of_three_runs_by_hand() {
    // 1, 2, 3 s: mean 2, deviation 1, t(0.975, 2) = 4.30265, half width 4.30265 / sqrt(3) = 2.48414.
    let summary = fold(&[run(1, 1_000, 0, 9.0), run(2, 2_000, 0, 9.0), run(3, 3_000, 0, 9.0)]);
    let spread = spread(&summary, Metric::EndToEnd, MEAN);
    assert_eq!(spread.count, 3);
    assert_near(spread.mean, 2.0);
    assert_near(spread.standard_deviation, 1.0);
    assert_near(spread.mean_low, 2.0 - 2.484_138);
    assert_near(spread.mean_high, 2.0 + 2.484_138);
}

#[test]
fn one_run_has_no_deviation_and_keeps_its_digest() {
    let only = run(1, 1_000, 0, 9.0);
    let summary = fold(std::slice::from_ref(&only));
    let spread = spread(&summary, Metric::EndToEnd, MEAN);
    assert_eq!((spread.count, spread.mean), (1, Some(1.0)));
    assert_eq!((spread.standard_deviation, spread.mean_low, spread.mean_high), (None, None, None));
    assert_eq!(summary.header, only.header);
}

#[test]
fn no_run_at_all_has_no_summary() {
    assert!(Replications::new(3).finish().is_none());
}

#[test]
fn replications_that_were_not_finished_do_not_count_and_are_missed() {
    let mut cut = run(2, 9_000, 0, 9.0);
    cut.header.partial = true;
    let summary = fold(&[run(1, 1_000, 0, 9.0), cut, run(3, 1_000, 0, 9.0)]);
    assert!(summary.header.partial);
    assert_eq!((summary.replications, summary.asked_for), (2, 3));
    assert_eq!(spread(&summary, Metric::EndToEnd, MEAN).mean, Some(1.0));
    assert!(summary.table(Style::PLAIN).contains("PARTIAL: 2 of 3 replications"));
}

#[test]
fn the_order_of_replications_is_part_of_the_digest() {
    let (one, two) = (run(1, 1_000, 0, 9.0), run(2, 2_000, 0, 9.0));
    let forward = fold(&[one.clone(), two.clone()]);
    let backward = fold(&[two, one]);
    assert_ne!(forward.header.digest, backward.header.digest);
}

#[test]
fn an_objective_is_judged_by_the_mean_and_counts_who_met_it() {
    let runs = [run(1, 1_000, 0, 2.1), run(2, 2_000, 0, 2.1), run(3, 3_000, 0, 2.1)];
    let summary = fold(&runs);
    let objective = &summary.objectives[0];
    assert!(objective.met && summary.objectives_met());
    assert_eq!(objective.met_in, 2);
    assert!(!fold(&[runs[2].clone(), runs[2].clone()]).objectives_met());
}

#[test]
fn an_objective_without_data_in_one_run_is_not_met() {
    let summary = fold(&[run(1, 1_000, 0, 9.0), run(2, 0, 3, 9.0)]);
    assert!(!summary.objectives_met());
    assert_eq!((summary.objectives[0].spread.count, summary.objectives[0].met_in), (1, 1));
}

#[test]
fn the_reports_of_two_runs() {
    let summary = fold(&[run(7, 1_000, 0, 1.25), run(8, 2_000, 1, 1.25)]);
    insta::assert_snapshot!(summary.table(Style::PLAIN), @r#"
    # harpoon 0.1.0 scenario=sample hash=0000000000000abc seed=7 digest=030c6ca9af77d8bf

    2 replications
                                mean  deviation  95% confidence of the mean
    allocation_latency mean  50.0 ms        0 s          50.0 ms .. 50.0 ms
    allocation_latency p95   50.0 ms        0 s          50.0 ms .. 50.0 ms
    ttft mean                 200 ms        0 s            200 ms .. 200 ms
    ttft p50                  200 ms        0 s            200 ms .. 200 ms
    ttft p95                  200 ms        0 s            200 ms .. 200 ms
    ttft p99                  200 ms        0 s            200 ms .. 200 ms
    tpot mean                 130 ms    70.7 ms           -505 ms .. 765 ms
    tpot p95                  130 ms    70.7 ms           -505 ms .. 765 ms
    itl mean                       -          -                           -
    itl p95                        -          -                           -
    itl p99                        -          -                           -
    end_to_end mean           1.50 s     707 ms           -4.85 s .. 7.85 s
    end_to_end p50            1.50 s     707 ms           -4.85 s .. 7.85 s
    end_to_end p95            1.50 s     707 ms           -4.85 s .. 7.85 s
    end_to_end p99            1.50 s     707 ms           -4.85 s .. 7.85 s
    queueing mean            5.00 ms        0 s          5.00 ms .. 5.00 ms
    error_rate                 25.0%      35.4%               -293% .. 343%
    gpu_utilization                -          -                           -
    slot_utilization               -          -                           -
    throughput                1.00/s        0/s            1.00/s .. 1.00/s
    output_token_throughput   11.0/s        0/s            11.0/s .. 11.0/s
    cost                     0.00300    0.00141          -0.00971 .. 0.0157
    cost.per_request               -          -                           -
    cost.per_million_tokens        -          -                           -
    waste                          -          -                           -
    margin                         -          -                           -

    objectives
    objective                  mean     95% confidence  met in  verdict
    end_to_end.mean < 1.25s  1.50 s  -4.85 s .. 7.85 s  1 of 2   MISSED
    "#);
    let json = summary.to_json();
    assert!(
        json.starts_with("{\"harpoon\": {\"version\":\"0.1.0\",\"scenario\":\"sample\","),
        "{json}"
    );
    let value: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
    assert_eq!(value["replications"], 2);
    assert_eq!(value["objectives"][0]["met_in"], 1);
    assert_eq!(value["metrics"][16]["metric"], "error_rate");
    assert_eq!(value["metrics"][16]["mean"], 0.25);
    assert!(!json.contains("NaN"));
}

#[test]
fn replications_are_written_beside_the_runs() {
    let directory = tempfile::TempDir::new().expect("a place for files");
    let summary = fold(&[run(1, 1_000, 0, 9.0)]);
    for _ in 0..2 {
        summary.write(directory.path(), Overwrite::OwnOutputs).expect("writable");
    }
    let path = directory.path().join("replications.json");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), summary.to_json());
    std::fs::write(&path, "[]").expect("writable");
    assert!(summary.write(directory.path(), Overwrite::OwnOutputs).is_err());
}

/// A run of one second with one request that takes this long, and this many that fail.
fn run(seed: u64, end_to_end_ms: u64, failures: u64, limit_s: f64) -> Summary {
    let mut recorder = recorder(Duration::ZERO, None);
    if end_to_end_ms > 0 {
        recorder.record(&completed(0, end_to_end_ms));
    }
    for n in 0..failures {
        recorder.record(&failed(n, Outcome::Failed(ErrorKind::Timeout)));
    }
    let question = Objective {
        text: format!("end_to_end.mean < {limit_s}s"),
        metric: Metric::EndToEnd,
        statistic: MEAN,
        scope: Scope::default(),
        comparison: Comparison::Less,
        threshold: limit_s,
    };
    let end = RunEnd { ended: at_ms(1_000), objectives: vec![question], ..RunEnd::default() };
    let mut summary = recorder.finish(end).0;
    summary.header.seed = seed;
    summary
}

fn fold(summaries: &[Summary]) -> ReplicationsSummary {
    let mut replications = Replications::new(summaries.len());
    for summary in summaries {
        replications.add(summary);
    }
    replications.finish().expect("there are some")
}

fn spread(summary: &ReplicationsSummary, metric: Metric, statistic: Option<Statistic>) -> Spread {
    let statistic = statistic.map(|which| which.to_string());
    let found = summary
        .metrics
        .iter()
        .find(|spread| spread.metric == metric.name() && spread.statistic == statistic);
    found.expect("a headline").spread
}

fn assert_near(value: Option<f64>, expected: f64) {
    let value = value.expect("a figure");
    assert!((value - expected).abs() < 1e-6, "{value} instead of {expected}");
}
