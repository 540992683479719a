//! One scenario with one seed, from its parts to its summary; simulated here, live in [`live`],
//! billed in [`bill`] and in a durable [`ledger`], and with both books laid side by side in [`reconcile`];
//! simulated and live side by side in [`parity`]; recorded by [`taping`], and again from a recording in
//! [`replay`].

pub mod bill;
mod faults;
pub mod ledger;
pub mod live;
pub mod parity;
pub mod reconcile;
pub mod replay;
pub mod taping;

use std::time::Instant;

use adapters::recording::RecordError;
use connector::{
    Connector, Duration, Money, PoolGauge, ProviderUsage, RequestRecord, StatementLine, Timestamp,
    TokenGaps,
};
use platform::{
    Holding, HoldingState, Platform, PlatformConfig,
    billing::{LeaseRecord, UsageRecord},
};
use reports::{
    FilesError, GeneratorLag, Header, Recorder, RecorderConfig, RunEnd, RunFiles, Summary,
};
use scenarios::{Scenario, TrafficError};
use sim::Simulator;

use crate::drive::{Ended, Lines, Observer, RunError, Sampling, Session, Watch, virtual_time};

/// Between two looks at the pools, and the length of an interval of the time series.
const INTERVAL: Duration = Duration::from_secs(1);

/// A run has one life of its platform.
const FIRST_LIFE: u32 = 0;

/// Shares that may still be held are told one by one up to this number.
const HOLDINGS_TOLD: usize = 20;

/// Why an experiment has no summary.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// The provider cannot be simulated.
    #[error(transparent)]
    Provider(#[from] sim::config::ConfigError),
    /// The platform cannot be set up.
    #[error(transparent)]
    Platform(#[from] platform::ConfigError),
    /// The run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The live run could not be set up.
    #[error(transparent)]
    Live(#[from] live::LiveError),
    /// The recording could not be begun.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The recording could not be replayed.
    #[error(transparent)]
    Replay(#[from] replay::ReplayError),
}

impl From<TrafficError> for ExperimentError {
    fn from(error: TrafficError) -> Self {
        Self::Run(error.into())
    }
}

/// A summary, and what became of the files.
#[derive(Debug)]
pub struct Outcome {
    /// What was measured.
    pub summary: Summary,
    /// Whether it could be written.
    pub files: Result<(), FilesError>,
    /// Whether the recording could be written to its end, if there is one.
    pub recording: Result<(), RecordError>,
    /// What should be known beside the figures.
    pub warnings: Vec<String>,
}

/// The first line of every output of this experiment.
pub fn header(scenario: &Scenario, seed: u64) -> Header {
    Header::new(env!("CARGO_PKG_VERSION"), &scenario.name, scenario.hash, seed)
}

/// Simulates the scenario with this seed.
///
/// # Errors
/// See [`ExperimentError`].
pub fn simulate(
    scenario: &Scenario,
    seed: u64,
    files: Option<RunFiles>,
    watch: &Watch,
) -> Result<Outcome, ExperimentError> {
    simulate_beside(scenario, seed, files, (), watch).map(|(outcome, ())| outcome)
}

/// Simulates the scenario with this seed, and tells another observer of everything as well.
///
/// # Errors
/// See [`ExperimentError`].
pub fn simulate_beside<O: Observer>(
    scenario: &Scenario,
    seed: u64,
    files: Option<RunFiles>,
    beside: O,
    watch: &Watch,
) -> Result<(Outcome, O), ExperimentError> {
    let observer = (recorder(scenario, seed, files), beside);
    let mut lines = Lines::single(simulator(scenario, seed, &observer)?);
    in_virtual_time(scenario, seed, &mut lines, observer, watch)
}

fn simulator(
    scenario: &Scenario,
    seed: u64,
    observer: &impl Observer,
) -> Result<Simulator, ExperimentError> {
    let simulator = Simulator::new(scenario.provider.clone(), seed)?;
    Ok(if observer.reads_statement() { simulator.keeping_statement() } else { simulator })
}

/// Runs the scenario against this far side.
fn in_virtual_time<C: Connector, O: Observer>(
    scenario: &Scenario,
    seed: u64,
    lines: &mut Lines<C>,
    observer: (Recorder, O),
    watch: &Watch,
) -> Result<(Outcome, O), ExperimentError> {
    let started = Instant::now();
    let mut session = session(scenario, seed, observer)?;
    let ended = virtual_time::run(&mut session, lines, watch, end_at_least(scenario))?;
    Ok(conclude(session, scenario, ended, started, None))
}

/// A run lasts as long as its scenario says, also if nothing happens at its end.
fn end_at_least(scenario: &Scenario) -> Timestamp {
    Timestamp::ZERO + scenario.duration.unwrap_or_default()
}

/// What the platform believes that a share costs for an hour, by pool.
fn believed_prices(scenario: &Scenario) -> Vec<Money> {
    let mut prices = vec![Money::ZERO; scenario.names.pools.len()];
    for cable in &scenario.platform.cables {
        prices[cable.pool.index()] = cable.price_per_slot_hour;
    }
    prices
}

/// What a card of a pool that scales costs, if that is stated.
fn price_of_a_card(pool: &sim::config::PoolConfig) -> Option<Money> {
    pool.autoscale.as_ref()?.price_per_card_hour
}

type ScenarioSession<O> = Session<scenarios::Arrivals, (Recorder, O)>;

fn session<O: Observer>(
    scenario: &Scenario,
    seed: u64,
    observer: (Recorder, O),
) -> Result<ScenarioSession<O>, ExperimentError> {
    let mut platform = Platform::new(PlatformConfig { seed, ..scenario.platform.clone() })?;
    if observer.reads_books() {
        platform = platform.telling_books(FIRST_LIFE);
    }
    let sampling = Sampling::new(INTERVAL, Timestamp::ZERO + scenario.warm_up)
        .doubling_after(reports::MAX_INTERVALS);
    let session = Session::new(scenario.arrivals(seed)?, platform, observer, sampling)?;
    Ok(session.with_users(scenario.users(seed)))
}

fn recorder(scenario: &Scenario, seed: u64, files: Option<RunFiles>) -> Recorder {
    Recorder::new(
        scenario.names.clone(),
        RecorderConfig {
            header: header(scenario, seed),
            interval: INTERVAL,
            warm_up: scenario.warm_up,
            pool_kinds: scenario.provider.pools.iter().map(|pool| pool.kind).collect(),
            card_prices: scenario.provider.pools.iter().map(price_of_a_card).collect(),
            slot_prices: believed_prices(scenario),
            billing: scenario.billing.clone(),
            cables: scenario.platform.cables.iter().map(|cable| cable.name.clone()).collect(),
            faults: faults::faults(scenario),
            kept_tenants: scenario
                .objectives
                .iter()
                .filter_map(|asked| asked.scope.tenant)
                .collect(),
            files,
        },
    )
}

fn conclude<O: Observer>(
    session: ScenarioSession<O>,
    scenario: &Scenario,
    ended: Ended,
    started: Instant,
    lag: Option<GeneratorLag>,
) -> (Outcome, O) {
    let (arrivals, platform, (recorder, beside)) = session.into_parts();
    let mut warnings = arrivals.warnings().to_vec();
    if ended.unreleased > 0 {
        warnings.extend(drain_report(ended.unreleased, &platform, scenario));
    }
    let (summary, files) = recorder.finish(RunEnd {
        ended: ended.at,
        partial: ended.partial,
        stopped: ended.stopped.map(|cap| cap.to_string()),
        unfinished: platform.in_flight() as u64,
        meters: platform.meters().to_vec(),
        overhead: platform.overhead(),
        lag,
        wall: Some(started.elapsed()),
        objectives: scenario.objectives.clone(),
    });
    (Outcome { summary, files, recording: Ok(()), warnings }, beside)
}

/// What may still be held, with the evidence: which share, where, since when, how often its release
/// was asked for.
fn drain_report(shares: usize, platform: &Platform, scenario: &Scenario) -> Vec<String> {
    let sum = format!("{shares} shares may still be held: their release was not confirmed");
    let each = platform.holdings().take(HOLDINGS_TOLD).map(
        |Holding { cable, allocation, since, state }| {
            let pool = &scenario.platform.cables[cable.index()].name;
            let share =
                allocation.map_or_else(|| "without a name".to_owned(), |share| share.to_string());
            let asked = match state {
                HoldingState::Asked => "asked for and not answered".to_owned(),
                HoldingState::Listed => {
                    "listed, and perhaps asked for by an allocation that is not answered".to_owned()
                }
                HoldingState::InDoubt => "perhaps granted, and no list told".to_owned(),
                HoldingState::Busy => "at work".to_owned(),
                HoldingState::Warm => "warm".to_owned(),
                HoldingState::Releasing { times } | HoldingState::Unreleased { times } => {
                    format!("its release was asked for {times} times")
                }
            };
            format!("share {share} of pool `{pool}`, since {} s: {asked}", since.as_secs_f64())
        },
    );
    std::iter::once(sum).chain(each).collect()
}

impl Observer for Recorder {
    fn reads_books(&self) -> bool {
        true
    }

    fn reads_statement(&self) -> bool {
        self.writes_statement()
    }

    fn record(&mut self, record: &RequestRecord) {
        self.record(record);
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.usage(record);
    }

    fn lease(&mut self, record: &LeaseRecord) {
        self.lease(record);
    }

    fn statement(&mut self, line: &StatementLine) {
        self.statement(line);
    }

    fn gauge(&mut self, at: Timestamp, gauge: &PoolGauge) {
        self.gauge(at, gauge);
    }

    fn token_gaps(&mut self, at: Timestamp, gaps: &TokenGaps) {
        self.token_gaps(at, gaps);
    }

    fn provider_usage(&mut self, usage: &ProviderUsage) {
        self.provider_usage(usage);
    }

    fn in_flight(&mut self, at: Timestamp, requests: usize) {
        self.in_flight(at, requests as u64);
    }

    fn look(&mut self, at: Timestamp, platform: &Platform) {
        self.look(at, platform.cables());
    }
}
