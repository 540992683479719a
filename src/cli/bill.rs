mod format;
mod invoices;
mod reconcile;
mod recorded;
mod statement;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Failure;
pub(super) use invoices::prices;

/// What a run comes to: invoices, what they rest on, and whether the provider's bill is right.
///
/// RUN is the directory of a run (`harpoon run --out`) or a scenario file, which is then simulated;
/// both give the same bill. The scenario needs a price book.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:
  harpoon run scenarios/quickstart.yaml --out out/ && harpoon bill out/
  harpoon bill scenarios/quickstart.yaml --set platform.price_book.rates.0.price=0.80
  harpoon bill out/ --tenant acme --period 0 --out acme.txt
  harpoon bill out/ --format html --out invoices.html
  harpoon bill out/ --format focus-1.0 --out focus.csv
  harpoon bill reconcile scenarios/bill-shock.yaml")]
pub(super) struct Bill {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    invoices: invoices::Invoices,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Reconcile(reconcile::Reconcile),
}

impl Bill {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Some(Verb::Reconcile(reconcile)) => reconcile.execute(),
            None => self.invoices.execute(),
        }
    }
}
