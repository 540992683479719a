use std::{
    cell::Cell,
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

use connector::{Duration, Names, Objective};
use platform::{PlatformConfig, billing::BillingConfig};
use sim::{ProviderConfig, delivery::DeliveryConfig};

use crate::{
    Diagnostics, Override, Problem, TrafficSource,
    diagnostics::Source,
    document::{self, BESIDE, Document, Effective, MAX_BYTES, Node, Report},
    language::ScenarioSpec,
    lower::{self, Context},
};

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
    /// What the calendar says when the run begins.
    pub starts_at: jiff::Timestamp,
    /// How much of the beginning is left out of the figures.
    pub warm_up: Duration,
    /// Independent repetitions, at least 1.
    pub replications: u32,
    /// The far side.
    pub provider: ProviderConfig,
    /// The platform under test. Its seed is the scenario's.
    pub platform: PlatformConfig,
    /// What tenants are charged; `None`: nothing.
    pub billing: Option<BillingConfig>,
    /// What happens to records of use on their way to the bill.
    pub metering: DeliveryConfig,
    /// Display names of pools, models, tenants and classes.
    pub names: Names,
    /// Where each pool is in live runs, in the order of pools.
    pub endpoints: Vec<Option<Endpoint>>,
    /// What the run must achieve.
    pub objectives: Vec<Objective>,
    /// Where requests come from; see [`Scenario::arrivals`].
    pub traffic: Vec<TrafficSource>,
    /// Hash of the effective scenario: overrides applied; seed, where paths begin, comments and layout left out.
    pub hash: u64,
    /// Its text, overrides applied.
    pub effective: Effective,
}

/// Where a pool is in live runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its base address.
    pub url: String,
    /// What is spoken there.
    pub dialect: Dialect,
}

/// What is spoken at an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Shares and inferences, as the mock server speaks.
    #[default]
    HarpoonV1,
    /// Shares for a stated time, by what a covenant needs.
    CovenantV1,
    /// Chat completions without shares, as local engines speak.
    OpenAi,
    /// HostedAI's own API.
    Gpuaas,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HarpoonV1, Self::CovenantV1, Self::OpenAi, Self::Gpuaas];

    /// Its name on the command line and in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HarpoonV1 => "harpoon-v1",
            Self::CovenantV1 => "covenant-v1",
            Self::OpenAi => "openai",
            Self::Gpuaas => "gpuaas",
        }
    }
}

/// Reads a scenario file and applies the overrides.
///
/// Paths inside are relative to the file.
///
/// # Errors
/// Every mistake at once.
pub fn load(path: &Path, overrides: &[Override]) -> Result<Scenario, Diagnostics> {
    let name = path.display().to_string();
    let text = read(path).map_err(|unreadable| unreadable.into_diagnostics(&name))?;
    parse(&name, &text, path.parent().unwrap_or(Path::new("")), overrides)
}

/// Reads an overlay: a YAML file of paths with new values, each as one `--set` would have it.
///
/// # Errors
/// If it cannot be read, is no YAML, or a key is no path.
pub fn load_overlay(path: &Path) -> Result<Vec<Override>, Diagnostics> {
    let name = path.display().to_string();
    let text = read(path).map_err(|unreadable| unreadable.into_diagnostics(&name))?;
    parse_overlay(&name, &text)
}

/// Reads an overlay from text; `name` is how messages call it.
///
/// # Errors
/// As [`load_overlay`].
pub fn parse_overlay(name: &str, text: &str) -> Result<Vec<Override>, Diagnostics> {
    Document::read(name, text)?.replacements()
}

/// Reads a scenario from text; `name` is how messages call it, and paths inside are relative to
/// `base_dir`.
///
/// # Errors
/// Every mistake at once.
pub fn parse(
    name: &str,
    text: &str,
    base_dir: &Path,
    overrides: &[Override],
) -> Result<Scenario, Diagnostics> {
    let mut document = Document::read(name, text)?;
    document.apply(overrides)?;
    let report = Report::new(&document);
    let hash = xxhash_rust::xxh3::xxh3_64(document.canonical(&BESIDE).as_bytes());
    let scenario = document::decode::<ScenarioSpec>(&report).and_then(|spec| {
        let further = spec.paths_from.as_ref().and_then(Node::get);
        let base_dir = base_dir.join(further.map_or("", String::as_str));
        let names_files = &Cell::new(false);
        let context = Context { report: &report, base_dir: &base_dir, names_files };
        lower::scenario(context, &spec, hash)
    });
    scenario.ok_or_else(|| report.into_diagnostics())
}

/// The language as a JSON Schema (draft 2020-12), for editors.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(ScenarioSpec).to_value()
}

/// Reads no more than a scenario may have, and one byte to tell that it has more.
fn read(path: &Path) -> Result<String, Unreadable> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Unreadable::NotText { line: String::from_utf8_lossy(valid).matches('\n').count() + 1 }
    })
}

/// Why a file is no text to begin with.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("larger than the {MAX_BYTES} bytes that a scenario may have")]
    TooLarge,
    #[error("not text in UTF-8: line {line} holds other bytes")]
    NotText { line: usize },
}

impl Unreadable {
    fn help(&self) -> &'static str {
        match self {
            Self::Io(error) if error.kind() == ErrorKind::NotFound => {
                "check the path; it is relative to the current directory"
            }
            Self::Io(error) if error.kind() == ErrorKind::IsADirectory => {
                "name a file in it, such as `quickstart.yaml`"
            }
            Self::Io(_) => "make the file readable",
            Self::TooLarge => "is it the scenario? Requests belong in a trace that it names",
            Self::NotText { .. } => "is it the scenario? Save it as plain text in UTF-8",
        }
    }

    fn into_diagnostics(self, name: &str) -> Diagnostics {
        let source = Source { name: name.to_owned(), text: String::new() };
        Diagnostics::new(vec![Problem {
            message: self.to_string(),
            help: Some(self.help().to_owned()),
            key: String::new(),
            position: None,
            source: source.into(),
        }])
    }
}
