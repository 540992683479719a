//! The serving engine by itself: requests per second that it serves. One element is one request.
//!
//! * `azure_conversation/N`: the lengths of the Azure conversation trace at 3 requests a second on each
//!   of N instances, with the linear timing, limits and arrivals of the yardstick that drives NVIDIA
//!   Dynamo's mocker (`aisimulate-core`): 128 sequences, 2,048 tokens a step, 7,000 blocks of 16.
//!   Without the trace beside the repository, lengths shaped like its published quantiles.
//! * `inference_lab/...`: llama-3-70b at 8 bit on one H100, 5,000 requests at 0.8 a second (moderate)
//!   and at 8 (the KV cache of 762 blocks is never enough), the latter with longer lengths too, as in
//!   `tests/it/inference_lab.rs`.
//! * `output_tokens/N`: answers of N tokens, the load of the batch being the same: what a request costs
//!   does not depend on the length of its answer.
//! * `batch/N`: about N sequences in the batch.

#[path = "serving/workloads.rs"]
mod workloads;

use std::{hint::black_box, time::Duration};

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};

use workloads::{
    CHAT, QUICK, Request, Setup, azure_conversation, flat, inference_lab, limits, linear, regular,
    serve,
};

fn serving(c: &mut Criterion) {
    let mut group = c.benchmark_group("serving");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for instances in [4, 16] {
        let requests = azure_conversation(100_000, 3.0 * instances as f64);
        let setup = Setup { limits: limits(128, 2_048, 7_000), time: linear(), instances };
        run(&mut group, &format!("azure_conversation/{instances}"), &setup, &requests);
    }
    for (name, packed, per_second) in
        [("moderate", QUICK, 0.8), ("kv_starved", QUICK, 8.0), ("kv_starved_chat", CHAT, 8.0)]
    {
        let (setup, requests) = inference_lab(packed, per_second);
        run(&mut group, &format!("inference_lab/{name}"), &setup, &requests);
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

criterion_group!(benches, serving);
criterion_main!(benches);
