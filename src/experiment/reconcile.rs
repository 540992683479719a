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
    let (outcome, books) = simulated(scenario, seed, true, watch)?;
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
    let (outcome, books) = simulated(scenario, seed, false, watch)?;
    Ok((outcome, lay_beside(books, charges)))
}

fn simulated(
    scenario: &Scenario,
    seed: u64,
    both: bool,
    watch: &Watch,
) -> Result<(Outcome, Reconciler), ExperimentError> {
    let books = Books { reconciler: Reconciler::new(believed_prices(scenario), COIN), both };
    let (outcome, books) = simulate_beside(scenario, seed, None, books, watch)?;
    Ok((outcome, books.reconciler))
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

/// Takes the books of a run.
#[derive(Debug)]
struct Books {
    reconciler: Reconciler,
    /// The simulated provider's too, besides what the platform metered.
    both: bool,
}

impl Observer for Books {
    fn reads_books(&self) -> bool {
        true
    }

    fn reads_statement(&self) -> bool {
        self.both
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.reconciler.usage(record);
    }

    fn lease(&mut self, record: &LeaseRecord) {
        self.reconciler.lease(record);
    }

    fn statement(&mut self, line: &StatementLine) {
        self.reconciler.line(line);
    }
}
