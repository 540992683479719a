mod reconcile;

use std::process::ExitCode;

use clap::Subcommand;

use super::Failure;

/// What was used, what it costs, and whether the provider's bill is right.
#[derive(Debug, Subcommand)]
pub(super) enum Bill {
    Reconcile(reconcile::Reconcile),
}

impl Bill {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Reconcile(reconcile) => reconcile.execute(),
        }
    }
}
