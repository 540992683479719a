//! Where runs go that are not simulated.

mod target;

use std::path::PathBuf;

use clap::Args;
use scenarios::{Dialect, Scenario};

use super::Failure;
use crate::experiment::live::Target;
use target::Asked;

/// Flags of verbs that can run live.
#[derive(Debug, Args)]
pub(super) struct LiveFlags {
    /// Run against this endpoint in real time instead of simulating. Without a URL, the endpoint is
    /// the environment's `HOSTED_AI_BASE_URL`. The key is taken from `HOSTED_AI_API_KEY`, or from the
    /// file that `HOSTED_AI_API_KEY_FILE` names; that of pools whose dialect is `openai`, from
    /// `OPENAI_API_KEY`. Pools whose dialect is `gpuaas` are subscribed to for the teams in
    /// `HOSTED_AI_TEAM_ID`.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    live: Option<String>,
    /// What is spoken at the endpoint of `--live`; `harpoon-v1` by default.
    #[arg(long, value_name = "NAME", value_parser = target::dialects(), requires = "live")]
    dialect: Option<Dialect>,
    /// Read where the endpoint is and how it is spoken to from FILE, in TOML. The command line and the
    /// environment come before it.
    #[arg(long, value_name = "FILE", requires = "live")]
    config: Option<PathBuf>,
    /// Allow the key to be sent to another machine over plain HTTP.
    #[arg(long, requires = "live")]
    allow_plaintext_key: bool,
    /// Requests in flight at once in a live run; those beyond it are dropped and counted, and the run
    /// is marked as limited by its generator.
    #[arg(long, value_name = "N", default_value = "4096", requires = "live",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_in_flight: u32,
}

impl LiveFlags {
    /// Whether it is no simulation.
    pub(super) fn is_wanted(&self) -> bool {
        self.live.is_some()
    }

    /// Where a live run of this scenario goes; `None` for a simulation.
    pub(super) fn target(&self, scenario: &Scenario) -> Result<Option<Target>, Failure> {
        let Some(url) = &self.live else { return Ok(None) };
        let asked = Asked {
            url,
            dialect: self.dialect,
            config: self.config.as_deref(),
            allow_plaintext_key: self.allow_plaintext_key,
            most_in_flight: self.max_in_flight as usize,
        };
        asked.target(scenario).map(Some)
    }
}
