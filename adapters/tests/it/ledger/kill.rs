//! `kill -9` at random points: nothing that was answered is lost, nothing is booked twice.

use std::{
    collections::BTreeMap,
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use adapters::ledger::SqliteStore;
use platform::billing::ledger::{DurableLedger, LedgerStore, TransactionId};
use rand::{RngExt as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{
    child::{self, Place, Word},
    story,
};

/// Each ledger is killed so often; a new one begins with an empty store.
const KILLS_OF_ONE: u32 = 25;
/// In microseconds.
const LONGEST_LIFE: u64 = 40_000;
/// For what takes no time on a machine that is not stuck.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the children of one ledger were told.
#[derive(Default)]
pub(super) struct Told {
    booked: BTreeMap<TransactionId, u64>,
    pub(super) kills: u32,
}

impl Told {
    /// Every answer stands in the journal, where it said; no id stands there twice; the journal is
    /// whole.
    pub(super) fn check<S: LedgerStore>(&self, mut store: S) {
        let mut journal = BTreeMap::new();
        let replayed = store.replay(&mut |record| {
            let first = journal.insert(record.id, record.sequence);
            assert_eq!(first, None, "transaction {} is doubled", record.id);
            Ok(())
        });
        replayed.unwrap().unwrap();
        for (id, sequence) in &self.booked {
            assert_eq!(journal.get(id), Some(sequence), "transaction {id} is lost");
        }
        DurableLedger::open(store, None).unwrap();
    }

    fn hear(&mut self, word: &Word) {
        if let Word::Booked(id, sequence) = *word {
            let first = *self.booked.entry(id).or_insert(sequence);
            assert_eq!(first, sequence, "the second answer is the first");
        }
    }

    /// The first number of a round that nothing is known of, less some that are booked.
    fn doubtful(&self, round: u32) -> u32 {
        let booked = |&number: &u32| self.booked.contains_key(&story::id(round, number));
        (0..child::MOST).take_while(booked).count().saturating_sub(100) as u32 / 10 * 10
    }

    pub(super) fn answers(&self) -> usize {
        self.booked.len()
    }
}

/// Kills so many children, one after the other, at random points: while they open the ledger, or
/// while they book. `strike` does it, and may kill something else first.
pub(super) fn kill_often(
    place: &Place,
    seed: u64,
    kills: u32,
    mut strike: impl FnMut(u32, &mut std::process::Child),
) -> Told {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut told = Told::default();
    for round in 1..=kills {
        let again = told.doubtful(round - 1);
        let (mut child, words) = child::spawn(place, round, again);
        if random.random_bool(0.7) {
            match words.recv_timeout(PATIENCE) {
                Ok(word) => told.hear(&word),
                Err(error) => panic!("seed {seed}, round {round}: it does not open: {error}"),
            }
        }
        let end = Instant::now() + Duration::from_micros(random.random_range(0..LONGEST_LIFE));
        loop {
            match words.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(word) => told.hear(&word),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("seed {seed}, round {round}: it ended by itself")
                }
            }
        }
        strike(round, &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
        for word in &words {
            told.hear(&word);
        }
        told.kills += 1;
    }
    told
}

#[test]
fn a_ledger_in_a_file_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut kills, mut answers) = (0, 0);
    for seed in 0..8 {
        let path = folder.path().join(seed.to_string());
        let place = Place::File(path.to_str().unwrap().to_owned());
        let told = kill_often(&place, seed, KILLS_OF_ONE, |_, _| {});
        told.check(SqliteStore::open(&path).unwrap());
        kills += told.kills;
        answers += told.answers();
    }
    println!("{kills} kills, {answers} answers, none lost, none doubled");
    assert_eq!(kills, 200);
    assert!(answers > 2_000, "{answers} answers are too few to mean anything");
}

/// The check above can fail.
#[test]
fn a_lost_entry_would_be_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = DurableLedger::open(SqliteStore::open(&path).unwrap(), None).unwrap();
    let transactions = (0..10).map(|number| story::transaction(0, number)).collect();
    ledger.post(connector::Timestamp::ZERO, transactions).unwrap();
    drop(ledger);
    let mut told = Told::default();
    for number in 0..10 {
        told.hear(&Word::Booked(story::id(0, number), u64::from(number) + 1));
    }
    told.check(SqliteStore::open(&path).unwrap());
    told.hear(&Word::Booked(story::id(0, 10), 11));
    let seen = std::panic::AssertUnwindSafe(|| told.check(SqliteStore::open(&path).unwrap()));
    assert!(std::panic::catch_unwind(seen).is_err());
}
