//! A row of the journal as a record.

use platform::billing::ledger::{Record, TransactionId};

/// A column that cannot be what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column `{0}` of the journal is malformed")]
pub struct Malformed(pub(super) &'static str);

pub(super) fn record<'a>(
    sequence: i64,
    id: &[u8],
    refers: Option<&[u8]>,
    entry: &'a [u8],
    hash: &[u8],
) -> Result<Record<'a>, Malformed> {
    Ok(Record {
        sequence: u64::try_from(sequence).map_err(|_| Malformed("sequence"))?,
        id: transaction_id(id).ok_or(Malformed("id"))?,
        refers: match refers {
            Some(bytes) => Some(transaction_id(bytes).ok_or(Malformed("refers"))?),
            None => None,
        },
        bytes: entry,
        hash: hash.try_into().map_err(|_| Malformed("hash"))?,
    })
}

fn transaction_id(bytes: &[u8]) -> Option<TransactionId> {
    bytes.try_into().ok().map(|bytes| TransactionId(u128::from_be_bytes(bytes)))
}

/// Big-endian, so that it reads as the id is printed.
pub(super) fn id_bytes(id: TransactionId) -> [u8; 16] {
    id.0.to_be_bytes()
}

/// Sequences are counted from 1 by ones; a journal of 2^63 entries cannot be.
pub(super) fn sequence(record: &Record<'_>) -> i64 {
    record.sequence.cast_signed()
}
