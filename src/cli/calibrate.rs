use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{Failure, print};
use crate::calibrate::replay::{ReplayError, replay};

/// Hold the model to measurements.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon calibrate --replay measurements/rtx4090_llama-3.1-8b
  harpoon calibrate --replay measurements/own-model --layers 48 --svg curves.svg")]
pub(super) struct Calibrate {
    /// Serve a measured run of a vLLM server again, with its settings and its kernel profile, and
    /// compare: a folder as LLMServingSim records it.
    #[arg(long, value_name = "DIR", required = true)]
    replay: PathBuf,
    /// Draw the curves of the run, simulated over measured, into this SVG file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Layers of the model, if its name does not tell.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    layers: Option<u32>,
}

impl Calibrate {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let comparison = replay(&self.replay, self.layers).map_err(|error| bad_run(&error))?;
        if let Some(path) = &self.svg {
            comparison.draw(path).map_err(Failure::failed)?;
        }
        print(&comparison.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn bad_run(error: &ReplayError) -> Failure {
    Failure::bad_input(error.to_string()).helped_by(error.help())
}
