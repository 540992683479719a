//! The files of a run: `scenario.yaml`, `summary.json`, `requests.csv`, `usage.csv`, `leases.csv`, of a simulated one
//! `statement.csv`, `timeline.csv` and its picture `timeline.svg` in one directory.
//!
//! # Mechanism
//!
//! All exist from the start with a header that says they are unfinished, so that nothing of an
//! earlier run can be mistaken for part of this one; the statement of an earlier run is removed where
//! there will be none. Requests, records of use, leases and lines of the statement are written as they
//! come and nothing of them is kept. The digest is known only at the end; the first line of their
//! files is therefore of fixed length and written again then.
//!
//! # Edges
//!
//! A file with one of these names that this product has not written is left alone, unless told
//! otherwise. Once a write fails (disk full), nothing more is written and
//! [`finish`](RunFiles::finish) returns the first failure; the run itself goes on.

mod leases;
mod read;
mod requests;
mod rows;
mod statement;
mod timeline;
mod usage;

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use connector::{Names, RequestRecord, StatementLine};
use platform::billing::{LeaseRecord, UsageRecord};

pub use self::read::{LeaseReader, ReadError, StatementReader, TableReader, UsageReader};

use crate::{
    Header, Summary,
    header::{JSON_MARK, TEXT_MARK},
    picture::{self, PICTURE_MARK},
    timeline::Timeline,
};

const SUMMARY: &str = "summary.json";
const REQUESTS: &str = "requests.csv";
const TIMELINE: &str = "timeline.csv";
const USAGE: &str = "usage.csv";
/// The file in the directory of a run that holds its scenario.
pub const SCENARIO: &str = "scenario.yaml";
const LEASES: &str = "leases.csv";
/// The simulated provider's statement, in the directory of a run.
pub const STATEMENT: &str = "statement.csv";
const PICTURE: &str = "timeline.svg";

/// Why a run's files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `create`, `write` ...
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is in the way that this product has not written.
    #[error("`{}` is in the way and was not written by harpoon", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

impl FilesError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Which files may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// Those that this product has written.
    #[default]
    OwnOutputs,
    /// Any.
    Anything,
}

impl Overwrite {
    /// Whether this file may be replaced, judged by its first bytes.
    ///
    /// # Errors
    /// If it is in the way, or cannot be read.
    pub fn check(self, path: &Path) -> Result<(), FilesError> {
        if self == Self::Anything {
            return Ok(());
        }
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(FilesError::io("read", path)(error)),
        };
        let mut start = [0; PICTURE_MARK.len()];
        let read = file.read(&mut start).map_err(FilesError::io("read", path))?;
        let start = &start[..read];
        // An empty file loses nothing.
        let ours = start.is_empty()
            || start.starts_with(TEXT_MARK.as_bytes())
            || start.starts_with(JSON_MARK.as_bytes())
            || start.starts_with(PICTURE_MARK.as_bytes());
        if ours { Ok(()) } else { Err(FilesError::Foreign { path: path.to_owned() }) }
    }
}

/// The files of a run that has begun.
#[derive(Debug)]
pub struct RunFiles {
    directory: PathBuf,
    requests: requests::RequestsFile,
    usage: usage::UsageFile,
    leases: leases::LeasesFile,
    statement: Option<statement::StatementFile>,
    failure: Option<FilesError>,
}

impl RunFiles {
    /// Whether a run may begin its files in this directory.
    ///
    /// # Errors
    /// If a file of one of the names is in the way, or the directory is none.
    pub fn check(directory: &Path, overwrite: Overwrite) -> Result<(), FilesError> {
        [SUMMARY, SCENARIO, REQUESTS, TIMELINE, USAGE, LEASES, STATEMENT, PICTURE]
            .iter()
            .try_for_each(|name| overwrite.check(&directory.join(name)))
    }

    /// Begins the files in this directory, which is created if missing; all but `statement.csv`, see
    /// [`with_statement`](Self::with_statement). `scenario` is the text of the scenario as it is run.
    ///
    /// # Errors
    /// If a file of one of the names is in the way, or cannot be written.
    pub fn create(
        directory: &Path,
        header: &Header,
        scenario: &str,
        overwrite: Overwrite,
    ) -> Result<Self, FilesError> {
        fs::create_dir_all(directory).map_err(FilesError::io("create", directory))?;
        Self::check(directory, overwrite)?;
        let begun = Header { digest: None, ..header.clone() };
        let unfinished = format!("{JSON_MARK} {}}}\n", json(&begun));
        write_whole(&directory.join(SUMMARY), &unfinished)?;
        write_whole(&directory.join(TIMELINE), &begun.reserved_line())?;
        write_whole(&directory.join(SCENARIO), &(begun.reserved_line() + scenario))?;
        write_whole(&directory.join(PICTURE), &picture::unfinished(&begun))?;
        let requests = requests::RequestsFile::create(directory.join(REQUESTS), &begun)?;
        let usage = usage::UsageFile::create(directory.join(USAGE), &begun)?;
        let leases = leases::LeasesFile::create(directory.join(LEASES), &begun)?;
        remove_if_there(&directory.join(STATEMENT))?;
        let directory = directory.to_owned();
        Ok(Self { directory, requests, usage, leases, statement: None, failure: None })
    }

    /// Begins `statement.csv` too: of a run whose provider tells its statement line by line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn with_statement(self, header: &Header) -> Result<Self, FilesError> {
        let begun = Header { digest: None, ..header.clone() };
        let path = self.directory.join(STATEMENT);
        Ok(Self { statement: Some(statement::StatementFile::create(path, &begun)?), ..self })
    }

    /// Whether there is a `statement.csv` to be filled.
    pub(crate) const fn has_statement(&self) -> bool {
        self.statement.is_some()
    }

    /// One row of `requests.csv`.
    pub(crate) fn request(&mut self, names: &Names, record: &RequestRecord, warming_up: bool) {
        if self.failure.is_none() {
            self.failure = self.requests.write(names, record, warming_up).err();
        }
    }

    /// One row of `usage.csv`.
    pub(crate) fn usage(&mut self, names: &Names, record: &UsageRecord) {
        if self.failure.is_none() {
            self.failure = self.usage.write(names, record).err();
        }
    }

    /// One row of `leases.csv`.
    pub(crate) fn lease(&mut self, names: &Names, lease: &LeaseRecord) {
        if self.failure.is_none() {
            self.failure = self.leases.write(names, lease).err();
        }
    }

    /// One row of `statement.csv`, if there is one.
    pub(crate) fn statement(&mut self, names: &Names, line: &StatementLine) {
        if let Some(file) = self.statement.as_mut().filter(|_| self.failure.is_none()) {
            self.failure = file.write(names, line).err();
        }
    }

    /// Completes all of them.
    pub(crate) fn finish(
        self,
        summary: &Summary,
        timeline: &Timeline<'_>,
    ) -> Result<(), FilesError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        complete(&self.directory.join(SCENARIO), &summary.header)?;
        self.requests.finish(&summary.header)?;
        self.usage.finish(&summary.header)?;
        self.leases.finish(&summary.header)?;
        self.statement.map_or(Ok(()), |file| file.finish(&summary.header))?;
        timeline::write(&self.directory.join(TIMELINE), timeline)?;
        write_whole(&self.directory.join(PICTURE), &timeline.picture())?;
        write_whole(&self.directory.join(SUMMARY), &summary.to_json())
    }
}

fn json(header: &Header) -> String {
    serde_json::to_string(header).expect("a header is text and numbers")
}

/// Replaces a file by this text.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), FilesError> {
    fs::write(path, text).map_err(FilesError::io("write", path))
}

/// Writes the first line of a file that is complete otherwise.
fn complete(path: &Path, header: &Header) -> Result<(), FilesError> {
    let file = File::options().write(true).open(path);
    file.and_then(|mut file| rewrite_header(&mut file, header))
        .map_err(FilesError::io("write", path))
}

fn remove_if_there(path: &Path) -> Result<(), FilesError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FilesError::io("remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes the first line of a file again, now that the digest is known.
fn rewrite_header(file: &mut File, header: &Header) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header.reserved_line().as_bytes())?;
    file.flush()
}

/// Seconds with all their nanoseconds: exact, and as wide for every value.
fn exact_seconds(ns: u64) -> impl std::fmt::Display {
    struct Exact(u64);
    impl std::fmt::Display for Exact {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
        }
    }
    Exact(ns)
}

#[cfg(test)]
mod tests;
