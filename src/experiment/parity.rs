//! One scenario twice: simulated in virtual time, and live in real time over HTTP against a mock of the
//! same provider in this process. Whatever differs is the doing of the wire, the clock and the driver.
//!
//! # Mechanism
//!
//! Both runs have the same seed: the same arrivals, lengths and draws of the provider, as long as they ask
//! it the same questions in the same order. Requests that arrived after the warm-up are compared: counts, tokens and bills
//! for equality, distributions by three percentiles (nearest rank) and by the greatest distance of their
//! distribution functions (Kolmogorov and Smirnov).
//!
//! # Edges
//!
//! * A live request is later than a simulated one by what loopback, timers and threads take at each
//!   question. Percentiles agree within 3 % or 2 ms, whichever is more.
//! * A bill that charges for time held has that in it, too, and is not equal; one of requests and tokens is.
//! * The distance of the distribution functions is told and not judged: where all answers take the same
//!   time, being later by a microsecond makes it 1.

use connector::{Duration, Money, Outcome, RequestRecord, Timestamp};
use platform::billing::{Bill, BillingError, UsageRecord};
use reports::Header;
use scenarios::Scenario;
use sim::Simulator;
use tokio::{net::TcpListener, sync::oneshot};

use super::{
    ExperimentError,
    bill::Billing,
    live::{self, LiveError, Target},
    simulate_beside,
};
use crate::{
    drive::{Observer, Watch},
    mock::{self, MockOptions},
};

/// Percentiles agree within this share of the simulated one ...
const TOLERABLE_SHARE: f64 = 0.03;
/// ... or within this.
const TOLERABLE: Duration = Duration::from_millis(2);

/// Two runs of one scenario, side by side.
#[derive(Clone, Debug)]
pub struct Parity {
    /// Of the simulated run, with its digest.
    pub header: Header,
    /// What must be equal.
    pub counts: Vec<Count>,
    /// What each tenant has to pay, in the order of tenants; empty without a price book.
    pub bills: Vec<(String, Money, Money)>,
    /// What must agree.
    pub latencies: Vec<Distance>,
    /// Whether the live run was limited by its generator.
    pub limited: bool,
}

/// A number of both runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Of what.
    pub name: &'static str,
    /// In virtual time.
    pub simulated: u64,
    /// Over HTTP.
    pub live: u64,
}

/// How far two distributions are apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Distance {
    /// Of what.
    pub name: &'static str,
    /// Percentile, simulated, live.
    pub percentiles: Vec<(u8, Duration, Duration)>,
    /// Greatest distance of the distribution functions, 0 to 1.
    pub kolmogorov_smirnov: f64,
}

/// Whether a percentile of both runs agrees.
pub fn agrees(simulated: Duration, live: Duration) -> bool {
    let apart = simulated.max(live).saturating_sub(simulated.min(live));
    apart <= TOLERABLE || apart <= simulated.scale(TOLERABLE_SHARE)
}

impl Parity {
    /// Whether everything is equal that must be, and agrees that must.
    pub fn holds(&self) -> bool {
        let agree = |distance: &Distance| {
            distance.percentiles.iter().all(|&(_, simulated, live)| agrees(simulated, live))
        };
        self.counts.iter().all(|count| count.simulated == count.live)
            && self.bills.iter().all(|(_, simulated, live)| simulated == live)
            && self.latencies.iter().all(agree)
    }
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    /// One of the runs could not be made.
    #[error(transparent)]
    Run(#[from] ExperimentError),
    /// One of them was interrupted.
    #[error("interrupted: half a run is compared with nothing")]
    Interrupted,
    /// One of them has no bill.
    #[error(transparent)]
    Billing(#[from] BillingError),
    /// The mock failed.
    #[error("the mock: {0}")]
    Mock(String),
}

/// Runs the scenario both ways. Takes as long as the scenario says.
///
/// # Errors
/// See [`ParityError`].
pub fn compare(scenario: &Scenario, seed: u64, watch: &Watch) -> Result<Parity, ParityError> {
    let told = Told::new(scenario, seed);
    let (outcome, simulated) = simulate_beside(scenario, seed, None, told, watch)?;
    if outcome.summary.header.partial {
        return Err(ParityError::Interrupted);
    }
    let (live, limited) = over_http(scenario, seed, watch)?;
    let measured = |told: &Told| -> Vec<RequestRecord> {
        let since = Timestamp::ZERO + scenario.warm_up;
        told.records.iter().filter(|record| record.arrived >= since).copied().collect()
    };
    let sides = [measured(&simulated), measured(&live)];
    let end_to_end = |record: &RequestRecord| {
        (record.outcome == Outcome::Completed).then(|| record.end_to_end())
    };
    Ok(Parity {
        header: outcome.summary.header,
        counts: counts(&sides),
        latencies: vec![
            distance("allocation", &sides, |record| record.allocating),
            distance("time to first token", &sides, RequestRecord::time_to_first_token),
            distance("end to end", &sides, end_to_end),
        ],
        bills: bills(scenario, simulated, live)?,
        limited,
    })
}

/// The live half, and whether it was limited by its generator.
fn over_http(scenario: &Scenario, seed: u64, watch: &Watch) -> Result<(Told, bool), ParityError> {
    let mock_failed = |error: &dyn std::fmt::Display| ParityError::Mock(error.to_string());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| ExperimentError::Live(LiveError::Runtime(error)))?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
    let listener = listener.map_err(|error| mock_failed(&error))?;
    let address = listener.local_addr().map_err(|error| mock_failed(&error))?;
    let simulator =
        Simulator::new(scenario.provider.clone(), seed).map_err(ExperimentError::from)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let ending = async {
        let _ = stopped.await;
    };
    let options = MockOptions::new(scenario.names.clone());
    let server = runtime.spawn(mock::serve(listener, simulator, options, ending));
    // Every pool is at the mock, also those that name an endpoint of their own.
    let here = Scenario { endpoints: vec![None; scenario.endpoints.len()], ..scenario.clone() };
    let url = format!("http://{address}");
    let target = Target::new(url, here.names.clone(), MOST_IN_FLIGHT);
    let (outcome, told) =
        live::run(&here, seed, &target, None, None, Told::new(scenario, seed), watch)?;
    drop(stop);
    let served = runtime.block_on(server).map_err(|error| mock_failed(&error))?;
    served.map_err(|error| mock_failed(&error))?;
    if outcome.summary.header.partial {
        return Err(ParityError::Interrupted);
    }
    Ok((told, outcome.summary.generator.is_some_and(|generator| generator.limited)))
}

/// As many as the mock takes.
const MOST_IN_FLIGHT: usize = 4096;

/// What a run tells that is compared.
#[derive(Debug)]
struct Told {
    records: Vec<RequestRecord>,
    billing: Option<Billing>,
}

impl Told {
    fn new(scenario: &Scenario, seed: u64) -> Self {
        let billing = scenario.billing.as_ref();
        let billing = billing.map(|config| Billing::new(scenario, config, (seed, None)));
        Self { records: Vec::new(), billing }
    }
}

impl Observer for Told {
    fn reads_books(&self) -> bool {
        self.billing.is_some()
    }

    fn record(&mut self, record: &RequestRecord) {
        self.records.push(*record);
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.billing.iter_mut().for_each(|billing| billing.usage(record));
    }
}

fn counts(sides: &[Vec<RequestRecord>; 2]) -> Vec<Count> {
    let ended = |is: fn(Outcome) -> bool| {
        move |side: &[RequestRecord]| side.iter().filter(|of| is(of.outcome)).count() as u64
    };
    let tokens = |of: fn(&RequestRecord) -> connector::Tokens| {
        move |side: &[RequestRecord]| side.iter().map(|record| u64::from(of(record).get())).sum()
    };
    let count = |name, of: &dyn Fn(&[RequestRecord]) -> u64| {
        let [simulated, live] = sides;
        Count { name, simulated: of(simulated), live: of(live) }
    };
    vec![
        count("requests", &|side| side.len() as u64),
        count("completed", &ended(|outcome| outcome == Outcome::Completed)),
        count("failed", &ended(|outcome| matches!(outcome, Outcome::Failed(_)))),
        count("rejected", &ended(|outcome| outcome == Outcome::Rejected)),
        count("cancelled", &ended(|outcome| outcome == Outcome::Cancelled)),
        count("prompt tokens", &tokens(|record| record.prompt_tokens)),
        count("output tokens", &tokens(|record| record.output_tokens)),
    ]
}

fn distance(
    name: &'static str,
    sides: &[Vec<RequestRecord>; 2],
    of: impl Fn(&RequestRecord) -> Option<Duration>,
) -> Distance {
    let [simulated, live] = sides.each_ref().map(|side| {
        let mut times: Vec<Duration> = side.iter().filter_map(&of).collect();
        times.sort_unstable();
        times
    });
    let percentiles = [50, 95, 99].into_iter().filter_map(|percent| {
        Some((percent, nearest_rank(&simulated, percent)?, nearest_rank(&live, percent)?))
    });
    let percentiles = percentiles.collect();
    Distance { name, percentiles, kolmogorov_smirnov: kolmogorov_smirnov(&simulated, &live) }
}

fn nearest_rank(sorted: &[Duration], percent: u8) -> Option<Duration> {
    let rank = (sorted.len() * usize::from(percent)).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The greatest distance of two empirical distribution functions; 0 if either is of nothing.
fn kolmogorov_smirnov(left: &[Duration], right: &[Duration]) -> f64 {
    if left.is_empty() || right.is_empty() {
        return 0.0;
    }
    let share = |sorted: &[Duration], at: Duration| {
        sorted.partition_point(|&time| time <= at) as f64 / sorted.len() as f64
    };
    let all = left.iter().chain(right);
    all.map(|&at| (share(left, at) - share(right, at)).abs()).fold(0.0, f64::max)
}

fn bills(
    scenario: &Scenario,
    simulated: Told,
    live: Told,
) -> Result<Vec<(String, Money, Money)>, BillingError> {
    let (Some(simulated), Some(live)) = (simulated.billing, live.billing) else {
        return Ok(Vec::new());
    };
    let (simulated, _) = simulated.finish(scenario, false)?;
    let (live, _) = live.finish(scenario, false)?;
    let owed = |bill: &Bill, tenant: usize| -> Money {
        let invoices = bill.standing.iter().filter(|invoice| invoice.tenant.index() == tenant);
        invoices.map(|invoice| invoice.total).sum()
    };
    let tenants = scenario.names.tenants.iter().enumerate();
    let bill = |(index, name): (usize, &String)| {
        (name.clone(), owed(&simulated, index), owed(&live, index))
    };
    Ok(tenants.map(bill).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(times: &[u64]) -> Vec<Duration> {
        times.iter().map(|&ms| Duration::from_millis(ms)).collect()
    }

    #[test]
    fn distribution_functions_are_as_far_apart_as_where_they_are_farthest() {
        for (left, right, distance) in [
            (&[1, 2, 3, 4][..], &[1, 2, 3, 4][..], 0.0),
            (&[1, 2, 3, 4], &[11, 12], 1.0),
            (&[1, 2, 3, 4], &[3, 4, 5, 6], 0.5),
            (&[], &[1], 0.0),
        ] {
            let found = kolmogorov_smirnov(&ms(left), &ms(right));
            assert!((found - distance).abs() < 1e-12, "{left:?} {right:?}: {found}");
        }
    }

    #[test]
    fn percentiles_agree_within_two_milliseconds_or_three_per_cent() {
        let agree =
            |simulated, live| agrees(Duration::from_millis(simulated), Duration::from_millis(live));
        assert!(agree(10, 12) && agree(10, 8) && agree(1_000, 1_030));
        assert!(!agree(10, 13) && !agree(1_000, 1_031) && !agree(1_000, 969));
    }
}
