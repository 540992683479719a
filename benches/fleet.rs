//! A provider with 10 to 10,000 cards, each shared by ten in turns: one more inference on a share, and a
//! share given back and another one taken. One element is both, with every turn of a card that comes due
//! meanwhile. The load of a card is the same whatever the number of cards.

#[path = "fleet/provider.rs"]
mod provider;

use std::{hint::black_box, time::Duration as StdDuration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use provider::Fleet;

const CARDS: [u32; 4] = [10, 100, 1_000, 10_000];

fn turnover(c: &mut Criterion) {
    let mut group = c.benchmark_group("fleet");
    group.throughput(Throughput::Elements(1)).measurement_time(StdDuration::from_secs(3));
    for cards in CARDS {
        let mut fleet = Fleet::new(cards);
        group.bench_function(BenchmarkId::from_parameter(cards), |b| {
            b.iter(|| black_box(fleet.turn_over()));
        });
    }
    group.finish();
}

criterion_group!(benches, turnover);
criterion_main!(benches);
