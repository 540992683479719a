//! Live runs whose target is described in a file, in the dialect `covenant-v1`.

use std::fs;

use super::live::address;
use crate::binary::{Desk, Ran, Running, SMALL};

const KEY: &str = "sekret-4711";

/// A mock that wants the key, and a scenario whose pool has a name of its own.
fn desk() -> (Desk, Running, String) {
    let desk = Desk::with_scenario(SMALL);
    desk.put("mine.yaml", SMALL.replace("cards", "mine"));
    let mut command = desk.command(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let mut mock = Running::start(command.env("HOSTED_AI_API_KEY", KEY));
    let url = address(&mut mock);
    (desk, mock, url)
}

fn run(desk: &Desk, more: &[&str], environment: &[(&str, &str)]) -> Ran {
    let common = ["run", "mine.yaml", "--set=duration=1s", "--quiet", "--live"];
    let mut command = desk.command(&[&common[..], more].concat());
    for (name, value) in environment {
        command.env(name, value);
    }
    Running::start(&mut command).finish()
}

#[test]
fn a_file_says_where_the_provider_is_and_how_it_is_spoken_to() {
    let (desk, mock, url) = desk();
    for scheme in ["bearer", "api_key", "token"] {
        for dialect in ["harpoon-v1", "covenant-v1"] {
            let file = format!(
                "base_url = \"{url}\"\ndialect = \"{dialect}\"\nlease = \"1h\"\n\
                 [auth]\nscheme = \"{scheme}\"\nkey_file = \"key\"\n\
                 [pools]\nmine = \"cards\"\n[timeouts]\nallocate = \"20s\"\n"
            );
            desk.put("targets/live.toml", file);
            desk.put("targets/key", format!("{KEY}\n"));
            let ran = run(&desk, &["--config", "targets/live.toml"], &[]);
            let said = format!("{scheme} {dialect}: {ran:?}");
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{said}");
            assert!(!said.contains(KEY), "{said}");
        }
    }
    mock.interrupt();
    let mock = mock.finish();
    assert!(mock.stderr.ends_with(" 0 given back at the end\n"), "{}", mock.stderr);
    assert!(!mock.stderr.contains(" 0 shares granted"), "{}", mock.stderr);
}

#[test]
fn the_environment_comes_before_the_file_and_the_command_line_before_both() {
    let (desk, mock, url) = desk();
    fs::write(desk.path("key"), KEY).unwrap();
    desk.put(
        "live.toml",
        "base_url = \"http://127.0.0.1:1\"\ndialect = \"openai\"\n[pools]\nmine = \"nowhere\"\n",
    );
    let key_file = desk.path("key");
    let environment = [
        ("HOSTED_AI_BASE_URL", url.as_str()),
        ("HOSTED_AI_API_KEY_FILE", key_file.to_str().unwrap()),
        ("HOSTED_AI_POOL_ID", "cards"),
    ];
    let ran = run(&desk, &["--config=live.toml", "--dialect=covenant-v1"], &environment);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    mock.interrupt();
    mock.finish();
}

#[test]
fn a_file_that_cannot_be_used_is_bad_input() {
    let desk = Desk::with_scenario(SMALL);
    desk.put("mine.yaml", SMALL.replace("cards", "mine"));
    let refusals: Vec<String> = [
        "base_url = \"http://127.0.0.1:1\"\napi_key = \"sekret-4711\"\n",
        "base_url = \"http://127.0.0.1:1\"\n[pools]\nyours = \"x\"\n",
        "base_url = \"http://127.0.0.1:1\"\n[auth]\nkey_file = \"nothing\"\n",
        "base_url = \"https://127.0.0.1:1\"\nca_file = \"nothing\"\n",
        "dialect = \"covenant-v1\"\n",
    ]
    .map(|text| {
        desk.put("live.toml", text);
        run(&desk, &["--config", "live.toml"], &[]).refusal()
    })
    .into();
    insta::assert_snapshot!(refusals.join("\n\n"), @r"
    error: live.toml:2:1: unknown field `api_key`, expected one of `base_url`, `dialect`, `lease`, `ca_file`, `allow_plaintext_key`, `auth`, `gpuaas`, `pools`, `timeouts`, `limits`
    help: docs/live.md shows every key of a target's configuration
    exit code 2

    error: the configuration names pool `yours`, which the scenario has not
    help: it has: mine
    exit code 2

    error: no key in nothing: No such file or directory (os error 2)
    help: put the key, and nothing else, into that file
    exit code 2

    error: no certificates in nothing: No such file or directory (os error 2)
    help: put the certificates of the authorities into that file, in PEM
    exit code 2

    error: --live without a URL, and HOSTED_AI_BASE_URL is not set
    help: give the endpoint: --live https://host
    exit code 2
    ");
}
