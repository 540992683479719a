//! The ledger: transactions booked in memory, a journal replayed, batches made durable.

use adapters::ledger::SqliteStore;
use connector::{Amount, ModelId, PoolId, TenantId, Timestamp};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use platform::billing::{
    AccountId, Currency,
    ledger::{DurableLedger, Ledger, Line, Step, Transaction, TransactionId, verify},
};

const COUNT: u64 = 100_000;
const BATCH: usize = 8_192;

fn memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("ledger");
    group.sample_size(10).throughput(Throughput::Elements(COUNT));
    let transactions: Vec<_> = (0..COUNT).map(transaction).collect();
    group.bench_function("post", |b| {
        b.iter_batched(|| transactions.clone(), posted, BatchSize::PerIteration);
    });
    let ledger = posted(transactions);
    group.bench_function("replay", |b| {
        b.iter(|| verify(ledger.records(), Some(ledger.head())).expect("nobody touched it"));
    });
    group.finish();
}

fn sqlite(c: &mut Criterion) {
    let mut group = c.benchmark_group("ledger_sqlite");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));
    let folder = tempfile::tempdir().expect("a folder for the bench");
    let store = SqliteStore::open(&folder.path().join("ledger")).expect("a new file");
    let mut ledger = DurableLedger::open(store, None).expect("an empty journal");
    let mut numbers = 0..;
    group.bench_function("batch_8192", |b| {
        b.iter_batched(
            || numbers.by_ref().take(BATCH).map(transaction).collect::<Vec<_>>(),
            |batch| ledger.post(Timestamp::ZERO, batch).expect("it is stored"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn posted(transactions: Vec<Transaction>) -> Ledger {
    let mut ledger = Ledger::default();
    for transaction in transactions {
        ledger.post(Timestamp::ZERO, transaction).expect("it is balanced");
    }
    ledger
}

/// Ids as they are in practice: without an order.
fn transaction(number: u64) -> Transaction {
    let tenant = TenantId((number % 100) as u32);
    let (model, pool) = (ModelId((number % 5) as u32), PoolId((number % 7) as u32));
    let amount = Amount::from_grains(i128::from(number) * 1_000_000_007);
    let lines = vec![
        Line::debit(AccountId::Unbilled(tenant), Currency::EUR, amount),
        Line::credit(AccountId::Revenue { tenant, model, pool }, Currency::EUR, amount),
    ];
    let step = Step::Book { effective: Timestamp::from_nanos(number), lines };
    Transaction { id: TransactionId::named(&number.to_string()), step }
}

criterion_group!(benches, memory, sqlite);
criterion_main!(benches);
