//! Workloads of the serving engine, and how it serves them.

#[path = "../../tests/it/inference_lab/setup.rs"]
mod setup;

use std::path::Path;

use connector::{Timestamp, Tokens};
pub(crate) use setup::{CHAT, QUICK};
use sim::{
    random::Streams,
    serving::{Engine, Job, Limits, ProgressKind},
    step_time::{BatchTime, Linear},
};

/// Arrival in nanoseconds, prompt and output tokens.
pub(crate) type Request = (u64, u32, u32);

/// Engines that requests are dealt to in turn.
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) time: BatchTime,
    pub(crate) instances: usize,
}

/// Serves all requests and sums up when they ended.
pub(crate) fn serve(setup: &Setup, requests: &[Request]) -> u64 {
    let start = || {
        let mut engine = Engine::new(setup.limits, setup.time.clone());
        engine.resume(Timestamp::ZERO);
        engine
    };
    let mut engines: Vec<Engine> = std::iter::repeat_with(start).take(setup.instances).collect();
    let (mut finished, mut sum) = (0, 0_u64);
    let mut look = |engine: &mut Engine| {
        for news in engine.drain_news().filter(|news| news.kind == ProgressKind::Finished) {
            finished += 1;
            sum = sum.wrapping_add(news.at.as_nanos());
        }
    };
    for (index, &request) in requests.iter().enumerate() {
        let engine = &mut engines[index % setup.instances];
        engine.submit(Timestamp::from_nanos(request.0), job(index as u64, request));
        look(engine);
    }
    for engine in &mut engines {
        while let Some(next) = engine.next_event() {
            engine.advance(next);
        }
        look(engine);
    }
    assert_eq!(finished, requests.len());
    sum
}

fn job(id: u64, (_, prompt, output): Request) -> Job {
    let (prompt, output) = (Tokens::new(prompt), Tokens::new(output));
    Job { id, prompt, output, rank: 0, content: None, watched: false }
}

pub(crate) fn limits(max_sequences: u32, token_budget: u32, kv_blocks: u64) -> Limits {
    Limits {
        max_sequences,
        token_budget,
        kv_blocks,
        reserve_prompt: false,
        prefix_caching: false,
        ..Limits::default()
    }
}

/// The yardstick's: 9 ms, 0.05 ms per sequence, 0.08 ms per prompt token, 260 ns per cached token.
pub(crate) fn linear() -> BatchTime {
    BatchTime::Linear(Linear::new(9e6, 5e4, 8e4, 260.0))
}

/// 10 ms whatever is in the batch.
pub(crate) fn flat() -> BatchTime {
    BatchTime::Linear(Linear::new(1e7, 0.0, 0.0, 0.0))
}

/// Requests so far apart that about `batch` of them, of 10 ms per token, are served at once.
pub(crate) fn regular(count: u64, prompt: u32, output: u32, batch: u64) -> Vec<Request> {
    let gap = u64::from(output) * 10_000_000 / batch;
    (0..count).map(|index| (index * gap + index % 7 * 1_001, prompt, output)).collect()
}

pub(crate) fn azure_conversation(count: usize, per_second: f64) -> Vec<Request> {
    let mut stream = Streams::new(1).stream("arrivals");
    let lengths = lengths();
    let mut at = 0.0;
    let request = |index| {
        at += stream.exponential(1e9 / per_second);
        let (prompt, output): (u32, u32) = lengths[index % lengths.len()];
        (at as u64, prompt.clamp(1, 3_500), output.clamp(2, 580))
    };
    (0..count).map(request).collect()
}

fn lengths() -> Vec<(u32, u32)> {
    let trace = "../shared/traces/azure/AzureLLMInferenceTrace_conv.csv";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(trace);
    if let Ok(text) = std::fs::read_to_string(path) {
        let row = |line: &str| {
            let mut fields = line.trim().split(',').skip(1).map(|field| field.parse().ok());
            Some((fields.next()??, fields.next()??))
        };
        return text.lines().skip(1).filter_map(row).collect();
    }
    let mut stream = Streams::new(1).stream("lengths");
    let mut draw = |p50: f64, p95: f64| {
        let sigma = libm::log(p95 / p50) / 1.645;
        stream.lognormal(libm::log(p50), sigma) as u32
    };
    (0..20_000).map(|_| (draw(1_020.0, 4_083.0), draw(129.0, 451.0))).collect()
}

/// What `inference-lab` was run with, on one engine, so many requests a second.
pub(crate) fn inference_lab(packed: &[u8], per_second: f64) -> (Setup, Vec<Request>) {
    let limits = setup::limits();
    let requests = setup::requests(packed);
    let requests = requests
        .into_iter()
        // One of them fits in no cache, and is rejected there.
        .filter(|&(_, prompt, output)| limits.hold(Tokens::new(prompt), Tokens::new(output)))
        .map(|(at, prompt, output)| ((at / per_second * 1e9) as u64, prompt, output))
        .collect();
    (Setup { limits, time: setup::time(), instances: 1 }, requests)
}
