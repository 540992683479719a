//! The lines of a file, plain or compressed, one at a time in one reused buffer.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::error::{RowProblem, TraceError};

/// Longest line; a Mooncake row of a million tokens has about 20 kB.
const MAX_LINE: usize = 1 << 20;

/// How a file is packed, told by its first bytes and not by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(magic: &[u8]) -> Self {
        if magic.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

/// Reads a file line by line.
pub(crate) struct Lines {
    path: PathBuf,
    packing: Packing,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    number: u64,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self, TraceError> {
        Self::unpack(path).map_err(|error| TraceError::Io { path: path.to_owned(), error })
    }

    fn unpack(path: &Path) -> io::Result<Self> {
        const BUFFER: usize = 1 << 16;
        let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
        let packing = Packing::of(file.fill_buf()?);
        let reader: Box<dyn BufRead + Send> = match packing {
            Packing::Plain => Box::new(file),
            Packing::Gzip => Box::new(BufReader::with_capacity(
                BUFFER,
                flate2::bufread::MultiGzDecoder::new(file),
            )),
            Packing::Zstd => Box::new(BufReader::with_capacity(
                BUFFER,
                zstd::stream::read::Decoder::with_buffer(file)?,
            )),
        };
        Ok(Self { path: path.to_owned(), packing, reader, buffer: Vec::new(), number: 0 })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the line read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The line read last is not valid.
    pub(crate) fn refuse(&self, problem: RowProblem) -> TraceError {
        TraceError::row(&self.path, self.number, problem)
    }

    /// Reads the next line that is not blank; [`Lines::text`] then holds it.
    pub(crate) fn advance(&mut self) -> Result<bool, TraceError> {
        loop {
            self.buffer.clear();
            let mut bounded = self.reader.by_ref().take(MAX_LINE as u64 + 1);
            let read = bounded.read_until(b'\n', &mut self.buffer);
            let read = read.map_err(|error| self.failed(error))?;
            if read == 0 {
                return Ok(false);
            }
            self.number += 1;
            if self.buffer.len() > MAX_LINE {
                return Err(self.refuse(RowProblem::TooLong { limit: MAX_LINE }));
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// The line read last, without its end.
    pub(crate) fn text(&self) -> Result<&str, TraceError> {
        let text = std::str::from_utf8(&self.buffer)
            .map_err(|_| self.refuse(RowProblem::NotText))?
            .trim_end_matches(['\n', '\r']);
        // Spreadsheets put a byte order mark in front of the first line.
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    fn failed(&self, error: io::Error) -> TraceError {
        let path = self.path.clone();
        match self.packing {
            Packing::Plain => TraceError::Io { path, error },
            Packing::Gzip | Packing::Zstd => TraceError::Damaged { path, line: self.number, error },
        }
    }
}
