use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use connector::{Money, Names, PoolId};
use platform::billing::reconcile::{Cause, Finding, Reconciliation};
use reports::{Header, LeaseReader};
use scenarios::Scenario;

use super::{
    super::{
        Failure, INTERRUPTED, OBJECTIVE_MISSED, Replacements, interrupt, note, print, write_csv,
    },
    recorded,
    statement::Statement,
};
use crate::{
    drive::Watch,
    experiment::reconcile::{BooksError, Charges, of_tables, reconcile, reconcile_with},
    reconciliation::Told,
};

/// Lay the provider's bill beside our own books, and say what they differ by and why.
///
/// RUN is the directory of a run (`harpoon run --out`) or a scenario file, which is then simulated;
/// both give the same result. Compares, share by share, what the provider charges with what was
/// metered. Prints the difference by cause, what every pool comes to, and what requests and tokens
/// cost. Exits with 99 if anything is left unexplained.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon bill reconcile scenarios/bill-shock.yaml
  harpoon run scenarios/bill-shock.yaml --out out/ && harpoon bill reconcile out/
  harpoon bill reconcile scenarios/ghost-allocations.yaml --seed 7 --lines lines.csv
  harpoon bill reconcile live/ --statement billing-summary.json
  harpoon bill reconcile scenarios/bill-shock.yaml --set provider.regions.0.control_plane.quirks={}")]
pub(crate) struct Reconcile {
    /// Directory of a run, or a scenario file.
    run: PathBuf,
    /// The provider's bill, in place of the simulated one: a statement.csv, or HostedAI's billing
    /// summary in JSON, which has a sum for each pool and is explained as far as that goes. Of several
    /// teams give the summary of each.
    #[arg(long = "statement", value_name = "FILE")]
    statements: Vec<PathBuf>,
    /// Seed of all randomness; the scenario's own by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Write every piece of every line of the bill into this CSV file.
    #[arg(long, value_name = "FILE")]
    lines: Option<PathBuf>,
    #[command(flatten)]
    replacements: Replacements,
}

/// Both books of a run.
struct Compared {
    header: Header,
    names: Names,
    books: Reconciliation,
    /// Charges that belong to no pool.
    beside_pools: Money,
}

impl Reconcile {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let compared = if self.run.is_dir() { Some(self.recorded()?) } else { self.simulated()? };
        let Some(compared) = compared else { return Ok(ExitCode::from(INTERRUPTED)) };
        let Compared { header, names, books, beside_pools } = compared;
        if let Some(path) = &self.lines {
            write_csv(path, |file| write_lines(file, &books, &names)).map_err(Failure::failed)?;
        }
        let told = Told::new(&books, &names).map_err(Failure::failed)?;
        print(&format!("{header}\n\n{told}"))?;
        if beside_pools != Money::ZERO {
            print(&format!("charged beside pools, unknown to our books: {beside_pools}\n"))?;
        }
        let unknown = told.whole().cause(Cause::Unknown).pieces > 0 || beside_pools != Money::ZERO;
        Ok(if unknown { ExitCode::from(OBJECTIVE_MISSED) } else { ExitCode::SUCCESS })
    }

    /// `None` if the simulation was interrupted.
    fn simulated(&self) -> Result<Option<Compared>, Failure> {
        let scenario = self.replacements.load(&self.run)?;
        let statement = self.statement(&scenario)?;
        let watch = Arc::new(Watch::default());
        interrupt::forward_to(vec![Arc::clone(&watch)]);
        let seed = self.seed.unwrap_or(scenario.seed);
        let (of, beside_pools, (outcome, books)) = match statement {
            None => (None, Money::ZERO, reconcile(&scenario, seed, &watch)?),
            Some(Statement { charges, header, beside_pools }) => {
                (header, beside_pools, reconcile_with(&scenario, seed, charges, &watch)?)
            }
        };
        for warning in &outcome.warnings {
            note(&format!("warning: {warning}"));
        }
        let header = outcome.summary.header;
        if header.partial {
            note("interrupted: the books of half a run are not compared");
            return Ok(None);
        }
        check_run(of.as_ref(), &header)?;
        let books = books.map_err(Failure::failed)?;
        Ok(Some(Compared { header, names: scenario.names, books, beside_pools }))
    }

    /// What a run has left in its directory.
    fn recorded(&self) -> Result<Compared, Failure> {
        let (scenario, used) = recorded::open(&self.run, self.seed, &self.replacements.read()?)?;
        let header = used.header().clone();
        if header.partial {
            let message = format!("`{}` is of a run that was cut off", self.run.display());
            return Err(Failure::bad_input(message)
                .with_help("the books of half a run are not compared: run it to its end"));
        }
        let held = LeaseReader::open(&self.run, &scenario.names)
            .map_err(|error| recorded::unreadable(&error))?;
        check_run(Some(held.header()), &header)?;
        let statement = match self.statement(&scenario)? {
            Some(statement) => statement,
            None => own_statement(&self.run, &scenario.names)?,
        };
        check_run(statement.header.as_ref(), &header)?;
        let Statement { charges, beside_pools, .. } = statement;
        let books = of_tables(&scenario, used, held, charges).map_err(|error| match error {
            BooksError::Read(error) => recorded::unreadable(&error),
            BooksError::Amounts(error) => Failure::failed(error),
        })?;
        Ok(Compared { header, names: scenario.names, books, beside_pools })
    }

    /// The bill that was given, if one was.
    fn statement(&self, scenario: &Scenario) -> Result<Option<Statement>, Failure> {
        let mut each = self.statements.iter().map(|path| Statement::read(path, scenario));
        let Some(first) = each.next() else { return Ok(None) };
        let statement = each.try_fold(first?, |sum, next| sum.and(next?))?;
        if let Charges::Sums(sums) = &statement.charges {
            for (pool, name) in (0..).map(PoolId).zip(&scenario.names.pools) {
                if !sums.contains_key(&pool) {
                    note(&format!("warning: the bill says nothing of pool `{name}`"));
                }
            }
        }
        Ok(Some(statement))
    }
}

/// The statement that a simulated run has left beside its books.
fn own_statement(directory: &Path, names: &Names) -> Result<Statement, Failure> {
    let path = directory.join(reports::STATEMENT);
    if !path.exists() {
        let message =
            format!("`{}` has no {}: it is of a live run", directory.display(), reports::STATEMENT);
        return Err(
            Failure::bad_input(message).with_help("give the provider's bill: --statement FILE")
        );
    }
    Statement::lines(&path, names).map_err(|error| recorded::unreadable(&error))
}

/// Books of two runs say nothing about each other.
fn check_run(one: Option<&Header>, other: &Header) -> Result<(), Failure> {
    let run = |header: &Header| (header.scenario_hash, header.seed, header.digest);
    match one {
        Some(one) if run(one) != run(other) => {
            let message = format!("two runs: `{one}` and `{other}`");
            Err(Failure::bad_input(message).with_help("give the statement of the same run"))
        }
        Some(_) | None => Ok(()),
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
