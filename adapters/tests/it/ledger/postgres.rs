//! The journal in PostgreSQL. Without an installed server these tests say so and check nothing.

use adapters::ledger::{PostgresError, PostgresStore};
use connector::Timestamp;
use platform::billing::ledger::{DurableError, DurableLedger, Flaw, Tampered};
use secrecy::SecretString;

use super::{child::Place, kill::kill_often, server::Server, story, suite};

fn connect(url: &str) -> Result<PostgresStore, PostgresError> {
    PostgresStore::connect(&SecretString::from(url))
}

#[test]
fn it_does_what_every_store_must() {
    let Some(server) = Server::start() else { return };
    let (one, two, three) = (server.make("one"), server.make("two"), server.make("three"));
    suite::it_is_what_a_ledger_in_memory_is(|| connect(&one).unwrap());
    suite::a_batch_is_added_whole_or_not_at_all(|| connect(&two).unwrap());
    suite::there_is_one_writer(|| connect(&three));
}

#[test]
fn the_table_itself_refuses_to_change_or_lose_an_entry_and_tampering_is_found() {
    let Some(server) = Server::start() else { return };
    let url = server.make("one");
    let mut ledger = DurableLedger::open(connect(&url).unwrap(), None).unwrap();
    let transactions = (0..10).map(|number| story::transaction(0, number)).collect();
    ledger.post(Timestamp::ZERO, transactions).unwrap();
    drop(ledger);
    let mut client = server.client("one");
    for statement in [
        "UPDATE harpoon.journal SET hash = hash WHERE sequence = 3",
        "DELETE FROM harpoon.journal WHERE sequence = 10",
        "TRUNCATE harpoon.journal",
        "INSERT INTO harpoon.journal SELECT sequence, id, refers, entry, hash FROM harpoon.journal
         WHERE sequence = 3 ON CONFLICT (sequence) DO UPDATE SET hash = excluded.hash",
    ] {
        let error = client.execute(statement, &[]).unwrap_err();
        let error = error.as_db_error().unwrap().message();
        assert_eq!(error, "the journal is append-only", "{statement}");
    }
    client.batch_execute("ALTER TABLE harpoon.journal DISABLE TRIGGER ALL").unwrap();
    client.execute("DELETE FROM harpoon.journal WHERE sequence = 7", &[]).unwrap();
    let opened = DurableLedger::open(connect(&url).unwrap(), None);
    let Err(DurableError::Tampered(found)) = opened else { panic!("it is not found") };
    assert_eq!(found, Tampered { sequence: 7, what: Flaw::Sequence { found: 8 } });
}

#[test]
fn a_server_that_would_lose_what_it_acknowledged_and_a_later_version_are_refused() {
    let Some(mut server) = Server::start() else { return };
    let url = server.make("one");
    drop(connect(&url).unwrap());
    let mut client = server.client("one");
    client.execute("INSERT INTO harpoon.version VALUES (1000)", &[]).unwrap();
    let newer = connect(&url).unwrap_err();
    assert!(matches!(newer, PostgresError::Newer { found: 1000, known: 1 }), "{newer}");
    client.batch_execute("ALTER SYSTEM SET fsync = off").unwrap();
    server.kill();
    server.restart();
    let lossy = connect(&url).unwrap_err();
    assert!(matches!(lossy, PostgresError::Unsafe { setting: "fsync" }), "{lossy}");
}

#[test]
fn no_error_shows_the_password() {
    for url in [
        "postgresql://me:hunter2@db.example.com/ledger",
        "postgresql://me:hunter2@/ledger?host=hunter2.example.com&port=hunter2",
        "password=hunter2 port=x",
        "hunter2",
    ] {
        let error = connect(url).unwrap_err();
        let told = format!("{error} {error:?}").replace("hunter2.example.com", "");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_server_on_another_machine_is_refused_however_it_is_named() {
    for (url, expected) in [
        ("postgresql://me@db.example.com/ledger", "db.example.com"),
        ("host=localhost,db.example.com user=me", "db.example.com"),
        ("host=localhost hostaddr=192.0.2.1 user=me", "192.0.2.1"),
    ] {
        let error = connect(url).unwrap_err();
        assert!(matches!(&error, PostgresError::Remote { host } if host == expected), "{error}");
    }
}

/// In every tenth round the server is killed, in the others the client.
#[test]
fn a_ledger_in_a_database_loses_and_doubles_nothing() {
    let Some(mut server) = Server::start() else { return };
    let (mut kills, mut answers, mut servers) = (0, 0, 0);
    for seed in 0..4 {
        let url = server.make(&format!("ledger{seed}"));
        let told = kill_often(&Place::Url(url.clone()), seed, 50, |round, child| {
            if round % 10 == 0 {
                server.kill();
                // It learns of it, and answers nothing that is not booked.
                child.wait().unwrap();
                server.restart();
                servers += 1;
            }
        });
        told.check(connect(&url).unwrap());
        kills += told.kills;
        answers += told.answers();
    }
    println!(
        "{kills} kills, {servers} of them of the server, {answers} answers, none lost, none doubled"
    );
    assert_eq!((kills, servers), (200, 20));
    assert!(answers > 2_000, "{answers} answers are too few to mean anything");
}
