//! A run whose two books are laid side by side: what the provider charges, and what the platform
//! metered. The run is simulated, or over and in files.

use std::collections::BTreeMap;

use connector::{Money, PoolId, StatementLine};
use platform::billing::{
    LeaseRecord, UsageRecord,
    reconcile::{OutOfRange, Reconciler, Reconciliation},
};
use reports::{LeaseReader, ReadError, UsageReader};
use scenarios::Scenario;

use super::{ExperimentError, Outcome, believed_prices, simulate_beside};
use crate::drive::{Observer, Watch};

/// The simulated provider charges to the step of [`Money`].
const COIN: Money = Money::from_nanos(1);

/// What the provider charges.
#[derive(Clone, Debug)]
pub enum Charges {
    /// Share by share.
    Lines(Vec<StatementLine>),
    /// A sum for each pool.
    Sums(BTreeMap<PoolId, Money>),
}

/// Why there is no reconciliation of what a run has left.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// A table.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A sum.
    #[error(transparent)]
    Amounts(#[from] OutOfRange),
}

/// Simulates the scenario with this seed, and lays its books beside the simulated provider's statement.
///
/// # Errors
/// See [`ExperimentError`].
pub fn reconcile(
    scenario: &Scenario,
    seed: u64,
    watch: &Watch,
) -> Result<(Outcome, Result<Reconciliation, OutOfRange>), ExperimentError> {
    let books = BothBooks(Reconciler::new(believed_prices(scenario), COIN));
    let (outcome, BothBooks(books)) = simulate_beside(scenario, seed, None, books, watch)?;
    Ok((outcome, books.reconcile()))
}

/// As [`reconcile`], but with other charges than the simulated provider's.
///
/// # Errors
/// See [`ExperimentError`].
pub fn reconcile_with(
    scenario: &Scenario,
    seed: u64,
    charges: Charges,
    watch: &Watch,
) -> Result<(Outcome, Result<Reconciliation, OutOfRange>), ExperimentError> {
    let books = OurBooks(Reconciler::new(believed_prices(scenario), COIN));
    let (outcome, OurBooks(books)) = simulate_beside(scenario, seed, None, books, watch)?;
    Ok((outcome, lay_beside(books, charges)))
}

/// Lays the books that a run of this scenario has left beside these charges.
///
/// # Errors
/// If a table cannot be read, or a sum is out of range.
pub fn of_tables(
    scenario: &Scenario,
    used: UsageReader,
    held: LeaseReader,
    charges: Charges,
) -> Result<Reconciliation, BooksError> {
    let mut books = Reconciler::new(believed_prices(scenario), COIN);
    for record in used {
        books.usage(&record?);
    }
    for lease in held {
        books.lease(&lease?);
    }
    Ok(lay_beside(books, charges)?)
}

fn lay_beside(mut books: Reconciler, charges: Charges) -> Result<Reconciliation, OutOfRange> {
    match charges {
        Charges::Lines(lines) => {
            for line in &lines {
                books.line(line);
            }
            books.reconcile()
        }
        Charges::Sums(sums) => books.beside_sums(&sums),
    }
}

/// Takes both books of a run.
#[derive(Debug)]
struct BothBooks(Reconciler);

/// Takes what the platform metered.
#[derive(Debug)]
struct OurBooks(Reconciler);

impl Observer for BothBooks {
    fn reads_books(&self) -> bool {
        true
    }

    fn reads_statement(&self) -> bool {
        true
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.0.usage(record);
    }

    fn lease(&mut self, record: &LeaseRecord) {
        self.0.lease(record);
    }

    fn statement(&mut self, line: &StatementLine) {
        self.0.line(line);
    }
}

impl Observer for OurBooks {
    fn reads_books(&self) -> bool {
        true
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.0.usage(record);
    }

    fn lease(&mut self, record: &LeaseRecord) {
        self.0.lease(record);
    }
}
