//! What was measured: requests and the settings of the engine.

use std::path::Path;

use connector::Tokens;
use serde::Deserialize;
use sim::serving::{Limits, Policy};

use super::ReplayError;

/// A measured run. Times are in seconds since the first request was queued.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) model: String,
    pub(super) limits: Limits,
    /// In the order in which they were queued.
    pub(super) requests: Vec<Request>,
}

/// A request and what the server made of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) prompt: Tokens,
    pub(super) output: Tokens,
    pub(super) queued: f64,
    pub(super) scheduled: f64,
    pub(super) first_token: f64,
    pub(super) finished: f64,
}

#[derive(Deserialize)]
struct Line {
    input_toks: u32,
    output_toks: u32,
    queued_ts: f64,
    scheduled_ts: f64,
    first_token_ts: f64,
    last_token_ts: f64,
}

#[derive(Deserialize)]
struct Meta {
    model: String,
    engine_kwargs: EngineSettings,
    kv_cache: CacheSettings,
    resolved_config: Resolved,
}

#[derive(Deserialize)]
struct EngineSettings {
    max_num_seqs: u32,
    max_num_batched_tokens: u32,
}

#[derive(Deserialize)]
struct CacheSettings {
    num_gpu_blocks: u64,
    block_size: u32,
    enable_prefix_caching: bool,
}

#[derive(Deserialize)]
struct Resolved {
    scheduler_config: SchedulerSettings,
}

#[derive(Deserialize)]
struct SchedulerSettings {
    #[serde(default)]
    scheduler_reserve_full_isl: bool,
    policy: String,
}

impl Run {
    pub(super) fn read(folder: &Path) -> Result<Self, ReplayError> {
        let meta = meta(&folder.join("meta.json"))?;
        let requests = requests(&folder.join("requests.jsonl"))?;
        let settings = folder.join("meta.json");
        let limits = limits(&settings, &meta)?;
        if let Some(long) = requests.iter().find(|r| !limits.hold(r.prompt, r.output)) {
            let tokens = limits.longest_context();
            let message = format!(
                "a request of {} and {} tokens does not fit in its cache of {tokens}",
                long.prompt, long.output
            );
            return Err(ReplayError::Settings { path: settings, message });
        }
        Ok(Self { model: meta.model, limits, requests })
    }
}

fn read(path: &Path) -> Result<String, ReplayError> {
    std::fs::read_to_string(path)
        .map_err(|source| ReplayError::Read { path: path.to_owned(), source })
}

fn meta(path: &Path) -> Result<Meta, ReplayError> {
    let malformed = |error: serde_json::Error| ReplayError::Malformed {
        path: path.to_owned(),
        line: error.line() as u64,
        message: error.to_string(),
    };
    serde_json::from_str(&read(path)?).map_err(malformed)
}

fn limits(path: &Path, meta: &Meta) -> Result<Limits, ReplayError> {
    let refuse = |message: String| ReplayError::Settings { path: path.to_owned(), message };
    let CacheSettings { num_gpu_blocks, block_size, enable_prefix_caching } = meta.kv_cache;
    let EngineSettings { max_num_seqs, max_num_batched_tokens } = meta.engine_kwargs;
    let scheduler = &meta.resolved_config.scheduler_config;
    if !block_size.is_power_of_two() || block_size > 1_024 {
        return Err(refuse(format!("block_size {block_size} is not a power of two up to 1024")));
    }
    if max_num_seqs == 0 || max_num_batched_tokens == 0 || num_gpu_blocks < 2 {
        return Err(refuse("an engine needs sequences, tokens and blocks".to_owned()));
    }
    let policy = match scheduler.policy.as_str() {
        "fcfs" => Policy::Fcfs,
        "priority" => Policy::Priority,
        other => return Err(refuse(format!("unknown policy `{other}`"))),
    };
    Ok(Limits {
        max_sequences: max_num_seqs,
        token_budget: max_num_batched_tokens,
        block_tokens: block_size,
        // vLLM keeps one block for padding.
        kv_blocks: num_gpu_blocks - 1,
        reserve_prompt: scheduler.scheduler_reserve_full_isl,
        prefix_caching: enable_prefix_caching,
        content_tokens: block_size,
        policy,
        speculation: None,
    })
}

fn requests(path: &Path) -> Result<Vec<Request>, ReplayError> {
    let mut requests = Vec::new();
    for (index, line) in read(path)?.lines().enumerate() {
        let malformed = |message: String| ReplayError::Malformed {
            path: path.to_owned(),
            line: index as u64 + 1,
            message,
        };
        let line: Line =
            serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
        let times = [line.queued_ts, line.scheduled_ts, line.first_token_ts, line.last_token_ts];
        if !times.is_sorted() || times.iter().any(|time| !(0.0..1e12).contains(time)) {
            return Err(malformed("the times of a request must not go back".to_owned()));
        }
        if line.input_toks == 0 || line.output_toks == 0 {
            return Err(malformed("a request has a prompt and an answer".to_owned()));
        }
        requests.push(Request {
            prompt: Tokens::new(line.input_toks),
            output: Tokens::new(line.output_toks),
            queued: line.queued_ts,
            scheduled: line.scheduled_ts,
            first_token: line.first_token_ts,
            finished: line.last_token_ts,
        });
    }
    if requests.is_empty() {
        let message = "there are no requests".to_owned();
        return Err(ReplayError::Malformed { path: path.to_owned(), line: 1, message });
    }
    requests.sort_by(|a, b| a.queued.total_cmp(&b.queued));
    let start = requests[0].queued;
    for request in &mut requests {
        let Request { queued, scheduled, first_token, finished, .. } = request;
        for time in [queued, scheduled, first_token, finished] {
            *time -= start;
        }
    }
    Ok(requests)
}
