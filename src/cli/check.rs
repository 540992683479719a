use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{Failure, Replacements, print};

/// Check scenarios without running them: every mistake at once, with file, line and key.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon check scenarios/*.yaml
  harpoon check my.yaml --set 'provider.pools[shared-l4].count=0'")]
pub(super) struct Check {
    /// Scenario files.
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    replacements: Replacements,
}

impl Check {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let mut worst = ExitCode::SUCCESS;
        for path in &self.scenarios {
            match self.replacements.load(path) {
                Ok(scenario) => {
                    let (name, hash) = (&scenario.name, scenario.hash);
                    print(&format!("{}: ok ({name}, hash={hash:016x})\n", path.display()))?;
                }
                Err(failure) => worst = failure.report(),
            }
        }
        Ok(worst)
    }
}
