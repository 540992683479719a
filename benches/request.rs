//! What the platform itself costs per request: classification, covenant, routing, breaker, lease,
//! strike, metering and records, with a far side that answers at once. One element is one request:
//! an allocation, an inference with its first token, and a release.
//!
//! `route/RULE/64` is the same where 64 pools may serve the request; less `route/RULE/1` it is what
//! choosing among them costs.

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

fn route(c: &mut Criterion) {
    let mut group = c.benchmark_group("route");
    group.throughput(Throughput::Elements(1));
    for rule in RULES {
        let router = format!("platform.router={rule}");
        for candidates in [1, 64] {
            let mut desk = Desk::with_candidates(candidates, &[&router, PROMISED]);
            group.bench_function(format!("{rule}/{candidates}"), |b| {
                b.iter(|| {
                    desk.serve_one();
                    black_box(desk.finished())
                });
            });
        }
    }
    group.finish();
}

/// Rules that look at every candidate.
const RULES: [&str; 5] = ["cheapest", "fastest", "least_loaded", "tiered", "covenant"];
/// So that the covenant's rule has something to keep.
const PROMISED: &str = "tenants.0.covenant={ ttft: 1s, tpot: 50ms, end_to_end: 60s }";

criterion_group!(benches, request, route);
criterion_main!(benches);
