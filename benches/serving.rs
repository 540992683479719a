//! The serving engine by itself: requests per second that it serves. One element is one request.
//!
//! * `azure_conversation/N`: the lengths of the Azure conversation trace at 3 requests a second on each
//!   of N instances, with the linear timing, limits and arrivals of the yardstick that drives NVIDIA
//!   Dynamo's mocker (`aisimulate-core`): 128 sequences, 2,048 tokens a step, 7,000 blocks of 16.
//!   Without the trace beside the repository, lengths shaped like its published quantiles.
//! * `inference_lab/...`: llama-3-70b at 8 bit on one H100, 5,000 requests at 0.8 a second (moderate)
//!   and at 8 (the KV cache of 762 blocks is never enough), as in `tests/it/inference_lab.rs`.
//! * `output_tokens/N`: answers of N tokens, the load of the batch being the same: what a request costs
//!   does not depend on the length of its answer.
//! * `batch/N`: about N sequences in the batch.

use std::{hint::black_box, io::Read, path::Path, time::Duration};

use connector::{Timestamp, Tokens};
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use sim::{
    random::Streams,
    serving::{Engine, Job, Limits, Policy, ProgressKind},
    step_time::{BatchTime, Linear, Roofline, RooflineCosts, Roofs},
};

/// Arrival in nanoseconds, prompt and output tokens.
type Request = (u64, u32, u32);

/// Engines that requests are dealt to in turn.
struct Setup {
    limits: Limits,
    time: BatchTime,
    instances: usize,
}

fn serving(c: &mut Criterion) {
    let mut group = c.benchmark_group("serving");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for instances in [4, 16] {
        let requests = azure_conversation(100_000, 3.0 * instances as f64);
        let setup = Setup { limits: limits(128, 2_048, 7_000), time: linear(), instances };
        run(&mut group, &format!("azure_conversation/{instances}"), &setup, &requests);
    }
    for (name, per_second) in [("moderate", 0.8), ("kv_starved", 8.0)] {
        let setup = Setup { limits: limits(100, 8_192, 762), time: h100(), instances: 1 };
        run(&mut group, &format!("inference_lab/{name}"), &setup, &inference_lab(per_second));
    }
    for output in [10, 100, 1_000, 10_000] {
        let setup = Setup { limits: limits(256, 2_048, 1 << 20), time: flat(), instances: 1 };
        let requests = regular(20_000, 100, output, 64);
        run(&mut group, &format!("output_tokens/{output}"), &setup, &requests);
    }
    for batch in [8, 64, 512, 4_096] {
        let setup = Setup { limits: limits(8_192, 16_384, 1 << 20), time: flat(), instances: 1 };
        let requests = regular(40_000, 100, 1_000, batch);
        run(&mut group, &format!("batch/{batch}"), &setup, &requests);
    }
    group.finish();
}

fn run(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, setup: &Setup, requests: &[Request]) {
    group.throughput(Throughput::Elements(requests.len() as u64));
    group.bench_function(name, |b| b.iter(|| black_box(serve(setup, requests))));
}

/// Serves all requests and sums up when they ended.
fn serve(setup: &Setup, requests: &[Request]) -> u64 {
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

fn limits(max_sequences: u32, token_budget: u32, kv_blocks: u64) -> Limits {
    Limits {
        max_sequences,
        token_budget,
        block_tokens: 16,
        kv_blocks,
        reserve_prompt: false,
        prefix_caching: false,
        content_tokens: 512,
        policy: Policy::Fcfs,
        speculation: None,
    }
}

/// The yardstick's: 9 ms, 0.05 ms per sequence, 0.08 ms per prompt token, 260 ns per cached token.
fn linear() -> BatchTime {
    BatchTime::Linear(Linear::new(9e6, 5e4, 8e4, 260.0))
}

/// 10 ms whatever is in the batch.
fn flat() -> BatchTime {
    BatchTime::Linear(Linear::new(1e7, 0.0, 0.0, 0.0))
}

fn h100() -> BatchTime {
    let (flops, bandwidth) = (1.979e15, 3.35e12);
    let costs = RooflineCosts {
        per_token: 2.0 * 70e9 / flops * 1e9,
        weights: 70e9 / bandwidth * 1e9,
        per_pair: 4.0 * 80.0 * 64.0 * 128.0 / flops * 1e9,
        per_context_token: 2.0 * 80.0 * 8.0 * 128.0 / bandwidth * 1e9,
        ..RooflineCosts::default()
    };
    BatchTime::Roofline(Roofline::new(costs, Roofs::One))
}

/// Requests so far apart that about `batch` of them, of 10 ms per token, are served at once.
fn regular(count: u64, prompt: u32, output: u32, batch: u64) -> Vec<Request> {
    let gap = u64::from(output) * 10_000_000 / batch;
    (0..count).map(|index| (index * gap + index % 7 * 1_001, prompt, output)).collect()
}

fn azure_conversation(count: usize, per_second: f64) -> Vec<Request> {
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

fn inference_lab(per_second: f64) -> Vec<Request> {
    let packed = include_bytes!("../tests/it/inference_lab/requests.csv.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("gzip");
    let row = |line: &str| {
        let mut fields = line.split(',');
        let mut next = || fields.next().expect("three columns");
        let at: f64 = next().parse().expect("seconds");
        let (prompt, output) = (next().parse().expect("tokens"), next().parse().expect("tokens"));
        ((at / per_second * 1e9) as u64, prompt, output)
    };
    text.lines().skip(1).map(row).collect()
}

criterion_group!(benches, serving);
criterion_main!(benches);
