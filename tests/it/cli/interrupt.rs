use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::live::address;
use crate::binary::{Desk, SMALL, until};

#[test]
fn a_simulated_run_ends_cleanly_with_a_partial_report() {
    let desk = Desk::with_scenario(SMALL);
    let run =
        desk.start(&["run", "scenario.yaml", "--set", "duration=300d", "--out", "out", "--quiet"]);
    until("the run has begun", || desk.path("out/requests.csv").exists());
    run.interrupt();
    let ran = run.finish();
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.stdout.lines().next().unwrap().ends_with(" partial"), "{}", ran.stdout);
    for file in ["summary.json", "requests.csv", "timeline.csv", "timeline.svg"] {
        let text = desk.read(&format!("out/{file}"));
        let first = text.lines().next().unwrap();
        assert!(first.contains("partial") && !first.contains("unfinished..."), "{file}: {first}");
        assert!(text.ends_with('\n'), "{file} is whole");
    }
}

#[test]
fn replications_that_are_not_finished_do_not_count() {
    let desk = Desk::with_scenario(SMALL);
    let replicate = ["--replications", "10000", "--threads", "1", "--out", "out", "--quiet"];
    let run = desk.start(&[&["run", "scenario.yaml"], &replicate[..]].concat());
    until("the second has begun", || desk.path("out/replication-1/requests.csv").exists());
    run.terminate();
    let ran = run.finish();
    assert_eq!(ran.code, Some(130), "{ran:?}");
    let mut lines = ran.stdout.lines();
    assert!(lines.next().unwrap().ends_with(" partial"), "{}", ran.stdout);
    let title = lines.find(|line| line.starts_with("PARTIAL: ")).unwrap();
    assert!(title.ends_with(" of 10000 replications"), "{title}");
    assert!(!desk.path("out/replication-9999").exists(), "nothing is begun any more");
}

#[test]
fn without_a_finished_replication_there_is_nothing_to_tell() {
    let desk = Desk::with_scenario(SMALL.replace("duration: 20s", "duration: 300d"));
    let replicate = ["--replications", "3", "--threads", "1", "--out", "out", "--quiet"];
    let run = desk.start(&[&["run", "scenario.yaml"], &replicate[..]].concat());
    until("the first has begun", || desk.path("out/replication-0/requests.csv").exists());
    run.interrupt();
    let ran = run.finish();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), ""), "{ran:?}");
    assert!(ran.stderr.ends_with("interrupted before any replication was finished\n"), "{ran:?}");
}

/// Inferences of one second, many at a time.
fn slow() -> String {
    SMALL.replace("base: 2ms", "base: 100ms").replace("rate: 5/s", "rate: 20/s")
}

#[test]
fn a_live_run_gives_everything_back_before_it_ends() {
    let desk = Desk::with_scenario(slow());
    let mut mock = desk.start(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let url = address(&mut mock);
    let run = desk.start(&[
        "run",
        "scenario.yaml",
        "--set",
        "duration=1h",
        "--live",
        &url,
        "--out",
        "out",
        "--quiet",
    ]);
    until("a share is held", || held(&url).contains("allocation_id"));
    run.interrupt();
    let ran = run.finish();
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.stdout.lines().next().unwrap().ends_with(" partial"), "{}", ran.stdout);
    assert!(desk.read("out/requests.csv").lines().next().unwrap().contains("partial"));
    mock.interrupt();
    let mock = mock.finish();
    assert!(mock.stderr.ends_with(" 0 given back at the end\n"), "{}", mock.stderr);
}

#[test]
fn a_mock_gives_back_what_its_clients_left() {
    let desk = Desk::with_scenario(SMALL);
    let mut mock = desk.start(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let url = address(&mut mock);
    let body = r#"{"pool_id":"cards","requirements":{"tflops":10,"vram_mb":4096,"model":"tiny"},"overcommit":true}"#;
    let answer = exchange(&url, "POST /v1/allocate", body);
    assert!(answer.contains("allocation_id"), "{answer}");
    mock.interrupt();
    let mock = mock.finish();
    assert_eq!(mock.code, Some(0));
    assert!(
        mock.stderr.ends_with("1 shares granted, 1 given back at the end\n"),
        "{}",
        mock.stderr
    );
}

/// What the mock says is held.
fn held(url: &str) -> String {
    exchange(url, "GET /v1/allocate?pool_id=cards", "")
}

/// One request and its whole answer.
fn exchange(url: &str, line: &str, body: &str) -> String {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    let question = format!(
        "{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
