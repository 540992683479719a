mod dry;
mod ledger;
mod leftovers;
mod replicate;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use adapters::recording::{self, Recording};
use clap::{Args, ValueEnum};
use connector::Money;
use reports::{Overwrite, RunFiles, Style, Summary};
use scenarios::Scenario;

use super::{
    Failure, INTERRUPTED, OBJECTIVE_MISSED, Replacements, bad_recording, interrupt,
    live::LiveFlags, note, print, progress::Progress,
};
use crate::{
    drive::{Caps, Observer, Watch},
    experiment::{
        self, ExperimentError, Outcome, live as real, replay,
        taping::{self, Taping},
    },
};

/// How faithful a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReplayMode {
    Strict,
    Nearest,
}

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
  harpoon run scenarios/quickstart.yaml --record run.jsonl.zst
  harpoon run scenarios/quickstart.yaml --replay run.jsonl.zst
  HOSTED_AI_API_KEY=... harpoon run scenarios/quickstart.yaml --live https://gpu.example.com
  harpoon run scenarios/quickstart.yaml --live http://127.0.0.1:8080 --dialect covenant-v1
  harpoon run scenarios/quickstart.yaml --live --config live.toml
  harpoon run scenarios/quickstart.yaml --live https://gpu.example.com --dry-run
  harpoon run scenarios/quickstart.yaml --live https://gpu.example.com --max-requests 500 \\
    --max-cost 2.00")]
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
    #[command(flatten)]
    replacements: Replacements,
    #[command(flatten)]
    live: LiveFlags,
    /// End the run when it would send more requests than this. What is under way is answered, everything is
    /// given back, the report is marked as partial, and the exit code is 130.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_requests: Option<u64>,
    /// End the run when the shares it held have cost this much, at the scenario's prices, as Ctrl-C would.
    /// It can become more by what giving everything back takes.
    #[arg(long, value_name = "AMOUNT")]
    max_cost: Option<Money>,
    /// Say where a live run would send requests, how many, and what they may cost, and check address and
    /// key. Nothing is sent.
    #[arg(long = "dry-run", requires = "live")]
    rehearsal: bool,
    /// Record everything that is said between platform and provider into this file: JSON lines packed
    /// by zstd, to be replayed with --replay or read by `harpoon calibrate`. Texts are left out.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Record texts of prompts and answers as well.
    #[arg(long, requires = "record")]
    record_text: bool,
    /// Run against a recording instead of simulating, in virtual time.
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    replay: Option<PathBuf>,
    /// How faithful a replay is: `strict` takes the recorded operations only, in their order; `nearest`
    /// answers any as the nearest recorded one was answered.
    #[arg(long, value_name = "MODE", requires = "replay", default_value = "strict")]
    replay_mode: ReplayMode,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
    /// Print summary.json instead of tables.
    #[arg(long)]
    json: bool,
}

impl Run {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let scenario = self.replacements.load(&self.scenario)?;
        let seed = self.seed.unwrap_or(scenario.seed);
        let replications = self.replications.unwrap_or(scenario.replications);
        let target = self.live.target(&scenario)?;
        if let Some(target) = target.as_ref().filter(|_| self.rehearsal) {
            return self.rehearse(&scenario, seed, target);
        }
        if replications > 1 {
            self.can_replicate(seed, replications)?;
            return self.replicate(&scenario, seed, replications);
        }
        let watch = Arc::new(Watch::capped(self.caps()));
        interrupt::forward_to(vec![Arc::clone(&watch)]);
        let files = self.files(&scenario, seed, self.out.as_deref())?;
        self.warn_of_leftovers(|_| false);
        let far = self.far(target.as_ref())?;
        let once = Once { run: &self, scenario: &scenario, seed, far, files, watch: &watch };
        let Some(place) = &self.ledger else { return self.conclude(once.beside(())?.0, Ok(())) };
        let (outcome, booked) = once.booked(place)?;
        self.conclude(outcome, booked)
    }

    fn conclude(&self, outcome: Outcome, booked: Result<(), Failure>) -> Result<ExitCode, Failure> {
        let Outcome { summary, files, recording, warnings } = outcome;
        for warning in warnings {
            note(&format!("warning: {warning}"));
        }
        let text = if self.json { summary.to_json() } else { summary.table(Style::of_stdout()) };
        print(&text)?;
        self.say_speed(&summary);
        files?;
        recording?;
        booked?;
        Ok(code(summary.header.partial, summary.objectives_met()))
    }

    fn caps(&self) -> Caps {
        Caps { requests: self.max_requests, cost: self.max_cost }
    }

    /// What is on the far side.
    fn far<'a>(&self, target: Option<&'a real::Target>) -> Result<Far<'a>, Failure> {
        if let Some(path) = &self.replay {
            let recording =
                recording::read_file(path).map_err(|error| bad_recording(path, &error))?;
            return Ok(Far::Recording(Box::new(recording), self.replay_mode));
        }
        Ok(target.map_or(Far::Simulator, Far::Live))
    }

    fn taping(&self) -> Option<Taping> {
        let path = self.record.clone()?;
        Some(Taping { path, texts: self.record_text })
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
            if self.live.is_wanted() { Ok(files) } else { files.with_statement(&header) }
        };
        Ok(directory.map(create).transpose()?)
    }

    fn can_replicate(&self, seed: u64, count: u32) -> Result<(), Failure> {
        if self.live.is_wanted() {
            let message =
                format!("a live run happens once, but {count} replications are asked for");
            return Err(Failure::bad_input(message).with_help("add --replications 1"));
        }
        if self.caps() != Caps::default() {
            let message = format!("limits are for one run, but {count} replications are asked for");
            return Err(Failure::bad_input(message).with_help("add --replications 1"));
        }
        if let Some(verb) =
            self.record.as_ref().map(|_| "record").or(self.replay.as_ref().map(|_| "replay"))
        {
            let message =
                format!("--{verb} is for one run, but {count} replications are asked for");
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

/// What is on the far side of a run.
enum Far<'a> {
    Simulator,
    Live(&'a real::Target),
    Recording(Box<Recording>, ReplayMode),
}

/// A run that happens once.
struct Once<'a> {
    run: &'a Run,
    scenario: &'a Scenario,
    seed: u64,
    far: Far<'a>,
    files: Option<RunFiles>,
    watch: &'a Arc<Watch>,
}

impl Once<'_> {
    /// Runs it, and tells another observer of everything as well.
    fn beside<O: Observer>(self, beside: O) -> Result<(Outcome, O), ExperimentError> {
        let Self { run, scenario, seed, far, files, watch } = self;
        let _progress = run.progress(vec![Arc::clone(watch)], scenario);
        let taping = run.taping();
        match (far, taping.as_ref()) {
            (Far::Live(target), taping) => {
                real::run(scenario, seed, target, files, taping, beside, watch)
            }
            (Far::Recording(recording, ReplayMode::Strict), _) => {
                replay::strict(scenario, seed, *recording, files, beside, watch)
            }
            (Far::Recording(recording, ReplayMode::Nearest), _) => {
                replay::nearest(scenario, seed, &recording, files, beside, watch)
            }
            (Far::Simulator, Some(taping)) => {
                taping::simulate(scenario, seed, files, taping, beside, watch)
            }
            (Far::Simulator, None) => {
                experiment::simulate_beside(scenario, seed, files, beside, watch)
            }
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
