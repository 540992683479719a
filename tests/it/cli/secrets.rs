//! A key given in the environment is in no output and in no file, whatever goes wrong.

use std::fs;

use super::live::address;
use crate::binary::{Desk, Running, SMALL};

const KEY: &str = "sekret-4711";

#[test]
fn the_key_is_never_shown() {
    let desk = Desk::with_scenario(SMALL);
    let mut command = desk.command(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let mut mock = Running::start(command.env("HOSTED_AI_API_KEY", "another"));
    let guarded = address(&mut mock);
    let dead = "http://127.0.0.1:1";
    let elsewhere = "http://gpu.example.com";
    for url in [&guarded, dead, elsewhere, "nonsense"] {
        let arguments = ["run", "scenario.yaml", "--live", url, "--out", "out"];
        let ran = Running::start(desk.command(&arguments).env("HOSTED_AI_API_KEY", KEY)).finish();
        assert_ne!(ran.code, Some(0), "{url}");
        assert!(!ran.stderr.contains(KEY) && !ran.stdout.contains(KEY), "{url}: {ran:?}");
    }
    mock.interrupt();
    assert!(!mock.finish().stderr.contains("another"), "nor by the mock");
    no_file_holds(&desk, KEY);
}

#[test]
fn a_working_key_is_in_no_file() {
    let desk = Desk::with_scenario(SMALL);
    let mut command = desk.command(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let mut mock = Running::start(command.env("HOSTED_AI_API_KEY", KEY));
    let url = address(&mut mock);
    let arguments =
        ["run", "scenario.yaml", "--set=duration=1s", "--live", &url, "--out", "out", "--json"];
    let ran = Running::start(desk.command(&arguments).env("HOSTED_AI_API_KEY", KEY)).finish();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stderr.contains(KEY) && !ran.stdout.contains(KEY), "{ran:?}");
    assert!(desk.path("out/summary.json").exists());
    no_file_holds(&desk, KEY);
    mock.interrupt();
    assert!(!mock.finish().stderr.contains(KEY));
}

#[test]
fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
    let desk = Desk::with_scenario(SMALL);
    let mut command = desk.command(&["run", "scenario.yaml", "--live", "https://127.0.0.1:1"]);
    let ran = Running::start(command.env("HOSTED_AI_API_KEY", "sekret\nline")).finish();
    insta::assert_snapshot!(ran.refusal(), @r"
    error: the API key holds characters that an HTTP header cannot carry, such as a line break
    help: set the key again, without line breaks: HOSTED_AI_API_KEY or OPENAI_API_KEY
    exit code 2
    ");
}

fn no_file_holds(desk: &Desk, key: &str) {
    let Ok(entries) = fs::read_dir(desk.path("out")) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(key), "{}", path.display());
    }
}
