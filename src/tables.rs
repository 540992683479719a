//! Tables that somebody else made: CSV, plain or packed with gzip.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;

/// The longest table that is read, unpacked: far more than any published one has.
const MOST_BYTES: u64 = 256 << 20;
/// How a gzip file begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Not a readable file.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Too long.
    #[error("{}: more than {} MiB of text", path.display(), MOST_BYTES >> 20)]
    TooLong {
        /// Which file.
        path: PathBuf,
    },
    /// A row is not what it should be.
    #[error("{}:{line}: {message}", path.display())]
    Row {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
}

/// A table as read: its header and its rows, each with its line in the file.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) path: PathBuf,
    pub(crate) header: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads a table.
    pub(crate) fn read(path: &Path) -> Result<Self, TableError> {
        let text = text(path)?;
        let path = path.to_owned();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let bad = |error: &csv::Error| TableError::Row {
            path: path.clone(),
            line: error.position().map_or(1, csv::Position::line),
            message: error.to_string(),
        };
        let header = reader.headers().map_err(|error| bad(&error))?.clone();
        let rows = reader.records().collect::<Result<_, _>>().map_err(|error| bad(&error))?;
        Ok(Self { path, header, rows })
    }

    /// Whether there is a column of this name.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.header.iter().any(|name| name == column)
    }

    /// What the first row has in this column.
    pub(crate) fn first(&self, column: &str) -> Option<&str> {
        let index = self.header.iter().position(|name| name == column)?;
        self.rows.first()?.get(index)
    }

    /// Every row, with its line.
    pub(crate) fn rows<T: DeserializeOwned>(
        &self,
    ) -> impl Iterator<Item = Result<(u64, T), TableError>> + '_ {
        self.rows.iter().map(|row| {
            let line = row.position().map_or(1, csv::Position::line);
            let row = row.deserialize(Some(&self.header));
            row.map(|row| (line, row)).map_err(|error| self.bad(line, error.to_string()))
        })
    }

    /// A row that cannot be right.
    pub(crate) fn bad(&self, line: u64, message: String) -> TableError {
        TableError::Row { path: self.path.clone(), line, message }
    }
}

fn text(path: &Path) -> Result<String, TableError> {
    let failed = |source| TableError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes))
        .map_err(failed)?;
    let mut text = String::new();
    let read = if bytes.starts_with(&GZIP) {
        GzDecoder::new(bytes.as_slice()).take(MOST_BYTES).read_to_string(&mut text)
    } else {
        bytes.as_slice().read_to_string(&mut text)
    };
    match read.map_err(failed)? as u64 {
        MOST_BYTES => Err(TableError::TooLong { path: path.to_owned() }),
        _ => Ok(text),
    }
}
