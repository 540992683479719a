//! The command line: what can be asked, and what the exit code says.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done, and every objective met |
//! | 99 | done, but an objective was missed (as in k6) |
//! | 130 | interrupted, or ended at a limit; what is reported is partial and has no verdict |
//! | 1 | the run itself failed: endpoint down, port in use, disk full |
//! | 2 | bad input: arguments, scenario, trace |
//!
//! Data goes to stdout, everything else to stderr.

mod bill;
mod calibrate;
mod check;
mod compare;
mod completions;
mod explain;
mod failure;
mod interrupt;
mod key;
mod live;
mod mock;
mod place;
mod progress;
mod replacements;
mod run;
mod schema;
mod sweep;
mod trace;

use std::{fs::File, io::Write, path::Path, process::ExitCode};

use adapters::recording::ReadError;
use anyhow::Context;
use clap::{Parser, Subcommand};

use self::{failure::Failure, replacements::Replacements};

/// Exit code of a run that missed an objective.
const OBJECTIVE_MISSED: u8 = 99;
/// Exit code of a run that was interrupted, as shells have it for Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Replay LLM traffic against GPU pools that somebody else owns: simulated, or for real.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Examples:
  harpoon run scenarios/quickstart.yaml
  harpoon run scenarios/quickstart.yaml --seed 7 --replications 5 --out out/
  harpoon check scenarios/quickstart.yaml --set provider.pools.0.count=8
  harpoon mock scenarios/quickstart.yaml --listen 127.0.0.1:8080")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
    Sweep(sweep::Sweep),
    Compare(compare::Compare),
    Mock(mock::Mock),
    Calibrate(calibrate::Calibrate),
    Place(place::Place),
    Bill(bill::Bill),
    Check(check::Check),
    Explain(explain::Explain),
    Schema(schema::Schema),
    #[command(subcommand)]
    Trace(trace::Trace),
    Completions(completions::Completions),
}

/// Parses the arguments of this process and does what they ask.
pub fn main() -> ExitCode {
    let result = match Arguments::parse().verb {
        Verb::Run(run) => run.execute(),
        Verb::Sweep(sweep) => sweep.execute(),
        Verb::Compare(compare) => compare.execute(),
        Verb::Mock(mock) => mock.execute(),
        Verb::Calibrate(calibrate) => calibrate.execute(),
        Verb::Place(place) => place.execute(),
        Verb::Bill(bill) => bill.execute(),
        Verb::Check(check) => check.execute(),
        Verb::Explain(explain) => explain.execute(),
        Verb::Schema(schema) => schema.execute(),
        Verb::Trace(trace) => trace.execute(),
        Verb::Completions(completions) => completions.execute(),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// A file that is no recording, or one that cannot be read.
fn bad_recording(path: &Path, error: &ReadError) -> Failure {
    let failure = Failure::bad_input(format!("{}: {error}", path.display()));
    failure.with_help("`harpoon run SCENARIO --record FILE` writes a recording")
}

/// Puts data on stdout. A reader that has seen enough and went away (`| head`) is no failure.
fn print(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a CSV file whose place was given on the command line.
fn write_csv(
    path: &Path,
    write: impl FnOnce(File) -> Result<(), csv::Error>,
) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let file = File::create(path).with_context(cannot)?;
    write(file).with_context(cannot)
}

/// Says something to people, on stderr.
fn note(text: &str) {
    // Nothing can be done when stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
