//! A durable ledger on a store that keeps everything in a list, and fails when it is told to.

use platform::billing::ledger::{
    DurableError, DurableLedger, Flaw, Head, Ledger, LedgerError, LedgerStore, NamedKind, Record,
    Tampered, Transaction, TransactionId,
};

use super::shorthand::{
    at, book, charge, id, net, pending, reserve, revenue, reverse, settle, unbilled, void,
};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list is away")]
struct Away;

#[derive(Default)]
struct List {
    kept: Vec<(Record<'static>, Vec<u8>)>,
    /// What becomes of the next append.
    fate: Fate,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Kept,
    Lost,
    /// It is kept, and the answer is lost.
    Unanswered,
}

impl LedgerStore for List {
    type Error = Away;

    fn replay(
        &mut self,
        visit: &mut dyn FnMut(&Record<'_>) -> Result<(), Tampered>,
    ) -> Result<Result<(), Tampered>, Away> {
        let mut records = self.kept.iter().map(|(like, bytes)| Record { bytes, ..*like });
        Ok(records.try_for_each(|record| visit(&record)))
    }

    fn find(
        &mut self,
        ids: &[TransactionId],
        referred: &[TransactionId],
        visit: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(), Away> {
        for (like, bytes) in &self.kept {
            if ids.contains(&like.id) || like.refers.is_some_and(|id| referred.contains(&id)) {
                visit(&Record { bytes, ..*like });
            }
        }
        Ok(())
    }

    fn append(&mut self, records: &[Record<'_>]) -> Result<(), Away> {
        let fate = std::mem::take(&mut self.fate);
        if fate != Fate::Lost {
            for record in records {
                self.kept.push((Record { bytes: &[], ..*record }, record.bytes.to_vec()));
            }
        }
        if fate == Fate::Kept { Ok(()) } else { Err(Away) }
    }
}

fn open(list: List) -> DurableLedger<List> {
    DurableLedger::open(list, None).unwrap()
}

/// One entry of most kinds, and what follows from them in later batches.
fn batches() -> Vec<Vec<Transaction>> {
    vec![
        vec![
            book(1, charge(0, 7)),
            reserve(2, 50, None),
            reserve(3, 50, Some(90)),
            reserve(4, 9, None),
        ],
        vec![settle(5, 2, 20), book(1, charge(0, 7)), void(6, 4), reverse(7, 1)],
        vec![settle(8, 2, 1), void(9, 4), reverse(10, 1), book(1, charge(0, 8)), settle(5, 2, 20)],
        vec![book(11, charge(1, 1)), reverse(12, 11), settle(13, 3, 5), reverse(14, 5)],
    ]
}

#[test]
fn it_answers_as_a_ledger_in_memory_also_when_it_is_opened_anew_each_time() {
    let mut memory = Ledger::default();
    let (mut durable, mut reopened) = (open(List::default()), open(List::default()));
    for (when, batch) in (0..).map(|n| 40 * n).zip(batches()) {
        let one_by_one = |transaction: &Transaction| memory.post(at(when), transaction.clone());
        let expected: Vec<_> = batch.iter().map(one_by_one).collect();
        assert_eq!(durable.post(at(when), batch.clone()).unwrap(), expected);
        assert_eq!(reopened.post(at(when), batch).unwrap(), expected);
        reopened = DurableLedger::open(reopened.into_store(), Some(memory.head())).unwrap();
        for ledger in [durable.ledger(), reopened.ledger()] {
            assert_eq!((ledger.head(), ledger.balances()), (memory.head(), memory.balances()));
            assert_eq!(ledger.records().count(), 0, "what is stored is not kept in memory");
        }
    }
    assert_eq!(memory.head().sequence, 11);
}

#[test]
fn after_a_failure_nothing_is_answered_until_it_is_opened_anew() {
    let mut ledger = open(List { fate: Fate::Lost, ..List::default() });
    let failed = ledger.post(at(0), vec![book(1, charge(0, 7))]).unwrap_err();
    assert!(matches!(failed, DurableError::Store(Away)));
    let broken = ledger.post(at(0), vec![book(2, charge(0, 7))]).unwrap_err();
    assert!(matches!(broken, DurableError::Broken));
    assert!(matches!(ledger.name(at(0), NamedKind::Pool, "a").unwrap_err(), DurableError::Broken));
    let mut ledger = open(ledger.into_store());
    assert_eq!(ledger.ledger().head(), Head::default());
    ledger.post(at(0), vec![book(1, charge(0, 7))]).unwrap()[0].as_ref().unwrap();
}

#[test]
fn what_was_stored_and_not_answered_is_booked_once() {
    let mut ledger = open(List { fate: Fate::Unanswered, ..List::default() });
    ledger.post(at(0), vec![book(1, charge(0, 7))]).unwrap_err();
    let mut ledger = open(ledger.into_store());
    let answer = ledger.post(at(5), vec![book(1, charge(0, 7))]).unwrap();
    assert_eq!(answer[0].as_ref().unwrap().booked, at(0));
    assert_eq!(net(ledger.ledger(), unbilled(0)), 7);
}

#[test]
fn open_reservations_and_names_outlast_the_program() {
    let mut ledger = open(List::default());
    ledger.name(at(0), NamedKind::Tenant, "acme").unwrap().unwrap();
    ledger.post(at(0), vec![reserve(1, 50, Some(90))]).unwrap();
    let mut ledger = open(ledger.into_store());
    assert_eq!(ledger.name(at(0), NamedKind::Tenant, "acme").unwrap(), Ok(0));
    assert_eq!(pending(ledger.ledger(), unbilled(0)), 50);
    assert_eq!(ledger.ledger().deadline(), Some(at(90)));
    ledger.post(at(90), Vec::new()).unwrap();
    let ended = ledger.post(at(91), vec![settle(2, 1, 1)]).unwrap().remove(0).unwrap_err();
    assert!(matches!(ended, LedgerError::Ended { sequence: 3, .. }), "{ended}");
    assert_eq!(net(ledger.ledger(), revenue(0)), 0);
}

#[test]
fn a_journal_that_was_tampered_with_is_not_opened() {
    let mut ledger = open(List::default());
    ledger.post(at(0), vec![book(1, charge(0, 7)), book(2, charge(0, 8))]).unwrap();
    let head = ledger.ledger().head();
    let mut list = ledger.into_store();
    let last = list.kept.pop().unwrap();
    let Err(DurableError::Tampered(cut)) = DurableLedger::open(list, Some(head)) else { panic!() };
    assert_eq!(cut, Tampered { sequence: 2, what: Flaw::Head });
    let list = List { kept: vec![last], ..List::default() };
    let Err(DurableError::Tampered(first)) = DurableLedger::open(list, None) else { panic!() };
    assert_eq!(first, Tampered { sequence: 1, what: Flaw::Sequence { found: 2 } });
}

#[test]
fn a_record_that_the_store_mixed_up_is_not_believed() {
    let mut ledger = open(List::default());
    ledger.post(at(0), vec![book(1, charge(0, 7))]).unwrap();
    let mut list = ledger.into_store();
    list.kept[0].0.id = id(9);
    let Err(DurableError::Tampered(found)) = DurableLedger::open(list, None) else { panic!() };
    assert_eq!(found.what, Flaw::Misfiled);
}
