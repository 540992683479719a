//! The thread that writes for all.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc,
};

use adapters::ledger::{Answer, LedgerWriter, SqliteStore, WriteError, WriterLimits};
use connector::Timestamp;
use platform::billing::ledger::{
    DurableError, DurableLedger, Ledger, LedgerError, LedgerStore, Record, Tampered, TransactionId,
};

use super::story;

fn sqlite(folder: &tempfile::TempDir) -> DurableLedger<SqliteStore> {
    let store = SqliteStore::open(&folder.path().join("ledger")).unwrap();
    DurableLedger::open(store, None).unwrap()
}

#[test]
fn all_that_is_handed_over_is_answered_and_stored_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let limits = WriterLimits { batch: 64, queue: 2_000 };
    let writer = LedgerWriter::start(sqlite(&folder), limits, || Timestamp::ZERO);
    let answers: Vec<Answer> =
        (0..2_000).map(|number| writer.post(story::transaction(0, number)).unwrap()).collect();
    for (sequence, answer) in (1..).zip(answers) {
        assert_eq!(answer.wait_blocking().unwrap().sequence, sequence);
    }
    let ledger = writer.close().unwrap();
    assert_eq!(ledger.ledger().head().sequence, 2_000);
}

#[tokio::test]
async fn a_refusal_is_told_and_the_books_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let writer = LedgerWriter::start(sqlite(&folder), WriterLimits::default(), || Timestamp::ZERO);
    let first = writer.post(story::transaction(0, 1)).unwrap().wait().await.unwrap_err();
    let of = story::id(0, 0);
    assert_eq!(first, WriteError::Refused(LedgerError::NotFound { id: of }));
    writer.post(story::transaction(0, 0)).unwrap().wait().await.unwrap();
    let sequence = writer.read(|ledger| ledger.head().sequence).await.unwrap();
    assert_eq!(sequence, 1);
}

#[test]
fn a_reservation_expires_though_nobody_posts() {
    let folder = tempfile::tempdir().unwrap();
    let time = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&time);
    let writer = LedgerWriter::start(sqlite(&folder), WriterLimits::default(), move || {
        Timestamp::from_nanos(clock.load(Ordering::Relaxed))
    });
    let mut reserve = story::transaction(0, 2);
    let platform::billing::ledger::Step::Reserve(hold) = &mut reserve.step else { panic!() };
    hold.expires = Some(Timestamp::from_nanos(5));
    writer.post(reserve).unwrap().wait_blocking().unwrap();
    time.store(5, Ordering::Relaxed);
    let open = |writer: &LedgerWriter<SqliteStore>| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(writer.read(Ledger::open_reservations)).unwrap()
    };
    while open(&writer) > 0 {}
    assert_eq!(writer.close().unwrap().ledger().head().sequence, 2);
}

/// A store that waits for a word before each append, and fails without one.
struct Gate {
    words: mpsc::Receiver<()>,
    reached: mpsc::Sender<usize>,
}

#[derive(Debug, thiserror::Error)]
#[error("no word")]
struct NoWord;

impl LedgerStore for Gate {
    type Error = NoWord;

    fn replay(
        &mut self,
        _: &mut dyn FnMut(&Record<'_>) -> Result<(), Tampered>,
    ) -> Result<Result<(), Tampered>, NoWord> {
        Ok(Ok(()))
    }

    fn find(
        &mut self,
        _: &[TransactionId],
        _: &[TransactionId],
        _: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(), NoWord> {
        Ok(())
    }

    fn append(&mut self, records: &[Record<'_>]) -> Result<(), NoWord> {
        self.reached.send(records.len()).unwrap();
        self.words.recv().map_err(|_| NoWord)
    }
}

fn gated(limits: WriterLimits) -> (LedgerWriter<Gate>, mpsc::Sender<()>, mpsc::Receiver<usize>) {
    let (word, words) = mpsc::channel();
    let (reached, appends) = mpsc::channel();
    let ledger = DurableLedger::open(Gate { words, reached }, None).unwrap();
    (LedgerWriter::start(ledger, limits, || Timestamp::ZERO), word, appends)
}

#[test]
fn while_one_batch_is_written_the_next_gathers_and_the_queue_is_bounded() {
    let (writer, word, appends) = gated(WriterLimits { batch: 3, queue: 4 });
    let post = |number| writer.post(story::transaction(0, number));
    let mut answers = vec![post(0).unwrap()];
    assert_eq!(appends.recv().unwrap(), 1);
    answers.extend((6..10).map(|number| post(number).unwrap()));
    assert_eq!(post(16).unwrap_err(), WriteError::Busy(4));
    for expected in [3, 1] {
        word.send(()).unwrap();
        assert_eq!(appends.recv().unwrap(), expected);
    }
    word.send(()).unwrap();
    for answer in answers {
        answer.wait_blocking().unwrap();
    }
    assert!(writer.close().is_ok());
}

#[test]
fn after_a_failure_nobody_is_told_that_anything_is_booked() {
    let (writer, word, appends) = gated(WriterLimits::default());
    let under_way = writer.post(story::transaction(0, 0)).unwrap();
    assert_eq!(appends.recv().unwrap(), 1);
    let waiting = writer.post(story::transaction(0, 6)).unwrap();
    drop(word);
    for answer in [under_way, waiting] {
        assert_eq!(answer.wait_blocking().unwrap_err(), WriteError::Unknown);
    }
    let Err(DurableError::Store(NoWord)) = writer.close() else { panic!("it failed") };
}
