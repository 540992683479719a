use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use scenarios::Override;

use super::Failure;

/// Serve the simulated provider of a scenario over HTTP, in paced time.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  harpoon mock scenarios/quickstart.yaml --listen 127.0.0.1:8080
  harpoon run scenarios/quickstart.yaml --live http://127.0.0.1:8080")]
pub(super) struct Mock {
    /// The scenario whose provider is served; its traffic and platform are not used.
    scenario: PathBuf,
    /// Address and port to listen on; port 0 takes any free one and says which.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Simulated seconds per second on the wall.
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    speed: f64,
    /// Seed of the provider's randomness; the scenario's own by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Replace a value of the scenario, such as `provider.pools.0.count=8`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    overrides: Vec<Override>,
}

impl Mock {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let _ = (self.scenario, self.listen, self.speed, self.seed, self.overrides);
        Err(Failure::bad_input("not there yet"))
    }
}
