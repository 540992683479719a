//! Rating a million records of use and posting what they come to. One element is one record.
//! `each_record` books every record by itself, `each_thousand` and `each_ten_thousand` what so many
//! came to, tenant by tenant, as whoever acknowledges in groups does. `biller` is the same as a run does
//! it, with what shares cost and the lines of invoices, settled each ten thousand. What the books say is
//! checked each time.

#[path = "billing/owed.rs"]
mod owed;
#[path = "billing/records.rs"]
mod records;

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use platform::billing::{Biller, UsageRecord};

const RECORDS: u64 = 1_000_000;

fn billing(c: &mut Criterion) {
    let all = records::records(RECORDS);
    let owed = owed::owed(&all);
    let mut group = c.benchmark_group("billing");
    group.throughput(Throughput::Elements(RECORDS));
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    let batches = [("each_record", 1), ("each_thousand", 1_000), ("each_ten_thousand", 10_000)];
    for (name, batch) in batches {
        let bill = || {
            let ledger = records::bill(&all, batch);
            owed::check(&ledger, &owed);
            // Given back, so that taking the books down is not counted.
            ledger
        };
        group.bench_function(name, |b| b.iter_batched(|| (), |()| bill(), BatchSize::PerIteration));
    }
    let bill = || {
        let biller = biller(&all);
        owed::check(biller.ledger(), &owed);
        biller
    };
    group.bench_function("biller", |b| b.iter_batched(|| (), |()| bill(), BatchSize::PerIteration));
    group.finish();
}

/// The books of a run, settled each ten thousand.
fn biller(all: &[UsageRecord]) -> Biller {
    let costs = vec![records::money(2_000); 4];
    let mut biller = Biller::new(records::config(), costs, "bench");
    for batch in all.chunks(10_000) {
        for record in batch {
            biller.add(record).expect("all is priced");
        }
        biller.settle().expect("in range");
    }
    biller
}

criterion_group!(benches, billing);
criterion_main!(benches);
