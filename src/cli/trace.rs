mod spot;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use reports::humanise_number;
use scenarios::{
    spot::SpotTrace,
    trace::{self, Format, Summary, TokenSummary, TraceError},
};
use serde_json::{Value, json};

use super::{Failure, note, print};

/// Look into traces of requests and of spot capacity.
#[derive(Debug, Subcommand)]
pub(super) enum Trace {
    Describe(Describe),
}

/// Say what is in a trace: how many requests, how bursty, how long; or how much spot capacity, and
/// how often it goes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon trace describe AzureLLMInferenceTrace_conv.csv
  harpoon trace describe conversation_trace.jsonl.gz --json
  harpoon trace describe preemption__4-node__us-west-2c_v100_1.json")]
pub(super) struct Describe {
    /// The trace: Azure LLM CSV, Mooncake JSONL, or CSV of one's own; of spot capacity: Skypilot JSON,
    /// Bamboo CSV or text; plain, gzip or zstd.
    file: PathBuf,
    /// The format, if it is not to be guessed from the first line.
    #[arg(long, value_parser = format)]
    format: Option<Format>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn format(name: &str) -> Result<Format, String> {
    let known = || Format::ALL.map(Format::name).join(", ");
    Format::from_name(name).ok_or_else(|| format!("`{name}` is not one of {}", known()))
}

impl Trace {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let Self::Describe(describe) = self;
        describe.execute()
    }
}

impl Describe {
    fn execute(self) -> Result<ExitCode, Failure> {
        if self.format.is_none() {
            let spot = SpotTrace::read_if_known(&self.file).map_err(|error| bad_trace(&error))?;
            if let Some(spot) = spot {
                let told = spot::tell(&self.file, &spot.summary(), self.json);
                print(&told)?;
                return Ok(ExitCode::SUCCESS);
            }
        }
        let summary =
            trace::describe(&self.file, self.format).map_err(|error| bad_trace(&error))?;
        for warning in &summary.warnings {
            note(&format!("warning: {warning}"));
        }
        if self.json {
            print(&format!("{:#}\n", as_json(&summary)))?;
        } else {
            print(&as_table(&self.file, &summary))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn bad_trace(error: &TraceError) -> Failure {
    Failure::bad_input(error.to_string()).helped_by(error.help())
}

fn as_table(file: &Path, summary: &Summary) -> String {
    let mut lines = vec![
        format!("{} ({})", file.display(), summary.format),
        format!("requests            {}", summary.requests),
        format!("span                {:.0} s", summary.span.as_secs_f64()),
        format!("mean rate           {} requests/s", humanise_number(summary.mean_rate)),
        format!("busiest second      {} requests", summary.busiest_second),
        format!(
            "busiest minute      {} requests ({}/s)",
            summary.busiest_minute,
            humanise_number(summary.busiest_minute as f64 / 60.0)
        ),
        format!("inter-arrival CV    {:.2}", summary.interarrival_cv),
        format!("dispersion of 1 s   {:.2}", summary.dispersion),
    ];
    for (name, tokens) in [("prompt", &summary.prompt_tokens), ("output", &summary.output_tokens)] {
        lines.push(format!(
            "{name} tokens       p50 {:.0}, p95 {:.0}, p99 {:.0}, max {}, mean {:.0}, total {}",
            tokens.p50, tokens.p95, tokens.p99, tokens.max, tokens.mean, tokens.total
        ));
    }
    if let Some(prefixes) = &summary.prefixes {
        lines.push(format!(
            "prefix blocks       {}, distinct {}, hits with an endless cache {:.1}%",
            prefixes.blocks,
            prefixes.distinct_blocks,
            prefixes.endless_cache_hit_rate * 100.0
        ));
    }
    lines.join("\n") + "\n"
}

fn as_json(summary: &Summary) -> Value {
    let tokens = |tokens: &TokenSummary| {
        json!({
            "p50": tokens.p50, "p95": tokens.p95, "p99": tokens.p99, "max": tokens.max,
            "mean": tokens.mean, "total": tokens.total,
        })
    };
    let prefixes = summary.prefixes.as_ref().map(|prefixes| {
        json!({
            "blocks": prefixes.blocks,
            "distinct_blocks": prefixes.distinct_blocks,
            "endless_cache_hit_rate": prefixes.endless_cache_hit_rate,
        })
    });
    json!({
        "format": summary.format.name(),
        "requests": summary.requests,
        "span_s": summary.span.as_secs_f64(),
        "mean_rate_per_s": summary.mean_rate,
        "busiest_second": summary.busiest_second,
        "busiest_minute": summary.busiest_minute,
        "interarrival_cv": summary.interarrival_cv,
        "dispersion_1s": summary.dispersion,
        "prompt_tokens": tokens(&summary.prompt_tokens),
        "output_tokens": tokens(&summary.output_tokens),
        "prefixes": prefixes,
        "warnings": summary.warnings,
    })
}
