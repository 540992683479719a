//! Runs that leave a recording behind.

use std::path::PathBuf;

use adapters::recording::{
    Header, RecordError, Recorded, TapeOptions, TapeWriter, WhenFull, Written,
};
use reports::RunFiles;
use scenarios::Scenario;
use secrecy::SecretString;
use sim::config::PoolConfig;

use super::{ExperimentError, Outcome, in_virtual_time, recorder, simulator};
use crate::drive::{Lines, Observer, Watch};

/// Where a recording goes, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taping {
    /// The file.
    pub path: PathBuf,
    /// Whether texts of prompts and answers are recorded.
    pub texts: bool,
}

/// Simulates the scenario, records it, and tells another observer of everything as well.
///
/// # Errors
/// See [`ExperimentError`].
pub fn simulate<O: Observer>(
    scenario: &Scenario,
    seed: u64,
    files: Option<RunFiles>,
    taping: &Taping,
    beside: O,
    watch: &Watch,
) -> Result<(Outcome, O), ExperimentError> {
    let observer = (recorder(scenario, seed, files), beside);
    let simulator = simulator(scenario, seed, &observer)?;
    let writer = taping.begin(scenario, seed, WhenFull::Wait, Vec::new(), Vec::new())?;
    let mut lines = Lines::single(Recorded::new(simulator, writer.tape(), 0));
    let (mut outcome, beside) = in_virtual_time(scenario, seed, &mut lines, observer, watch)?;
    finish(writer, &mut outcome);
    Ok((outcome, beside))
}

impl Taping {
    /// Begins the recording of a run; one that must not wait is a live one. `cables`: the number of the
    /// connector that each leads to.
    pub(super) fn begin(
        &self,
        scenario: &Scenario,
        seed: u64,
        when_full: WhenFull,
        cables: Vec<u32>,
        secrets: Vec<SecretString>,
    ) -> Result<TapeWriter, RecordError> {
        let regions = &scenario.provider.regions;
        let region = |pool: &PoolConfig| regions[pool.region].name.clone();
        let pools = scenario.provider.pools.iter();
        let header = Header {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: scenario.name.clone(),
            scenario_hash: scenario.hash,
            seed,
            live: when_full == WhenFull::Lose,
            texts: self.texts,
            cables,
            regions: pools.map(region).collect(),
            names: scenario.names.clone(),
        };
        let options = TapeOptions { secrets, ..TapeOptions::new(header.live) };
        TapeWriter::create(&self.path, &header, &options)
    }
}

/// Ends the recording of a run that has ended. What was cut off has no digest to be held to.
pub(super) fn finish(writer: TapeWriter, outcome: &mut Outcome) {
    let header = &outcome.summary.header;
    let digest = header.digest.filter(|_| !header.partial).map(|digest| digest.to_string());
    outcome.recording = writer.finish(digest).map(|Written { lines: _, lost }| {
        if lost > 0 {
            outcome.warnings.push(format!(
                "{lost} entries are missing in the recording: they came faster than they could be written"
            ));
        }
    });
}
