use std::{fs::File, path::PathBuf, process::ExitCode, str::FromStr, sync::Arc};

use clap::Args;
use rayon::prelude::*;
use reports::{Style, Summary, Sweep as Runs};
use scenarios::{Override, Scenario};

use super::{
    Failure, INTERRUPTED, OBJECTIVE_MISSED, Replacements, interrupt, live::LiveFlags, note, print,
    progress::Progress,
};
use crate::{
    drive::Watch,
    experiment::{
        self,
        live::{self, Target},
    },
};

/// Most runs of one sweep.
const MOST_RUNS: usize = 10_000;

/// Run variants of a scenario and print them side by side: simulated in virtual time, or one after the
/// other against a live endpoint.
///
/// Every combination of the values given is run, all with the same seed, so that they see the same
/// arrivals. Exits with 0 if every run meets every objective, 99 if one does not, 130 if it was
/// interrupted, 2 on bad input.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon sweep scenarios/overcommit-cliff.yaml --vary provider.pools.0.sharing_ratio=1..10
  harpoon sweep scenarios/quickstart.yaml --vary platform.router=cheapest,fastest --csv routers.csv
  harpoon sweep scenarios/quickstart.yaml --vary provider.pools.0.count=8,16 --vary seed=1..3
  harpoon sweep scenarios/quickstart.yaml --live http://127.0.0.1:8080 \\
    --vary traffic.0.arrivals.poisson.rate=1/s,4/s,16/s --set duration=30s --set warm_up=5s")]
pub(super) struct Sweep {
    /// The scenario file.
    scenario: PathBuf,
    /// Values to try: `PATH=FROM..TO` for whole numbers, or `PATH=VALUE,VALUE,...`. Every combination
    /// is run if it is given more than once.
    #[arg(long, value_name = "PATH=VALUES", required = true)]
    vary: Vec<Vary>,
    #[command(flatten)]
    replacements: Replacements,
    /// Seed of all randomness; the scenario's own by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs at once; all cores by default. Does not change any result.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    live: LiveFlags,
    /// Write every figure into this CSV file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

/// Values for one place of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Vary {
    path: String,
    values: Vec<String>,
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "`{text}` is neither PATH=FROM..TO nor PATH=VALUE,VALUE, such as \
                 provider.pools.0.count=4,8"
            )
        };
        let (path, values) = text.split_once('=').ok_or_else(form)?;
        let range = values.split_once("..").map(|(from, to)| (from.parse(), to.parse()));
        let values: Vec<String> = match range {
            Some((Ok(from), Ok(to))) => {
                let (from, to): (i64, i64) = (from, to);
                if from > to || to.abs_diff(from) >= MOST_RUNS as u64 {
                    return Err(format!("`{values}` is no range of at most {MOST_RUNS} values"));
                }
                (from..=to).map(|value| value.to_string()).collect()
            }
            Some(_) => return Err(form()),
            None => values.split(',').map(|value| value.trim().to_owned()).collect(),
        };
        if path.is_empty() || values.iter().any(String::is_empty) {
            return Err(form());
        }
        Ok(Self { path: path.to_owned(), values })
    }
}

/// One combination of values.
struct Variant {
    values: Vec<String>,
    scenario: Scenario,
    watch: Arc<Watch>,
}

impl Sweep {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let variants = self.variants()?;
        let targets = variants.iter().map(|variant| self.live.target(&variant.scenario));
        let targets: Vec<Option<Target>> = targets.collect::<Result<_, Failure>>()?;
        let targets: Option<Vec<Target>> = targets.into_iter().collect();
        let csv = self.csv.as_ref().map(|path| (path, File::create(path)));
        let csv = csv.map(|(path, file)| file.map_err(|error| cannot_write(path, &error)));
        let csv = csv.transpose()?;
        let watches: Vec<_> = variants.iter().map(|variant| Arc::clone(&variant.watch)).collect();
        interrupt::forward_to(watches.clone());
        let progress =
            (!self.quiet).then(|| Progress::follow(watches, variants[0].scenario.duration));
        let summaries = match &targets {
            Some(targets) => {
                let each = variants.iter().zip(targets);
                each.map(|(variant, target)| self.run_live(variant, target)).collect()
            }
            None => self.simulate_all(&variants),
        };
        drop(progress);
        let mut runs = Runs::new(self.vary.iter().map(|vary| vary.path.clone()).collect());
        let mut partial = false;
        let summaries: Vec<Option<Summary>> = summaries?;
        for (variant, summary) in variants.into_iter().zip(summaries) {
            match summary.filter(|summary| !summary.header.partial) {
                Some(summary) => runs.add(variant.values, &summary),
                None => partial = true,
            }
        }
        print(&if self.json { runs.to_json() } else { runs.table(Style::of_stdout()) })?;
        if let (Some(file), Some(path)) = (csv, &self.csv) {
            runs.write_csv(file).map_err(|error| cannot_write(path, &error))?;
        }
        if partial {
            note("interrupted: runs that were not finished are left out");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let met = runs.objectives_met();
        Ok(if met { ExitCode::SUCCESS } else { ExitCode::from(OBJECTIVE_MISSED) })
    }

    fn simulate_all(&self, variants: &[Variant]) -> Result<Vec<Option<Summary>>, Failure> {
        let threads = self.threads.map_or(0, usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        pool.install(|| variants.par_iter().map(|variant| self.simulate(variant)).collect())
    }

    /// One at a time: side by side they would measure each other.
    fn run_live(&self, variant: &Variant, target: &Target) -> Result<Option<Summary>, Failure> {
        let Variant { scenario, watch, .. } = variant;
        if watch.is_interrupted() {
            return Ok(None);
        }
        let seed = self.seed.unwrap_or(scenario.seed);
        let (outcome, ()) = live::run(scenario, seed, target, None, None, (), watch)?;
        for warning in &outcome.warnings {
            note(&format!("warning: {warning}"));
        }
        if outcome.summary.generator.is_some_and(|generator| generator.limited) {
            let values = variant.values.join(", ");
            note(&format!("warning: {values}: the generator was the limit, not the endpoint"));
        }
        Ok(Some(outcome.summary))
    }

    fn simulate(&self, variant: &Variant) -> Result<Option<Summary>, Failure> {
        if variant.watch.is_interrupted() {
            return Ok(None);
        }
        let seed = self.seed.unwrap_or(variant.scenario.seed);
        let outcome = experiment::simulate(&variant.scenario, seed, None, &variant.watch)?;
        Ok(Some(outcome.summary))
    }

    /// Every combination, the last path varying fastest; every scenario is read before the first run.
    fn variants(&self) -> Result<Vec<Variant>, Failure> {
        let count = self.vary.iter().map(|vary| vary.values.len()).try_fold(1, usize::checked_mul);
        let count = count.filter(|count| *count <= MOST_RUNS).ok_or_else(|| {
            Failure::bad_input(format!("more than {MOST_RUNS} combinations"))
                .with_help("vary fewer values")
        })?;
        let replaced = self.replacements.read()?;
        (0..count).map(|index| self.variant(index, replaced.clone())).collect()
    }

    fn variant(&self, mut index: usize, mut replaced: Vec<Override>) -> Result<Variant, Failure> {
        let mut values = vec![String::new(); self.vary.len()];
        for (value, vary) in values.iter_mut().zip(&self.vary).rev() {
            value.clone_from(&vary.values[index % vary.values.len()]);
            index /= vary.values.len();
        }
        for (vary, value) in self.vary.iter().zip(&values) {
            let text = format!("{}={value}", vary.path);
            let one = text.parse::<Override>();
            replaced.push(one.map_err(|error| Failure::bad_input(error.to_string()))?);
        }
        let scenario = scenarios::load(&self.scenario, &replaced).map_err(Failure::Scenario)?;
        Ok(Variant { values, scenario, watch: Arc::new(Watch::default()) })
    }
}

fn cannot_write(path: &std::path::Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::bad_input(format!("`{}` cannot be written: {error}", path.display()))
        .with_help("name a file in a directory that exists and can be written to")
}
