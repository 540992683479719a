//! The serving engine by itself: requests per second that it serves, by workload.

use std::{hint::black_box, time::Duration};

use connector::{Timestamp, Tokens};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim::{
    serving::{Engine, Job, Limits, Policy, ProgressKind},
    step_time::{BatchTime, Linear},
};

/// Arrival in nanoseconds, prompt and output tokens.
type Request = (u64, u32, u32);

fn requests(count: usize, per_second: f64) -> Vec<Request> {
    let text = std::fs::read_to_string("../shared/traces/azure/AzureLLMInferenceTrace_conv.csv")
        .expect("trace");
    let lengths: Vec<(u32, u32)> = text
        .lines()
        .skip(1)
        .map(|line| {
            let mut fields =
                line.trim().split(',').skip(1).map(|field| field.parse().expect("a number"));
            (fields.next().expect("prompt"), fields.next().expect("output"))
        })
        .collect();
    let (mut t, mut state) = (0.0, 12345_u64);
    (0..count)
        .map(|index| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let u = ((state >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0;
            t += -u.ln() / per_second * 1e9;
            let (prompt, output) = lengths[index % lengths.len()];
            (t as u64, prompt.clamp(1, 3500), output.clamp(2, 580))
        })
        .collect()
}

fn serve(requests: &[Request], instances: usize) -> (u64, u64, u64, u64) {
    let limits = Limits {
        max_sequences: 128,
        token_budget: 2048,
        block_tokens: 16,
        kv_blocks: 7000,
        reserve_prompt: true,
        prefix_caching: false,
        content_tokens: 512,
        policy: Policy::Fcfs,
        speculation: None,
    };
    let time = BatchTime::Linear(Linear::new(9e6, 5e4, 8e4, 260.0));
    let mut engines: Vec<Engine> = (0..instances)
        .map(|_| {
            let mut engine = Engine::new(limits, time.clone());
            engine.resume(Timestamp::ZERO);
            engine
        })
        .collect();
    let (mut finished, mut sum) = (0, 0);
    let mut look = |engine: &mut Engine| {
        for news in engine.drain_news() {
            if news.kind == ProgressKind::Finished {
                finished += 1;
                sum += news.at.as_nanos();
            }
        }
    };
    for (index, &(at, prompt, output)) in requests.iter().enumerate() {
        let engine = &mut engines[index % instances];
        engine.submit(
            Timestamp::from_nanos(at),
            Job {
                id: index as u64,
                prompt: Tokens::new(prompt),
                output: Tokens::new(output),
                rank: 0,
                content: None,
                watched: false,
            },
        );
        look(engine);
    }
    let (mut steps, mut stretches) = (0, 0);
    for engine in &mut engines {
        while let Some(next) = engine.next_event() {
            engine.advance(next);
        }
        look(engine);
        steps += engine.tally().steps;
        stretches += engine.tally().stretches;
    }
    assert_eq!(finished, requests.len() as u64);
    (finished, sum, steps, stretches)
}

fn serving(c: &mut Criterion) {
    let mut group = c.benchmark_group("serving");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for instances in [4, 16] {
        let requests = requests(100_000, 3.0 * instances as f64);
        let (finished, _, steps, stretches) = serve(&requests, instances);
        println!(
            "{} steps, {} stretches per request",
            steps as f64 / finished as f64,
            stretches as f64 / finished as f64
        );
        group.throughput(Throughput::Elements(requests.len() as u64));
        group.bench_function(format!("azure_conversation/{instances}"), |b| {
            b.iter(|| black_box(serve(&requests, instances)))
        });
    }
    group.finish();
}

criterion_group!(benches, serving);
criterion_main!(benches);
