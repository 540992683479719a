//! The journal in a file.

use std::path::Path;

use adapters::ledger::{SqliteError, SqliteStore};
use connector::Timestamp;
use platform::billing::ledger::{DurableError, DurableLedger, Flaw, Tampered};
use rusqlite::Connection;

use super::{story, suite};

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).unwrap()
}

/// A ledger of ten entries, closed.
fn written(path: &Path) {
    let mut ledger = DurableLedger::open(open(path), None).unwrap();
    let transactions = (0..10).map(|number| story::transaction(0, number)).collect();
    for answer in ledger.post(Timestamp::ZERO, transactions).unwrap() {
        answer.unwrap();
    }
}

#[test]
fn it_does_what_every_store_must() {
    let folder = tempfile::tempdir().unwrap();
    suite::it_is_what_a_ledger_in_memory_is(|| open(&folder.path().join("one")));
    suite::a_batch_is_added_whole_or_not_at_all(|| open(&folder.path().join("two")));
    suite::there_is_one_writer(|| SqliteStore::open(&folder.path().join("three")));
}

#[test]
fn the_file_itself_refuses_to_change_or_lose_an_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    written(&path);
    let file = Connection::open(&path).unwrap();
    for statement in [
        "UPDATE journal SET hash = zeroblob(32) WHERE sequence = 3",
        "DELETE FROM journal WHERE sequence = 10",
        "DELETE FROM journal",
        "INSERT OR REPLACE INTO journal SELECT sequence, zeroblob(16), NULL, entry, hash FROM journal WHERE sequence = 3",
        "INSERT OR REPLACE INTO journal SELECT 11, id, NULL, entry, hash FROM journal WHERE sequence = 3",
        "INSERT OR REPLACE INTO journal SELECT 11, zeroblob(16), refers, entry, hash FROM journal WHERE sequence = 2",
        "INSERT INTO journal SELECT 12, zeroblob(16), NULL, entry, hash FROM journal WHERE sequence = 3",
    ] {
        let error = file.execute(statement, []).unwrap_err().to_string();
        assert!(error.starts_with("the journal is append-only"), "{statement}: {error}");
    }
    drop(file);
    let ledger = DurableLedger::open(open(&path), None).unwrap();
    assert_eq!(ledger.ledger().head().sequence, 10);
}

#[test]
fn whoever_gets_around_that_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let tampering = [
        ("UPDATE journal SET entry = zeroblob(60) WHERE sequence = 3", 3, Flaw::Hash),
        ("UPDATE journal SET id = zeroblob(16) WHERE sequence = 4", 4, Flaw::Misfiled),
        ("UPDATE journal SET refers = NULL WHERE sequence = 2", 2, Flaw::Misfiled),
        ("DELETE FROM journal WHERE sequence = 7", 7, Flaw::Sequence { found: 8 }),
    ];
    for (number, (statement, sequence, what)) in tampering.into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        written(&path);
        let file = Connection::open(&path).unwrap();
        file.execute_batch("DROP TRIGGER journal_no_update; DROP TRIGGER journal_no_delete")
            .unwrap();
        assert_eq!(file.execute(statement, []).unwrap(), 1);
        drop(file);
        let Err(DurableError::Tampered(found)) = DurableLedger::open(open(&path), None) else {
            panic!("{statement} is not found");
        };
        assert_eq!(found, Tampered { sequence, what }, "{statement}");
    }
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    written(&path);
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 1000").unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, SqliteError::Newer { found: 1000, known: 1 }), "{error}");
}

#[test]
fn what_is_no_ledger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    std::fs::write(&path, "a text that is long enough to be looked at, and no database").unwrap();
    let error = SqliteStore::open(&path).unwrap_err().to_string();
    assert_eq!(error, "file is not a database");
    let memory = SqliteStore::open(Path::new(":memory:")).unwrap_err();
    assert!(matches!(memory, SqliteError::NoLog(_)), "{memory}");
}
