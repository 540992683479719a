//! A simulated run whose two books are laid side by side: what the provider charges, share by share,
//! and what the platform metered.

use connector::{Money, StatementLine};
use platform::billing::{
    LeaseRecord, UsageRecord,
    reconcile::{OutOfRange, Reconciler, Reconciliation},
};
use scenarios::Scenario;

use super::{ExperimentError, Outcome, believed_prices, simulate_beside};
use crate::drive::{Observer, Watch};

/// The simulated provider charges to the step of [`Money`].
const COIN: Money = Money::from_nanos(1);

/// Simulates the scenario with this seed, and reconciles.
///
/// # Errors
/// See [`ExperimentError`].
pub fn reconcile(
    scenario: &Scenario,
    seed: u64,
    watch: &Watch,
) -> Result<(Outcome, Result<Reconciliation, OutOfRange>), ExperimentError> {
    let reconciler = Reconciler::new(believed_prices(scenario), COIN);
    let (outcome, reconciler) = simulate_beside(scenario, seed, None, reconciler, watch)?;
    Ok((outcome, reconciler.reconcile()))
}

impl Observer for Reconciler {
    fn reads_books(&self) -> bool {
        true
    }

    fn reads_statement(&self) -> bool {
        true
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.usage(record);
    }

    fn lease(&mut self, record: &LeaseRecord) {
        self.lease(record);
    }

    fn statement(&mut self, line: &StatementLine) {
        self.line(line);
    }
}
