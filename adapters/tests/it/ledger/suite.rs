//! What every store must do. Each takes a way to open the same store again.

use connector::Timestamp;
use platform::billing::ledger::{
    DurableLedger, Ledger, LedgerStore, NamedKind, Record, Transaction, TransactionId, verify,
};

use super::story;

const COUNT: u32 = 500;

fn open<S: LedgerStore>(store: S) -> DurableLedger<S> {
    DurableLedger::open(store, None).unwrap()
}

fn story() -> Vec<Transaction> {
    (0..COUNT).map(|number| story::transaction(0, number)).collect()
}

/// Opened anew after each batch, it is at every time what a ledger in memory is.
pub(super) fn it_is_what_a_ledger_in_memory_is<S: LedgerStore>(mut reopen: impl FnMut() -> S) {
    let mut memory = Ledger::default();
    let now = Timestamp::from_nanos(7);
    memory.name(now, NamedKind::Model, "größer").unwrap();
    open(reopen()).name(now, NamedKind::Model, "größer").unwrap().unwrap();
    memory.name(now, NamedKind::Model, "b").unwrap();
    memory.name(now, NamedKind::Model, "c").unwrap();
    for name in ["b", "c"] {
        open(reopen()).name(now, NamedKind::Model, name).unwrap().unwrap();
    }
    for batch in story().chunks(60) {
        let mut ledger = open(reopen());
        // Each batch comes twice: the second time it is answered and not booked.
        for _ in 0..2 {
            let answers = ledger.post(now, batch.to_vec()).unwrap();
            for (answer, transaction) in answers.into_iter().zip(batch) {
                assert_eq!(answer, memory.post(now, transaction.clone()));
                assert!(answer.is_ok(), "{answer:?}");
            }
        }
        assert_eq!(ledger.ledger().head(), memory.head());
        assert_eq!(ledger.ledger().balances(), memory.balances());
    }
    let ledger = open(reopen());
    assert_eq!(ledger.ledger().balances(), memory.balances());
    assert_eq!(records(&mut ledger.into_store()), records_in_memory(&memory));
}

/// Nothing of a batch stays if one of its records cannot.
pub(super) fn a_batch_is_added_whole_or_not_at_all<S: LedgerStore>(mut reopen: impl FnMut() -> S) {
    let mut memory = Ledger::default();
    for transaction in story() {
        memory.post(Timestamp::ZERO, transaction).unwrap();
    }
    let records: Vec<Record<'_>> = memory.records().collect();
    reopen().append(&records[..10]).unwrap();
    let doubled = Record { sequence: 13, ..records[4] };
    let reversed_twice = Record { sequence: 13, id: TransactionId(1), ..records[1] };
    for wrong in [doubled, reversed_twice, records[9]] {
        let mut store = reopen();
        store.append(&[records[10], records[11], wrong]).unwrap_err();
        drop(store);
        assert_eq!(count(&mut reopen()), 10);
    }
    reopen().append(&records[10..]).unwrap();
    let ledger = open(reopen());
    assert_eq!(ledger.ledger().head(), memory.head());
}

/// Two writers cannot have it at once.
pub(super) fn there_is_one_writer<S: LedgerStore, E: std::fmt::Display>(
    open: impl Fn() -> Result<S, E>,
) {
    let first = open().ok().expect("nobody has it");
    let second = open().err().expect("it is taken").to_string();
    assert_eq!(second, "the ledger is in use by another program");
    drop(first);
    assert!(open().is_ok());
}

fn records<S: LedgerStore>(store: &mut S) -> Vec<(TransactionId, Vec<u8>, [u8; 32])> {
    let mut all = Vec::new();
    let replayed = store.replay(&mut |record| {
        all.push((record.id, record.bytes.to_vec(), record.hash));
        Ok(())
    });
    replayed.unwrap().unwrap();
    all
}

fn count<S: LedgerStore>(store: &mut S) -> usize {
    records(store).len()
}

fn records_in_memory(ledger: &Ledger) -> Vec<(TransactionId, Vec<u8>, [u8; 32])> {
    verify(ledger.records(), Some(ledger.head())).expect("nobody touched it");
    ledger.records().map(|record| (record.id, record.bytes.to_vec(), record.hash)).collect()
}
