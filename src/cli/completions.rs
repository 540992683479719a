use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, Failure};

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  harpoon completions bash > /etc/bash_completion.d/harpoon")]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    #[expect(clippy::unnecessary_wraps, reason = "all verbs are called alike")]
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let mut command = Arguments::command();
        clap_complete::generate(self.shell, &mut command, "harpoon", &mut std::io::stdout());
        Ok(ExitCode::SUCCESS)
    }
}
