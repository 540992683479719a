//! What a recording says of a provider, as a scenario can be given it.
//!
//! # Problem
//!
//! A simulation is as good as what it is told of the provider. A recording holds that: how long the API
//! takes, how often it fails, and how fast models serve.
//!
//! # Mechanism
//!
//! * *Latencies* of each operation, by region: of the laws that scenarios have, the one with the least
//!   Akaike information criterion (IEEE Transactions on Automatic Control 19(6), 1974); fixed where
//!   they hardly differ. See [`law`].
//! * *Failures* of each operation, by region: time-outs, failures inside and refusals of one call too many,
//!   each as a share of the calls that the ones before it leave, which is how the simulator draws them.
//! * *Serving*, by model: time per token against the inferences that run on the same share, and time to
//!   first token against the prompt, as a step time that is stated outright. See `serving` beside it.
//!
//! Every fifth value is held back, in the order of the recording; what was fitted is judged by these.
//!
//! # Edges
//!
//! * What has fewer than [`FEWEST`] values is not fitted, and said so.
//! * A recording does not show which shares are on one card, nor how long prompts are cut into pieces:
//!   where cards are shared, or prompts are longer than a step, the constants are of that mixture.
//! * A grant that was lost on its way back looks like a call that was.

pub mod law;
mod observe;
mod overlay;
mod rates;
mod serving;

use std::path::Path;

use adapters::recording::{Ending, Header, ReadError};
use connector::OperationKind;
use sim::config::Latency;

use self::{law::FittedLaw, observe::Observed};
pub use self::{law::Quality, rates::Rates, serving::Served};

/// With fewer values nothing is fitted.
pub const FEWEST: usize = 20;
/// A law further than this from what was held back (Kolmogorov-Smirnov) is worse than none.
const TOO_FAR: f64 = 0.2;
/// One value of so many is held back.
const HELD_BACK: usize = 5;

/// What was fitted to a recording.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// What the recording is of.
    pub header: Header,
    /// Whether the recording ends as it should.
    pub is_complete: bool,
    /// Entries that are missing in it.
    pub lost: u64,
    /// The regions, in order of name.
    pub regions: Vec<Region>,
    /// The models, in order of their numbers.
    pub models: Vec<Served>,
    /// What has too few values to be fitted.
    pub too_few: Vec<String>,
}

/// What was fitted to a region's API.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// How long operations take.
    pub latencies: Vec<Operation>,
    /// How often they fail.
    pub rates: Rates,
}

/// What was fitted to the latencies of an operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Which.
    pub kind: OperationKind,
    /// The law.
    pub law: Latency,
    /// How well it explains what was held back, in all pools together.
    pub quality: Quality,
    /// The same for each pool that has enough values of its own.
    pub by_pool: Vec<(String, Quality)>,
}

/// Fits a recording.
///
/// # Errors
/// If it is none.
pub fn calibrate(path: &Path) -> Result<Calibration, ReadError> {
    let (header, observed, ending) = observe::observe(path)?;
    let mut too_few = Vec::new();
    let models = serving::fit(&header, &observed, &mut too_few);
    let mut regions: Vec<String> = header.regions.clone();
    regions.sort();
    regions.dedup();
    let region = |name: String| {
        let pools = pools_of(&header, &name);
        let latencies = OperationKind::ALL.into_iter().filter_map(|kind| {
            operation(&header, (&name, &pools), &observed, &models, kind, &mut too_few)
        });
        let latencies = latencies.collect();
        Region { rates: Rates::of(&observed, &pools), latencies, name }
    };
    let regions = regions.into_iter().map(region).collect();
    let is_complete = matches!(ending, Ending::Complete { .. });
    Ok(Calibration { is_complete, lost: observed.lost, regions, models, too_few, header })
}

/// The pools of a region, by number.
fn pools_of(header: &Header, region: &str) -> Vec<u32> {
    let here = (0_u32..).zip(&header.regions).filter(|(_, name)| *name == region);
    here.map(|(pool, _)| pool).collect()
}

fn operation(
    header: &Header,
    (region, pools): (&str, &[u32]),
    observed: &Observed,
    models: &[Served],
    kind: OperationKind,
    too_few: &mut Vec<String>,
) -> Option<Operation> {
    let of_pool = |pool: u32| match kind {
        OperationKind::Infer => serving::travel(observed, models, pool),
        OperationKind::Allocate
        | OperationKind::Cancel
        | OperationKind::Release
        | OperationKind::Inspect
        | OperationKind::List
        | OperationKind::Pools => observed.latencies(pool, kind),
    };
    let by_pool: Vec<(u32, Vec<f64>)> = pools.iter().map(|&pool| (pool, of_pool(pool))).collect();
    let all: Vec<f64> = by_pool.iter().flat_map(|(_, values)| values).copied().collect();
    if all.len() < FEWEST {
        if !all.is_empty() {
            too_few.push(format!("only {} answers to `{kind}` in {region}", all.len()));
        }
        return None;
    }
    let FittedLaw { law, quality } = law::fit(&all);
    if quality.ks > TOO_FAR {
        too_few.push(format!("no law is like `{kind}` in {region}, distance {:.2}", quality.ks));
        return None;
    }
    let enough = by_pool.into_iter().filter(|(_, values)| values.len() >= FEWEST);
    let judged = enough.map(|(pool, values)| {
        let name = header.names.pools.get(pool as usize).cloned().unwrap_or_default();
        (name, Quality::of(&law, &law::split(&values).1))
    });
    Some(Operation { kind, law, quality, by_pool: judged.collect() })
}
