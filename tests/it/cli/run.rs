use serde_json::Value;

use crate::binary::{Desk, Ran, SMALL};

#[test]
fn a_met_objective_ends_with_0_and_a_missed_one_with_99() {
    let desk = Desk::with_scenario(SMALL);
    assert_eq!(desk.harpoon(&["run", "scenario.yaml"]).code, Some(0));
    let missed = desk.harpoon(&["run", "scenario.yaml", "--set", "objectives.0=ttft.p95 < 1ms"]);
    assert_eq!(missed.code, Some(99));
    assert!(missed.stdout.contains("ttft.p95 < 1ms"), "{}", missed.stdout);
}

#[test]
fn the_first_line_names_version_scenario_seed_and_digest() {
    let ran = Desk::with_scenario(SMALL).harpoon(&["run", "scenario.yaml", "--seed", "42"]);
    let first = ran.stdout.lines().next().unwrap();
    let begin = concat!("# harpoon ", env!("CARGO_PKG_VERSION"), " scenario=small hash=");
    assert!(first.starts_with(begin) && first.contains(" seed=42 digest="), "{first}");
    assert!(!first.contains("unfinished") && !first.contains("partial"), "{first}");
}

#[test]
fn speed_goes_to_stderr_and_quiet_leaves_it_out() {
    let desk = Desk::with_scenario(SMALL);
    let loud = desk.harpoon(&["run", "scenario.yaml"]);
    assert!(loud.stderr.contains("x real time"), "{}", loud.stderr);
    let quiet = desk.harpoon(&["run", "scenario.yaml", "--quiet"]);
    assert_eq!(quiet.stderr, "");
    assert_eq!(quiet.stdout, loud.stdout);
}

#[test]
fn json_is_printed_whole_with_the_header_on_its_first_line() {
    let ran = Desk::with_scenario(SMALL).harpoon(&["run", "scenario.yaml", "--json"]);
    assert!(ran.stdout.starts_with("{\"harpoon\":"), "{}", ran.stdout);
    let summary = json(&ran);
    assert_eq!(summary["harpoon"]["seed"], 3);
    let requests = &summary["requests"];
    assert_eq!(requests["offered"], requests["completed"]);
    assert_eq!(summary["objectives"][0]["met"], true);
}

#[test]
fn a_value_is_set_by_name_and_by_index_and_where_the_file_has_none() {
    let desk = Desk::with_scenario(SMALL);
    let by_name = ["run", "scenario.yaml", "--json", "--set", "provider.pools[cards].count=2"];
    let by_index = ["run", "scenario.yaml", "--json", "--set", "provider.pools.0.count=2"];
    assert_eq!(desk.harpoon(&by_name).stdout, desk.harpoon(&by_index).stdout);
    let added = ["run", "scenario.yaml", "--json", "--set", "platform.retry.max_retries=0"];
    assert_eq!(desk.harpoon(&added).code, Some(0));
}

#[test]
fn seeds_of_replications_do_not_begin_again_at_zero() {
    let desk = Desk::with_scenario(SMALL);
    let last = ["run", "scenario.yaml", "--quiet", "--seed", "18446744073709551615"];
    assert_eq!(desk.harpoon(&last).code, Some(0));
    let ran = desk.harpoon(&[&last[..], &["--replications", "3"]].concat());
    insta::assert_snapshot!(ran.refusal(), @r"
    error: no seeds follow 18446744073709551615 for 3 replications
    help: choose a smaller --seed
    exit code 2
    ");
}

#[test]
fn replications_give_means_with_intervals_and_judge_by_them() {
    let desk = Desk::with_scenario(SMALL);
    let ran = desk.harpoon(&["run", "scenario.yaml", "--replications", "3", "--json", "--quiet"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let summary = json(&ran);
    assert_eq!(summary["replications"], 3);
    assert_eq!(summary["digests"].as_array().unwrap().len(), 3);
    let missed =
        ["run", "scenario.yaml", "--replications=3", "--set", "objectives.0=ttft.p95 < 1ms"];
    assert_eq!(desk.harpoon(&missed).code, Some(99));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::process::Stdio;

    let desk = Desk::with_scenario(SMALL);
    for (arguments, code) in [
        (&["run", "scenario.yaml", "--quiet"][..], 0),
        (&["run", "scenario.yaml", "--quiet", "--set", "objectives.0=ttft.p95 < 1ms"], 99),
        (&["run", "scenario.yaml", "--quiet", "--replications", "2"], 0),
        (&["check", "scenario.yaml"], 0),
        (&["schema"], 0),
        (&["completions", "bash"], 0),
    ] {
        // The reading end is closed before anything is written.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = desk.command(arguments);
        let ran = command.stdout(Stdio::from(writer)).output().unwrap();
        let stderr = String::from_utf8(ran.stderr).unwrap();
        assert_eq!((ran.status.code(), stderr.as_str()), (Some(code), ""), "{arguments:?}");
    }
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn time_in_which_nobody_comes_belongs_to_the_run() {
    let desk = Desk::with_scenario(SMALL.replace("rate: 5/s", "rate: 1/day"));
    let ran = desk.harpoon(&["run", "scenario.yaml", "--quiet"]);
    assert!(ran.stdout.contains("20.0 s, measured 20.0 s"), "{}", ran.stdout);
}
