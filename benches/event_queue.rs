//! The event queue in the hold model: pop the earliest event, schedule another one an exponential
//! time later, with a constant number pending. One element is one pop and one schedule.
//!
//! `binary_heap` is the standard library's heap with a sequence number for ties and without
//! cancellation: the figure to beat beyond a few thousand pending.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    hint::black_box,
    time::{Duration as StdDuration, Instant},
};

use connector::{EventQueue, Timestamp};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sim::random::Streams;

const PENDING: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const GAPS: usize = 1 << 16;

/// Pre-drawn gaps, so that drawing them is not measured.
fn gaps(pending: u64) -> Vec<u64> {
    let mut stream = Streams::new(1).stream("gaps");
    (0..GAPS).map(|_| stream.exponential(1e6 * pending as f64) as u64).collect()
}

fn hold(c: &mut Criterion) {
    let mut group = c.benchmark_group("event_queue");
    group.throughput(Throughput::Elements(1)).measurement_time(StdDuration::from_secs(3));
    for pending in PENDING {
        let gaps = gaps(pending);
        group.bench_function(BenchmarkId::new("radix", pending), |b| {
            let mut queue = EventQueue::new();
            for n in 0..pending {
                queue.schedule(Timestamp::from_nanos(gaps[n as usize % GAPS]), n);
            }
            let mut turn = 0;
            b.iter_custom(|iterations| {
                let start = Instant::now();
                for _ in 0..iterations {
                    let (at, payload) = queue.pop().expect("pending");
                    turn = (turn + 1) % GAPS;
                    queue.schedule(at + connector::Duration::from_nanos(gaps[turn]), payload);
                }
                start.elapsed()
            });
            black_box(queue.len());
        });
        group.bench_function(BenchmarkId::new("binary_heap", pending), |b| {
            let mut heap = BinaryHeap::new();
            for n in 0..pending {
                heap.push(Reverse((gaps[n as usize % GAPS], n, n)));
            }
            let (mut turn, mut order) = (0, pending);
            b.iter_custom(|iterations| {
                let start = Instant::now();
                for _ in 0..iterations {
                    let Reverse((at, _, payload)) = heap.pop().expect("pending");
                    turn = (turn + 1) % GAPS;
                    order += 1;
                    heap.push(Reverse((at + gaps[turn], order, payload)));
                }
                start.elapsed()
            });
            black_box(heap.len());
        });
    }
    group.finish();
}

/// A time-out that is set and cancelled: what almost every time-out does.
fn schedule_and_cancel(c: &mut Criterion) {
    let mut group = c.benchmark_group("event_queue");
    group.throughput(Throughput::Elements(1)).measurement_time(StdDuration::from_secs(3));
    for pending in PENDING {
        let gaps = gaps(pending);
        group.bench_function(BenchmarkId::new("schedule_and_cancel", pending), |b| {
            let mut queue = EventQueue::new();
            for n in 0..pending {
                queue.schedule(Timestamp::from_nanos(gaps[n as usize % GAPS]), n);
            }
            let mut turn = 0;
            b.iter(|| {
                turn = (turn + 1) % GAPS;
                let key = queue.schedule(Timestamp::from_nanos(gaps[turn]), 0);
                queue.cancel(key)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hold, schedule_and_cancel);
criterion_main!(benches);
