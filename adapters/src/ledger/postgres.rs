//! The journal in PostgreSQL, in the table `harpoon.journal`.
//!
//! A commit returns when the server's log is on its disk; a server that is set not to wait for it
//! is refused. An advisory lock sees to one writer at a time, the journal's primary key to it that
//! one who lost the lock and does not know it yet cannot write either.

use std::{str::FromStr, time::Duration};

use platform::billing::ledger::{LedgerStore, Record, Tampered, TransactionId};
use postgres::{
    Client, Config, NoTls, Row,
    binary_copy::{BinaryCopyInWriter, BinaryCopyOutIter},
    config::Host,
    fallible_iterator::FallibleIterator,
    types::Type,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Migration,
    columns::{self, Malformed},
    outstanding,
};

const MIGRATIONS: &[Migration] = &[include_str!("migrations/postgres/0001_journal.sql")];

/// Key of the advisory lock: "harpoon" in ASCII.
const LOCK: i64 = 0x0068_6172_706f_6f6e;
/// How long the server waits for the lock: one whose client died gives it up when it notices.
const PATIENCE: &str = "SET lock_timeout = '5s'";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sent data may go unanswered before the line counts as dead.
const TCP_TIMEOUT: Duration = Duration::from_secs(30);

const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Why a journal in PostgreSQL failed.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server or the line to it did.
    #[error(transparent)]
    Postgres(postgres::Error),
    /// No address. It is not shown: it may hold a password.
    #[error(
        "the URL of the ledger's database is malformed, expected postgresql://user@host/database"
    )]
    Url,
    /// A server on another machine, to which nothing would be encrypted.
    #[error("the ledger's database `{host}` is not on this machine: expected a socket or loopback")]
    Remote {
        /// The server.
        host: String,
    },
    /// Another program has the ledger open.
    #[error("the ledger is in use by another program")]
    InUse,
    /// The server acknowledges what a crash may lose.
    #[error("the database server has `{setting}` off: it would lose what it acknowledged")]
    Unsafe {
        /// The setting.
        setting: &'static str,
    },
    /// A later version of this program made the table.
    #[error("the ledger has version {found}, this program knows up to {known}")]
    Newer {
        /// Version of the table.
        found: i32,
        /// Last version this program knows.
        known: usize,
    },
    /// A row cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl From<postgres::Error> for PostgresError {
    fn from(error: postgres::Error) -> Self {
        match error.code() {
            Some(code) if code.code() == LOCK_NOT_AVAILABLE => Self::InUse,
            _ => Self::Postgres(error),
        }
    }
}

/// A journal in a database.
pub struct PostgresStore {
    client: Client,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects, makes the table if there is none, and brings it to the present version. Must not be
    /// called, nor the store used or dropped, by a thread that drives a runtime.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached or is not safe, or the table is in use or of a later version.
    pub fn connect(url: &SecretString) -> Result<Self, PostgresError> {
        let mut config = Config::from_str(url.expose_secret()).map_err(|_| PostgresError::Url)?;
        if let Some(host) = remote(&config) {
            return Err(PostgresError::Remote { host });
        }
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(TCP_TIMEOUT);
        config.application_name("harpoon");
        let mut client = config.connect(NoTls)?;
        safe(&mut client)?;
        client.batch_execute(PATIENCE)?;
        client.execute("SELECT pg_advisory_lock($1)", &[&LOCK])?;
        migrate(&mut client)?;
        Ok(Self { client })
    }
}

/// The first server that is not on this machine. An address, where given, wins over its name.
fn remote(config: &Config) -> Option<String> {
    let local = |name: &str| ["localhost", "127.0.0.1", "::1"].contains(&name);
    let named = config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) if !local(name) => Some(name.clone()),
        Host::Tcp(_) | Host::Unix(_) => None,
    });
    let address = config.get_hostaddrs().iter().find(|address| !address.is_loopback());
    named.or_else(|| address.map(ToString::to_string))
}

fn safe(client: &mut Client) -> Result<(), PostgresError> {
    client.batch_execute("SET synchronous_commit = on")?;
    for setting in ["fsync", "full_page_writes"] {
        let row = client.query_one("SELECT current_setting($1)", &[&setting])?;
        if row.get::<_, &str>(0) != "on" {
            return Err(PostgresError::Unsafe { setting });
        }
    }
    Ok(())
}

fn migrate(client: &mut Client) -> Result<(), PostgresError> {
    let mut transaction = client.transaction()?;
    transaction.batch_execute(
        "CREATE SCHEMA IF NOT EXISTS harpoon;
         CREATE TABLE IF NOT EXISTS harpoon.version (version INTEGER NOT NULL);",
    )?;
    let row =
        transaction.query_one("SELECT coalesce(max(version), 0) FROM harpoon.version", &[])?;
    let found: i32 = row.get(0);
    let newer = || PostgresError::Newer { found, known: MIGRATIONS.len() };
    let version = usize::try_from(found).map_err(|_| newer())?;
    let scripts = outstanding(MIGRATIONS, version).ok_or_else(newer)?;
    for (script, number) in scripts.iter().zip(found + 1..) {
        transaction.batch_execute(script)?;
        transaction.execute("INSERT INTO harpoon.version VALUES ($1)", &[&number])?;
    }
    Ok(transaction.commit()?)
}

impl LedgerStore for PostgresStore {
    type Error = PostgresError;

    fn replay(
        &mut self,
        visit: &mut dyn FnMut(&Record<'_>) -> Result<(), Tampered>,
    ) -> Result<Result<(), Tampered>, PostgresError> {
        let reader = self.client.copy_out(
            "COPY (SELECT sequence, id, refers, entry, hash FROM harpoon.journal ORDER BY sequence)
             TO STDOUT BINARY",
        )?;
        let mut rows = BinaryCopyOutIter::new(reader, &TYPES);
        while let Some(row) = rows.next()? {
            let record = columns::record(
                row.try_get(0)?,
                row.try_get(1)?,
                row.try_get(2)?,
                row.try_get(3)?,
                row.try_get(4)?,
            )?;
            if let Err(tampered) = visit(&record) {
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
    ) -> Result<(), PostgresError> {
        let by_id = "SELECT sequence, id, refers, entry, hash FROM harpoon.journal
                     WHERE id = ANY($1)";
        let by_referred = "SELECT sequence, id, refers, entry, hash FROM harpoon.journal
                           WHERE refers = ANY($1)";
        for (query, wanted) in [(by_id, ids), (by_referred, referred)] {
            if wanted.is_empty() {
                continue;
            }
            let wanted: Vec<_> = wanted.iter().map(|&id| columns::id_bytes(id)).collect();
            let wanted: Vec<&[u8]> = wanted.iter().map(<[u8; 16]>::as_slice).collect();
            for row in self.client.query_typed(query, &[(&wanted, Type::BYTEA_ARRAY)])? {
                visit(&record(&row)?);
            }
        }
        Ok(())
    }

    fn append(&mut self, records: &[Record<'_>]) -> Result<(), PostgresError> {
        let mut transaction = self.client.transaction()?;
        let sink = transaction.copy_in(
            "COPY harpoon.journal (sequence, id, refers, entry, hash) FROM STDIN BINARY",
        )?;
        let mut rows = BinaryCopyInWriter::new(sink, &TYPES);
        for record in records {
            let id = columns::id_bytes(record.id);
            let refers = record.refers.map(columns::id_bytes);
            rows.write(&[
                &columns::sequence(record),
                &id.as_slice(),
                &refers.as_ref().map(<[u8; 16]>::as_slice),
                &record.bytes,
                &record.hash.as_slice(),
            ])?;
        }
        rows.finish()?;
        Ok(transaction.commit()?)
    }
}

const TYPES: [Type; 5] = [Type::INT8, Type::BYTEA, Type::BYTEA, Type::BYTEA, Type::BYTEA];

fn record(row: &Row) -> Result<Record<'_>, PostgresError> {
    Ok(columns::record(
        row.try_get(0)?,
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
        row.try_get(4)?,
    )?)
}
