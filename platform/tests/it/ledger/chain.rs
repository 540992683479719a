//! Whatever is done to a journal is found, and where.

use platform::billing::ledger::{Flaw, Head, Ledger, NamedKind, Record, Tampered, verify};
use sha2::{Digest as _, Sha256};

use super::shorthand::{at, book, charge, id, reserve, reverse, settle, void};

/// A record that owns its bytes.
#[derive(Clone)]
struct Kept {
    bytes: Vec<u8>,
    like: Record<'static>,
}

impl Kept {
    fn record(&self) -> Record<'_> {
        Record { bytes: &self.bytes, ..self.like }
    }
}

fn keep(ledger: &Ledger) -> Vec<Kept> {
    let kept = |record: Record<'_>| Kept {
        bytes: record.bytes.to_vec(),
        like: Record { bytes: &[], ..record },
    };
    ledger.records().map(kept).collect()
}

/// One entry of every kind.
fn written() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.name(at(0), NamedKind::Tenant, "acme").unwrap();
    for transaction in [
        book(1, charge(0, 7)),
        reserve(2, 100, None),
        settle(3, 2, 40),
        reserve(4, 100, Some(50)),
        reserve(5, 100, None),
        void(6, 5),
        reverse(7, 1),
    ] {
        ledger.post(at(10), transaction).unwrap();
    }
    ledger.expire(at(50));
    ledger
}

fn verified(kept: &[Kept], noted: Option<Head>) -> Result<Ledger, Tampered> {
    verify(kept.iter().map(Kept::record), noted)
}

#[test]
fn a_journal_leads_to_the_books_that_wrote_it() {
    let ledger = written();
    let again = verify(ledger.records(), Some(ledger.head())).unwrap();
    assert_eq!((again.head(), again.balances()), (ledger.head(), ledger.balances()));
    assert_eq!(again.names(NamedKind::Tenant), ["acme"]);
    assert_eq!(again.open_reservations(), ledger.open_reservations());
}

#[test]
fn any_bit_of_any_entry_or_hash_that_is_changed_is_found_where_it_is() {
    let good = keep(&written());
    for (number, kept) in good.iter().enumerate() {
        for bit in 0..(kept.bytes.len() + 32) * 8 {
            let mut bad = good.clone();
            let (byte, mask) = (bit / 8, 1 << (bit % 8));
            match bad[number].bytes.get_mut(byte) {
                Some(byte) => *byte ^= mask,
                None => bad[number].like.hash[byte - kept.bytes.len()] ^= mask,
            }
            let found = verified(&bad, None).expect_err("it was changed");
            assert_eq!(found.sequence, number as u64 + 1, "bit {bit}");
        }
    }
}

#[test]
fn an_entry_that_is_missing_doubled_or_moved_is_found() {
    let good = keep(&written());
    for number in 0..good.len() - 1 {
        let mut missing = good.clone();
        missing.remove(number);
        let mut doubled = good.clone();
        doubled.insert(number, good[number].clone());
        let mut swapped = good.clone();
        swapped.swap(number, number + 1);
        for (bad, at) in [(missing, number), (doubled, number + 1), (swapped, number)] {
            let found = verified(&bad, None).expect_err("it was changed");
            assert_eq!(found.sequence, at as u64 + 1);
            assert!(matches!(found.what, Flaw::Sequence { .. }), "{found}");
        }
    }
}

#[test]
fn an_end_that_was_cut_off_is_found_against_a_noted_head() {
    let ledger = written();
    let mut kept = keep(&ledger);
    kept.truncate(5);
    let found = verified(&kept, Some(ledger.head())).unwrap_err();
    assert_eq!(found, Tampered { sequence: 6, what: Flaw::Head });
    assert!(verified(&kept, None).is_ok(), "nothing inside of it tells");
}

#[test]
fn a_chain_that_was_written_anew_is_found_against_a_noted_head() {
    let ledger = written();
    let mut other = Ledger::default();
    other.name(at(0), NamedKind::Tenant, "acme").unwrap();
    for number in 1..20 {
        other.post(at(10), book(number, charge(0, 8))).unwrap();
    }
    let found = verify(other.records(), Some(ledger.head())).unwrap_err();
    assert_eq!(found, Tampered { sequence: ledger.head().sequence, what: Flaw::Head });
}

#[test]
fn a_record_that_is_filed_under_another_id_is_found() {
    let good = keep(&written());
    let mut by_id = good.clone();
    by_id[1].like.id = id(99);
    let mut by_reference = good;
    by_reference[3].like.refers = None;
    for (bad, sequence) in [(by_id, 2), (by_reference, 4)] {
        let found = verified(&bad, None).unwrap_err();
        assert_eq!(found, Tampered { sequence, what: Flaw::Misfiled });
    }
}

#[test]
fn an_entry_that_breaks_a_rule_is_found_though_its_hash_is_right() {
    let found = verified(&forged(1), None).unwrap_err();
    assert!(matches!(found, Tampered { sequence: 2, what: Flaw::Rule(_) }), "{found}");
}

#[test]
fn an_integer_that_is_no_amount_is_found() {
    let found = verified(&forged(i128::MIN), None).unwrap_err();
    assert_eq!(found, Tampered { sequence: 2, what: Flaw::Format });
}

/// A name and a booking whose last line is of so many grains, with hashes that fit.
fn forged(grains: i128) -> Vec<Kept> {
    let mut kept = keep(&written());
    kept.truncate(2);
    let last = kept[1].bytes.len() - 16;
    kept[1].bytes[last..].copy_from_slice(&grains.to_le_bytes());
    kept[1].like.hash = Sha256::new()
        .chain_update(kept[0].like.hash)
        .chain_update(&kept[1].bytes)
        .finalize()
        .into();
    kept
}

#[test]
fn the_format_is_what_the_documentation_says() {
    let mut ledger = Ledger::default();
    ledger.post(at(3), book(0x0102, charge(5, 258))).unwrap();
    let kept = keep(&ledger);
    let mut bytes = Vec::new();
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(3_u64.to_le_bytes());
    bytes.extend(0x0102_u128.to_le_bytes());
    bytes.push(1);
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(2_u16.to_le_bytes());
    bytes.push(0);
    bytes.extend(5_u32.to_le_bytes());
    bytes.extend(b"EUR");
    bytes.extend(258_i128.to_le_bytes());
    bytes.push(4);
    bytes.extend([5_u32, 0, 0].map(u32::to_le_bytes).concat());
    bytes.extend(b"EUR");
    bytes.extend((-258_i128).to_le_bytes());
    assert_eq!(kept[0].bytes, bytes);
    let hash: [u8; 32] = Sha256::new().chain_update([0; 32]).chain_update(&bytes).finalize().into();
    assert_eq!(kept[0].like.hash, hash);
}
