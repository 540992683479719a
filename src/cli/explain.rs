use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use connector::{ClassId, Content, Duration, ModelId, RequestId, TenantId, Timestamp, Tokens};
use platform::Request;
use scenarios::Scenario;

use super::{Failure, Replacements, print};
use crate::explain::{Told, Wanted, explain, explain_hypothetical};

/// Bytes of text that make a token, where its length is not stated.
const BYTES_PER_TOKEN: usize = 4;
/// Longest text of a file.
const TEXT_MAX: u64 = 1 << 20;
/// Most tokens of a prompt or an answer, as in scenarios.
const TOKENS_MAX: u32 = 1 << 22;

/// Explain why a request goes where it goes.
///
/// Simulates the scenario until the request arrives, and prints its class with score and reason, its
/// covenant, and every candidate with its rank, price, predicted times, load and breaker, what its
/// covenant has against it, and what becomes of it. The request is one of the scenario's traffic; or,
/// with any of --prompt-tokens, --output-tokens, --text, --text-file and --model, one that nobody
/// sends.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon explain scenarios/quickstart.yaml --request 100
  harpoon explain scenarios/quickstart.yaml --at 2min --class complex
  harpoon explain scenarios/quickstart.yaml --set platform.router=covenant --at 60s --json
  harpoon explain scenarios/quickstart.yaml --at 5min --prompt-tokens 3000 --output-tokens 400
  harpoon explain scenarios/quickstart.yaml --at 5min --tenant globex --text 'Prove that 2 is prime.'")]
pub(super) struct Explain {
    /// The scenario file.
    scenario: PathBuf,
    /// The request of this number, in order of arrival from 0.
    #[arg(long, value_name = "N")]
    request: Option<u64>,
    /// The first request at this time or later; the beginning by default.
    #[arg(long, value_name = "TIME")]
    at: Option<Duration>,
    /// The first of this class; a hypothetical request names it, and is not classified.
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// The first of this tenant; a hypothetical request is of the first tenant by default.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    #[command(flatten)]
    hypothetical: Hypothetical,
    /// Seed of all randomness; the scenario's own by default.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    replacements: Replacements,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// A request that nobody sends.
#[derive(Debug, Args)]
#[group(conflicts_with = "request")]
#[command(next_help_heading = "Hypothetical request")]
struct Hypothetical {
    /// Length of the prompt; a quarter of the text's bytes by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(TOKENS_MAX)))]
    prompt_tokens: Option<u32>,
    /// Length of the answer; 256 by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(TOKENS_MAX)))]
    output_tokens: Option<u32>,
    /// The words of the prompt, which the classifier reads.
    #[arg(long, value_name = "TEXT", conflicts_with = "text_file")]
    text: Option<String>,
    /// A file with the words of the prompt, at most 1 MiB.
    #[arg(long, value_name = "FILE")]
    text_file: Option<PathBuf>,
    /// The model that the sender insists on.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

impl Explain {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let scenario = self.replacements.load(&self.scenario)?;
        let seed = self.seed.unwrap_or(scenario.seed);
        let wanted = self.wanted(&scenario)?;
        let found = if self.hypothetical.is_meant() {
            explain_hypothetical(&scenario, seed, self.hypothetical.request(&scenario, wanted)?)?
        } else {
            explain(&scenario, seed, wanted)?
        };
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
        let names = &scenario.names;
        Ok(Wanted {
            request: self.request.map(RequestId),
            at: Timestamp::ZERO + self.at.unwrap_or_default(),
            class: find("class", self.class.as_deref(), &names.classes)?.map(ClassId),
            tenant: find("tenant", self.tenant.as_deref(), &names.tenants)?.map(TenantId),
        })
    }
}

impl Hypothetical {
    /// Whether any of it was stated.
    const fn is_meant(&self) -> bool {
        self.prompt_tokens.is_some()
            || self.output_tokens.is_some()
            || self.text.is_some()
            || self.text_file.is_some()
            || self.model.is_some()
    }

    fn request(&self, scenario: &Scenario, wanted: Wanted) -> Result<Request, Failure> {
        let text = self.text()?;
        let counted = text.as_ref().map(|text| {
            u32::try_from(text.len().div_ceil(BYTES_PER_TOKEN)).unwrap_or(TOKENS_MAX).max(1)
        });
        let prompt_tokens = self.prompt_tokens.or(counted).ok_or_else(|| {
            Failure::bad_input("nothing is known of the prompt")
                .with_help("state --prompt-tokens, --text or --text-file")
        })?;
        Ok(Request {
            id: RequestId::default(),
            tenant: wanted.tenant.unwrap_or_default(),
            arrived: wanted.at,
            prompt_tokens: Tokens::new(prompt_tokens),
            output_tokens: Tokens::new(self.output_tokens.unwrap_or(256)),
            content: text.map_or(Content::Unknown, |text| Content::Text(text.into())),
            class: wanted.class,
            model: find("model", self.model.as_deref(), &scenario.names.models)?.map(ModelId),
            patience: None,
            terms: None,
            fan_out: None,
        })
    }

    fn text(&self) -> Result<Option<String>, Failure> {
        match &self.text_file {
            Some(path) => read_text(path).map(Some),
            None => Ok(self.text.clone()),
        }
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let cannot = |error| Failure::bad_input(format!("cannot read {name}: {error}"));
    let file = File::open(path).map_err(cannot)?;
    let mut text = Vec::new();
    file.take(TEXT_MAX + 1).read_to_end(&mut text).map_err(cannot)?;
    if text.len() as u64 > TEXT_MAX {
        return Err(Failure::bad_input(format!("{name} is longer than 1 MiB"))
            .with_help("the classifier reads 4 KiB of it: cut it, and state --prompt-tokens"));
    }
    String::from_utf8(text).map_err(|_| Failure::bad_input(format!("{name} is not UTF-8 text")))
}

fn find(what: &str, name: Option<&str>, names: &[String]) -> Result<Option<u32>, Failure> {
    let Some(name) = name else { return Ok(None) };
    let found = names.iter().position(|known| known == name);
    found.map(|index| Some(index as u32)).ok_or_else(|| {
        Failure::bad_input(format!("there is no {what} `{name}`"))
            .with_help(format!("one of: {}", names.join(", ")))
    })
}
