//! What the platform itself costs per request: classification, covenant, routing, breaker, lease,
//! strike, metering and records, with a far side that answers at once. One element is one request:
//! an allocation, an inference with its first token, and a release.

#[path = "request/desk.rs"]
mod desk;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use desk::Desk;

fn request(c: &mut Criterion) {
    let mut group = c.benchmark_group("request");
    group.throughput(Throughput::Elements(1));
    for (name, settings) in WAYS {
        let mut desk = Desk::new(settings);
        group.bench_function(name, |b| {
            b.iter(|| {
                desk.serve_one();
                black_box(desk.finished())
            });
        });
    }
    group.finish();
}

/// Ways to set the platform up, from the quickstart on.
const WAYS: [(&str, &[&str]); 2] = [("quickstart", &[]), ("fastest", &["platform.router=fastest"])];

criterion_group!(benches, request);
criterion_main!(benches);
