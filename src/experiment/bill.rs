//! What a run comes to for its tenants: from a simulation, or from the records that a run has left.
//!
//! Records come to the bill by way of [`Delivery`], which has them come twice, late and out of order
//! where the scenario says so. A record is sent when its use ends, which is when the platform tells of
//! it: so a run and its file have the same records under way, and the same bill.

use connector::{Money, RequestRecord, Timestamp};
use platform::{
    Request,
    billing::{Bill, Biller, BillingConfig, BillingError, UsageRecord, ledger::Ledger},
};
use reports::{Header, ReadError};
use scenarios::Scenario;
use sim::delivery::{Delivered, Delivery};

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
    let billing = Billing::new(scenario, config, (seed, None));
    let (mut outcome, billing) = simulate_beside(scenario, seed, None, billing, watch)?;
    outcome.warnings.extend(told(billing.delivery.delivered()));
    let bill = billing.finish(scenario, outcome.summary.header.partial).map(|(bill, _)| bill);
    Ok((outcome, bill))
}

/// Why records that a run has left have no bill.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// They cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// They cannot be billed.
    #[error(transparent)]
    Billing(#[from] BillingError),
}

/// Bills records of use of a run of this scenario with this header, in the order in which the run
/// told them.
///
/// # Errors
/// See [`RecordsError`].
pub fn of_records(
    scenario: &Scenario,
    config: &BillingConfig,
    header: &Header,
    records: impl IntoIterator<Item = Result<UsageRecord, ReadError>>,
) -> Result<Bill, RecordsError> {
    let mut billing = Billing::new(scenario, config, (header.seed, None));
    for record in records {
        billing.usage(&record?);
    }
    Ok(billing.finish(scenario, header.partial)?.0)
}

/// What befell records on their way, if anything did.
fn told(Delivered { records, twice, late, overtaken }: Delivered) -> Option<String> {
    (twice + late + overtaken > 0).then(|| {
        format!(
            "of {records} records of use {twice} came twice; {late} copies were late, and \
             {overtaken} overtaken on their way"
        )
    })
}

/// Takes a run's records of use to a bill.
#[derive(Debug)]
pub(super) struct Billing {
    biller: Biller,
    delivery: Delivery<UsageRecord>,
    /// A run does not end because its books do.
    failure: Option<BillingError>,
}

impl Billing {
    /// `started`: when, of a run that happens only once.
    pub(super) fn new(
        scenario: &Scenario,
        config: &BillingConfig,
        (seed, started): (u64, Option<Timestamp>),
    ) -> Self {
        let mut name = format!("{:016x}/{seed}", scenario.hash);
        if let Some(started) = started {
            name = format!("{name}/{}", started.as_nanos());
        }
        let biller = Biller::new(config.clone(), believed_prices(scenario), &name);
        Self { biller, delivery: Delivery::new(scenario.metering, seed), failure: None }
    }

    /// A request arrives that may cost so much: see [`Biller::reserve`].
    pub(super) fn reserve(
        &mut self,
        request: &Request,
        ceiling: Money,
        expires: Option<Timestamp>,
    ) {
        if self.failure.is_none() {
            let Request { id, tenant, .. } = *request;
            self.failure = self.biller.reserve(id, tenant, ceiling, expires).err();
        }
    }

    /// A request is answered: see [`Biller::answered`].
    pub(super) fn answered(&mut self, record: &RequestRecord) {
        if self.failure.is_none() {
            self.failure = self.biller.answered(record.request, record.finished).err();
        }
    }

    /// The books, up to date unless something is wrong with them.
    pub(super) fn settled(&mut self) -> &Ledger {
        if self.failure.is_none() {
            self.failure = self.biller.settle().err();
        }
        self.biller.ledger()
    }

    /// The books of a run that was cut off end with their last record.
    pub(super) fn finish(
        mut self,
        scenario: &Scenario,
        partial: bool,
    ) -> Result<(Bill, Ledger), BillingError> {
        while let Some(record) = self.delivery.rest() {
            self.add(&record);
        }
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let until = if partial { Timestamp::ZERO } else { end_at_least(scenario) };
        self.biller.finish(until)
    }

    fn add(&mut self, record: &UsageRecord) {
        if self.failure.is_none() {
            self.failure = self.biller.add(record).err();
        }
    }
}

impl Observer for Billing {
    fn reads_books(&self) -> bool {
        true
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.delivery.send(record.until, record);
        while let Some(arrived) = self.delivery.poll(record.until) {
            self.add(&arrived);
        }
    }
}
