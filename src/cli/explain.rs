use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use connector::{ClassId, Duration, RequestId, TenantId, Timestamp};
use scenarios::{Override, Scenario};

use super::{Failure, print};
use crate::explain::{Told, Wanted, explain};

/// Explain why a request goes where it goes.
///
/// Simulates the scenario until the request arrives, and prints every candidate with its price,
/// predicted times, load and breaker, and what becomes of it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon explain scenarios/quickstart.yaml --request 100
  harpoon explain scenarios/quickstart.yaml --at 2min --class complex
  harpoon explain scenarios/quickstart.yaml --set platform.router=covenant --at 60s --json")]
pub(super) struct Explain {
    /// The scenario file.
    scenario: PathBuf,
    /// The request of this number, in order of arrival from 0.
    #[arg(long, value_name = "N")]
    request: Option<u64>,
    /// The first request at this time or later; the beginning by default.
    #[arg(long, value_name = "TIME")]
    at: Option<Duration>,
    /// The first of this class.
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// The first of this tenant.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Seed of all randomness; the scenario's own by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Replace a value of the scenario, such as `platform.router=fastest`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    overrides: Vec<Override>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let scenario =
            scenarios::load(&self.scenario, &self.overrides).map_err(Failure::Scenario)?;
        let wanted = self.wanted(&scenario)?;
        let found = explain(&scenario, self.seed.unwrap_or(scenario.seed), wanted)?;
        let found = found.ok_or_else(|| {
            Failure::bad_input("no such request arrives")
                .with_help("ask for an earlier one, or leave out --class and --tenant")
        })?;
        let told = Told::new(&found, &scenario.names);
        let text = if self.json { format!("{:#}\n", told.to_json()) } else { told.to_string() };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }

    fn wanted(&self, scenario: &Scenario) -> Result<Wanted, Failure> {
        let class = self.class.as_deref().map(|name| find("class", name, &scenario.names.classes));
        let tenant =
            self.tenant.as_deref().map(|name| find("tenant", name, &scenario.names.tenants));
        Ok(Wanted {
            request: self.request.map(RequestId),
            at: Timestamp::ZERO + self.at.unwrap_or_default(),
            class: class.transpose()?.map(ClassId),
            tenant: tenant.transpose()?.map(TenantId),
        })
    }
}

fn find(what: &str, name: &str, names: &[String]) -> Result<u32, Failure> {
    let found = names.iter().position(|known| known == name);
    found.map(|index| index as u32).ok_or_else(|| {
        Failure::bad_input(format!("there is no {what} `{name}`"))
            .with_help(format!("one of: {}", names.join(", ")))
    })
}
