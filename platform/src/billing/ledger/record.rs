//! How an entry stands in a journal: one text of bytes, and a hash that chains it to all before it.
//!
//! Little-endian, in this order: sequence (8 bytes), booking time (8), id (16), tag (1), the id it
//! refers to (16, only where the tag has one), then what the tag asks for. Lines are a count (2) and
//! for each its account (a tag and ids of 4 bytes), currency (3 letters) and grains (16); a name is a
//! length (2) and UTF-8. Hashes are SHA-256(hash before | bytes); before the first entry stand 32 zeros. Any program that knows
//! SHA-256 can check a journal.

use connector::{Amount, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::billing::{AccountId, Currency};

use super::{Entry, Event, Flaw, Hold, Line, NamedKind, TransactionId, account_bytes};

/// An entry as stores keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Place in the journal, from 1.
    pub sequence: u64,
    /// The transaction's name: no other record has it.
    pub id: TransactionId,
    /// The transaction it settles, releases or takes back: no other record refers to it.
    pub refers: Option<TransactionId>,
    /// The entry.
    pub bytes: &'a [u8],
    /// Hash of the entry and, by the hash before it, of all before it.
    pub hash: [u8; 32],
}

const ID_AT: usize = 16;
const TAG_AT: usize = 32;
const REFERS_AT: usize = 33;

const NAMED: u8 = 0;
const BOOKED: u8 = 1;
const RESERVED: u8 = 2;
const POSTED: u8 = 3;
const VOIDED: u8 = 4;
const EXPIRED: u8 = 5;
const REVERSED: u8 = 6;

impl<'a> Record<'a> {
    /// The record of an entry's bytes, filed as they say; `None` if they are too short.
    pub(super) fn of(bytes: &'a [u8], hash: [u8; 32]) -> Option<Self> {
        let refers = match bytes.get(TAG_AT)? {
            POSTED..=REVERSED => Some(TransactionId(u128::from_le_bytes(field(bytes, REFERS_AT)?))),
            _ => None,
        };
        Some(Self {
            sequence: u64::from_le_bytes(field(bytes, 0)?),
            id: TransactionId(u128::from_le_bytes(field(bytes, ID_AT)?)),
            refers,
            bytes,
            hash,
        })
    }

    /// The entry.
    ///
    /// # Errors
    ///
    /// If the bytes are no entry, or one that is filed under other ids.
    pub fn entry(&self) -> Result<Entry, Flaw> {
        let filed = Self::of(self.bytes, self.hash).ok_or(Flaw::Format)?;
        let entry = decode(self.bytes).ok_or(Flaw::Format)?;
        if filed.sequence != self.sequence {
            return Err(Flaw::Sequence { found: filed.sequence });
        }
        if filed != *self {
            return Err(Flaw::Misfiled);
        }
        Ok(entry)
    }
}

/// The hash of an entry after the one of hash `before`.
pub(super) fn chain(before: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(before).chain_update(bytes).finalize().into()
}

/// Appends the bytes of an entry.
pub(super) fn encode(entry: &Entry, into: &mut Vec<u8>) {
    into.extend_from_slice(&entry.sequence.to_le_bytes());
    into.extend_from_slice(&entry.booked.as_nanos().to_le_bytes());
    into.extend_from_slice(&entry.id.0.to_le_bytes());
    into.push(tag(&entry.event));
    if let Some(id) = entry.event.refers() {
        into.extend_from_slice(&id.0.to_le_bytes());
    }
    match &entry.event {
        Event::Named { kind, name } => {
            into.push(*kind as u8);
            into.extend_from_slice(&(name.len() as u16).to_le_bytes());
            into.extend_from_slice(name.as_bytes());
        }
        Event::Reserved(hold) => {
            line(hold.account, hold.currency, hold.amount, into);
            into.push(u8::from(hold.expires.is_some()));
            into.extend_from_slice(
                &hold.expires.unwrap_or(Timestamp::ZERO).as_nanos().to_le_bytes(),
            );
        }
        Event::Booked { effective, lines }
        | Event::Posted { effective, lines, .. }
        | Event::Reversed { effective, lines, .. } => {
            into.extend_from_slice(&effective.as_nanos().to_le_bytes());
            into.extend_from_slice(&(lines.len() as u16).to_le_bytes());
            for each in lines {
                line(each.account, each.currency, each.amount, into);
            }
        }
        Event::Voided { .. } | Event::Expired { .. } => {}
    }
}

const fn tag(event: &Event) -> u8 {
    match event {
        Event::Named { .. } => NAMED,
        Event::Booked { .. } => BOOKED,
        Event::Reserved(_) => RESERVED,
        Event::Posted { .. } => POSTED,
        Event::Voided { .. } => VOIDED,
        Event::Expired { .. } => EXPIRED,
        Event::Reversed { .. } => REVERSED,
    }
}

fn line(account: AccountId, currency: Currency, amount: Amount, into: &mut Vec<u8>) {
    account_bytes::write(account, into);
    into.extend_from_slice(currency.code().as_bytes());
    into.extend_from_slice(&amount.grains().to_le_bytes());
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The entry of exactly these bytes: what [`encode`] writes and nothing else.
fn decode(bytes: &[u8]) -> Option<Entry> {
    let mut reader = Reader(bytes);
    let sequence = u64::from_le_bytes(reader.take()?);
    let booked = reader.time()?;
    let id = reader.id()?;
    let event = match u8::from_le_bytes(reader.take()?) {
        NAMED => reader.named()?,
        BOOKED => Event::Booked { effective: reader.time()?, lines: reader.lines()? },
        RESERVED => Event::Reserved(reader.hold()?),
        POSTED => Event::Posted {
            reservation: reader.id()?,
            effective: reader.time()?,
            lines: reader.lines()?,
        },
        VOIDED => Event::Voided { reservation: reader.id()? },
        EXPIRED => Event::Expired { reservation: reader.id()? },
        REVERSED => {
            Event::Reversed { of: reader.id()?, effective: reader.time()?, lines: reader.lines()? }
        }
        _ => return None,
    };
    reader.0.is_empty().then_some(Entry { sequence, booked, id, event })
}

/// Takes fields off the front of an entry's bytes.
pub(super) struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.take().map(|bytes| Timestamp::from_nanos(u64::from_le_bytes(bytes)))
    }

    fn id(&mut self) -> Option<TransactionId> {
        self.take().map(|bytes| TransactionId(u128::from_le_bytes(bytes)))
    }

    fn line(&mut self) -> Option<Line> {
        let account = account_bytes::read(self)?;
        let currency = Currency::from_letters(self.take()?)?;
        let grains = i128::from_le_bytes(self.take()?);
        // The one integer that has no opposite is no amount.
        let amount = (grains != i128::MIN).then(|| Amount::from_grains(grains))?;
        Some(Line { account, currency, amount })
    }

    fn lines(&mut self) -> Option<Vec<Line>> {
        let count = u16::from_le_bytes(self.take()?);
        let mut lines = Vec::with_capacity(usize::from(count).min(super::MOST_LINES));
        for _ in 0..count {
            lines.push(self.line()?);
        }
        Some(lines)
    }

    fn hold(&mut self) -> Option<Hold> {
        let Line { account, currency, amount } = self.line()?;
        let expires = match (u8::from_le_bytes(self.take()?), self.time()?) {
            (0, Timestamp::ZERO) => None,
            (1, time) => Some(time),
            _ => return None,
        };
        Some(Hold { account, currency, amount, expires })
    }

    fn named(&mut self) -> Option<Event> {
        let [kind] = self.take()?;
        let kind = NamedKind::ALL.into_iter().find(|&each| each as u8 == kind)?;
        let length = usize::from(u16::from_le_bytes(self.take()?));
        let (name, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Event::Named { kind, name: std::str::from_utf8(name).ok()?.to_owned() })
    }
}
