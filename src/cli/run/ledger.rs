//! Runs whose books outlast them.

use std::{fmt::Write as _, path::Path};

use adapters::ledger::{SqliteStore, wall_clock};
use platform::billing::{BillingConfig, ledger::LedgerStore};

use super::{Failure, Far, Once, note};
use crate::{
    cli::bill,
    experiment::{
        Outcome,
        ledger::{Booking, LedgerFailure},
    },
};

const POSTGRES: [&str; 2] = ["postgresql://", "postgres://"];

impl Once<'_> {
    /// Runs it and books it at this place: what was measured, and what became of the books.
    ///
    /// # Errors
    /// If the run or its ledger cannot begin, or the run failed.
    pub(super) fn booked(self, place: &str) -> Result<(Outcome, Result<(), Failure>), Failure> {
        let scenario = self.scenario;
        let config = bill::prices(scenario)?;
        if POSTGRES.iter().any(|scheme| place.starts_with(scheme)) {
            return self.booked_in_postgres(place, config);
        }
        let store = SqliteStore::open(Path::new(place)).map_err(|error| {
            Failure::failed(error)
                .with_help("name a new file, or a ledger that no other program has open")
        })?;
        self.booked_in(store, &format!("`{place}`"), config)
    }

    #[cfg(feature = "postgres")]
    fn booked_in_postgres(
        self,
        url: &str,
        config: &BillingConfig,
    ) -> Result<(Outcome, Result<(), Failure>), Failure> {
        let url = secrecy::SecretString::from(url);
        let store = adapters::ledger::PostgresStore::connect(&url).map_err(Failure::failed)?;
        self.booked_in(store, "PostgreSQL", config)
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_self, reason = "called like its counterpart with the feature")]
    fn booked_in_postgres(
        self,
        _: &str,
        _: &BillingConfig,
    ) -> Result<(Outcome, Result<(), Failure>), Failure> {
        Err(Failure::bad_input("this build cannot keep a ledger in PostgreSQL")
            .with_help("build it with `--features postgres`, or name a file"))
    }

    fn booked_in<S: LedgerStore + Send + 'static>(
        self,
        store: S,
        place: &str,
        config: &BillingConfig,
    ) -> Result<(Outcome, Result<(), Failure>), Failure> {
        let (scenario, quiet) = (self.scenario, self.run.quiet);
        let started = matches!(self.far, Far::Live(_)).then(wall_clock);
        let booking =
            Booking::open(store, scenario, config, (self.seed, started)).map_err(failed)?;
        let (outcome, booking) = self.beside(booking)?;
        let booked = booking.finish(scenario, outcome.summary.header.partial);
        let booked = booked.map_err(failed).map(|head| {
            if !quiet {
                let hash = head.hash.iter().fold(String::new(), |mut text, byte| {
                    write!(text, "{byte:02x}").expect("writing to text cannot fail");
                    text
                });
                note(&format!("{place} has {} entries, the last of hash {hash}", head.sequence));
            }
        });
        Ok((outcome, booked))
    }
}

fn failed<E: std::error::Error + Send + Sync + 'static>(error: LedgerFailure<E>) -> Failure {
    let help = match &error {
        LedgerFailure::Store(_) => "open it with what it was written by, or name a new file",
        LedgerFailure::Name(_) => "shorten the names of tenants, models and pools",
        LedgerFailure::Write(_) => {
            "run it again: what is booked stays as it is; if it is refused, another version of \
             harpoon booked this run otherwise: name a new file"
        }
        LedgerFailure::Billing(_) => return Failure::failed(error),
    };
    Failure::failed(error).with_help(help)
}
