use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use scenarios::Scenario;

use super::{Failure, Replacements, interrupt::Requests, key, note};
use crate::mock::{self, GpuaasQuirk, GpuaasQuirks, MockOptions, MockReport};

/// Serve the simulated provider of a scenario over HTTP, in paced time.
///
/// It speaks the dialects `harpoon-v1` and `covenant-v1` (shares and inferences) and `openai` (chat
/// completions, completions and models, as a served engine with the scenario's pools behind it) and
/// HostedAI's own API below /api at once. GET /metrics is for Prometheus; /__control orders faults.
///
/// Callers must present the key in the environment's `HOSTED_AI_API_KEY`, if there is one, or a token
/// that they got for it from `POST /token`; at services which they exposed, that in `OPENAI_API_KEY`. Ctrl-C ends it and gives everything back.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  harpoon mock scenarios/quickstart.yaml --listen 127.0.0.1:8080
  harpoon run scenarios/quickstart.yaml --live http://127.0.0.1:8080 \\
    --set duration=20s --set warm_up=1s

  harpoon mock scenarios/known-truth.yaml --requests-per-share 1
  curl http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \\
    -d '{\"model\": \"known\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'

  harpoon mock scenarios/quickstart.yaml --gpuaas-quirk empty_subscribe --gpuaas-quirk foreign_rows
  curl -X PUT http://127.0.0.1:8080/__control/gpuaas/quirks/failing_list")]
pub(super) struct Mock {
    /// The scenario whose provider is served; its traffic and platform are not used.
    scenario: PathBuf,
    /// Address and port to listen on; port 0 takes any free one and says which.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Simulated seconds per second on the wall, above 0.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed)]
    speed: f64,
    /// Requests for a model by the dialect `openai` that one share has under way before another
    /// share is asked for.
    #[arg(long, value_name = "COUNT", default_value = "256",
        value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_share: u32,
    /// What of HostedAI's misbehaviour on its wire is on from the start; may be given several times. The
    /// names are those of docs/live/gpuaas.md.
    #[arg(long = "gpuaas-quirk", value_name = "NAME", value_parser = quirk)]
    gpuaas_quirks: Vec<GpuaasQuirk>,
    /// Seconds by which what such a quirk makes late is late.
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=3600))]
    gpuaas_delay: u16,
    /// Seed of the provider's randomness; the scenario's own by default.
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<u64>,
    #[command(flatten)]
    replacements: Replacements,
}

/// Slowest and fastest pace of the mock.
const SPEEDS: std::ops::RangeInclusive<f64> = 1e-3..=1e6;

fn speed(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    let range = format!("between {} and {}", SPEEDS.start(), SPEEDS.end());
    if SPEEDS.contains(&factor) { Ok(factor) } else { Err(format!("the speed must be {range}")) }
}

fn quirk(name: &str) -> Result<GpuaasQuirk, String> {
    let names = || GpuaasQuirk::ALL.map(GpuaasQuirk::name).join(", ");
    GpuaasQuirk::from_name(name).ok_or_else(|| format!("the quirks are {}", names()))
}

impl Mock {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let scenario = self.replacements.load(&self.scenario)?;
        let seed = self.seed.unwrap_or(scenario.seed);
        let simulator = sim::Simulator::new(scenario.provider.clone(), seed)
            .map_err(|error| Failure::bad_input(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let report = runtime.block_on(self.serve(&scenario, simulator))?;
        let MockReport { questions, granted, given_back, left_held, .. } = report;
        note(&format!(
            "{questions} questions, {granted} shares granted, {given_back} given back at the end"
        ));
        if left_held > 0 {
            let error = anyhow::anyhow!("{left_held} shares could not be given back");
            return Err(Failure::failed(error));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(
        &self,
        scenario: &Scenario,
        simulator: sim::Simulator,
    ) -> Result<MockReport, Failure> {
        let listener = mock::listen(self.listen)
            .with_context(|| format!("cannot listen on {}", self.listen))
            .map_err(|error| {
                Failure::failed(error).with_help("choose another --listen; port 0 takes a free one")
            })?;
        let api_key = key::of_hosted_ai()?;
        let guarded = if api_key.is_some() { "with a key" } else { "without a key" };
        // Before the address is said: whoever reads it may ask for the end at once.
        let mut requests = Requests::listen()?;
        let address = listener.local_addr()?;
        note(&format!("{}: serving {} on http://{address}", guarded, scenario.name));
        let models = scenario.platform.models.iter();
        let options = MockOptions {
            api_key,
            service_key: key::of_openai()?,
            gpuaas_quirks: GpuaasQuirks::of(self.gpuaas_quirks.iter().copied()),
            gpuaas_delay: Duration::from_secs(u64::from(self.gpuaas_delay)),
            speed: self.speed,
            requirements: models.map(|model| model.requirements).collect(),
            requests_per_share: self.requests_per_share as usize,
            ..MockOptions::new(scenario.names.clone())
        };
        let ended = async move { requests.next().await };
        mock::serve(listener, simulator, options, ended).await.map_err(Failure::failed)
    }
}
