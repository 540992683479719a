//! Pictures of runs, and those that the documents show.

use std::{fs, path::Path};

use crate::binary::Desk;

/// As the scenario's own text and `docs/platform/retries.md` state it.
const NAIVE: &str = "platform={ timeouts: { inference: 1s, abandon: leave }, breaker: { mode: disabled }, \
    cables: { max_in_flight: unlimited }, retry: { after_timeout: true, budget: { enabled: false } } }";

#[test]
fn the_storm_that_the_documents_show_is_the_one_that_is_drawn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario = root.join("scenarios/retry-storm.yaml");
    let scenario = scenario.to_str().unwrap();
    let desk = Desk::empty();
    // The naive settings miss the objectives.
    let naive = desk.harpoon(&["run", scenario, "--quiet", "--out", "naive", "--set", NAIVE]);
    assert_eq!(naive.code, Some(99), "{}", naive.stderr);
    desk.harpoon(&["run", scenario, "--quiet", "--out", "defaults"]);
    let ran = desk.harpoon(&["compare", "naive", "defaults", "--svg", "retry-storm.svg"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.stdout, @"
    run       arrivals  in time  share  sent to pools  per arrival  peak
    naive       81,404    5,918  7.27%        154,977         1.90   791
    defaults    81,404   78,660  96.6%         78,794        0.968   271

    run       per request  change  per 1M tokens  change   waste   change
    naive         9.21e-4       -           83.7       -  7.9199        -
    defaults      9.98e-6  -98.9%          0.908  -98.9%  0.0053  -7.9145
    ");
    let drawn = desk.read("retry-storm.svg");
    for text in ["retry-storm: naive and defaults", "latency +10s, infer", "naive", "defaults"] {
        assert!(drawn.contains(&format!("\n{text}\n")), "no `{text}`");
    }
    let shown = fs::read_to_string(root.join("docs/platform/retry-storm.svg")).unwrap();
    assert!(
        drawn == shown,
        "docs/platform/retry-storm.svg is not what the commands in docs/platform/retries.md draw"
    );
}

#[test]
fn what_is_no_run_cannot_be_compared() {
    let ran = Desk::empty().harpoon(&["compare", "nowhere"]);
    insta::assert_snapshot!(ran.refusal(), @r"
    error: cannot read `nowhere/timeline.csv`: No such file or directory (os error 2)
    help: give directories that `harpoon run SCENARIO --out DIR` has written
    exit code 2
    ");
}
