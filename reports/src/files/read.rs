//! Reading the tables of a run back, exactly as they were recorded.
//!
//! # Mechanism
//!
//! Columns stand in the order in which they were written, and their names are checked once, so that a
//! row is read field by field in that order. Whatever cannot be read is told with file, line and
//! column; nothing is skipped or guessed.
//!
//! # Edges
//!
//! A file of a run that has not ended, or was killed, is refused. One of a run that was interrupted can
//! be read; its header says so. A row that was cut off is an error.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    marker::PhantomData,
    path::{Path, PathBuf},
    str::FromStr,
};

use connector::{Money, Names, Timestamp};
use platform::billing::{LeaseRecord, UsageRecord};

use crate::Header;

/// Why a table of a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It does not begin as what this product writes.
    #[error("`{}` was not written by harpoon", path.display())]
    Foreign {
        /// What.
        path: PathBuf,
    },
    /// The run has not ended, or was killed.
    #[error("`{}` is of a run that is not finished", path.display())]
    Unfinished {
        /// What.
        path: PathBuf,
    },
    /// A row is not as it was written.
    #[error("`{}`, line {line}: {message}", path.display())]
    Row {
        /// Of which file.
        path: PathBuf,
        /// In which line of it, from 1.
        line: u64,
        /// In which column, and what is wrong.
        message: String,
    },
}

/// What a table of a run has in its rows.
pub trait Recorded: Sized {
    /// The name of its file.
    const FILE: &'static str;
    /// The names of its columns, in order.
    const COLUMNS: &'static [&'static str];

    /// Reads the fields of a row in order.
    ///
    /// # Errors
    /// With the column and what is wrong.
    fn read(fields: &mut Fields<'_>) -> Result<Self, String>;
}

/// Reads a table of a run, row by row, in the order in which the run wrote them.
#[derive(Debug)]
pub struct TableReader<T> {
    path: PathBuf,
    header: Header,
    rows: csv::Reader<BufReader<File>>,
    row: csv::StringRecord,
    ids: Ids,
    kind: PhantomData<T>,
}

/// Reads `usage.csv`.
pub type UsageReader = TableReader<UsageRecord>;
/// Reads `leases.csv`.
pub type LeaseReader = TableReader<LeaseRecord>;
/// Reads `statement.csv`.
pub type StatementReader = TableReader<connector::StatementLine>;

impl<T: Recorded> TableReader<T> {
    /// Opens the table in the directory of a run with these names.
    ///
    /// # Errors
    /// If it cannot be read, was not written by this product, or its run has not ended.
    pub fn open(directory: &Path, names: &Names) -> Result<Self, ReadError> {
        Self::open_file(directory.join(T::FILE), names)
    }

    /// As [`open`](Self::open), wherever the file is and whatever its name.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_file(path: PathBuf, names: &Names) -> Result<Self, ReadError> {
        let failed = |source| ReadError::Io { path: path.clone(), source };
        let mut file = BufReader::new(File::open(&path).map_err(failed)?);
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line).map_err(failed)?;
        let line = String::from_utf8_lossy(&line);
        let header =
            Header::read(&line).ok_or_else(|| ReadError::Foreign { path: path.clone() })?;
        if header.digest.is_none() {
            return Err(ReadError::Unfinished { path });
        }
        let rows = csv::Reader::from_reader(file);
        let (row, ids) = (csv::StringRecord::new(), Ids::new(names));
        let mut reader = Self { path, header, rows, row, ids, kind: PhantomData };
        let columns = reader.rows.headers().cloned().map_err(|error| reader.unreadable(&error))?;
        if columns.iter().ne(T::COLUMNS.iter().copied()) {
            let message = format!("the columns are not `{}`", T::COLUMNS.join(","));
            return Err(reader.wrong(2, message));
        }
        Ok(reader)
    }

    /// Which run it is.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    fn unreadable(&self, error: &csv::Error) -> ReadError {
        // The reader begins behind the header.
        let line = error.position().map_or(1, |position| position.line() + 1);
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{len} fields where there are {expected_len} columns")
            }
            csv::ErrorKind::Utf8 { .. } => "not text in UTF-8".to_owned(),
            _ => error.to_string(),
        };
        self.wrong(line, message)
    }

    fn wrong(&self, line: u64, message: String) -> ReadError {
        ReadError::Row { path: self.path.clone(), line, message }
    }
}

impl<T: Recorded> Iterator for TableReader<T> {
    type Item = Result<T, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rows.read_record(&mut self.row) {
            Ok(false) => None,
            Ok(true) => {
                let mut fields =
                    Fields { columns: T::COLUMNS, row: &self.row, ids: &self.ids, next: 0 };
                Some(T::read(&mut fields).map_err(|wrong| {
                    let line = self.row.position().map_or(1, |position| position.line() + 1);
                    self.wrong(line, wrong)
                }))
            }
            Err(error) => Some(Err(self.unreadable(&error))),
        }
    }
}

/// Numbers by name.
#[derive(Debug)]
struct Ids {
    tenants: BTreeMap<String, u32>,
    classes: BTreeMap<String, u32>,
    models: BTreeMap<String, u32>,
    pools: BTreeMap<String, u32>,
}

impl Ids {
    fn new(names: &Names) -> Self {
        let numbered = |names: &[String]| names.iter().cloned().zip(0..).collect();
        Self {
            tenants: numbered(&names.tenants),
            classes: numbered(&names.classes),
            models: numbered(&names.models),
            pools: numbered(&names.pools),
        }
    }
}

/// The fields of a row, to be read one after the other.
#[derive(Debug)]
pub struct Fields<'a> {
    columns: &'static [&'static str],
    row: &'a csv::StringRecord,
    ids: &'a Ids,
    next: usize,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Field<'a> {
        let index = self.next;
        self.next += 1;
        Field { column: self.columns[index], text: &self.row[index] }
    }

    pub(super) fn whole<N: FromStr>(&mut self) -> Result<N, String> {
        self.next().whole()
    }

    /// `None` where there is nothing.
    pub(super) fn whole_if_any<N: FromStr>(&mut self) -> Result<Option<N>, String> {
        let field = self.next();
        if field.text.is_empty() { Ok(None) } else { field.whole().map(Some) }
    }

    /// 32 hexadecimal digits.
    pub(super) fn key(&mut self) -> Result<u128, String> {
        let field = self.next();
        let key = u128::from_str_radix(field.text, 16).ok().filter(|_| field.text.len() == 32);
        key.ok_or_else(|| field.is_no("key of 32 hexadecimal digits"))
    }

    pub(super) fn tenant(&mut self) -> Result<u32, String> {
        self.next().named(&self.ids.tenants)
    }

    /// `None` where there is nothing.
    pub(super) fn tenant_if_any(&mut self) -> Result<Option<u32>, String> {
        let field = self.next();
        if field.text.is_empty() { Ok(None) } else { field.named(&self.ids.tenants).map(Some) }
    }

    pub(super) fn class(&mut self) -> Result<u32, String> {
        self.next().named(&self.ids.classes)
    }

    pub(super) fn model(&mut self) -> Result<u32, String> {
        self.next().named(&self.ids.models)
    }

    pub(super) fn pool(&mut self) -> Result<u32, String> {
        self.next().named(&self.ids.pools)
    }

    /// Which of these values, by its stable name.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        what: &str,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<T, String> {
        let field = self.next();
        let found = all.iter().copied().find(|&one| name(one) == field.text);
        found.ok_or_else(|| field.is_no(what))
    }

    /// Seconds with nine decimals.
    pub(super) fn nanoseconds(&mut self) -> Result<u64, String> {
        let field = self.next();
        let parts = field.text.split_once('.').filter(|(_, decimals)| decimals.len() == 9);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let ns = parts.filter(|(whole, part)| digits(whole) && digits(part)).and_then(
            |(seconds, decimals)| {
                let seconds: u64 = seconds.parse().ok()?;
                seconds.checked_mul(1_000_000_000)?.checked_add(decimals.parse().ok()?)
            },
        );
        ns.ok_or_else(|| field.is_no("number of seconds with nine decimals"))
    }

    /// As [`nanoseconds`](Self::nanoseconds), since the start of the run.
    pub(super) fn instant(&mut self) -> Result<Timestamp, String> {
        self.nanoseconds().map(Timestamp::from_nanos)
    }

    /// A decimal number with at most nine decimals, which may be negative.
    pub(super) fn money(&mut self) -> Result<Money, String> {
        let field = self.next();
        let (digits, sign) = match field.text.strip_prefix('-') {
            Some(digits) => (digits, -1),
            None => (field.text, 1),
        };
        let read = digits.parse::<Money>().ok();
        let money = read.map(|money| Money::from_nanos(sign * money.as_nanos()));
        money.ok_or_else(|| field.is_no("amount of money"))
    }
}

/// One field of a row.
#[derive(Clone, Copy, Debug)]
struct Field<'a> {
    column: &'static str,
    text: &'a str,
}

impl Field<'_> {
    fn whole<N: FromStr>(self) -> Result<N, String> {
        let digits = self.text.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.text.parse().ok().filter(|_| digits);
        number.ok_or_else(|| self.is_no("whole number"))
    }

    fn named(self, names: &BTreeMap<String, u32>) -> Result<u32, String> {
        names.get(self.text).copied().ok_or_else(|| self.is_no("name in this scenario"))
    }

    fn is_no(self, what: &str) -> String {
        format!("column `{}`: `{}` is no {what}", self.column, self.text)
    }
}
