mod parity;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use reports::{CompareError, Comparison, MOST_COMPARED};

use super::{Failure, Replacements, print};

/// Put runs side by side that were written with `run --out`.
///
/// Prints for each how much was asked for, answered in time and sent to pools after the warm-up; and
/// what requests and tokens cost, what was wasted and what was left over the whole run, with the
/// difference from the first.
///
/// With `--parity` it runs one scenario twice, simulated and over HTTP, and puts both side by side.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon compare out/naive out/defaults
  harpoon compare out/naive out/defaults --svg curves.svg
  harpoon compare out/today out/what-if --json
  harpoon compare --parity scenarios/quickstart.yaml --set duration=30s --set warm_up=2s")]
pub(super) struct Compare {
    /// The directories; the arrivals and faults that are drawn are those of the first.
    #[arg(value_name = "DIR", required_unless_present = "parity", num_args = 1..=MOST_COMPARED)]
    #[arg(conflicts_with = "Replacements")]
    directories: Vec<PathBuf>,
    /// Draw the runs over time into this SVG file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Run this scenario in virtual time, and in real time over HTTP against a mock of its provider in this
    /// process. Exits with 0 if counts and bills are equal and latencies agree within 3 % or 2 ms, else 99.
    #[arg(long, value_name = "SCENARIO", conflicts_with_all = ["directories", "svg", "json"])]
    parity: Option<PathBuf>,
    #[command(flatten)]
    replacements: Replacements,
    /// Seed of both runs; the scenario's own by default.
    #[arg(long, requires = "parity")]
    seed: Option<u64>,
}

impl Compare {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        if let Some(scenario) = &self.parity {
            return self.compare_worlds(scenario);
        }
        let comparison = Comparison::read(&self.directories).map_err(refused)?;
        if let Some(path) = &self.svg {
            comparison.draw(path).map_err(refused)?;
        }
        print(&if self.json { comparison.to_json() } else { comparison.table() })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn refused(error: CompareError) -> Failure {
    match error {
        CompareError::Read { .. }
        | CompareError::NoTimeline { .. }
        | CompareError::NoSummary { .. } => Failure::bad_input(error.to_string())
            .with_help("give directories that `harpoon run SCENARIO --out DIR` has written"),
        CompareError::Files(error) => error.into(),
    }
}
