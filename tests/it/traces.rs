//! Public traces, whole, through the product. Their counts stand in the README of the collection and
//! were counted again from the files; see there for where they come from.
//!
//! The traces are not part of this repository: without them the tests say so and pass.

use std::path::{Path, PathBuf};

use harpoon::{drive::Watch, experiment};
use reports::{Summary, Traffic};

/// Everything fits and nothing is cut: what comes out is what the trace holds.
const AMPLE: &str = "\
name: whole-trace
provider:
  pools:
    - { name: cards, gpu: H200, count: 2000, sharing_ratio: 10, serving: { token_budget: 131072 } }
models:
  - name: any-length
    requirements: { tflops: 10 TFLOPS, vram: 4 GiB }
    timing: { linear: { base: 10us } }
platform:
  cables: { max_in_flight: unlimited }
traffic:
  - name: trace
    trace: { file: TRACE }
";

/// Every request reaches the same engine, which forgets nothing. A card has ten shares, so the rest
/// of those that come together wait in line.
const ONE_ENGINE: &str = "\
name: one-engine
provider:
  pools:
    - name: card
      gpu: H200
      count: 1
      sharing_ratio: 10
      serving: { kv_cache: endless, token_budget: 131072, max_sequences: 4096 }
models:
  - name: any-length
    requirements: { tflops: 10 TFLOPS, vram: 4 GiB }
    timing: { linear: { base: 10us } }
traffic:
  - name: trace
    trace: { file: TRACE }
";

#[test]
fn the_azure_code_trace_runs_whole() {
    runs_whole("azure/AzureLLMInferenceTrace_code.csv", 8_819, 18_059_974, 245_896);
}

#[test]
fn the_azure_conversation_trace_runs_whole() {
    runs_whole("azure/AzureLLMInferenceTrace_conv.csv", 19_366, 22_361_870, 4_088_665);
}

#[test]
fn the_mooncake_conversation_trace_runs_whole() {
    runs_whole("mooncake/conversation_trace.jsonl.gz", 12_031, 144_793_823, 4_122_048);
}

#[test]
fn the_shipped_conversation_scenario_answers_for_every_request() {
    let Some(trace) = trace("azure/AzureLLMInferenceTrace_conv.csv") else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/azure-conversation.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let file = format!("traffic.0.trace.file={}", trace.display());
    let requests = run(&text, &[&file]);
    assert_eq!((requests.offered, requests.prompt_tokens), (19_366, 22_361_870));
    accounted_for(&requests);
    assert!(requests.completed * 100 > requests.offered * 99, "{requests:?}");
}

#[test]
fn the_mooncake_conversation_finds_what_its_prompts_share() {
    let Some(trace) = trace("mooncake/conversation_trace.jsonl.gz") else { return };
    let summary = summary(&ONE_ENGINE.replace("TRACE", &trace.display().to_string()), &[]);
    accounted_for(&summary.requests);
    assert_eq!(summary.requests.completed, 12_031);
    let cache = summary.kv_cache.unwrap();
    assert_eq!((cache.prompt_blocks_asked, cache.recomputations), (288_500, 0));
    // Of 105,710 that came before, one is shorter than a KV block and cannot be kept.
    assert_eq!(cache.prompt_blocks_found, 105_709);
    let table = summary.table(reports::Style::PLAIN);
    assert!(table.contains("cache     36.6% of 288,500 prompt blocks found\n"), "{table}");
}

fn runs_whole(name: &str, count: u64, prompt_tokens: u64, output_tokens: u64) {
    let Some(trace) = trace(name) else { return };
    let requests = run(&AMPLE.replace("TRACE", &trace.display().to_string()), &[]);
    accounted_for(&requests);
    assert_eq!((requests.offered, requests.completed), (count, count));
    assert_eq!(requests.prompt_tokens, prompt_tokens);
    assert_eq!(requests.completed_prompt_tokens, prompt_tokens);
    assert_eq!(requests.output_tokens, output_tokens);
}

fn accounted_for(requests: &Traffic) {
    let ended = requests.completed + requests.failed + requests.rejected + requests.cancelled;
    assert_eq!(ended, requests.offered, "{requests:?}");
}

fn run(text: &str, changes: &[&str]) -> Traffic {
    summary(text, changes).requests
}

fn summary(text: &str, changes: &[&str]) -> Summary {
    let changes: Vec<_> = changes.iter().map(|change| change.parse().unwrap()).collect();
    let scenario = scenarios::parse("trace", text, Path::new(""), &changes);
    let scenario = scenario.unwrap_or_else(|told| panic!("{told}"));
    let outcome = experiment::simulate(&scenario, 1, None, &Watch::default()).unwrap();
    assert_eq!(outcome.summary.run.unfinished_requests, 0);
    assert_eq!(outcome.warnings, Vec::<String>::new());
    outcome.summary
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn trace(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces").join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}
