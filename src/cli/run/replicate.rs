//! Several runs of one scenario, in parallel.

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode, sync::Arc};

use rayon::prelude::*;
use reports::{Replications, ReplicationsSummary, RunFiles, Style};
use scenarios::Scenario;

use super::{Failure, INTERRUPTED, Run, code, interrupt, note, print};
use crate::{
    drive::Watch,
    experiment::{self, Outcome},
};

impl Run {
    pub(super) fn replicate(
        &self,
        scenario: &Scenario,
        seed: u64,
        count: u32,
    ) -> Result<ExitCode, Failure> {
        self.check_directories(count)?;
        let watches: Vec<_> = (0..count).map(|_| Arc::new(Watch::default())).collect();
        interrupt::forward_to(watches.clone());
        let progress = self.progress(watches.clone(), scenario);
        let one = |(index, watch): (usize, &Arc<Watch>)| {
            // One that has not begun when the run is interrupted never does.
            let wanted = !watch.is_interrupted();
            wanted.then(|| self.replication(scenario, seed, index, watch)).transpose()
        };
        let threads = self.threads.map_or(0, usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let outcomes: Result<Vec<Option<Outcome>>, Failure> =
            pool.install(|| watches.par_iter().enumerate().map(one).collect());
        drop(progress);
        self.conclude_all(outcomes?)
    }

    fn replication(
        &self,
        scenario: &Scenario,
        seed: u64,
        index: usize,
        watch: &Watch,
    ) -> Result<Outcome, Failure> {
        let seed = seed + index as u64;
        let files = self.files(scenario, seed, self.directory(index).as_deref())?;
        Ok(experiment::simulate(scenario, seed, files, watch)?)
    }

    /// What can be told before the replications take their time.
    fn check_directories(&self, count: u32) -> Result<(), Failure> {
        let Some(out) = &self.out else { return Ok(()) };
        Replications::check(out, self.overwrite())?;
        for directory in (0..count as usize).filter_map(|index| self.directory(index)) {
            RunFiles::check(&directory, self.overwrite())?;
        }
        self.warn_of_leftovers(|index| index < count as usize);
        Ok(())
    }

    fn directory(&self, index: usize) -> Option<PathBuf> {
        self.out.as_ref().map(|out| out.join(format!("replication-{index}")))
    }

    /// Prints what the finished ones say together. Files that could not be written do not cost that.
    fn conclude_all(&self, outcomes: Vec<Option<Outcome>>) -> Result<ExitCode, Failure> {
        let mut replications = Replications::new(outcomes.len());
        let mut warnings = BTreeSet::new();
        let mut files = Ok(());
        for outcome in outcomes.into_iter().flatten() {
            replications.add(&outcome.summary);
            files = files.and(outcome.files);
            warnings.extend(outcome.warnings);
        }
        for warning in warnings {
            note(&format!("warning: {warning}"));
        }
        let Some(summary) = replications.finish() else {
            note("interrupted before any replication was finished");
            return Ok(ExitCode::from(INTERRUPTED));
        };
        let text = if self.json { summary.to_json() } else { summary.table(Style::of_stdout()) };
        print(&text)?;
        files?;
        self.write(&summary)?;
        Ok(code(summary.header.partial, summary.objectives_met()))
    }

    fn write(&self, summary: &ReplicationsSummary) -> Result<(), Failure> {
        if let Some(out) = &self.out {
            summary.write(out, self.overwrite())?;
        }
        Ok(())
    }
}
