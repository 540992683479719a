//! A simulated run whose two books are laid side by side: what the provider charges, share by share,
//! and what the platform metered.

use std::time::Instant;

use connector::{
    Money, PoolGauge, ProviderUsage, RequestRecord, StatementLine, Timestamp, TokenGaps,
};
use platform::billing::{
    LeaseRecord, UsageRecord,
    reconcile::{OutOfRange, Reconciler, Reconciliation},
};
use reports::Recorder;
use scenarios::Scenario;
use sim::Simulator;

use super::{ExperimentError, FIRST_LIFE, Outcome, platform, recorder, sampling, summarise};
use crate::drive::{Lines, Observer, Session, Watch, virtual_time};

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
    let started = Instant::now();
    let simulator = Simulator::new(scenario.provider.clone(), seed)?.keeping_statement();
    let mut lines = Lines::single(simulator);
    let books = BothBooks {
        recorder: recorder(scenario, seed, None),
        reconciler: Reconciler::new(prices(scenario), COIN),
    };
    let platform = platform(scenario, seed)?.telling_books(FIRST_LIFE);
    let mut session = Session::new(scenario.arrivals(seed)?, platform, books, sampling(scenario))?;
    let at_least = Timestamp::ZERO + scenario.duration.unwrap_or_default();
    let ended = virtual_time::run(&mut session, &mut lines, watch, at_least)?;
    let (arrivals, platform, BothBooks { recorder, reconciler }) = session.into_parts();
    let outcome = summarise((&arrivals, &platform, recorder), scenario, ended, started, None);
    Ok((outcome, reconciler.reconcile()))
}

/// What the platform believes that a share costs for an hour, by pool.
fn prices(scenario: &Scenario) -> Vec<Money> {
    let mut prices = vec![Money::ZERO; scenario.names.pools.len()];
    for cable in &scenario.platform.cables {
        prices[cable.pool.index()] = cable.price_per_slot_hour;
    }
    prices
}

/// Takes a run's figures and both of its books.
#[derive(Debug)]
struct BothBooks {
    recorder: Recorder,
    reconciler: Reconciler,
}

impl Observer for BothBooks {
    fn record(&mut self, record: &RequestRecord) {
        self.recorder.record(record);
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

    fn gauge(&mut self, at: Timestamp, gauge: &PoolGauge) {
        self.recorder.gauge(at, gauge);
    }

    fn token_gaps(&mut self, at: Timestamp, gaps: &TokenGaps) {
        self.recorder.token_gaps(at, gaps);
    }

    fn provider_usage(&mut self, usage: &ProviderUsage) {
        self.recorder.provider_usage(usage);
    }

    fn in_flight(&mut self, at: Timestamp, requests: usize) {
        self.recorder.in_flight(at, requests as u64);
    }
}
