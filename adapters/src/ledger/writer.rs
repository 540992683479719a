//! Group commit: one thread books for all.
//!
//! A commit costs a wait for the disk however much is in it. So while one batch is on its way to the
//! disk the next one gathers, and each caller is answered when the batch with its transaction is
//! stored, never before. The queue is bounded: whoever meets it full is told so at once.
//!
//! When the store fails the thread ends. Callers without an answer learn that nothing is known of
//! their transactions; after opening the ledger anew they ask again with the same ids.

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use connector::Timestamp;
use platform::billing::ledger::{
    DurableError, DurableLedger, Ledger, LedgerError, LedgerStore, Receipt, Transaction,
};
use tokio::sync::oneshot;

/// How often to look whether a reservation's time is over when nobody posts.
const IDLE: Duration = Duration::from_millis(250);

/// Why a transaction was not booked, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The ledger refused it: nothing of it is booked.
    #[error(transparent)]
    Refused(#[from] LedgerError),
    /// The queue is full: nothing of it is booked, try again later.
    #[error("the ledger's queue of {0} transactions is full")]
    Busy(usize),
    /// The store failed: whether it is booked is not known. Open the ledger anew and ask again with
    /// the same id.
    #[error("the ledger's store failed; whether the transaction is booked is not known")]
    Unknown,
}

/// How much is under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterLimits {
    /// Most transactions of one batch.
    pub batch: usize,
    /// Most transactions that wait for the next batch.
    pub queue: usize,
}

impl Default for WriterLimits {
    fn default() -> Self {
        Self { batch: 16_384, queue: 32_768 }
    }
}

/// The answer to a transaction that was handed over.
#[derive(Debug)]
pub struct Answer(oneshot::Receiver<Result<Receipt, WriteError>>);

impl Answer {
    /// Waits until the transaction is stored or refused.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    pub async fn wait(self) -> Result<Receipt, WriteError> {
        self.0.await.unwrap_or(Err(WriteError::Unknown))
    }

    /// As [`wait`](Self::wait), outside of a runtime.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    pub fn wait_blocking(self) -> Result<Receipt, WriteError> {
        self.0.blocking_recv().unwrap_or(Err(WriteError::Unknown))
    }
}

enum Job {
    Post(Transaction, oneshot::Sender<Result<Receipt, WriteError>>),
    Read(Box<dyn FnOnce(&Ledger) + Send>),
}

/// How a writer ended: its ledger, or why its store failed.
type Ended<S> = Result<DurableLedger<S>, DurableError<<S as LedgerStore>::Error>>;

/// A thread that writes a ledger: transactions in groups, each answered once it is durable.
#[derive(Debug)]
pub struct LedgerWriter<S: LedgerStore> {
    jobs: SyncSender<Job>,
    queue: usize,
    thread: JoinHandle<Ended<S>>,
}

impl<S: LedgerStore + Send + 'static> LedgerWriter<S> {
    /// Starts the thread. `clock` tells the time since the origin of the ledger's times; see
    /// [`wall_clock`].
    pub fn start(
        ledger: DurableLedger<S>,
        limits: WriterLimits,
        clock: impl FnMut() -> Timestamp + Send + 'static,
    ) -> Self {
        let (jobs, inbox) = sync_channel(limits.queue);
        let thread = std::thread::spawn(move || write(ledger, &inbox, limits.batch.max(1), clock));
        Self { jobs, queue: limits.queue, thread }
    }

    /// Hands a transaction over; does not wait.
    ///
    /// # Errors
    ///
    /// If the queue is full or the store failed before.
    pub fn post(&self, transaction: Transaction) -> Result<Answer, WriteError> {
        let (sender, answer) = oneshot::channel();
        self.hand_over(Job::Post(transaction, sender))?;
        Ok(Answer(answer))
    }

    /// What `question` sees in the books, as of some time after all that is handed over so far.
    ///
    /// # Errors
    ///
    /// If the queue is full or the store failed.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> T + Send + 'static,
    ) -> Result<T, WriteError> {
        let (sender, answer) = oneshot::channel();
        // Whoever asked may have gone; that is no failure.
        self.hand_over(Job::Read(Box::new(move |ledger| drop(sender.send(question(ledger))))))?;
        answer.await.map_err(|_| WriteError::Unknown)
    }

    fn hand_over(&self, job: Job) -> Result<(), WriteError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => WriteError::Busy(self.queue),
            TrySendError::Disconnected(_) => WriteError::Unknown,
        })
    }

    /// Writes what is handed over, then gives the ledger back.
    ///
    /// # Errors
    ///
    /// Why the store failed.
    pub fn close(self) -> Ended<S> {
        drop(self.jobs);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The time since the Unix epoch: the origin of times in ledgers that outlast a run.
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn write<S: LedgerStore>(
    mut ledger: DurableLedger<S>,
    inbox: &Receiver<Job>,
    most: usize,
    mut clock: impl FnMut() -> Timestamp,
) -> Ended<S> {
    loop {
        let first = match inbox.recv_timeout(IDLE) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(ledger),
        };
        let mut transactions = Vec::new();
        let mut senders = VecDeque::new();
        let mut questions = Vec::new();
        let batch = first.into_iter().chain(inbox.try_iter()).take(most);
        for job in batch {
            match job {
                Job::Post(transaction, sender) => {
                    transactions.push(transaction);
                    senders.push_back(sender);
                }
                Job::Read(question) => questions.push(question),
            }
        }
        let now = clock();
        let due = ledger.ledger().deadline().is_some_and(|deadline| deadline <= now);
        if due || !transactions.is_empty() {
            for answer in ledger.post(now, transactions)? {
                let sender = senders.pop_front().expect("one answer for each transaction");
                // Whoever asked may have gone; that is no failure.
                drop(sender.send(answer.map_err(WriteError::Refused)));
            }
        }
        for question in questions {
            question(ledger.ledger());
        }
    }
}
