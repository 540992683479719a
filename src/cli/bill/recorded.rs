//! What a run has left in its directory.

use std::path::Path;

use reports::{ReadError, UsageReader};
use scenarios::{Override, Scenario};

use super::super::Failure;
use crate::experiment::bill::RecordsError;

/// What may be replaced in the scenario of a run that is over.
const REPLACEABLE: &str = "platform.price_book";

/// The scenario of a run, and its records of use.
///
/// # Errors
/// If something is missing, unfinished or of another run, or what happened is to be replaced.
pub(super) fn open(
    directory: &Path,
    seed: Option<u64>,
    overrides: &[Override],
) -> Result<(Scenario, UsageReader), Failure> {
    let past = overrides.iter().map(ToString::to_string).find(|one| !one.starts_with(REPLACEABLE));
    if let Some(past) = past.or_else(|| seed.map(|seed| format!("seed={seed}"))) {
        let message = format!("`{past}` cannot be replaced: the run is over");
        return Err(Failure::bad_input(message).with_help(format!(
            "replace only keys of `{REPLACEABLE}`, or name the scenario file to run it anew"
        )));
    }
    let path = directory.join(reports::SCENARIO);
    let scenario = scenarios::load(&path, &[]).map_err(Failure::Scenario)?;
    let reader =
        UsageReader::open(directory, &scenario.names).map_err(|error| unreadable(&error))?;
    let header = reader.header();
    if header.scenario_hash != scenario.hash {
        let (of, found) = (scenario.hash, header.scenario_hash);
        let directory = directory.display();
        let message = format!(
            "`{directory}`: the scenario's hash is {of:016x}, that of the records {found:016x}"
        );
        return Err(Failure::bad_input(message)
            .with_help("run again with --out: files of a run are not to be edited or mixed"));
    }
    if overrides.is_empty() {
        return Ok((scenario, reader));
    }
    let scenario = scenarios::load(&path, overrides).map_err(Failure::Scenario)?;
    Ok((scenario, reader))
}

pub(super) fn failure(error: RecordsError) -> Failure {
    match error {
        RecordsError::Read(error) => unreadable(&error),
        RecordsError::Billing(error) => Failure::failed(error),
    }
}

pub(super) fn unreadable(error: &ReadError) -> Failure {
    let help = match error {
        ReadError::Io { .. } => "name the directory of a run: `harpoon run SCENARIO --out DIR`",
        ReadError::Foreign { .. } | ReadError::Row { .. } => {
            "run again with --out: files of a run are not to be edited"
        }
        ReadError::Unfinished { .. } => "wait for the run to end, or run it again if it was killed",
    };
    Failure::bad_input(error.to_string()).with_help(help)
}
