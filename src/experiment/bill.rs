//! What a run comes to for its tenants: from a simulation, or from the records that a run has left.

use connector::Timestamp;
use platform::billing::{Bill, Biller, BillingConfig, BillingError, UsageRecord};
use scenarios::Scenario;

use super::{ExperimentError, Outcome, believed_prices, end_at_least, simulate_beside};
use crate::drive::{Observer, Watch};

/// Simulates the scenario with this seed, and bills it by these prices.
///
/// # Errors
/// See [`ExperimentError`]; what keeps a run from being billed stands inside.
pub fn simulated(
    scenario: &Scenario,
    config: &BillingConfig,
    seed: u64,
    watch: &Watch,
) -> Result<(Outcome, Result<Bill, BillingError>), ExperimentError> {
    let billing = Billing::new(scenario, config, seed);
    let (outcome, billing) = simulate_beside(scenario, seed, None, billing, watch)?;
    let bill = billing.finish(scenario, outcome.summary.header.partial);
    Ok((outcome, bill))
}

/// Bills records of use of a run of this scenario, in the order in which the run told them.
///
/// # Errors
/// See [`BillingError`].
pub fn of_records(
    scenario: &Scenario,
    config: &BillingConfig,
    (seed, partial): (u64, bool),
    records: &[UsageRecord],
) -> Result<Bill, BillingError> {
    let mut billing = Billing::new(scenario, config, seed);
    records.iter().for_each(|record| billing.usage(record));
    billing.finish(scenario, partial)
}

/// Takes a run's records of use to a bill.
#[derive(Debug)]
struct Billing {
    biller: Biller,
    /// A run does not end because its books do.
    failure: Option<BillingError>,
}

impl Billing {
    fn new(scenario: &Scenario, config: &BillingConfig, seed: u64) -> Self {
        let name = format!("{:016x}/{seed}", scenario.hash);
        let biller = Biller::new(config.clone(), believed_prices(scenario), &name);
        Self { biller, failure: None }
    }

    /// The books of a run that was cut off end with their last record.
    fn finish(self, scenario: &Scenario, partial: bool) -> Result<Bill, BillingError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let until = if partial { Timestamp::ZERO } else { end_at_least(scenario) };
        self.biller.finish(until).map(|(bill, _)| bill)
    }
}

impl Observer for Billing {
    fn reads_books(&self) -> bool {
        true
    }

    fn usage(&mut self, record: &UsageRecord) {
        if self.failure.is_none() {
            self.failure = self.biller.add(record).err();
        }
    }
}
