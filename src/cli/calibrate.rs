use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{ArgGroup, Args};
use indicatif::{ProgressBar, ProgressStyle};
use reports::{FilesError, Overwrite};

use super::{Failure, bad_recording, print, trace::bad_trace, write_csv};
use crate::calibrate::{
    check::{Group, PointsError, check},
    fitting::{CATALOGUE_COLUMNS, Fitting},
    recording::calibrate,
    replay::{ReplayError, replay},
    spot::SpotFitting,
};

/// Hold the model to measurements.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["recording", "check", "fit", "replay"]).required(true)))]
#[command(after_help = "Examples:
  harpoon calibrate run.jsonl.zst --out fitted.yaml
  harpoon calibrate --check measured_ttft_tpot.csv.gz
  harpoon calibrate --fit measured_ttft_tpot.csv.gz
  harpoon calibrate --fit a100/gemm_perf.csv a100/context_attention_perf.csv
  harpoon calibrate --fit spot/preemption__4-node__us-west-2c_v100_1.json
  harpoon calibrate --replay measurements/rtx4090_llama-3.1-8b
  harpoon calibrate --replay measurements/own-model --layers 48 --svg curves.svg")]
pub(super) struct Calibrate {
    /// Fit latencies, failures and serving times to a recording of `harpoon run --record`. Prints an
    /// overlay for `harpoon run --overlay`, with how far it is off what was held back.
    #[arg(value_name = "RECORDING")]
    recording: Option<PathBuf>,
    /// Judge the model by a table of measured operating points: how far the datasheet's roofline is
    /// off, and how far one that was fitted to other points of the same card, model and stack.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Write into this CSV file: with --check every point, measured and predicted; with --fit the
    /// rows of the catalogue of fitted stacks. With a recording: write the overlay into this YAML file,
    /// if there is none or it is an overlay that harpoon has written.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    out: Option<PathBuf>,
    /// Write the overlay over a file that harpoon has not written.
    #[arg(long, requires_all = ["recording", "out"])]
    force: bool,
    /// Fit to tables of measured operating points, or of measured kernels: prints what a scenario
    /// can be given as a pool's `serving.efficiency`, and how far it is off where it was held back.
    /// Fit to traces of spot capacity: prints what a pool can be given as `spot`, and how like the
    /// trace it is.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    fit: Vec<PathBuf>,
    /// Serve a measured run of a vLLM server again, with its settings and its kernel profile, and
    /// compare: a folder as LLMServingSim records it.
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// Draw the curves of the run, simulated over measured, into this SVG file.
    #[arg(long, value_name = "FILE", requires = "replay")]
    svg: Option<PathBuf>,
    /// Layers of the model, if its name does not tell.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    #[arg(requires = "replay")]
    layers: Option<u32>,
}

impl Calibrate {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        if let Some(recording) = &self.recording {
            self.fit_recording(recording)?;
        }
        if let Some(table) = &self.check {
            self.check_table(table)?;
        }
        if let Some(folder) = &self.replay {
            self.replay_run(folder)?;
        }
        self.fit_tables()?;
        Ok(ExitCode::SUCCESS)
    }

    fn fit_recording(&self, path: &Path) -> Result<(), Failure> {
        // An overlay lies among scenarios, which are YAML too, and hands have written those.
        if let Some(out) = &self.out {
            let overwrite = if self.force { Overwrite::Anything } else { Overwrite::OwnOutputs };
            overwrite.check(out).map_err(in_the_way)?;
        }
        let fitted = calibrate(path).map_err(|error| bad_recording(path, &error))?;
        let overlay = fitted.to_string();
        let Some(out) = &self.out else { return Ok(print(&overlay)?) };
        let cannot = || format!("cannot write {}", out.display());
        std::fs::write(out, overlay).with_context(cannot).map_err(Failure::failed)
    }

    fn check_table(&self, table: &Path) -> Result<(), Failure> {
        let progress = Progress::new();
        let checked = check(table, |group, fold| progress.show(group, fold));
        drop(progress);
        let checked = checked.map_err(|error| bad_points(&error))?;
        if let Some(path) = &self.out {
            write_csv(path, |file| checked.write_points(file)).map_err(Failure::failed)?;
        }
        Ok(print(&checked.to_string())?)
    }

    fn replay_run(&self, folder: &Path) -> Result<(), Failure> {
        let comparison = replay(folder, self.layers).map_err(|error| bad_run(&error))?;
        if let Some(path) = &self.svg {
            comparison.draw(path).map_err(Failure::failed)?;
        }
        Ok(print(&comparison.to_string())?)
    }

    fn fit_tables(&self) -> Result<(), Failure> {
        let mut fittings = Vec::new();
        for table in &self.fit {
            let spot = SpotFitting::of(table).map_err(|error| bad_trace(&error))?;
            if let Some(spot) = spot {
                print(&spot.to_string())?;
                continue;
            }
            let progress = Progress::new();
            let fitting = Fitting::of(table, |group, fold| progress.show(group, fold));
            drop(progress);
            let fitting = fitting.map_err(|error| bad_points(&error))?;
            print(&fitting.to_string())?;
            fittings.push(fitting);
        }
        let Some(path) = self.out.as_ref().filter(|_| !fittings.is_empty()) else { return Ok(()) };
        let write = |file: File| {
            let mut rows = csv::Writer::from_writer(file);
            rows.write_record(CATALOGUE_COLUMNS)?;
            fittings.iter().try_for_each(|fitting| fitting.write_rows(&mut rows))?;
            Ok(rows.flush()?)
        };
        write_csv(path, write).map_err(Failure::failed)
    }
}

/// What is being fitted, on stderr. Invisible where that is no terminal.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        Self { bar }
    }

    fn show(&self, group: &Group, fold: usize) {
        self.bar.set_message(format!("fitting {group}, fold {}", fold + 1));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn in_the_way(error: FilesError) -> Failure {
    Failure::failed(error)
        .with_help("name another file with --out, move this one, or replace it with --force")
}

fn bad_run(error: &ReplayError) -> Failure {
    Failure::bad_input(error.to_string()).helped_by(error.help())
}

fn bad_points(error: &PointsError) -> Failure {
    Failure::bad_input(error.to_string()).helped_by(error.help())
}
