//! Public traces of spot capacity through the product's pools. They are not part of this repository:
//! without them the tests say so and pass.

use std::path::{Path, PathBuf};

use connector::{Connector, Duration, Timestamp};
use harpoon::calibrate::spot::SpotFitting;
use scenarios::spot::SpotTrace;
use sim::Simulator;

use crate::binary::Desk;

/// All files of a folder of the traces, none if they are not there.
#[expect(clippy::print_stdout, reason = "a skipped test must not look like one that ran")]
fn published(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces/spot").join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not here", folder.display());
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// Nanoseconds that cards of a pool under this trace are there until it ends.
fn simulated(file: &Path, cards: u32, until: Duration) -> u128 {
    let text = format!(
        "name: spot\nduration: 1s\nmodels: [gemma-270m]\nprovider:\n  pools:\n    - name: spot\n      gpu: L4\n      \
         count: {cards}\n      spot: {{ grace: 0s, trace: {} }}\ntraffic:\n  - {{ name: none, arrivals: {{ poisson: {{ rate: \
         1/h }} }}, prompt_tokens: 1, output_tokens: 1 }}\n",
        file.display()
    );
    let scenario = scenarios::parse("spot", &text, Path::new("/"), &[]);
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    let mut simulator = Simulator::new(scenario.provider, 1).expect("valid");
    let mut there = 0;
    simulator.gauges(Timestamp::ZERO + until, &mut |gauge| there = gauge.card_ns);
    there
}

#[test]
fn cards_are_there_for_as_long_as_skypilot_saw_instances() {
    for file in published("skypilot") {
        let text = std::fs::read_to_string(&file).expect("readable");
        let series: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let gap = Duration::from_secs(series["metadata"]["gap_seconds"].as_u64().expect("whole"));
        let counts = series["data"].as_array().expect("a list");
        let counts: Vec<u64> = counts.iter().map(|count| count.as_u64().expect("whole")).collect();
        let most = *counts.iter().max().expect("points");
        let instances: u64 = counts.iter().sum();
        // Ten cards for each instance.
        let expected = u128::from(gap.as_nanos()) * u128::from(instances) * 10;
        let until = gap * counts.len() as u64;
        assert_eq!(simulated(&file, most as u32 * 10, until), expected, "{}", file.display());
    }
}

#[test]
fn cards_are_there_for_as_long_as_bamboos_nodes() {
    let Some(file) = published("bamboo").into_iter().find(|file| file.ends_with("g4dn-trace.csv"))
    else {
        return;
    };
    let text = std::fs::read_to_string(&file).expect("readable");
    let rows = || text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let ms = |row: &[&str]| row[0].parse::<i128>().expect("a number");
    let end = rows().map(|row| ms(&row)).max().expect("rows");
    let expected: i128 = rows()
        .map(|row| (end - ms(&row)) * if row[1] == "add" { 1_000_000 } else { -1_000_000 })
        .sum();
    let until = Duration::from_millis(end as u64);
    assert_eq!(simulated(&file, 24, until).cast_signed(), expected);
}

/// What was not fitted comes out near: how much is there, for how much of the time there is anything.
#[test]
fn fitted_processes_are_like_their_traces() {
    for file in published("skypilot") {
        let fitting = SpotFitting::of(&file).expect("readable").expect("a trace of spot capacity");
        let [trace, process] = fitting.summaries().expect("fitted");
        println!("{}\n{fitting}", file.display());
        let most = f64::from(trace.most);
        assert!((trace.mean - process.mean).abs() < 0.03 * most, "{trace:?} {process:?}");
        assert!((trace.any - process.any).abs() < 0.03, "{trace:?} {process:?}");
    }
}

/// What comes out of the product is fitted to what went in, where all are seldom away by chance.
#[test]
fn what_was_simulated_is_fitted_again() {
    let text = "name: spot\nduration: 1s\nmodels: [gemma-270m]\nprovider:\n  pools:\n    - name: spot\n      gpu: L4\n      \
         count: 8\n      spot: { grace: 0s, process: { up: 10000s, down: 500s, together: 20%, shortage: { up: 100000s, down: 10000s } } }\n\
         traffic:\n  - { name: none, arrivals: { poisson: { rate: 1/h } }, prompt_tokens: 1, output_tokens: 1 }\n";
    let scenario = scenarios::parse("spot", text, Path::new("/"), &[]);
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    let mut simulator = Simulator::new(scenario.provider, 1).expect("valid");
    let gap = Duration::from_secs(20);
    let look = |index: u64| {
        let mut there = 0;
        simulator.gauges(Timestamp::ZERO + gap * index, &mut |gauge| there = gauge.cards);
        there
    };
    let looks: Vec<u32> = (0..3_000_000).map(look).collect();
    let fit = SpotTrace::of_looks(gap, &looks).expect("looks").fit().expect("it falls and rises");
    let near = |found: Duration, of: u64| {
        let off = found.as_secs_f64() / of as f64 - 1.0;
        assert!(off.abs() < 0.15, "{found} for {of} s");
    };
    near(fit.up, 10_000);
    near(fit.down, 500);
    assert!((fit.together.as_ratio() - 0.2).abs() < 0.02, "{}", fit.together);
    let (up, down) = fit.shortage.expect("there are shortages");
    near(up, 100_000);
    near(down, 10_000);
}

const SERIES: &str =
    r#"{"metadata": {"gap_seconds": 600}, "data": [2, 2, 1, 2, 2, 0, 0, 2, 1, 2, 2, 0, 1, 2]}"#;

#[test]
fn a_trace_of_spot_capacity_is_described() {
    let desk = Desk::empty();
    desk.put("spot.json", SERIES);
    let ran = desk.harpoon(&["trace", "describe", "spot.json"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(ran.stdout, @r"
    spot.json (skypilot)
    points              14
    gap                 10m
    span                0.1 days
    instances           at most 2, at least 0
    any available       79% of the time
    mean available      1.36 over time, 1.36 over points
    falls               4, 6 instances
    rises               5, 6 instances
    available spells    3, mean 0.611 h
    ");
    let ran = desk.harpoon(&["trace", "describe", "spot.json", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&json["falls"], &json["instances_went"]), (&4.into(), &6.into()));
    assert_eq!(json["span_s"], 8_400.0);
}

#[test]
fn a_process_is_fitted_to_a_trace_of_spot_capacity() {
    let desk = Desk::empty();
    desk.put("spot.json", SERIES);
    let ran = desk.harpoon(&["calibrate", "--fit", "spot.json"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(ran.stdout, @r"
    2 instances at most, skypilot:

    spot:
      process: { up: 5700s, down: 600s, together: 0%, shortage: { up: 3300s, down: 900s } }

                                       trace   process
    instances, mean                     1.36      1.41
    any there, share of time            0.79      0.76
    spell with any, mean hours          0.61      1.23
    falls per day                      41.14     24.17
    instances per fall                  1.50      1.45
    spells with any, distance           0.45  (of 3 and 29)
    spells with none, distance          0.39  (of 2 and 28)
    ");
    desk.put("still.json", r#"{"metadata": {"gap_seconds": 600}, "data": [2, 2]}"#);
    let ran = desk.harpoon(&["calibrate", "--fit", "still.json"]);
    assert_eq!(ran.stdout, "the number of instances does not fall and rise: nothing to fit\n");
}
