//! Where runs go that are not simulated.

use clap::{Args, ValueEnum};

use super::{Failure, key};
use crate::experiment::live::Target;

/// Flags of verbs that can run live.
#[derive(Debug, Args)]
pub(super) struct LiveFlags {
    /// Run against this endpoint in real time instead of simulating. Without a URL, the endpoint is
    /// the environment's `HOSTED_AI_BASE_URL`. The key is taken from `HOSTED_AI_API_KEY`; that of
    /// pools whose dialect is `openai`, from `OPENAI_API_KEY`.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    live: Option<String>,
    /// What is spoken at the endpoint of `--live`.
    #[arg(long, value_enum, default_value_t, requires = "live")]
    dialect: Spoken,
    /// Allow the key to be sent to another machine over plain HTTP.
    #[arg(long, requires = "live")]
    allow_plaintext_key: bool,
    /// Requests in flight at once in a live run; those beyond it are dropped and counted, and the run
    /// is marked as limited by its generator.
    #[arg(long, value_name = "N", default_value = "4096", requires = "live",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_in_flight: u32,
}

/// What can be spoken at the endpoint of a live run.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Spoken {
    /// Shares and inferences, as `harpoon mock` speaks.
    #[default]
    HarpoonV1,
    /// Shares for a stated time, by what a covenant needs; `harpoon mock` speaks it too.
    CovenantV1,
    /// Chat completions without shares, as local engines speak.
    #[value(name = "openai")]
    OpenAi,
}

impl From<Spoken> for scenarios::Dialect {
    fn from(spoken: Spoken) -> Self {
        match spoken {
            Spoken::HarpoonV1 => Self::HarpoonV1,
            Spoken::CovenantV1 => Self::CovenantV1,
            Spoken::OpenAi => Self::OpenAi,
        }
    }
}

impl LiveFlags {
    /// Whether it is no simulation.
    pub(super) fn is_wanted(&self) -> bool {
        self.live.is_some()
    }

    /// Where a live run goes; `None` for a simulation.
    pub(super) fn target(&self) -> Result<Option<Target>, Failure> {
        let Some(url) = &self.live else { return Ok(None) };
        let from_environment =
            || std::env::var("HOSTED_AI_BASE_URL").ok().filter(|url| !url.is_empty());
        let base_url = Some(url.clone()).filter(|url| !url.is_empty()).or_else(from_environment);
        let base_url = base_url.ok_or_else(|| {
            Failure::bad_input("--live without a URL, and HOSTED_AI_BASE_URL is not set")
                .with_help("give the endpoint: --live https://host")
        })?;
        Ok(Some(Target {
            base_url,
            dialect: self.dialect.into(),
            api_key: key::of_hosted_ai()?,
            openai_key: key::of_openai()?,
            allow_plaintext_key: self.allow_plaintext_key,
            most_in_flight: self.max_in_flight as usize,
        }))
    }
}
