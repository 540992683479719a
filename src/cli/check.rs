use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use scenarios::Override;

use super::{Failure, print};

/// Check scenarios without running them: every mistake at once, with file, line and key.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon check scenarios/*.yaml
  harpoon check my.yaml --set 'provider.pools[shared-l4].count=0'")]
pub(super) struct Check {
    /// Scenario files.
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// Replace values of every scenario by those of this file.
    #[arg(long = "overlay", value_name = "FILE")]
    overlays: Vec<PathBuf>,
    /// Replace a value of every scenario, such as `seed=7` or `provider.pools.0.count=8`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    overrides: Vec<Override>,
}

impl Check {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let mut worst = ExitCode::SUCCESS;
        for path in &self.scenarios {
            match super::load(path, &self.overlays, &self.overrides) {
                Ok(scenario) => {
                    let (name, hash) = (&scenario.name, scenario.hash);
                    print(&format!("{}: ok ({name}, hash={hash:016x})\n", path.display()))?;
                }
                Err(diagnostics) => worst = Failure::Scenario(diagnostics).report(),
            }
        }
        Ok(worst)
    }
}
