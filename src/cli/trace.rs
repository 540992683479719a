use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

use super::Failure;

/// Look into request traces.
#[derive(Debug, Subcommand)]
pub(super) enum Trace {
    Describe(Describe),
}

/// Say what is in a trace: how many requests, how bursty, how long.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon trace describe AzureLLMInferenceTrace_conv.csv
  harpoon trace describe conversation_trace.jsonl.gz --json")]
pub(super) struct Describe {
    /// The trace: Azure LLM CSV, Mooncake JSONL, or CSV of one's own; plain, .gz or .zst.
    file: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl Trace {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let Self::Describe(describe) = self;
        let _ = (describe.file, describe.json);
        Err(Failure::bad_input("not there yet"))
    }
}
