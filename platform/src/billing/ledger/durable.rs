//! A ledger whose journal is in a store: the books in memory, the entries elsewhere.
//!
//! A batch of transactions is booked in memory, written by the store at once, and only then
//! answered. If the write fails, what the store has is not known, so the ledger answers nothing any
//! more until it is opened anew from what is there; whoever got no answer asks again with the same
//! id, and gets the first answer if there was one.

use connector::Timestamp;

use super::{
    Head, Ledger, LedgerError, NamedKind, Receipt, Record, Step, Tampered, Transaction,
    TransactionId, Witness,
};

/// Where a journal is kept. Entries are added, never changed or removed, and the store sees to it.
pub trait LedgerStore {
    /// What can go wrong with it.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Gives `visit` all records in order, until it refuses one.
    ///
    /// # Errors
    ///
    /// If the store fails; what `visit` refused stands inside.
    fn replay(
        &mut self,
        visit: &mut dyn FnMut(&Record<'_>) -> Result<(), Tampered>,
    ) -> Result<Result<(), Tampered>, Self::Error>;

    /// Gives `visit` the records with one of `ids`, and those that refer to one of `referred`.
    ///
    /// # Errors
    ///
    /// If the store fails.
    fn find(
        &mut self,
        ids: &[TransactionId],
        referred: &[TransactionId],
        visit: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(), Self::Error>;

    /// Adds records at the end, all or none. When it returns they outlast a crash.
    ///
    /// # Errors
    ///
    /// If the store fails, or does not end where these begin. Whether they were added is then
    /// unknown.
    fn append(&mut self, records: &[Record<'_>]) -> Result<(), Self::Error>;
}

/// Why a durable ledger cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DurableError<E: std::error::Error + 'static> {
    /// The store failed.
    #[error("the store of the ledger failed")]
    Store(#[source] E),
    /// The journal is not as it was written.
    #[error(transparent)]
    Tampered(#[from] Tampered),
    /// The store failed before.
    #[error("the store of the ledger failed before: open the ledger anew")]
    Broken,
}

/// A ledger and the store of its journal: what the store has not taken did not happen.
#[derive(Debug)]
pub struct DurableLedger<S> {
    ledger: Ledger,
    store: S,
    broken: bool,
}

impl<S: LedgerStore> DurableLedger<S> {
    /// The ledger of a store's journal, checked from its first entry on. `noted` is a head that is
    /// known to be in it.
    ///
    /// # Errors
    ///
    /// If the store fails or somebody tampered with the journal.
    pub fn open(mut store: S, noted: Option<Head>) -> Result<Self, DurableError<S::Error>> {
        let mut ledger = Ledger::default();
        let witness = Witness::new(noted);
        let mut visit = |record: &Record<'_>| {
            ledger.replay(record)?;
            witness.see(ledger.head())
        };
        store.replay(&mut visit).map_err(DurableError::Store)??;
        witness.end(ledger.head())?;
        Ok(Self { ledger, store, broken: false })
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Does what each transaction asks, in their order, and answers when all that was booked is
    /// stored. Also books the expiries that are due.
    ///
    /// # Errors
    ///
    /// If the store fails, or gives back what was not written. Then nothing is known of any of
    /// them, and all later calls fail.
    pub fn post(
        &mut self,
        now: Timestamp,
        transactions: Vec<Transaction>,
    ) -> Result<Vec<Result<Receipt, LedgerError>>, DurableError<S::Error>> {
        self.usable()?;
        self.recall(&transactions)?;
        self.ledger.expire(now);
        let answers = transactions
            .into_iter()
            .map(|transaction| self.ledger.post(now, transaction))
            .collect();
        self.store_new()?;
        Ok(answers)
    }

    /// The number of a tenant, model or pool; see [`Ledger::name`].
    ///
    /// # Errors
    ///
    /// If the store fails; what the ledger refused stands inside.
    pub fn name(
        &mut self,
        now: Timestamp,
        kind: NamedKind,
        name: &str,
    ) -> Result<Result<u32, LedgerError>, DurableError<S::Error>> {
        self.usable()?;
        let number = self.ledger.name(now, kind, name);
        self.store_new()?;
        Ok(number)
    }

    /// Gives back the store.
    pub fn into_store(self) -> S {
        self.store
    }

    fn usable(&self) -> Result<(), DurableError<S::Error>> {
        if self.broken { Err(DurableError::Broken) } else { Ok(()) }
    }

    /// Gets what the ledger has to know of the past to judge these transactions.
    fn recall(&mut self, transactions: &[Transaction]) -> Result<(), DurableError<S::Error>> {
        let mut ids: Vec<_> = transactions.iter().map(|transaction| transaction.id).collect();
        let mut referred = Vec::new();
        for transaction in transactions {
            match transaction.step {
                Step::Post { reservation: other, .. }
                | Step::Void { reservation: other }
                | Step::Reverse { of: other } => referred.push(other),
                Step::Book { .. } | Step::Reserve(_) => {}
            }
        }
        ids.extend(&referred);
        let journal = &mut self.ledger.journal;
        let mut flaw = None;
        let found = self.store.find(&ids, &referred, &mut |record| match record.entry() {
            Ok(_) => journal.recall(record),
            Err(what) => flaw = Some(Tampered { sequence: record.sequence, what }),
        });
        found.map_err(|error| self.broke(error))?;
        match flaw {
            Some(tampered) => {
                self.broken = true;
                Err(tampered.into())
            }
            None => Ok(()),
        }
    }

    fn store_new(&mut self) -> Result<(), DurableError<S::Error>> {
        let records: Vec<_> = self.ledger.journal.new_records().collect();
        let stored = if records.is_empty() { Ok(()) } else { self.store.append(&records) };
        self.ledger.journal.forget();
        stored.map_err(|error| self.broke(error))
    }

    fn broke(&mut self, error: S::Error) -> DurableError<S::Error> {
        self.broken = true;
        DurableError::Store(error)
    }
}
