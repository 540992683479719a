//! Where the journal of a durable ledger is kept, and who writes it.
//!
//! * [`SqliteStore`]: a file beside the program, the default.
//! * `PostgresStore` (feature `postgres`): a database server.
//! * [`LedgerWriter`]: a thread that books what many callers hand over, in batches, and answers each
//!   when its batch is stored.
//!
//! Both stores hold one table, made by the numbered scripts in `ledger/migrations`, that refuses to
//! change or lose a row. Neither trusts it: opening a ledger replays the whole journal.

mod columns;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod writer;

#[cfg(feature = "postgres")]
pub use postgres::{PostgresError, PostgresStore};
pub use sqlite::{SqliteError, SqliteStore};
pub use writer::{Answer, LedgerWriter, WriteError, WriterLimits, wall_clock};

/// A script of the folder `migrations`, whose number is its place.
type Migration = &'static str;

/// The scripts that a store of `version` still needs; `None` if a later program made it.
fn outstanding(migrations: &'static [Migration], version: usize) -> Option<&'static [Migration]> {
    migrations.get(version..)
}
