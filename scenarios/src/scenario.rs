use std::path::Path;

use connector::{Duration, Names};
use platform::PlatformConfig;
use sim::ProviderConfig;

use crate::{Diagnostics, Objective, Override, TrafficSource};

/// A whole experiment, checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it is about; may be empty.
    pub description: String,
    /// Seed of all randomness; the command line may replace it.
    pub seed: u64,
    /// When arrivals end. `None`: when the traces end; synthetic traffic always states it.
    pub duration: Option<Duration>,
    /// How much of the beginning is left out of the figures.
    pub warm_up: Duration,
    /// Independent repetitions, at least 1.
    pub replications: u32,
    /// The far side.
    pub provider: ProviderConfig,
    /// The platform under test. Its seed is the scenario's.
    pub platform: PlatformConfig,
    /// Display names of pools, models, tenants and classes.
    pub names: Names,
    /// Base address of each pool for live runs, in the order of pools.
    pub endpoints: Vec<Option<String>>,
    /// What the run must achieve.
    pub objectives: Vec<Objective>,
    /// Where requests come from; see [`Scenario::arrivals`].
    pub traffic: Vec<TrafficSource>,
    /// Hash of the effective scenario: overrides applied, seed, comments and layout left out.
    pub hash: u64,
}

/// Reads a scenario file and applies the overrides.
///
/// Paths inside are relative to the file.
///
/// # Errors
/// Every mistake at once.
pub fn load(path: &Path, overrides: &[Override]) -> Result<Scenario, Diagnostics> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&name, &error))?;
    parse(&name, &text, path.parent().unwrap_or(Path::new("")), overrides)
}

/// Reads a scenario from text; `name` is how messages call it, and paths inside are relative to
/// `base_dir`.
///
/// # Errors
/// Every mistake at once.
pub fn parse(
    name: &str,
    _text: &str,
    _base_dir: &Path,
    _overrides: &[Override],
) -> Result<Scenario, Diagnostics> {
    Err(unreadable(name, &std::io::Error::other("not read yet")))
}

fn unreadable(name: &str, error: &std::io::Error) -> Diagnostics {
    let source = crate::diagnostics::Source { name: name.to_owned(), text: String::new() };
    Diagnostics::new(vec![crate::Problem {
        message: format!("cannot be read: {error}"),
        help: None,
        key: String::new(),
        position: None,
        source: source.into(),
    }])
}

/// The language as a JSON Schema (draft 2020-12), for editors.
pub fn json_schema() -> serde_json::Value {
    serde_json::Value::Bool(true)
}
