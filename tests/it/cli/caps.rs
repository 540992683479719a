//! Limits on what a run sends and spends.

use serde_json::Value;

use super::live::address;
use crate::binary::{Desk, Ran, Running, SMALL};

/// A share costs one a second, and a request holds one for some 80 ms.
fn dear() -> Desk {
    Desk::with_scenario(SMALL.replace("price_per_slot_hour: 1.00", "price_per_slot_hour: 3600"))
}

fn partial(ran: &Ran, why: &str) -> Value {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), ""), "{}", ran.stdout);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["harpoon"]["partial"], true, "{summary}");
    assert_eq!(summary["run"]["stopped"], why, "{summary}");
    summary
}

fn spent(summary: &Value) -> f64 {
    let text = &summary["run"]["metered_cost"];
    text.as_str().map_or_else(|| text.as_f64(), |text| text.parse().ok()).unwrap()
}

#[test]
fn a_run_ends_when_it_would_send_one_request_more() {
    let run = ["run", "scenario.yaml", "-q", "--json", "--max-requests", "7"];
    let ran = dear().harpoon(&run);
    let summary = partial(&ran, "--max-requests 7 was reached");
    assert_eq!(summary["requests"]["completed"], 7, "{summary}");
    assert_eq!(summary["run"]["unfinished_requests"], 0, "{summary}");
}

#[test]
fn as_many_requests_as_there_are_is_no_limit() {
    let run = ["run", "scenario.yaml", "-q", "--json", "--set", "duration=2s"];
    let whole = dear().harpoon(&run);
    let summary: Value = serde_json::from_str(&whole.stdout).unwrap();
    let all = summary["requests"]["offered"].to_string();
    let capped = dear().harpoon(&[&run[..], &["--max-requests", &all]].concat());
    assert_eq!((capped.code, capped.stdout), (Some(0), whole.stdout));
}

#[test]
fn a_run_ends_when_its_money_is_spent() {
    let run = ["run", "scenario.yaml", "-q", "--json", "--max-cost", "1.50"];
    let summary = partial(&dear().harpoon(&run), "--max-cost 1.50 was reached");
    // Looked at ten times a second; at most sixteen shares are held.
    assert!((1.5..=1.5 + 1.6).contains(&spent(&summary)), "{summary}");
}

#[test]
fn the_table_says_which_limit_ended_the_run() {
    let ran = dear().harpoon(&["run", "scenario.yaml", "-q", "--max-requests", "1"]);
    let mark = ran.stdout.lines().find(|line| line.starts_with("PARTIAL RUN"));
    let mark = mark.unwrap_or_else(|| panic!("{}", ran.stdout));
    assert!(mark.ends_with(": --max-requests 1 was reached"), "{mark}");
}

#[test]
fn at_a_limit_a_live_run_gives_everything_back() {
    let desk = dear();
    for (limit, amount, told) in [
        ("--max-requests", "5", "--max-requests 5 was reached"),
        ("--max-cost", "0.25", "--max-cost 0.25 was reached"),
    ] {
        let mut mock = desk.start(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
        let url = address(&mut mock);
        let run = ["run", "scenario.yaml", "-q", "--json", "--live", &url, limit, amount];
        partial(&desk.harpoon(&run), told);
        mock.interrupt();
        let mock = mock.finish();
        assert!(mock.stderr.ends_with(" 0 given back at the end\n"), "{}", mock.stderr);
    }
}

#[test]
fn what_is_too_many_in_flight_is_dropped_and_told() {
    let desk = Desk::with_scenario(SMALL.replace("rate: 5/s", "rate: 200/s"));
    let mut mock = desk.start(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let url = address(&mut mock);
    let few = ["--max-in-flight", "2", "--set", "duration=1s"];
    let run = ["run", "scenario.yaml", "-q", "--json", "--live", &url];
    let ran = desk.harpoon(&[&run[..], &few[..]].concat());
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    let generator = &summary["generator"];
    assert!(generator["dropped_requests"].as_u64() > Some(0), "{generator}");
    assert_eq!(generator["generator_limited"], true);
    assert!(summary["run"]["peak_in_flight"].as_u64() <= Some(2), "{summary}");
    mock.interrupt();
    mock.finish();
}

#[test]
fn a_dry_run_says_what_a_run_would_do_and_sends_nothing() {
    let desk = dear();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let run = ["run", "scenario.yaml", "--live", &url, "--dry-run", "--max-cost", "2.00"];
    let ran = desk.harpoon(&run);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    assert!(listener.accept().is_err(), "somebody called");
    insta::assert_snapshot!(ran.stdout.replace(&url, "URL"), @r"
    Nothing is sent. A run would do this:

    to         URL, in harpoon-v1, without a key: cards
    requests   130, of 8320 prompt and 1040 output tokens, within 20s
    in flight  at most 4096 at once
    cost       at most 16 shares at once, at 3600.00 an hour: 320.00 in 20s
               and 960.00 for each minute until the last is given back
               the run ends at 2.00 (--max-cost)
    ");
    let in_the_open = ["run", "scenario.yaml", "--live", "http://gpu.example.com", "--dry-run"];
    let mut command = desk.command(&in_the_open);
    let refused = Running::start(command.env("HOSTED_AI_API_KEY", "sekret")).finish();
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(!refused.stderr.contains("sekret"), "{}", refused.stderr);
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let desk = Desk::with_scenario(SMALL);
    for refused in [
        ["run", "scenario.yaml", "--max-requests", "0"],
        ["run", "scenario.yaml", "--max-cost", "much"],
    ] {
        assert_eq!(desk.harpoon(&refused).code, Some(2), "{refused:?}");
    }
    let many = ["run", "scenario.yaml", "--replications", "2", "--max-requests", "5"];
    insta::assert_snapshot!(desk.harpoon(&many).refusal(), @r"
    error: limits are for one run, but 2 replications are asked for
    help: add --replications 1
    exit code 2
    ");
}
