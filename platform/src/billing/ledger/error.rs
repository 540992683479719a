use connector::{Amount, Timestamp};

use crate::billing::{AccountId, Currency};

use super::{NamedKind, TransactionId};

/// Why a ledger refused a transaction. Nothing of a refused transaction is booked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Debits and credits of a currency differ.
    #[error("transaction {id}: debits are {by} {currency} more than credits")]
    Unbalanced {
        /// The transaction.
        id: TransactionId,
        /// The currency.
        currency: Currency,
        /// Debits less credits.
        by: Amount,
    },
    /// It has no lines, or more than [`MOST_LINES`](super::MOST_LINES).
    #[error("transaction {id} has {lines} lines, expected between 1 and {most}", most = super::MOST_LINES)]
    Lines {
        /// The transaction.
        id: TransactionId,
        /// How many it has.
        lines: usize,
    },
    /// A name that is empty or longer than [`LONGEST_NAME`](super::LONGEST_NAME).
    #[error("a name of {length} bytes, expected between 1 and {most}", most = super::LONGEST_NAME)]
    Name {
        /// Its length.
        length: usize,
    },
    /// Nothing has that number.
    #[error("no {} has the number {number}", kind.name())]
    Nameless {
        /// What it is.
        kind: NamedKind,
        /// The number.
        number: u32,
    },
    /// A line of, or a reservation from, the account that stands for reservations.
    #[error("transaction {id} books to the account of reservations, which takes nothing")]
    Reservations {
        /// The transaction.
        id: TransactionId,
    },
    /// More accounts than [`MOST_ACCOUNTS`](super::MOST_ACCOUNTS).
    #[error("there are {most} accounts, no more can be opened", most = super::MOST_ACCOUNTS)]
    Accounts,
    /// More open reservations than [`MOST_OPEN`](super::MOST_OPEN).
    #[error("{most} reservations are open, no more can be made", most = super::MOST_OPEN)]
    Open,
    /// The id names another transaction, with other content.
    #[error("transaction {id} is already in the journal as entry {sequence}, with other content")]
    Conflict {
        /// The transaction.
        id: TransactionId,
        /// Where the first is.
        sequence: u64,
    },
    /// A transaction that is not in the journal.
    #[error("there is no transaction {id}")]
    NotFound {
        /// The transaction.
        id: TransactionId,
    },
    /// It is in the journal, but reserves nothing.
    #[error("transaction {id} is no reservation")]
    NoReservation {
        /// The transaction.
        id: TransactionId,
    },
    /// The reservation is no longer open.
    #[error("reservation {reservation} was {end} by entry {sequence}")]
    Ended {
        /// The reservation.
        reservation: TransactionId,
        /// How it ended.
        end: End,
        /// Where the journal says so.
        sequence: u64,
    },
    /// A settlement beyond what was reserved.
    #[error("reservation {reservation}: {posted} is more than the reserved {reserved}")]
    ExceedsReservation {
        /// The reservation.
        reservation: TransactionId,
        /// How much was reserved.
        reserved: Amount,
        /// How much was to be posted.
        posted: Amount,
    },
    /// A reservation of less than nothing.
    #[error("reservation {id} of {amount}: expected zero or more")]
    NegativeReservation {
        /// The transaction.
        id: TransactionId,
        /// How much.
        amount: Amount,
    },
    /// A reservation whose time is over before it begins.
    #[error("reservation {id} expires at {} ns, which is not after {} ns", expires.as_nanos(), now.as_nanos())]
    BornExpired {
        /// The transaction.
        id: TransactionId,
        /// When it would expire.
        expires: Timestamp,
        /// When it was asked for.
        now: Timestamp,
    },
    /// Only what books lines can be reversed, and no reversal: book anew instead.
    #[error("transaction {id} cannot be reversed: it is {what}")]
    Irreversible {
        /// The transaction.
        id: TransactionId,
        /// What it is.
        what: &'static str,
    },
    /// It was reversed before.
    #[error("transaction {id} was already reversed by entry {sequence}")]
    AlreadyReversed {
        /// The transaction.
        id: TransactionId,
        /// Where the journal says so.
        sequence: u64,
    },
    /// A balance would leave the range of amounts.
    #[error("account {account:?} would hold more than an amount can be")]
    Overflow {
        /// The account.
        account: AccountId,
    },
}

/// How a reservation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Settled.
    Posted,
    /// Given up.
    Voided,
    /// Its time was over.
    Expired,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Posted => "posted",
            Self::Voided => "voided",
            Self::Expired => "expired",
        })
    }
}

/// Where a journal is not what was written, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal was tampered with at entry {sequence}: {what}")]
pub struct Tampered {
    /// The first entry that cannot be trusted.
    pub sequence: u64,
    /// What is wrong with it.
    pub what: Flaw,
}

/// What is wrong with an entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It was changed, or what stood before it was.
    #[error("its hash does not continue the chain")]
    Hash,
    /// Entries before it are missing, doubled or in another order.
    #[error("it says it is entry {found}")]
    Sequence {
        /// The number it has.
        found: u64,
    },
    /// It cannot be read.
    #[error("it is not in the format of a journal")]
    Format,
    /// The chain holds, but no ledger would have written it.
    #[error("it breaks a rule: {0}")]
    Rule(LedgerError),
    /// What a store keeps beside it, to find it by, is not what it says.
    #[error("it is filed under another id")]
    Misfiled,
    /// Entries at the end are missing, or it is not the journal whose head was noted.
    #[error("it is not the entry whose hash was noted")]
    Head,
}
