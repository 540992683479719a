//! Users who wait for their answer before they ask again, simulated and live.

use serde_json::Value;

use super::live::address;
use crate::binary::{Desk, Ran};

/// Answers take 100 ms, and thinking 150 ms.
const SCENARIO: &str = "\
name: desk
seed: 3
duration: 40s
provider:
  regions:
    - name: here
      control_plane: { allocate: 1ms, release: 1ms, infer: 1ms }
  pools:
    - { name: cards, gpu: L4, count: 8, sharing_ratio: 4, weight_load_bandwidth: instant, price_per_slot_hour: 1.00 }
models:
  - name: tiny
    requirements: { tflops: 10 TFLOPS, vram: 4 GiB }
    timing: { linear: { base: 2ms } }
traffic:
  - name: agents
    users: { count: 6, think: 150ms, ramp_up: 3s }
    prompt_tokens: 64
    output_tokens: 8
";

fn figure(summary: &Value, path: &str) -> f64 {
    let found = summary.pointer(path).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("{path} of {summary}"))
}

fn summary(ran: &Ran) -> Value {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn throughput_times_the_time_of_a_round_is_the_number_of_users() {
    let desk = Desk::with_scenario(SCENARIO);
    let measured = ["--set", "warm_up=5s", "--json", "-q"];
    for users in [1.0, 6.0, 20.0] {
        let count = format!("traffic.0.users.count={users}");
        let ran =
            desk.harpoon(&[&["run", "scenario.yaml", "--set", &count], &measured[..]].concat());
        let summary = summary(&ran);
        // The interactive response time law: N = X (R + Z). Whole rounds of each user fit into the time,
        // but for one at either end.
        let rate = figure(&summary, "/requests/completed_per_s");
        let round = figure(&summary, "/latency/end_to_end/mean_s") + 0.150;
        let rounds = 35.0 / round;
        let off = rate * round - users;
        assert!(off.abs() <= 2.0 * users / rounds, "{users}: {rate}/s x {round} s");
        assert!(figure(&summary, "/run/peak_in_flight") <= users, "{summary}");
    }
}

#[test]
fn users_who_are_turned_away_do_not_hammer() {
    let desk = Desk::with_scenario(SCENARIO);
    let outage = "faults=[{ at: 0s, lasts: 40s, pool: cards, outage: {} }]";
    let run = ["run", "scenario.yaml", "--set", outage, "--json", "-q"];
    let summary: Value = serde_json::from_str(&desk.harpoon(&run).stdout).unwrap();
    let (offered, completed) =
        (figure(&summary, "/requests/offered"), figure(&summary, "/requests/completed"));
    assert_eq!(completed.to_bits(), 0_f64.to_bits());
    assert!((6.0..=6.0 * 41.0).contains(&offered), "a second apart at least: {offered}");
}

#[test]
fn the_same_users_ask_a_live_endpoint() {
    let desk = Desk::with_scenario(SCENARIO);
    let mut mock = desk.start(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let url = address(&mut mock);
    let short = ["--set", "duration=2s", "--set", "traffic.0.users.ramp_up=0s", "--json", "-q"];
    let ran = desk.harpoon(&[&["run", "scenario.yaml", "--live", &url], &short[..]].concat());
    let summary = summary(&ran);
    assert!(figure(&summary, "/run/peak_in_flight") <= 6.0, "{summary}");
    let offered = figure(&summary, "/requests/offered");
    // All begin at once, and none is faster than it thinks.
    assert!((6.0..=6.0 * 2.0 / 0.150 + 6.0).contains(&offered), "{offered}");
    assert!(offered > 6.0, "nobody asked again: {offered}");
    mock.interrupt();
    let mock = mock.finish();
    assert!(mock.stderr.ends_with(" 0 given back at the end\n"), "{}", mock.stderr);
}

#[test]
fn numbers_of_users_are_tried_one_after_the_other_against_a_live_endpoint() {
    let desk = Desk::with_scenario(SCENARIO);
    let mut mock = desk.start(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let url = address(&mut mock);
    let short =
        ["--set", "duration=1s", "--set", "traffic.0.users.ramp_up=0s", "--csv", "runs.csv"];
    let sweep = ["sweep", "scenario.yaml", "-q", "--live", &url];
    let vary = ["--vary", "traffic.0.users.count=1,4"];
    let ran = desk.harpoon(&[&sweep[..], &vary[..], &short[..]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let csv = desk.read("runs.csv");
    let counts: Vec<&str> = csv.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(counts, ["1", "4"], "{csv}");
    mock.interrupt();
    let mock = mock.finish();
    assert!(mock.stderr.ends_with(" 0 given back at the end\n"), "{}", mock.stderr);
}

#[test]
fn a_scenario_with_users_gives_the_same_digest_twice() {
    let desk = Desk::with_scenario(SCENARIO);
    let run = ["run", "scenario.yaml", "-q"];
    assert_eq!(desk.harpoon(&run).stdout, desk.harpoon(&run).stdout);
}
