mod ledger;
mod leftovers;
mod replicate;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, ValueEnum};
use reports::{Overwrite, RunFiles, Style, Summary};
use scenarios::{Override, Scenario};

use super::{
    Failure, INTERRUPTED, OBJECTIVE_MISSED, interrupt, key, note, print, progress::Progress,
};
use crate::{
    drive::{Observer, Watch},
    experiment::{self, ExperimentError, Outcome, live},
};

/// Most replications of one run.
const MOST_REPLICATIONS: i64 = 10_000;

/// Run a scenario: simulated in virtual time, or against a live endpoint.
///
/// Prints a summary; exits with 0 if every objective is met, 99 if one is missed, 130 if the run was
/// interrupted, 1 if it failed, 2 on bad input.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag on the command line")]
#[command(after_help = "Examples:
  harpoon run scenarios/quickstart.yaml
  harpoon run scenarios/quickstart.yaml --seed 7 --out out/
  harpoon run scenarios/quickstart.yaml --replications 10 --threads 2
  harpoon run scenarios/bill-shock.yaml --ledger books.sqlite
  harpoon run scenarios/azure-conversation.yaml --set traffic.0.trace.file=my.csv
  HOSTED_AI_API_KEY=... harpoon run scenarios/quickstart.yaml --live https://gpu.example.com
  harpoon run scenarios/quickstart.yaml --live http://127.0.0.1:8080 --dialect covenant-v1")]
pub(super) struct Run {
    /// The scenario file.
    scenario: PathBuf,
    /// Seed of all randomness; the scenario's own by default.
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Run this many times with seeds seed, seed+1, ... and print means with confidence intervals.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_REPLICATIONS))]
    replications: Option<u32>,
    /// Replications at once; all cores by default. Does not change any result.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Write scenario.yaml, summary.json, requests.csv, usage.csv, leases.csv, timeline.csv and timeline.svg into DIR,
    /// and the simulated provider's statement.csv.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite files in the output directory that harpoon has not written.
    #[arg(long, requires = "out")]
    force: bool,
    /// Bill the run while it lasts, and book it in this durable ledger: a file, or the URL of a
    /// PostgreSQL database (`postgresql://...`). The same simulation books nothing twice.
    #[arg(long, value_name = "PATH|URL")]
    ledger: Option<String>,
    /// Replace values of the scenario by those of this file: YAML of
    /// paths and values. --set comes after it.
    #[arg(long = "overlay", value_name = "FILE")]
    overlays: Vec<PathBuf>,
    /// Replace a value of the scenario, such as `provider.pools.0.count=8`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    overrides: Vec<Override>,
    /// Run against this endpoint in real time instead of simulating. Without a URL, the endpoint is
    /// the environment's `HOSTED_AI_BASE_URL`. The key is taken from `HOSTED_AI_API_KEY`; that of
    /// pools whose dialect is `openai`, from `OPENAI_API_KEY`.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    live: Option<String>,
    /// What is spoken at the endpoint of `--live`.
    #[arg(long, value_enum, default_value_t, requires = "live")]
    dialect: Spoken,
    /// Allow the key to be sent to another machine over plain HTTP.
    #[arg(long, requires = "live")]
    allow_plaintext_key: bool,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
    /// Print summary.json instead of tables.
    #[arg(long)]
    json: bool,
}

/// What can be spoken at the endpoint of a live run.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Spoken {
    /// Shares and inferences, as `harpoon mock` speaks.
    #[default]
    HarpoonV1,
    /// Shares for a stated time, by what a covenant needs; `harpoon mock` speaks it too.
    CovenantV1,
    /// Chat completions without shares, as local engines speak.
    #[value(name = "openai")]
    OpenAi,
}

impl From<Spoken> for scenarios::Dialect {
    fn from(spoken: Spoken) -> Self {
        match spoken {
            Spoken::HarpoonV1 => Self::HarpoonV1,
            Spoken::CovenantV1 => Self::CovenantV1,
            Spoken::OpenAi => Self::OpenAi,
        }
    }
}

impl Run {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let scenario = super::load(&self.scenario, &self.overlays, &self.overrides)
            .map_err(Failure::Scenario)?;
        let seed = self.seed.unwrap_or(scenario.seed);
        let replications = self.replications.unwrap_or(scenario.replications);
        let target = self.target()?;
        if replications > 1 {
            self.can_replicate(seed, replications)?;
            return self.replicate(&scenario, seed, replications);
        }
        let watch = Arc::new(Watch::default());
        interrupt::forward_to(vec![Arc::clone(&watch)]);
        let files = self.files(&scenario, seed, self.out.as_deref())?;
        self.warn_of_leftovers(|_| false);
        let target = target.as_ref();
        let once = Once { run: &self, scenario: &scenario, seed, target, files, watch: &watch };
        let Some(place) = &self.ledger else { return self.conclude(once.beside(())?.0, Ok(())) };
        let (outcome, booked) = once.booked(place)?;
        self.conclude(outcome, booked)
    }

    fn conclude(&self, outcome: Outcome, booked: Result<(), Failure>) -> Result<ExitCode, Failure> {
        let Outcome { summary, files, warnings } = outcome;
        for warning in warnings {
            note(&format!("warning: {warning}"));
        }
        let text = if self.json { summary.to_json() } else { summary.table(Style::of_stdout()) };
        print(&text)?;
        self.say_speed(&summary);
        files?;
        booked?;
        Ok(code(summary.header.partial, summary.objectives_met()))
    }

    /// Where a live run goes; `None` for a simulation.
    fn target(&self) -> Result<Option<live::Target>, Failure> {
        let Some(url) = &self.live else { return Ok(None) };
        let from_environment =
            || std::env::var("HOSTED_AI_BASE_URL").ok().filter(|url| !url.is_empty());
        let base_url = Some(url.clone()).filter(|url| !url.is_empty()).or_else(from_environment);
        let base_url = base_url.ok_or_else(|| {
            Failure::bad_input("--live without a URL, and HOSTED_AI_BASE_URL is not set")
                .with_help("give the endpoint: --live https://host")
        })?;
        Ok(Some(live::Target {
            base_url,
            dialect: self.dialect.into(),
            api_key: key::of_hosted_ai()?,
            openai_key: key::of_openai()?,
            allow_plaintext_key: self.allow_plaintext_key,
        }))
    }

    fn files(
        &self,
        scenario: &Scenario,
        seed: u64,
        directory: Option<&Path>,
    ) -> Result<Option<RunFiles>, Failure> {
        let header = experiment::header(scenario, seed);
        let create = |directory| {
            let text = scenario.effective.to_yaml(seed);
            let files = RunFiles::create(directory, &header, &text, self.overwrite())?;
            // No live provider tells its statement line by line.
            if self.live.is_some() { Ok(files) } else { files.with_statement(&header) }
        };
        Ok(directory.map(create).transpose()?)
    }

    fn can_replicate(&self, seed: u64, count: u32) -> Result<(), Failure> {
        if self.live.is_some() {
            let message =
                format!("a live run happens once, but {count} replications are asked for");
            return Err(Failure::bad_input(message).with_help("add --replications 1"));
        }
        if self.ledger.is_some() {
            let message = format!("a ledger takes one run, but {count} replications are asked for");
            return Err(Failure::bad_input(message).with_help("add --replications 1"));
        }
        if seed.checked_add(u64::from(count) - 1).is_none() {
            let message = format!("no seeds follow {seed} for {count} replications");
            return Err(Failure::bad_input(message).with_help("choose a smaller --seed"));
        }
        Ok(())
    }

    fn overwrite(&self) -> Overwrite {
        if self.force { Overwrite::Anything } else { Overwrite::OwnOutputs }
    }

    fn progress(&self, runs: Vec<Arc<Watch>>, scenario: &Scenario) -> Option<Progress> {
        (!self.quiet).then(|| Progress::follow(runs, scenario.duration))
    }

    /// For people who wait; the clock on the wall is no part of any result.
    fn say_speed(&self, summary: &Summary) {
        if let Some(speed) = summary.speed().filter(|_| !self.quiet) {
            note(&speed);
        }
    }
}

/// A run that happens once.
struct Once<'a> {
    run: &'a Run,
    scenario: &'a Scenario,
    seed: u64,
    target: Option<&'a live::Target>,
    files: Option<RunFiles>,
    watch: &'a Arc<Watch>,
}

impl Once<'_> {
    /// Runs it, and tells another observer of everything as well.
    fn beside<O: Observer>(self, beside: O) -> Result<(Outcome, O), ExperimentError> {
        let Self { run, scenario, seed, target, files, watch } = self;
        let _progress = run.progress(vec![Arc::clone(watch)], scenario);
        match target {
            Some(target) => live::run(scenario, seed, target, files, beside, watch),
            None => experiment::simulate_beside(scenario, seed, files, beside, watch),
        }
    }
}

/// What was cut off has no verdict.
fn code(partial: bool, met: bool) -> ExitCode {
    match (partial, met) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(OBJECTIVE_MISSED),
    }
}
