//! Placing a share on a pool half full and giving another one back: one element is both. Four models with
//! needs of their own, as a pool serves them.

use std::{collections::VecDeque, hint::black_box, time::Duration as StdDuration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sim::{
    config::Placement,
    placement::{Ask, Host, Models, Placer, Scale},
    random::Streams,
};

const CARDS: [u32; 3] = [100, 1_000, 10_000];
const SLOTS: u32 = 8;
const TURNS: usize = 1 << 14;

/// A quarter to a full slot of an 80 GB card.
fn asks() -> [Ask; 4] {
    std::array::from_fn(|model| {
        let quarters = model as u64 + 1;
        let resources = [2_500 * quarters, 30_000 * quarters];
        Ask { resources, gpus: 1, parts: 1, models: Models::ANY, overcommit: 1, kind: model as u32 }
    })
}

fn pool(rule: Placement, cards: u32) -> Placer {
    let card = Host::new([80_000, 990_000], 1, SLOTS, Models::NONE);
    let scale = Scale::of(std::slice::from_ref(&card), [true, true], 10_000);
    let stream = Streams::new(1).stream("placement");
    Placer::new(rule, vec![card; cards as usize], scale, stream)
}

fn turnover(c: &mut Criterion) {
    let mut group = c.benchmark_group("placement");
    group.throughput(Throughput::Elements(1)).measurement_time(StdDuration::from_secs(2));
    let asks = asks();
    let mut stream = Streams::new(1).stream("turns");
    let turns: Vec<usize> = (0..TURNS).map(|_| stream.below(4) as usize).collect();
    for rule in Placement::ALL {
        for cards in CARDS {
            let mut pool = pool(rule, cards);
            let mut held = VecDeque::new();
            let mut turn = 0;
            let mut take = |pool: &mut Placer, held: &mut VecDeque<(u32, Ask)>| {
                turn = (turn + 1) % TURNS;
                let ask = asks[turns[turn]];
                let card = pool.choose(&ask).expect("half of it is free");
                pool.promise(card, &ask);
                held.push_back((card, ask));
            };
            for _ in 0..cards * SLOTS / 2 {
                take(&mut pool, &mut held);
            }
            group.bench_function(BenchmarkId::new(rule.name(), cards), |b| {
                b.iter(|| {
                    take(&mut pool, &mut held);
                    let (card, ask) = held.pop_front().expect("half of it is held");
                    pool.take_back(card, &ask, &[0]);
                    black_box(card)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, turnover);
criterion_main!(benches);
