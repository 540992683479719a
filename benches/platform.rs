//! Mechanisms of the platform one by one, each as a request meets it.

use std::hint::black_box;

use connector::{BasisPoints, Duration, Timestamp};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use platform::{
    breaker::{Breaker, Verdict},
    config::{BreakerConfig, RatesConfig, WindowConfig},
};

/// A permit and its result in a closed breaker, one microsecond apart: one failure in a hundred.
fn breaker(c: &mut Criterion) {
    let mut group = c.benchmark_group("breaker");
    group.throughput(Throughput::Elements(1));
    for (name, window) in [
        ("in_a_row", None),
        ("calls_100", Some(WindowConfig::Calls(100))),
        ("seconds_30", Some(WindowConfig::Seconds(30))),
    ] {
        let mut breaker = closed(window);
        let (mut now, mut calls) = (Timestamp::ZERO, 0_u32);
        group.bench_function(name, |b| {
            b.iter(|| {
                now = now + Duration::from_micros(1);
                calls = calls.wrapping_add(1);
                let verdict =
                    if calls.is_multiple_of(100) { Verdict::Failure } else { Verdict::Success };
                let permit = breaker.acquire(black_box(now)).expect("it is closed");
                black_box(breaker.record(now, permit, black_box(verdict)))
            });
        });
    }
    group.finish();
}

fn closed(window: Option<WindowConfig>) -> Breaker {
    let rates = window.map(|window| RatesConfig {
        window,
        failure_rate: BasisPoints::from_percent(50),
        ..RatesConfig::default()
    });
    Breaker::new(BreakerConfig { rates, ..BreakerConfig::default() })
}

criterion_group!(benches, breaker);
criterion_main!(benches);
