use std::process::ExitCode;

use clap::Args;

use super::{Failure, print};

/// Print the JSON Schema of the scenario language, for editors.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  harpoon schema > scenario.schema.json
  # then, as the first line of a scenario, for the YAML language server:
  # yaml-language-server: $schema=scenario.schema.json")]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let Self {} = self;
        print(&format!("{:#}\n", scenarios::json_schema()))?;
        Ok(ExitCode::SUCCESS)
    }
}
