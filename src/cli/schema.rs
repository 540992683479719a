use std::{io::Write, process::ExitCode};

use clap::Args;

use super::Failure;

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
        let mut stdout = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut stdout, &scenarios::json_schema())?;
        writeln!(stdout)?;
        Ok(ExitCode::SUCCESS)
    }
}
