//! A pool that is subscribed to in HostedAI's own API.

use super::live::address;
use crate::binary::{Desk, Running, SMALL};

/// Shares stay warm: a subscription is nothing for one request.
const WARM: &str = "platform: { leases: { idle: 20s } }\n";

#[test]
fn a_scenario_runs_over_hosted_ais_own_api_and_leaves_nothing_held() {
    let desk = Desk::with_scenario(SMALL);
    let quirk = ["--gpuaas-quirk", "empty_subscribe", "--gpuaas-quirk", "foreign_rows"];
    let listen = ["mock", "scenario.yaml", "--listen", "127.0.0.1:0"];
    let mut command = desk.command(&[&listen[..], &quirk[..]].concat());
    let mut mock = Running::start(command.env("HOSTED_AI_API_KEY", "a key"));
    let url = address(&mut mock);
    let there = format!("price_per_slot_hour: 1.00, endpoint: '{url}', dialect: gpuaas");
    let text = SMALL.replace("price_per_slot_hour: 1.00", &there);
    desk.put("live.yaml", format!("{text}{WARM}"));
    let short = ["run", "live.yaml", "--set", "duration=1s", "--quiet", "--live", &url];
    let mut command = desk.command(&short);
    command.env("HOSTED_AI_API_KEY", "a key").env("HOSTED_AI_TEAM_ID", "a,b,c,d,e,f,g,h,i,j");
    let ran = Running::start(&mut command).finish();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    mock.interrupt();
    let mock = mock.finish();
    assert_eq!(mock.code, Some(0), "{}", mock.stderr);
    assert!(mock.stderr.ends_with(" 0 given back at the end\n"), "{}", mock.stderr);
    assert!(!mock.stderr.contains(" 0 shares granted"), "{}", mock.stderr);
}

#[test]
fn nobody_is_subscribed_for_unless_the_environment_says_whom() {
    let desk = Desk::empty();
    let there = "price_per_slot_hour: 1.00, endpoint: 'http://127.0.0.1:1', dialect: gpuaas";
    desk.put("live.yaml", SMALL.replace("price_per_slot_hour: 1.00", there));
    let run = |settings: &[(&str, &str)]| {
        let mut command = desk.command(&["run", "live.yaml", "--live", "http://127.0.0.1:1"]);
        command.envs(settings.iter().copied());
        Running::start(&mut command).finish().refusal()
    };
    insta::assert_snapshot!(run(&[]), @r"
    error: no team is given
    help: set HOSTED_AI_TEAM_ID; docs/live/gpuaas.md has the settings of this dialect
    exit code 2
    ");
    insta::assert_snapshot!(run(&[("HOSTED_AI_TEAM_ID", "a,a")]), @r"
    error: team `a` is given twice
    help: set HOSTED_AI_TEAM_ID; docs/live/gpuaas.md has the settings of this dialect
    exit code 2
    ");
}

#[test]
fn a_file_says_for_whom_and_which_pool() {
    let desk = Desk::with_scenario(SMALL);
    let mut mock =
        Running::start(&mut desk.command(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]));
    let url = address(&mut mock);
    desk.put("mine.yaml", format!("{}{WARM}", SMALL.replace("cards", "mine")));
    desk.put(
        "live.toml",
        format!(
            "base_url = \"{url}\"\ndialect = \"gpuaas\"\n[pools]\nmine = \"1\"\n\
             [gpuaas]\nteams = [\"a\", \"b\", \"c\"]\nlook_every = \"50ms\"\n"
        ),
    );
    let run = ["run", "mine.yaml", "--set=duration=1s", "--quiet", "--live", "--config=live.toml"];
    let ran = Running::start(&mut desk.command(&run)).finish();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    mock.interrupt();
    let mock = mock.finish();
    assert!(mock.stderr.ends_with(" 0 given back at the end\n"), "{}", mock.stderr);
    assert!(!mock.stderr.contains(" 0 shares granted"), "{}", mock.stderr);
}
