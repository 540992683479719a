//! The ledger: who owes what, by double entry, in a journal that is only ever added to.
//!
//! # Transactions
//!
//! Every transaction has lines that sum to zero in each currency, or is refused whole. Its id is
//! chosen by the caller and is its idempotency key, for ever: asked a second time with the same
//! content, the ledger answers as it did the first time and books nothing; with other content it
//! refuses. A transaction that was refused leaves no trace, so its id may be tried again.
//!
//! Nothing is ever changed or taken out. A mistake is corrected by a *reversal*: the same lines with
//! the other sign, in the period of what they take back, at most once.
//!
//! # Two phases
//!
//! As TigerBeetle's pending transfers: a reservation sets an amount aside, which shows in pending
//! sums beside the posted ones and not in them; it ends once, by whichever comes first.
//!
//! ```text
//!              post (part or all; the rest is released) -> Posted
//! Reserve ->   void                                     -> Voided
//!              its time is over                         -> Expired
//! ```
//!
//! What comes after the end is refused and told how it ended. Time is an argument; since clocks step
//! back, an entry is booked no earlier than the one before it. Expiries are entries like any other,
//! booked by the next call at or after [`deadline`](Ledger::deadline).
//!
//! # The chain
//!
//! Each entry's hash covers its bytes and the hash before it. Replaying a journal ([`verify`])
//! applies every rule again and finds any change and where it is; cutting off the end, or writing
//! the whole chain anew, is found against a [`Head`] that was noted elsewhere.
//!
//! # Cost
//!
//! A post takes time by its number of lines, not by what is in the books (reservations that expire:
//! a logarithm of their number). Balances are kept up with every entry.
//!
//! Sources: TigerBeetle, "Two-Phase Transfers" and "Transfer" in its reference, for the two phases;
//! Pacioli's *Summa* (1494) for the rest.

mod account_bytes;
mod balance;
mod durable;
mod error;
mod holds;
mod journal;
mod names;
mod record;
mod rules;
mod transaction;

use connector::Timestamp;

pub use balance::Balance;
pub use durable::{DurableError, DurableLedger, LedgerStore};
pub use error::{End, Flaw, LedgerError, Tampered};
pub use names::NamedKind;
pub use record::Record;
pub use transaction::{Entry, Event, Hold, Line, Step, Transaction, TransactionId};

use self::{balance::Balances, holds::Holds, journal::Journal, names::Names};
use super::{AccountId, Currency};

/// Most lines of one transaction.
pub const MOST_LINES: usize = 1_000;
/// Most accounts, an account in two currencies being two.
pub const MOST_ACCOUNTS: usize = 1 << 24;
/// Most reservations that are open at once.
pub const MOST_OPEN: usize = 1 << 24;
/// Longest name of a tenant, model or pool, in bytes.
pub const LONGEST_NAME: usize = Names::LONGEST;

/// The end of a journal. Noted elsewhere, it vouches for everything before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of the last entry; 0 if there is none.
    pub sequence: u64,
    /// When it was booked.
    pub booked: Timestamp,
    /// Its hash.
    pub hash: [u8; 32],
}

/// Where and when a transaction was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Place in the journal, from 1.
    pub sequence: u64,
    /// When it was booked.
    pub booked: Timestamp,
}

/// The books: balances, reservations and the journal they follow from.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    names: Names,
    balances: Balances,
    holds: Holds,
    journal: Journal,
    head: Head,
}

impl Ledger {
    /// Does what a transaction asks, or nothing.
    ///
    /// # Errors
    ///
    /// See [`LedgerError`].
    pub fn post(
        &mut self,
        now: Timestamp,
        transaction: Transaction,
    ) -> Result<Receipt, LedgerError> {
        let now = self.expire(now);
        let Transaction { id, step } = transaction;
        if let Some(first) = self.journal.find(id) {
            if first.event.is(&step) {
                return Ok(Receipt { sequence: first.sequence, booked: first.booked });
            }
            return Err(LedgerError::Conflict { id, sequence: first.sequence });
        }
        let event = self.event(now, id, step)?;
        self.enter(now, id, event)
    }

    /// The number of a tenant, model or pool; the next one if the name is new.
    ///
    /// # Errors
    ///
    /// If the name is empty or too long.
    pub fn name(
        &mut self,
        now: Timestamp,
        kind: NamedKind,
        name: &str,
    ) -> Result<u32, LedgerError> {
        if let Some(number) = self.names.find(kind, name) {
            return Ok(number);
        }
        let now = self.expire(now);
        let number = self.names.all(kind).len() as u32;
        let event = Event::Named { kind, name: name.to_owned() };
        self.enter(now, TransactionId::of_name(kind, name), event)?;
        Ok(number)
    }

    /// Ends the reservations whose time is over. To be called at [`deadline`](Self::deadline); early
    /// is a no-op. Returns the time at which the next entry is booked: `now`, or that of the last
    /// entry if it is later.
    ///
    /// # Panics
    ///
    /// Never: an open reservation can always be released.
    pub fn expire(&mut self, now: Timestamp) -> Timestamp {
        let now = now.max(self.head.booked);
        while let Some(reservation) = self.holds.due(now) {
            let id = TransactionId::of_expiry(reservation);
            self.enter(now, id, Event::Expired { reservation })
                .expect("an open reservation can always be released");
        }
        now
    }

    /// When the next reservation's time is over.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.holds.deadline()
    }

    fn enter(
        &mut self,
        now: Timestamp,
        id: TransactionId,
        event: Event,
    ) -> Result<Receipt, LedgerError> {
        self.apply(id, &event)?;
        let entry = Entry { sequence: self.head.sequence + 1, booked: now, id, event };
        let hash = self.journal.append(&entry, &self.head.hash);
        self.head = Head { sequence: entry.sequence, booked: now, hash };
        Ok(Receipt { sequence: entry.sequence, booked: now })
    }

    /// What is in an account.
    pub fn balance(&self, account: AccountId, currency: Currency) -> Balance {
        self.balances.get(account, currency)
    }

    /// All accounts with anything in them, in the order of their kinds and ids.
    pub fn balances(&self) -> Vec<(AccountId, Currency, Balance)> {
        self.balances.all()
    }

    /// A reservation that is open.
    pub fn reservation(&self, id: TransactionId) -> Option<&Hold> {
        self.holds.get(id)
    }

    /// How many reservations are open.
    pub fn open_reservations(&self) -> usize {
        self.holds.len()
    }

    /// Names by number.
    pub fn names(&self, kind: NamedKind) -> &[String] {
        self.names.all(kind)
    }

    /// The end of the journal.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The entries at hand, in order: all of a simulation's, of a durable ledger's those that are
    /// not stored yet.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.journal.records()
    }

    /// What the entries after this one were asked for by, in order, so that another ledger can be
    /// asked for the same. What a ledger books by itself, names and expiries, is left out. Of a ledger
    /// all of whose entries are at hand.
    pub fn asked_after(&self, sequence: u64) -> impl Iterator<Item = Transaction> + '_ {
        let entries = self.journal.entries_from(sequence as u32);
        entries.filter_map(|Entry { id, event, .. }| Some(Transaction { id, step: event.asked()? }))
    }

    /// Takes in the next entry of a journal, after the same rules by which it was written.
    ///
    /// # Errors
    ///
    /// If the journal is not as it was written. The ledger is then as it was before.
    pub fn replay(&mut self, record: &Record<'_>) -> Result<(), Tampered> {
        let sequence = self.head.sequence + 1;
        let flawed = |what| Tampered { sequence, what };
        let hash = record::chain(&self.head.hash, record.bytes);
        if record.sequence != sequence {
            return Err(flawed(Flaw::Sequence { found: record.sequence }));
        }
        if hash != record.hash {
            return Err(flawed(Flaw::Hash));
        }
        let entry = record.entry().map_err(flawed)?;
        self.apply(entry.id, &entry.event).map_err(|error| flawed(Flaw::Rule(error)))?;
        self.head = Head { sequence, booked: entry.booked, hash };
        Ok(())
    }
}

/// The ledger that a journal leads to, if nobody tampered with it. `noted` is a head that is known
/// to be in it.
///
/// # Errors
///
/// Where it was tampered with, and how.
pub fn verify<'a>(
    records: impl IntoIterator<Item = Record<'a>>,
    noted: Option<Head>,
) -> Result<Ledger, Tampered> {
    let mut ledger = Ledger::default();
    let witness = Witness::new(noted);
    for record in records {
        ledger.replay(&record)?;
        witness.see(ledger.head)?;
    }
    witness.end(ledger.head)?;
    Ok(ledger)
}

/// Watches for a noted head.
struct Witness {
    noted: Head,
}

impl Witness {
    fn new(noted: Option<Head>) -> Self {
        Self { noted: noted.unwrap_or_default() }
    }

    fn see(&self, head: Head) -> Result<(), Tampered> {
        let Head { sequence, .. } = head;
        if sequence == self.noted.sequence && head != self.noted {
            return Err(Tampered { sequence, what: Flaw::Head });
        }
        Ok(())
    }

    fn end(&self, head: Head) -> Result<(), Tampered> {
        if head.sequence < self.noted.sequence {
            return Err(Tampered { sequence: head.sequence + 1, what: Flaw::Head });
        }
        Ok(())
    }
}
