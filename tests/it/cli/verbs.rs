//! The verbs that run nothing.

use serde_json::Value;

use crate::binary::{Desk, SMALL};

const TRACE: &str = "arrived_s,prompt_tokens,output_tokens\n0,100,10\n0.5,200,20\n2,300,30\n";

#[test]
fn good_scenarios_are_named_with_their_hash() {
    let desk = Desk::with_scenario(SMALL);
    let ran = desk.harpoon(&["check", "scenario.yaml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.starts_with("scenario.yaml: ok (small, hash="), "{}", ran.stdout);
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once() {
    let desk = Desk::with_scenario(SMALL);
    desk.put("first.yaml", SMALL.replace("duration: 20s", "duration: 20").replace("L4", "L5"));
    desk.put("second.yaml", SMALL.replace("models:", "modles:"));
    let ran = desk.harpoon(&["check", "first.yaml", "scenario.yaml", "second.yaml"]);
    assert!(ran.stdout.starts_with("scenario.yaml: ok"), "the good one is still checked");
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr, @r"
    error: `20` has no unit of duration: expected one of ns, us, ms, s, min, h, days
      --> first.yaml:3:11: duration
       | duration: 20
    error: unknown GPU `L5`
      --> first.yaml:6:27: provider.pools[0].gpu
       |     - { name: cards, gpu: L5, count: 4, sharing_ratio: 4, price_per_slot_hour: 1.00 }
      help: the GPUs of the catalogue are `A10G`, `L4`, `L40S`, `A100-40`, `A100-80`, `H100`, `H200`, `B200`, `RTX PRO 6000`; describe another one as `{ name, vram, tflops_16bit, memory_bandwidth }`
    error: the key `models` is missing
      --> second.yaml:1:1
       | name: small
    error: unknown key `modles`
      --> second.yaml:7:1: modles
       | modles:
      help: did you mean `models`?
    ");
}

#[test]
fn the_shipped_scenarios_are_right() {
    let desk = Desk::empty();
    for name in ["quickstart", "poc-success-criteria"] {
        let path = format!("{}/scenarios/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let ran = desk.harpoon(&["check", &path]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{name}");
    }
}

#[test]
fn the_schema_is_json_of_a_known_draft() {
    let ran = Desk::empty().harpoon(&["schema"]);
    let schema: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for key in ["provider", "models", "platform", "traffic", "faults", "objectives"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}

#[test]
fn every_shell_is_completed() {
    let desk = Desk::empty();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = desk.harpoon(&["completions", shell]);
        assert_eq!(ran.code, Some(0), "{shell}");
        assert!(ran.stdout.contains("replications"), "{shell}");
    }
    let ran = desk.harpoon(&["completions", "tcsh"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("bash, elvish, fish, powershell, zsh"), "{}", ran.stderr);
}

#[test]
fn a_trace_is_described_in_words() {
    let desk = Desk::empty();
    desk.put("trace.csv", TRACE);
    let ran = desk.harpoon(&["trace", "describe", "trace.csv"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.stdout, @r"
    trace.csv (own)
    requests            3
    span                2 s
    mean rate           1.50 requests/s
    busiest second      2 requests
    busiest minute      3 requests (0.0500/s)
    inter-arrival CV    0.50
    dispersion of 1 s   0.67
    prompt tokens       p50 200, p95 290, p99 298, max 300, mean 200, total 600
    output tokens       p50 20, p95 29, p99 30, max 30, mean 20, total 60
    ");
}

#[test]
fn the_rate_of_a_sparse_trace_keeps_its_digits() {
    let desk = Desk::empty();
    desk.put("trace.csv", TRACE.replace("\n2,", "\n2000,"));
    let ran = desk.harpoon(&["trace", "describe", "trace.csv"]);
    assert!(ran.stdout.contains("mean rate           0.00150 requests/s"), "{}", ran.stdout);
}

#[test]
fn a_trace_is_described_as_json() {
    let desk = Desk::empty();
    desk.put("trace.csv", TRACE);
    let ran = desk.harpoon(&["trace", "describe", "trace.csv", "--format", "own", "--json"]);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["requests"], 3);
    assert_eq!(summary["prompt_tokens"]["total"], 600);
    assert_eq!(summary["output_tokens"]["total"], 60);
}

#[test]
fn rows_left_out_of_a_trace_are_told_on_stderr() {
    let desk = Desk::empty();
    desk.put("trace.csv", TRACE.replace("200,20", "200,0"));
    let ran = desk.harpoon(&["trace", "describe", "trace.csv"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(ran.stderr, @"warning: trace.csv: 1 row without prompt or output tokens left out, the first on line 3");
}

#[test]
fn a_trace_of_another_format_than_stated_is_refused() {
    let desk = Desk::empty();
    desk.put("trace.csv", TRACE);
    let ran = desk.harpoon(&["trace", "describe", "trace.csv", "--format", "azure"]);
    insta::assert_snapshot!(ran.refusal(), @r"
    error: trace.csv:1: the column `TIMESTAMP` is missing; the header has `arrived_s`, `prompt_tokens`, `output_tokens`
    exit code 2
    ");
    let ran = desk.harpoon(&["trace", "describe", "trace.csv", "--format", "mooncake"]);
    insta::assert_snapshot!(ran.refusal(), @r"
    error: trace.csv:1: not a request of this format: expected value at line 1 column 1
    exit code 2
    ");
}
