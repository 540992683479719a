//! A run whose far side is a recording, in virtual time.

use adapters::{
    recording::{Ending, Recording},
    replay::{Divergence, Gap, Nearest, Strict},
};
use reports::RunFiles;
use scenarios::Scenario;

use super::{ExperimentError, Outcome, in_virtual_time, recorder};
use crate::drive::{Lines, Observer, Watch};

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Entries are missing in it.
    #[error(transparent)]
    Gap(#[from] Gap),
    /// The names in it are others, so that its numbers mean something else.
    #[error("the recording is of other {what} than the scenario: {recorded}, not {here}")]
    Names {
        /// Of what.
        what: &'static str,
        /// In the recording.
        recorded: String,
        /// In the scenario.
        here: String,
    },
    /// The run went another way.
    #[error("the run went another way than the recording: {0}")]
    Diverged(#[from] Divergence),
}

/// Runs the scenario against the recorded conversation, word by word, and tells another observer of
/// everything as well. A run of the recorded scenario with the recorded seed is the recorded run.
///
/// # Errors
/// See [`ExperimentError`].
pub fn strict<O: Observer>(
    scenario: &Scenario,
    seed: u64,
    recording: Recording,
    files: Option<RunFiles>,
    beside: O,
    watch: &Watch,
) -> Result<(Outcome, O), ExperimentError> {
    check_names(scenario, &recording)?;
    let mut warnings = warnings(scenario, seed, &recording);
    let recorded_digest = match &recording.ending {
        Ending::Complete { digest } => digest.clone(),
        Ending::Cut => None,
    };
    let cables: Vec<usize> = recording.header.cables.iter().map(|&to| to as usize).collect();
    let strict = Strict::of(recording).map_err(ReplayError::from)?;
    let mut lines = match <[_; 1]>::try_from(strict) {
        Ok([only]) => Lines::single(only),
        Err(several) => Lines::several(several, cables),
    };
    let observer = (recorder(scenario, seed, files), beside);
    let ran = in_virtual_time(scenario, seed, &mut lines, observer, watch);
    check_way(lines.connectors(), watch)?;
    let (mut outcome, beside) = ran?;
    let digest = outcome.summary.header.digest.map(|digest| digest.to_string());
    if let Some(recorded) = recorded_digest.filter(|recorded| Some(recorded) != digest.as_ref()) {
        warnings.push(format!("the recorded run had the digest {recorded}"));
    }
    outcome.warnings.extend(warnings);
    Ok((outcome, beside))
}

/// Runs the scenario against a provider that answers as in the recording, and tells another observer of
/// everything as well. Scenario and seed may be others.
///
/// # Errors
/// See [`ExperimentError`].
pub fn nearest<O: Observer>(
    scenario: &Scenario,
    seed: u64,
    recording: &Recording,
    files: Option<RunFiles>,
    beside: O,
    watch: &Watch,
) -> Result<(Outcome, O), ExperimentError> {
    let mut lines = Lines::single(Nearest::new(recording, &scenario.names));
    let observer = (recorder(scenario, seed, files), beside);
    let (mut outcome, beside) = in_virtual_time(scenario, seed, &mut lines, observer, watch)?;
    let unanswerable: u64 = lines.connectors().iter().map(Nearest::unanswerable).sum();
    if unanswerable > 0 {
        outcome.warnings.push(format!(
            "{unanswerable} questions were refused: the recording has none of their kind"
        ));
    }
    if recording.ending == Ending::Cut {
        outcome.warnings.push("the recording breaks off before its end".to_owned());
    }
    Ok((outcome, beside))
}

/// What came of a divergence says nothing, so the divergence comes first. A run that was interrupted
/// owes nothing more.
fn check_way(connectors: &[Strict], watch: &Watch) -> Result<(), ReplayError> {
    if let Some(divergence) = connectors.iter().find_map(Strict::divergence) {
        return Err(divergence.clone().into());
    }
    if watch.is_interrupted() {
        return Ok(());
    }
    Ok(connectors.iter().try_for_each(Strict::verdict)?)
}

/// What may keep a replay from being the recorded run.
fn warnings(scenario: &Scenario, seed: u64, recording: &Recording) -> Vec<String> {
    let header = &recording.header;
    let mut warnings = Vec::new();
    if header.scenario_hash != scenario.hash {
        warnings.push(format!(
            "the recording is of the scenario `{}` with hash {:016x}, this is `{}` with {:016x}",
            header.scenario, header.scenario_hash, scenario.name, scenario.hash
        ));
    }
    if header.seed != seed {
        warnings.push(format!("the recording is of seed {}, this is seed {seed}", header.seed));
    }
    if recording.ending == Ending::Cut {
        warnings.push("the recording breaks off before its end".to_owned());
    }
    warnings
}

fn check_names(scenario: &Scenario, recording: &Recording) -> Result<(), ReplayError> {
    let (here, there) = (&scenario.names, &recording.header.names);
    for (what, here, recorded) in [
        ("pools", &here.pools, &there.pools),
        ("models", &here.models, &there.models),
        ("tenants", &here.tenants, &there.tenants),
    ] {
        if here != recorded {
            let (here, recorded) = (here.join(", "), recorded.join(", "));
            return Err(ReplayError::Names { what, recorded, here });
        }
    }
    Ok(())
}
