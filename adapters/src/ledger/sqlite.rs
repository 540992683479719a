//! The journal in a file, by SQLite.
//!
//! Write-ahead log with `synchronous = FULL`: a commit returns when the log is on the disk. The file
//! is locked for as long as it is open, so that there is one writer.

use std::{path::Path, time::Duration};

use platform::billing::ledger::{LedgerStore, Record, Tampered, TransactionId};
use rusqlite::{Connection, ErrorCode, Row, Statement, params};

use super::{
    Migration,
    columns::{self, Malformed},
    outstanding,
};

const MIGRATIONS: &[Migration] = &[include_str!("migrations/sqlite/0001_journal.sql")];

/// How long to wait for another program to close the file.
const PATIENCE: Duration = Duration::from_secs(2);

/// Memory for pages, so that looking for an id seldom reads the disk; and how long the log grows
/// before it is worked into the file.
const PRAGMAS: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA cache_size = -65536;
    PRAGMA wal_autocheckpoint = 65536;
";

/// Why a journal in SQLite failed.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// SQLite did.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// Another program has the file open.
    #[error("the ledger is in use by another program")]
    InUse,
    /// The place of the file cannot have a write-ahead log.
    #[error("the ledger's file cannot have a write-ahead log: its journal mode is `{0}`")]
    NoLog(String),
    /// A later version of this program made the file.
    #[error("the ledger has version {found}, this program knows up to {known}")]
    Newer {
        /// Version of the file.
        found: i64,
        /// Last version this program knows.
        known: usize,
    },
    /// A row cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl From<rusqlite::Error> for SqliteError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            _ => Self::Sqlite(error),
        }
    }
}

/// A journal in a file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
}

impl SqliteStore {
    /// Opens the file, or makes it, and brings it to the present version.
    ///
    /// # Errors
    ///
    /// If it is in use, made by a later version of this program, or no ledger.
    pub fn open(path: &Path) -> Result<Self, SqliteError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch(PRAGMAS)?;
        let mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(SqliteError::NoLog(mode));
        }
        migrate(&mut connection)?;
        Ok(Self { connection })
    }
}

fn migrate(connection: &mut Connection) -> Result<(), SqliteError> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let newer = || SqliteError::Newer { found, known: MIGRATIONS.len() };
    let version = usize::try_from(found).map_err(|_| newer())?;
    for script in outstanding(MIGRATIONS, version).ok_or_else(newer)? {
        transaction.execute_batch(script)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as u32)?;
    Ok(transaction.commit()?)
}

impl LedgerStore for SqliteStore {
    type Error = SqliteError;

    fn replay(
        &mut self,
        visit: &mut dyn FnMut(&Record<'_>) -> Result<(), Tampered>,
    ) -> Result<Result<(), Tampered>, SqliteError> {
        let mut all = self
            .connection
            .prepare("SELECT sequence, id, refers, entry, hash FROM journal ORDER BY sequence")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            if let Err(tampered) = visit(&record(row)?) {
                return Ok(Err(tampered));
            }
        }
        Ok(Ok(()))
    }

    fn find(
        &mut self,
        ids: &[TransactionId],
        referred: &[TransactionId],
        visit: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(), SqliteError> {
        let mut by_id = self
            .connection
            .prepare("SELECT sequence, id, refers, entry, hash FROM journal WHERE id = ?1")?;
        for &id in ids {
            look_up(&mut by_id, id, visit)?;
        }
        let mut by_referred = self
            .connection
            .prepare("SELECT sequence, id, refers, entry, hash FROM journal WHERE refers = ?1")?;
        for &id in referred {
            look_up(&mut by_referred, id, visit)?;
        }
        Ok(())
    }

    fn append(&mut self, records: &[Record<'_>]) -> Result<(), SqliteError> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare(
                "INSERT INTO journal (sequence, id, refers, entry, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for record in records {
                insert.execute(params![
                    columns::sequence(record),
                    columns::id_bytes(record.id),
                    record.refers.map(columns::id_bytes),
                    record.bytes,
                    record.hash,
                ])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

fn look_up(
    statement: &mut Statement<'_>,
    id: TransactionId,
    visit: &mut dyn FnMut(&Record<'_>),
) -> Result<(), SqliteError> {
    let mut rows = statement.query([columns::id_bytes(id)])?;
    while let Some(row) = rows.next()? {
        visit(&record(row)?);
    }
    Ok(())
}

fn record<'a>(row: &'a Row<'_>) -> Result<Record<'a>, SqliteError> {
    let blob =
        |column: usize, name| row.get_ref(column)?.as_blob().map_err(|_| Malformed(name).into());
    let refers = row.get_ref(2)?.as_blob_or_null().map_err(|_| Malformed("refers"))?;
    let blob: &dyn Fn(usize, &'static str) -> Result<&'a [u8], SqliteError> = &blob;
    Ok(columns::record(row.get(0)?, blob(1, "id")?, refers, blob(3, "entry")?, blob(4, "hash")?)?)
}
