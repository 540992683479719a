//! The full path, admission to meter, on the shipped quickstart scaled until about a thousand
//! requests are in flight: arrivals, classification, routing, breaker, allocation, inference,
//! release, metering, recording. One element is one request.
//!
//! The scale multiplies cards and arrival rates alike, so the load of each card stays the same.

use std::{hint::black_box, path::Path, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use harpoon::{drive::Watch, experiment};
use scenarios::{Override, Scenario};

/// Times the quickstart: (name, scale, simulated seconds).
const SIZES: [(&str, u32, u32); 2] = [("as_shipped", 1, 600), ("thousand_in_flight", 64, 120)];

fn full_path(c: &mut Criterion) {
    let mut group = c.benchmark_group("full_path");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for (name, scale, seconds) in SIZES {
        let scenario = quickstart(scale, seconds);
        let requests = scenario.arrivals(scenario.seed).expect("valid traffic").count();
        group.throughput(Throughput::Elements(requests as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                let watch = Watch::default();
                let run = experiment::simulate(&scenario, scenario.seed, None, &watch);
                black_box(run.expect("the quickstart runs").summary)
            });
        });
    }
    group.finish();
}

/// The shipped quickstart without its faults, scaled.
fn quickstart(scale: u32, seconds: u32) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.yaml");
    let shipped = scenarios::load(&path, &[]).expect("the quickstart is valid");
    let mut settings = vec![
        format!("duration={seconds}s"),
        "warm_up=0s".to_owned(),
        "faults=[]".to_owned(),
        format!("provider.regions.0.control_plane.rate_limit.per_second={}", 1000 * scale),
        format!("provider.regions.0.control_plane.rate_limit.burst={}", 1000 * scale),
    ];
    for (index, pool) in shipped.provider.pools.iter().enumerate() {
        settings.push(format!("provider.pools.{index}.count={}", pool.count * scale));
    }
    for (index, rate) in RATES.into_iter().enumerate() {
        settings.push(format!("traffic.{index}.arrivals.gamma.rate={}/s", rate * scale));
    }
    let overrides: Vec<Override> =
        settings.iter().map(|text| text.parse().expect("a path and a value")).collect();
    scenarios::load(&path, &overrides).expect("the scaled quickstart is valid")
}

/// Arrival rates of the shipped quickstart, per second, by source.
const RATES: [u32; 2] = [8, 3];

criterion_group!(benches, full_path);
criterion_main!(benches);
