//! A scenario against real endpoints: the same platform, traffic and reports, another far side.

mod config;

use std::{path::PathBuf, time::Instant};

use adapters::{
    ApiKey, AuthScheme, Dialect, HttpConnector, HttpLimits, HttpOptions, HttpTimeouts, SetupError,
    gpuaas::GpuaasOptions,
    recording::{Recorded, WhenFull},
};
use connector::{Connector, Duration, Error, ErrorKind, EventKind, Names, Operation, Ticket};
use reports::{GeneratorLag, Lateness, RunFiles};
use scenarios::{Endpoint, Scenario};
use secrecy::SecretString;
use tokio::runtime::Handle;

pub use config::{ConfigError, GpuaasConfig, TargetConfig, TimeoutConfig};

use super::{
    ExperimentError, Outcome, conclude, recorder, session,
    taping::{self, Taping},
};
use crate::drive::{
    Lag, Lines, Observer, Watch,
    real_time::{self, WallClock},
};

/// Exchanges that go on before the loop and the sockets are looked at again: at some microseconds each, few
/// enough for no request to wait long for them.
const POLLS_PER_LOOK: u32 = 16;

/// How long the first question to an endpoint may take.
const GREETING_LIMIT: Duration = Duration::from_secs(10);

/// A generator whose 99th percentile of lateness is above this says more about itself than about
/// the endpoint.
const TOLERABLE_LAG: Duration = Duration::from_millis(10);

/// What a run is held to last that goes on until its traces end.
const LONGEST_RUN: Duration = Duration::from_secs(24 * 3_600);

/// Exchanges that there may be at once for each request in flight.
const EXCHANGES_PER_REQUEST: usize = 4;

/// Fewest requests whose 99th percentile is not simply the latest one.
const ENOUGH_FOR_P99: u64 = 100;

/// Where a live run goes and how it gets in.
#[derive(Clone, Debug)]
pub struct Target {
    /// Endpoint of every pool that names none of its own.
    pub base_url: String,
    /// What is spoken there.
    pub dialect: scenarios::Dialect,
    /// The key of endpoints with shares, if one is needed.
    pub api_key: Option<ApiKey>,
    /// How it is shown; `None`: as the dialect has it.
    pub auth: Option<AuthScheme>,
    /// The key of endpoints that speak OpenAI's dialect, if one is needed. Each is sent to its own
    /// kind only: what a provider is paid for is no local engine's to see.
    pub openai_key: Option<ApiKey>,
    /// What subscriptions are made with, at endpoints that speak HostedAI's own API.
    pub gpuaas: Option<GpuaasOptions>,
    /// A file in PEM of authorities that are trusted besides those of this machine.
    pub ca_file: Option<PathBuf>,
    /// Whether a key may travel unencrypted to another machine.
    pub allow_plaintext_key: bool,
    /// The scenario's names, pools as the provider calls them.
    pub names: Names,
    /// How long shares are asked for, where that is stated. `None`: as long as the platform may begin a
    /// strike on one, and the longest strike besides.
    pub lease: Option<Duration>,
    /// How long exchanges may take, where it is not as the dialect has it.
    pub timeouts: TimeoutConfig,
    /// How much is held at once.
    pub limits: HttpLimits,
    /// Requests in flight at once; beyond it they are dropped and counted.
    pub most_in_flight: usize,
}

impl Target {
    /// An endpoint without keys, in the first dialect and with default bounds.
    pub fn new(base_url: String, names: Names, most_in_flight: usize) -> Self {
        Self {
            base_url,
            dialect: scenarios::Dialect::default(),
            api_key: None,
            auth: None,
            gpuaas: None,
            openai_key: None,
            ca_file: None,
            allow_plaintext_key: false,
            names,
            lease: None,
            timeouts: TimeoutConfig::default(),
            limits: limits(most_in_flight),
            most_in_flight,
        }
    }

    /// How a dialect is spoken, the key of its endpoints, and how it is shown.
    fn way_in(&self, dialect: scenarios::Dialect) -> (Dialect, Option<&ApiKey>, AuthScheme) {
        let ours = (self.api_key.as_ref(), self.auth.as_ref());
        let (dialect, (key, auth)) = match dialect {
            scenarios::Dialect::HarpoonV1 => (Dialect::HarpoonV1, ours),
            scenarios::Dialect::CovenantV1 => (Dialect::CovenantV1, ours),
            scenarios::Dialect::OpenAi => (Dialect::OpenAi, (self.openai_key.as_ref(), None)),
            scenarios::Dialect::Gpuaas => (Dialect::Gpuaas, ours),
        };
        (dialect, key, auth.cloned().unwrap_or_else(|| AuthScheme::of(dialect)))
    }

    /// What nobody may see. Keys in files, and tokens got for keys, are taken out of what is heard by the
    /// connector itself.
    fn secrets(&self) -> Vec<SecretString> {
        let keys = self.api_key.iter().chain(&self.openai_key);
        let given = keys.filter_map(|key| match key {
            ApiKey::Given(secret) => Some(secret.clone()),
            ApiKey::InFile(_) => None,
        });
        let of_services = self.gpuaas.iter().filter_map(|gpuaas| gpuaas.service_key.clone());
        given.chain(of_services).collect()
    }
}

/// Why a live run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The endpoint cannot be addressed.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The endpoint did not answer its first question as hoped.
    #[error("endpoint `{}` cannot be used: {error}", endpoint.url)]
    Unusable {
        /// Which.
        endpoint: Endpoint,
        /// What it said, or did not.
        error: Error,
    },
    /// No runtime for input and output could be started.
    #[error("cannot start input and output: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Runs the scenario against the target in real time, records it if that is asked for, and tells
/// another observer of everything as well.
///
/// # Errors
/// See [`ExperimentError`].
pub fn run<O: Observer>(
    scenario: &Scenario,
    seed: u64,
    target: &Target,
    files: Option<RunFiles>,
    taping: Option<&Taping>,
    beside: O,
    watch: &Watch,
) -> Result<(Outcome, O), ExperimentError> {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .event_interval(POLLS_PER_LOOK)
        .enable_all()
        .build()
        .map_err(LiveError::Runtime)?;
    let urls = Endpoints::of(scenario, target);
    let connect = |clock| urls.connect(scenario, target, runtime.handle(), clock);
    for (endpoint, mut connector) in urls.distinct.iter().zip(connect(WallClock::start())?) {
        let greeted = runtime.block_on(greet(&mut connector, WallClock::start()));
        greeted.map_err(|error| LiveError::Unusable { endpoint: endpoint.clone(), error })?;
    }
    let cables: Vec<u32> = urls.of_cable.iter().map(|&to| to as u32).collect();
    let begin =
        |taping: &Taping| taping.begin(scenario, seed, WhenFull::Lose, cables, target.secrets());
    let writer = taping.map(begin).transpose()?;
    let clock = WallClock::start_soon();
    let connectors = (0..).zip(connect(clock)?).map(|(number, connector)| match &writer {
        Some(writer) => Recorded::new(connector, writer.tape(), number),
        None => Recorded::unrecorded(connector),
    });
    let mut lines = Lines::several(connectors.collect(), urls.of_cable.clone());
    let session = session(scenario, seed, (recorder(scenario, seed, files), beside))?;
    let mut session = session.bounded(target.most_in_flight);
    let running = real_time::run(&mut session, &mut lines, clock, watch);
    let ended = runtime.block_on(running)?;
    let (schedule, way_out) = (lateness(session.lag()), lateness(session.way_out()));
    let dropped = session.dropped();
    let is_late = |late| is_late(late, session.requests());
    let limited = dropped > 0 || is_late(schedule) || is_late(way_out);
    let lag = GeneratorLag { schedule, way_out, dropped, limited };
    let (mut outcome, beside) = conclude(session, scenario, ended, started, Some(lag));
    if let Some(writer) = writer {
        taping::finish(writer, &mut outcome);
    }
    Ok((outcome, beside))
}

fn lateness(lag: &Lag) -> Lateness {
    Lateness { mean: lag.mean(), p99: lag.p99(), max: lag.max() }
}

/// Whether this lag says more about the generator than about the endpoint. One late timer must not
/// condemn a short run, so few requests are judged by the mean of all but the latest.
fn is_late(Lateness { mean, p99, max }: Lateness, requests: u64) -> bool {
    if requests >= ENOUGH_FOR_P99 {
        return p99 > TOLERABLE_LAG;
    }
    let others = (mean * requests).saturating_sub(max);
    others > TOLERABLE_LAG * requests.saturating_sub(1)
}

/// Where requests of a live run would go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its address.
    pub url: String,
    /// What is spoken there.
    pub dialect: &'static str,
    /// Whether there is a key for it.
    pub has_key: bool,
    /// The pools that are there.
    pub pools: Vec<String>,
}

/// Where requests would go, with everything checked that can be without sending anything: addresses,
/// keys, and that no key travels in the open.
///
/// # Errors
/// [`LiveError::Setup`], or [`LiveError::Runtime`].
pub fn destinations(scenario: &Scenario, target: &Target) -> Result<Vec<Destination>, LiveError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let urls = Endpoints::of(scenario, target);
    urls.connect(scenario, target, runtime.handle(), WallClock::start())?;
    let pools = |index| {
        let cables = scenario.platform.cables.iter().zip(&urls.of_cable);
        let here = cables.filter(move |&(_, &of)| of == index);
        here.map(|(cable, _)| cable.name.clone()).collect()
    };
    let destination = |(index, endpoint): (usize, &Endpoint)| {
        let (dialect, key, _) = target.way_in(endpoint.dialect);
        let (dialect, has_key) = (dialect.name(), key.is_some());
        Destination { url: endpoint.url.clone(), dialect, has_key, pools: pools(index) }
    };
    Ok(urls.distinct.iter().enumerate().map(destination).collect())
}

/// The endpoints of a run, each once, and which of them each cable leads to.
#[derive(Debug)]
struct Endpoints {
    distinct: Vec<Endpoint>,
    of_cable: Vec<usize>,
}

impl Endpoints {
    fn of(scenario: &Scenario, target: &Target) -> Self {
        let mut endpoints = Self { distinct: Vec::new(), of_cable: Vec::new() };
        let common = Endpoint { url: target.base_url.clone(), dialect: target.dialect };
        for cable in &scenario.platform.cables {
            let own = scenario.endpoints.get(cable.pool.index()).and_then(Option::as_ref);
            let endpoint = own.unwrap_or(&common);
            let index = endpoints.distinct.iter().position(|known| known == endpoint);
            let index = index.unwrap_or_else(|| {
                endpoints.distinct.push(endpoint.clone());
                endpoints.distinct.len() - 1
            });
            endpoints.of_cable.push(index);
        }
        endpoints
    }

    fn connect(
        &self,
        scenario: &Scenario,
        target: &Target,
        runtime: &Handle,
        clock: WallClock,
    ) -> Result<Vec<HttpConnector>, LiveError> {
        let connect = |endpoint: &Endpoint| {
            let (dialect, api_key, auth) = target.way_in(endpoint.dialect);
            let timeouts = target.timeouts.or(HttpTimeouts::of(dialect));
            let options = HttpOptions {
                dialect,
                gpuaas: target.gpuaas.clone(),
                api_key: api_key.cloned(),
                auth,
                lease: target.lease.unwrap_or_else(|| lease(scenario, timeouts)),
                timeouts,
                limits: target.limits,
                ca_file: target.ca_file.clone(),
                allow_plaintext_key: target.allow_plaintext_key,
                ..HttpOptions::new(endpoint.url.clone(), target.names.clone())
            };
            HttpConnector::new(options, runtime.clone(), move || clock.now())
        };
        Ok(self.distinct.iter().map(connect).collect::<Result<_, SetupError>>()?)
    }
}

/// How long shares are asked for where that is stated: as long as the platform may begin a strike on
/// one, which is the whole run unless `leases.max_age` says less, and the longest strike besides. A
/// share that is forgotten ends by itself soon after the run.
fn lease(scenario: &Scenario, timeouts: HttpTimeouts) -> Duration {
    let used = scenario.platform.leases.max_age.or(scenario.duration).unwrap_or(LONGEST_RUN);
    used + timeouts.infer
}

/// Bounds for so many requests in flight at once. Exchanges are bounded so far beyond requests that it is requests which are dropped: each has one
/// exchange under way, a hedge perhaps, and the release of what served the one before.
pub fn limits(most_in_flight: usize) -> HttpLimits {
    let in_flight = most_in_flight.saturating_mul(EXCHANGES_PER_REQUEST);
    HttpLimits { in_flight, ..HttpLimits::default() }
}

/// Asks the endpoint for its pools, so that a wrong address or key is said before any traffic. An
/// endpoint that does not know the question is taken at its word.
async fn greet(connector: &mut HttpConnector, clock: WallClock) -> Result<(), Error> {
    connector.submit(clock.now(), Ticket(0), Operation::Pools);
    let answer = async {
        loop {
            while let Some(event) = connector.poll(clock.now()) {
                if let EventKind::Completed { result, .. } = event.kind {
                    return result;
                }
            }
            connector.woken().await;
        }
    };
    let in_time = tokio::time::timeout(GREETING_LIMIT.to_std(), answer).await;
    match in_time.unwrap_or_else(|_| Err(Error::from(ErrorKind::Timeout))) {
        Ok(_) => Ok(()),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_request_condemns_no_short_run_but_a_late_generator_does() {
        let ms = Duration::from_millis;
        for (requests, mean, latest, limited) in [
            (0, 0, 0, false),
            (1, 5_000, 5_000, false),
            (10, 501, 5_000, false),
            (10, 12, 30, false),
            (10, 20, 30, true),
            (99, 11, 12, true),
            (100, 1, 30, true),
        ] {
            let (mean, max) = (ms(mean), ms(latest));
            assert_eq!(
                is_late(Lateness { mean, p99: max, max }, requests),
                limited,
                "{requests}: {mean:?} {max:?}"
            );
        }
    }
}
