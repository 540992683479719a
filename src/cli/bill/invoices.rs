use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use clap::Args;
use connector::{Names, TenantId};
use platform::billing::{Bill, BillingConfig, PeriodId};
use reports::Header;
use scenarios::Scenario;

use super::{
    super::{Failure, INTERRUPTED, Replacements, interrupt, note, print},
    format::Format,
    recorded,
};
use crate::{drive::Watch, experiment::bill};

#[derive(Debug, Args)]
pub(super) struct Invoices {
    /// Directory of a run, or a scenario file.
    #[arg(required = true)]
    run: Option<PathBuf>,
    /// How to write it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write it into this file instead of to stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only this tenant's.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Only of this billing period, counted from 0.
    #[arg(long, value_name = "N")]
    period: Option<u32>,
    /// Seed of all randomness; the scenario's own by default.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    replacements: Replacements,
}

/// A bill, of which run, and what was run.
struct Billed {
    header: Header,
    scenario: Scenario,
    bill: Bill,
}

impl Invoices {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let Some(billed) = self.billed()? else { return Ok(ExitCode::from(INTERRUPTED)) };
        let Billed { header, scenario, bill } = self.selected(billed)?;
        let text = self
            .format
            .text(&header, (&scenario, prices(&scenario)?), &bill, self.is_part())
            .map_err(Failure::failed)?;
        match &self.out {
            Some(path) => fs::write(path, text)
                .with_context(|| format!("cannot write {}", path.display()))
                .map_err(Failure::failed)?,
            None => print(&text)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    const fn is_part(&self) -> bool {
        self.tenant.is_some() || self.period.is_some()
    }

    /// `None` if the simulation was interrupted.
    fn billed(&self) -> Result<Option<Billed>, Failure> {
        let path = self.run.as_deref().expect("clap requires it");
        if path.is_dir() { self.recorded(path).map(Some) } else { self.simulated(path) }
    }

    /// Bills what a run has left in its directory.
    fn recorded(&self, directory: &Path) -> Result<Billed, Failure> {
        let (scenario, reader) = recorded::open(directory, self.seed, &self.replacements.read()?)?;
        let config = prices(&scenario)?;
        let header = reader.header().clone();
        if header.partial {
            note("warning: this run was cut off; its bill is of what it had come to");
        }
        let bill =
            bill::of_records(&scenario, config, &header, reader).map_err(recorded::failure)?;
        Ok(Billed { header, scenario, bill })
    }

    fn simulated(&self, path: &Path) -> Result<Option<Billed>, Failure> {
        let scenario = self.replacements.load(path)?;
        let config = prices(&scenario)?;
        let watch = Arc::new(Watch::default());
        interrupt::forward_to(vec![Arc::clone(&watch)]);
        let seed = self.seed.unwrap_or(scenario.seed);
        let (outcome, bill) = bill::simulated(&scenario, config, seed, &watch)?;
        for warning in &outcome.warnings {
            note(&format!("warning: {warning}"));
        }
        if outcome.summary.header.partial {
            note("interrupted: half a run is not billed");
            return Ok(None);
        }
        let bill = bill.map_err(Failure::failed)?;
        let header = outcome.summary.header.clone();
        Ok(Some(Billed { header, scenario, bill }))
    }

    /// What was asked for of it.
    fn selected(&self, mut billed: Billed) -> Result<Billed, Failure> {
        let tenant = match &self.tenant {
            Some(name) => Some(tenant(name, &billed.scenario.names)?),
            None => None,
        };
        let period = self.period.map(PeriodId);
        let known = |period| billed.bill.periods.iter().any(|one| one.id == period);
        if let Some(period) = period.filter(|&period| !known(period)) {
            let message = format!("there is no billing period {}", period.0);
            let last = billed.bill.periods.last().map_or(0, |one| one.id.0);
            return Err(Failure::bad_input(message).with_help(format!("the last one is {last}")));
        }
        billed.bill.keep_only(tenant, period);
        Ok(billed)
    }
}

/// What the scenario's tenants are charged.
///
/// # Errors
/// If it does not say.
pub(in crate::cli) fn prices(scenario: &Scenario) -> Result<&BillingConfig, Failure> {
    scenario.billing.as_ref().ok_or_else(|| {
        Failure::bad_input(format!("scenario `{}` has no prices", scenario.name)).with_help(
            "add the key `platform.price_book`, such as \
             `--set 'platform.price_book={ rates: [{ meter: output_tokens, price: 0.60 }] }'`",
        )
    })
}

fn tenant(name: &str, names: &Names) -> Result<TenantId, Failure> {
    let found = names.tenants.iter().position(|known| known == name);
    found.map(|index| TenantId(index as u32)).ok_or_else(|| {
        let known = names.tenants.join("`, `");
        Failure::bad_input(format!("unknown tenant `{name}`"))
            .with_help(format!("the tenants are `{known}`"))
    })
}
