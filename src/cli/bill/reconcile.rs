use std::{fs::File, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use connector::Names;
use platform::billing::reconcile::{Cause, Finding, Reconciliation};
use scenarios::Override;

use super::super::{Failure, INTERRUPTED, OBJECTIVE_MISSED, interrupt, note, print, write_csv};
use crate::{drive::Watch, experiment::reconcile::reconcile, reconciliation::Told};

/// Lay the provider's bill beside our own books, and say what they differ by and why.
///
/// Simulates the scenario and compares, share by share, what the provider charges with what was
/// metered. Prints the difference by cause, what every pool comes to, and what requests and tokens
/// cost. Exits with 99 if anything is left unexplained.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon bill reconcile scenarios/bill-shock.yaml
  harpoon bill reconcile scenarios/ghost-allocations.yaml --seed 7 --lines lines.csv
  harpoon bill reconcile scenarios/bill-shock.yaml --set provider.regions.0.control_plane.quirks={}")]
pub(crate) struct Reconcile {
    /// The scenario file.
    scenario: PathBuf,
    /// Seed of all randomness; the scenario's own by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Write every piece of every line of the bill into this CSV file.
    #[arg(long, value_name = "FILE")]
    lines: Option<PathBuf>,
    /// Replace a value of the scenario, such as `provider.pools.0.count=8`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    overrides: Vec<Override>,
}

impl Reconcile {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let scenario =
            scenarios::load(&self.scenario, &self.overrides).map_err(Failure::Scenario)?;
        let watch = Arc::new(Watch::default());
        interrupt::forward_to(vec![Arc::clone(&watch)]);
        let seed = self.seed.unwrap_or(scenario.seed);
        let (outcome, books) = reconcile(&scenario, seed, &watch)?;
        for warning in &outcome.warnings {
            note(&format!("warning: {warning}"));
        }
        if outcome.summary.header.partial {
            note("interrupted: the books of half a run are not compared");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let books = books.map_err(Failure::failed)?;
        if let Some(path) = &self.lines {
            write_csv(path, |file| write_lines(file, &books, &scenario.names))
                .map_err(Failure::failed)?;
        }
        let told = Told::new(&books, &scenario.names).map_err(Failure::failed)?;
        print(&format!("{}\n\n{told}", outcome.summary.header))?;
        let unknown = told.whole().cause(Cause::Unknown);
        Ok(if unknown.pieces == 0 { ExitCode::SUCCESS } else { ExitCode::from(OBJECTIVE_MISSED) })
    }
}

fn write_lines(file: File, books: &Reconciliation, names: &Names) -> Result<(), csv::Error> {
    let mut rows = csv::Writer::from_writer(file);
    rows.write_record(["allocation", "pool", "tenant", "cause", "slot_ns", "amount"])?;
    for Finding { allocation, pool, tenant, cause, slot_ns, amount } in &books.findings {
        rows.write_record([
            allocation.to_string().as_str(),
            &names.pools[pool.index()],
            tenant.map_or("", |tenant| &names.tenants[tenant.index()]),
            cause.name(),
            &slot_ns.to_string(),
            &amount.to_string(),
        ])?;
    }
    Ok(rows.flush()?)
}
