//! What a finance department would do with our files: read them with something that shares no code
//! with what wrote them, and add up in numbers of any size.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;

/// A row by the names of its columns; what is empty is not there.
pub(crate) type Row = BTreeMap<String, String>;

/// Reads CSV (RFC 4180).
pub(crate) fn rows(text: &str) -> Vec<Row> {
    let mut records = records(text).into_iter();
    let columns = records.next().expect("a row of names");
    let row = |cells: Vec<String>| {
        assert_eq!(cells.len(), columns.len(), "{cells:?}");
        columns.iter().cloned().zip(cells).filter(|(_, cell)| !cell.is_empty()).collect()
    };
    records.map(row).collect()
}

fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            other => cell.push(other),
        }
    }
    assert!(!quoted && cell.is_empty() && record.is_empty(), "it ends with a line");
    records
}

/// A decimal, exactly; a last digit in brackets repeats for ever.
pub(crate) fn number(text: &str) -> BigRational {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (digits, repeated) = match digits.strip_suffix(')') {
        Some(inner) => inner.split_once('(').expect("an opening bracket"),
        None => (digits, "0"),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let integer = |digits: &str| -> BigInt {
        assert!(digits.bytes().all(|digit| digit.is_ascii_digit()), "{text}");
        digits.parse().unwrap_or_default()
    };
    let scale = BigInt::from(10).pow(decimals.len() as u32);
    let value = integer(&format!("{whole}{decimals}")) * 9 + integer(repeated);
    BigRational::new(value * sign, scale * 9)
}

/// The sum of what a function tells of each row.
pub(crate) fn sum<'a>(
    rows: impl IntoIterator<Item = &'a Row>,
    of: impl Fn(&Row) -> BigRational,
) -> BigRational {
    rows.into_iter().map(of).sum()
}

/// An amount of the ledger.
pub(crate) fn amount(amount: connector::Amount) -> BigRational {
    let per_unit =
        BigInt::from(1_000_000_000) * BigInt::from(2).pow(23) * 9 * BigInt::from(5).pow(14);
    BigRational::new(amount.grains().into(), per_unit)
}
