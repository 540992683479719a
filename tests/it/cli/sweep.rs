//! Variants side by side.

use crate::binary::Desk;

const SCENARIO: &str = "
name: small
duration: 30s
provider:
  pools:
    - { name: cards, gpu: L4, count: 2, sharing_ratio: 2 }
models: [gemma-2b]
traffic:
  - name: chat
    arrivals: { poisson: { rate: 2/s } }
    prompt_tokens: 200
    output_tokens: 40
objectives: [error_rate < 50%]
";

fn desk() -> Desk {
    let desk = Desk::empty();
    desk.put("small.yaml", SCENARIO);
    desk
}

#[test]
fn every_combination_is_a_line_and_the_last_path_varies_fastest() {
    let vary = ["sweep", "small.yaml", "-q", "--csv", "runs.csv", "--vary", "seed=1..2"];
    let count = ["--vary", "provider.pools[cards].count=1,2"];
    let desk = desk();
    let ran = desk.harpoon(&[&vary[..], &count[..]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let csv = desk.read("runs.csv");
    let values: Vec<String> =
        csv.lines().map(|line| line.split(',').take(2).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(values, ["seed,provider.pools[cards].count", "1,1", "1,2", "2,1", "2,2"]);
    assert_eq!(ran.stdout.lines().count(), 5 + 1 + 5, "runs, then what they cost: {}", ran.stdout);
    let one = [&vary[..], &count[..], &["--threads", "1"]].concat();
    assert_eq!(desk.harpoon(&one).stdout, ran.stdout, "whatever the number of threads");
}

#[test]
fn a_line_says_what_a_run_of_its_values_says() {
    let desk = desk();
    let vary = ["sweep", "small.yaml", "-q", "--csv", "runs.csv", "--vary", "seed=7"];
    desk.harpoon(&vary);
    let run = desk.harpoon(&["run", "small.yaml", "-q", "--set", "seed=7"]);
    let digest = desk
        .read("runs.csv")
        .lines()
        .last()
        .and_then(|line| line.rsplit(',').next().map(str::to_owned));
    let digest = digest.expect("a digest");
    assert!(run.stdout.contains(&format!("digest={digest}")), "{digest} {}", run.stdout);
}

#[test]
fn a_missed_objective_of_any_run_is_told_by_the_exit_code() {
    let vary = ["sweep", "small.yaml", "-q", "--vary", "objectives=[cost < 1],[ttft.p50 < 1us]"];
    let ran = desk().harpoon(&vary);
    assert_eq!(ran.code, Some(99), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn what_cannot_be_varied_is_refused() {
    for (vary, name) in [
        ("count", "no_values"),
        ("seed=5..1", "range_backwards"),
        ("seed=1,,2", "empty_value"),
        ("provider.pools.0.cuont=1,2", "unknown_key"),
        ("provider.pools.0.count=1,x", "wrong_value"),
    ] {
        let ran = desk().harpoon(&["sweep", "small.yaml", "-q", "--vary", vary]);
        insta::assert_snapshot!(name, ran.refusal());
    }
    let out = ["sweep", "small.yaml", "-q", "--vary", "seed=1", "--csv", "no/such/dir.csv"];
    insta::assert_snapshot!("no_directory", desk().harpoon(&out).refusal());
}
