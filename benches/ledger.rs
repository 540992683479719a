//! The ledger: transactions booked in memory, a journal replayed, batches made durable.
//!
//! What PostgreSQL takes is behind the feature `postgres` and asks where an empty database is:
//!
//! ```text
//! LEDGER_URL=postgresql:///ledger?host=/var/run/postgresql cargo bench --features postgres --bench ledger
//! ```

use adapters::ledger::SqliteStore;
use connector::{Amount, ModelId, PoolId, TenantId, Timestamp};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use platform::billing::{
    AccountId, Currency,
    ledger::{
        DurableLedger, Head, Ledger, LedgerStore, Line, Record, Step, Transaction, TransactionId,
        verify,
    },
};

const COUNT: u64 = 100_000;
const BATCH: usize = 8_192;
/// Entries of the journals that are replayed from a store.
const JOURNAL: u64 = 1_000_000;

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
    let open = |name| SqliteStore::open(&folder.path().join(name)).expect("a file of its own");
    let mut ledger = opened(open("batches"), None);
    let mut numbers = 0..;
    group.bench_function("batch_8192", |b| {
        b.iter_batched(
            || numbers.by_ref().take(BATCH).map(transaction).collect::<Vec<_>>(),
            |batch| ledger.post(Timestamp::ZERO, batch).expect("it is stored"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
    replay(c, "ledger_sqlite", open("replayed"));
}

#[cfg(feature = "postgres")]
fn postgres(c: &mut Criterion) {
    let url = std::env::var("LEDGER_URL").expect("LEDGER_URL says where an empty database is");
    let store = adapters::ledger::PostgresStore::connect(&url.into()).expect("it answers");
    replay(c, "ledger_postgres", store);
}

/// A journal read, with and without being checked: the difference is what the ledger takes.
fn replay<S: LedgerStore>(c: &mut Criterion, name: &str, store: S) {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).throughput(Throughput::Elements(JOURNAL));
    let mut ledger = opened(store, None);
    for from in (0..JOURNAL).step_by(BATCH) {
        let until = JOURNAL.min(from + BATCH as u64);
        ledger.post(Timestamp::ZERO, (from..until).map(transaction).collect()).expect("stored");
    }
    let head = ledger.ledger().head();
    assert_eq!(head.sequence, JOURNAL);
    let mut store = ledger.into_store();
    group.bench_function("read", |b| {
        b.iter(|| {
            let mut last = 0;
            let read = store.replay(&mut |record: &Record<'_>| {
                last = record.sequence;
                Ok(())
            });
            read.expect("it answers").expect("nothing is refused");
            assert_eq!(last, JOURNAL);
        });
    });
    let mut store = Some(store);
    group.bench_function("replay", |b| {
        b.iter(|| store = store.take().map(|store| opened(store, Some(head)).into_store()));
    });
    group.finish();
}

fn opened<S: LedgerStore>(store: S, noted: Option<Head>) -> DurableLedger<S> {
    DurableLedger::open(store, noted).expect("nobody touched it")
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
#[cfg(feature = "postgres")]
criterion_group!(server, postgres);

#[cfg(not(feature = "postgres"))]
criterion_main!(benches);
#[cfg(feature = "postgres")]
criterion_main!(benches, server);
