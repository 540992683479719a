//! What is asked of a ledger, and what it puts into its journal.

use std::fmt;

use connector::{Amount, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::billing::{AccountId, Currency};

use super::NamedKind;

/// A transaction's name and idempotency key, the caller's choice: whoever asks again with the same
/// id gets the first answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u128);

impl TransactionId {
    /// The id of what is known by a text, such as `usage/acme/7`: 128 bits of its SHA-256, so that
    /// ids from different texts do not meet by chance.
    pub fn named(name: &str) -> Self {
        Self::digest(name.as_bytes())
    }

    /// The id under which a name is booked.
    pub(super) fn of_name(kind: NamedKind, name: &str) -> Self {
        Self::named(&format!("name/{}/{name}", kind.name()))
    }

    /// The id under which the end of a reservation's time is booked.
    pub(super) fn of_expiry(reservation: Self) -> Self {
        let mut text = *b"expiry/\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        text[7..].copy_from_slice(&reservation.0.to_le_bytes());
        Self::digest(&text)
    }

    fn digest(bytes: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let (half, _) = digest.split_first_chunk().expect("a digest is longer than half of it");
        Self(u128::from_be_bytes(*half))
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One side of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The account.
    pub account: AccountId,
    /// Of what the amount is.
    pub currency: Currency,
    /// Debit if positive, credit if negative.
    pub amount: Amount,
}

impl Line {
    /// Debits an account.
    pub const fn debit(account: AccountId, currency: Currency, amount: Amount) -> Self {
        Self { account, currency, amount }
    }

    /// Credits an account.
    pub fn credit(account: AccountId, currency: Currency, amount: Amount) -> Self {
        Self { account, currency, amount: -amount }
    }
}

/// What is asked of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Its name.
    pub id: TransactionId,
    /// What it does.
    pub step: Step,
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Books in one phase.
    Book {
        /// When what it books happened: decides the period it belongs to, however late it comes.
        effective: Timestamp,
        /// They sum to zero in each currency.
        lines: Vec<Line>,
    },
    /// Sets an amount aside, the first of two phases.
    Reserve(Hold),
    /// Books what was used of a reservation and releases the rest.
    Post {
        /// The reservation's id.
        reservation: TransactionId,
        /// When what it books happened.
        effective: Timestamp,
        /// They sum to zero in each currency, and debit the reserved account on balance by no more
        /// than was reserved. Other accounts are free: a settlement tells revenue apart by kind.
        lines: Vec<Line>,
    },
    /// Releases a reservation whole.
    Void {
        /// The reservation's id.
        reservation: TransactionId,
    },
    /// Takes back what another transaction booked, in the period it was booked in.
    Reverse {
        /// The other's id.
        of: TransactionId,
    },
}

/// An amount set aside until it is posted, voided or expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The account that will owe it. It is held against [`AccountId::Reservations`].
    pub account: AccountId,
    /// Of what the amount is.
    pub currency: Currency,
    /// How much at most; not negative.
    pub amount: Amount,
    /// From when on it can no longer be posted; `None` keeps it open until it is posted or voided.
    pub expires: Option<Timestamp>,
}

/// A transaction as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Place in the journal, from 1.
    pub sequence: u64,
    /// When it was booked; never before the entry before it.
    pub booked: Timestamp,
    /// The transaction's name.
    pub id: TransactionId,
    /// What happened.
    pub event: Event,
}

/// What an [`Entry`] says happened. It holds all it takes to do it again without looking back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A tenant, model or pool got the next number of its kind.
    Named {
        /// What it is.
        kind: NamedKind,
        /// Its name.
        name: String,
    },
    /// Lines were booked.
    Booked {
        /// When what they book happened.
        effective: Timestamp,
        /// The lines.
        lines: Vec<Line>,
    },
    /// An amount was set aside.
    Reserved(Hold),
    /// A reservation was settled.
    Posted {
        /// Its id.
        reservation: TransactionId,
        /// When what the lines book happened.
        effective: Timestamp,
        /// The lines.
        lines: Vec<Line>,
    },
    /// A reservation was given up.
    Voided {
        /// Its id.
        reservation: TransactionId,
    },
    /// A reservation's time was over.
    Expired {
        /// Its id.
        reservation: TransactionId,
    },
    /// A transaction was taken back.
    Reversed {
        /// Its id.
        of: TransactionId,
        /// The effective time of what was taken back.
        effective: Timestamp,
        /// Its lines with the other sign.
        lines: Vec<Line>,
    },
}

impl Event {
    /// The transaction it settles, releases or takes back; there is at most one such for each.
    pub fn refers(&self) -> Option<TransactionId> {
        match *self {
            Self::Posted { reservation: id, .. }
            | Self::Voided { reservation: id }
            | Self::Expired { reservation: id }
            | Self::Reversed { of: id, .. } => Some(id),
            Self::Named { .. } | Self::Booked { .. } | Self::Reserved(_) => None,
        }
    }

    /// When what it books happened, and the lines; `None` if it books nothing.
    pub fn booking(&self) -> Option<(Timestamp, &[Line])> {
        match self {
            Self::Booked { effective, lines }
            | Self::Posted { effective, lines, .. }
            | Self::Reversed { effective, lines, .. } => Some((*effective, lines)),
            Self::Named { .. } | Self::Reserved(_) | Self::Voided { .. } | Self::Expired { .. } => {
                None
            }
        }
    }

    /// The step that asks for it; `None` of what a ledger books by itself.
    pub(super) fn asked(self) -> Option<Step> {
        Some(match self {
            Self::Booked { effective, lines } => Step::Book { effective, lines },
            Self::Reserved(hold) => Step::Reserve(hold),
            Self::Posted { reservation, effective, lines } => {
                Step::Post { reservation, effective, lines }
            }
            Self::Voided { reservation } => Step::Void { reservation },
            Self::Reversed { of, .. } => Step::Reverse { of },
            Self::Named { .. } | Self::Expired { .. } => return None,
        })
    }

    /// Whether it is what `step` asks for.
    pub(super) fn is(&self, step: &Step) -> bool {
        match (self, step) {
            (Self::Booked { effective, lines }, Step::Book { effective: at, lines: asked }) => {
                effective == at && lines == asked
            }
            (Self::Reserved(hold), Step::Reserve(asked)) => hold == asked,
            (
                Self::Posted { reservation, effective, lines },
                Step::Post { reservation: of, effective: at, lines: asked },
            ) => reservation == of && effective == at && lines == asked,
            (Self::Voided { reservation }, Step::Void { reservation: of }) => reservation == of,
            (Self::Reversed { of, .. }, Step::Reverse { of: asked }) => of == asked,
            _ => false,
        }
    }
}
