//! Load tests as AIConfigurator gathers them to check its own predictor
//! (github.com/ai-dynamo/aiconfigurator, `silicon_sample.csv`).
//!
//! The table says how many clients there were and what they asked for, but not how the servers were
//! set. That is taken from how the tests are published:
//!
//! * Rows with a date are InferenceMAX's (github.com/InferenceMAX/InferenceMAX): lengths uniform
//!   between 80 and 100 % of what is stated, ten requests per client, vLLM with as many places as
//!   clients and 8,192 tokens a step, no prefix caching; TensorRT-LLM with an 8-bit KV cache, and for
//!   1024/1024 on fewer than 8 cards a gate of 20 steps or 90 % of the budget.
//! * For the others nobody says; ten requests per client with answers between 90 and 100 % of what
//!   is stated explain them best. TensorRT-LLM behaves there as if it had a place fewer than there are
//!   clients: time to first token grows with the length of the answer, as it only does where
//!   somebody waits for a whole one.
//!
//! TensorRT-LLM reserves cache for the whole answer; here the batch has as many places as fit at the
//! mean length.

use connector::Tokens;
use serde::Deserialize;
use sim::{
    config::{GpuSpec, ModelShape},
    random::Streams,
    serving::Limits,
};

use super::{Group, ONE_TOKEN, Point, Points, server};
use crate::calibrate::{
    closed_loop::{ClosedLoop, Gate, Latencies},
    tables::{Table, TableError},
};

/// The columns that make a table of this form.
pub(super) const COLUMNS: [&str; 9] = [
    "concurrency",
    "backend",
    "model_path",
    "system",
    "isl",
    "osl",
    "tp_size",
    "silicon_ttft_ms",
    "silicon_tpot_ms",
];

/// Requests that every client sends.
const ROUNDS: u32 = 10;
/// Memory of a card that neither weights nor cache can have: activations, graphs, the context.
const RESERVED_BYTES: f64 = 3e9;
/// Most clients, tokens and cards that a row may have.
const MOST_CLIENTS: f64 = 16_384.0;
const MOST_TOKENS: f64 = 1_048_576.0;
const MOST_CARDS: f64 = 64.0;
/// Most requests that all load tests of a table may have together: they are held in memory.
const MOST_REQUESTS: f64 = 1e7;

#[derive(Deserialize)]
struct Row {
    concurrency: f64,
    backend: String,
    model_path: String,
    system: String,
    isl: f64,
    osl: f64,
    tp_size: f64,
    silicon_ttft_ms: f64,
    silicon_tpot_ms: f64,
    #[serde(default)]
    measured: Option<String>,
    #[serde(default)]
    precision: Option<String>,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    pp_size: Option<f64>,
    #[serde(default)]
    attention_dp_size: Option<f64>,
}

/// The points of a table of this form.
pub(super) fn points(table: &Table) -> Result<Points, TableError> {
    let mut points = Points::default();
    let mut requests = 0.0;
    for row in table.rows::<Row>() {
        let (line, row) = row?;
        row.check().map_err(|message| table.bad(line, message))?;
        requests += row.concurrency * f64::from(ROUNDS);
        if requests > MOST_REQUESTS {
            let message = format!("more than {MOST_REQUESTS} requests in all, {ROUNDS} per client");
            return Err(table.bad(line, message));
        }
        match row.point(line) {
            Ok(point) => points.points.push(point),
            Err(reason) => points.leave_out(reason),
        }
    }
    Ok(points)
}

impl Row {
    /// Refuses figures that cannot have been measured.
    fn check(&self) -> Result<(), String> {
        for (value, most, column) in [
            (self.concurrency, MOST_CLIENTS, "concurrency"),
            (self.isl, MOST_TOKENS, "isl"),
            (self.osl, MOST_TOKENS, "osl"),
            (self.tp_size, MOST_CARDS, "tp_size"),
        ] {
            if !(1.0..=most).contains(&value) {
                return Err(format!("`{column}` is {value}: expected 1 to {most}"));
            }
        }
        for (value, column) in
            [(self.silicon_ttft_ms, "silicon_ttft_ms"), (self.silicon_tpot_ms, "silicon_tpot_ms")]
        {
            if !(value.is_finite() && value > 0.0) {
                return Err(format!("`{column}` is {value}: expected milliseconds above 0"));
            }
        }
        Ok(())
    }

    /// The row as a point, or why it is none.
    fn point(&self, line: u64) -> Result<Point, String> {
        if self.mode.as_deref().is_some_and(|mode| mode != "agg") {
            return Err("prefill and decode on separate workers".to_owned());
        }
        if self.pp_size.is_some_and(|size| size > 1.0) {
            return Err("pipeline parallelism".to_owned());
        }
        if self.attention_dp_size.is_some_and(|size| size > 1.0) {
            return Err("data-parallel attention".to_owned());
        }
        if self.osl < 2.0 {
            return Err(ONE_TOKEN.to_owned());
        }
        let (gpu, model, shape) = server(&self.system, &self.model_path, self.bits()?)?;
        let group = Group {
            card: gpu.name.clone(),
            model,
            stack: self.backend.clone(),
            weight_bits: shape.weight_bits,
        };
        let plan = self.plan(&gpu, &shape)?;
        Ok(Point {
            line,
            group,
            gpu,
            shape,
            cards: self.tp_size as u32,
            lengths: (self.isl as u32, self.osl as u32),
            plan,
            is_published: self.is_inference_max(),
            measured: Latencies { ttft_ms: self.silicon_ttft_ms, tpot_ms: self.silicon_tpot_ms },
        })
    }

    /// Bits per weight and per number in the KV cache.
    fn bits(&self) -> Result<(u32, u32), String> {
        match self.precision.as_deref() {
            None | Some("" | "fp16" | "bf16" | "bfloat16" | "float16") => Ok((16, 16)),
            Some("fp8") if self.is_inference_max() && self.is_tensorrt() => Ok((8, 8)),
            Some("fp8") => Ok((8, 16)),
            Some(other) => Err(format!("the precision `{other}` is not modelled")),
        }
    }

    fn is_inference_max(&self) -> bool {
        self.measured.as_deref().is_some_and(|date| !date.is_empty())
    }

    fn is_tensorrt(&self) -> bool {
        self.backend == "trtllm"
    }

    /// How the test was run.
    fn plan(&self, gpu: &GpuSpec, shape: &ModelShape) -> Result<ClosedLoop, String> {
        let (prompt, output, clients) = (self.isl, self.osl, self.concurrency as u32);
        let (shortest_prompt, shortest_output) =
            if self.is_inference_max() { (0.8, 0.8) } else { (1.0, 0.9) };
        let requests =
            lengths(clients * ROUNDS, (prompt, shortest_prompt), (output, shortest_output));
        let cache = self.cache_tokens(gpu, shape);
        let longest = prompt + output;
        let mut limits = Limits {
            max_sequences: clients,
            token_budget: 8_192,
            prefix_caching: false,
            ..Limits::default()
        };
        limits.kv_blocks = (cache / f64::from(limits.block_tokens)) as u64;
        if !limits.hold(Tokens::new(prompt.ceil() as u32), Tokens::new(output.ceil() as u32)) {
            return Err("the cards have no room for a request beside the weights".to_owned());
        }
        let mut gate = None;
        if self.is_tensorrt() {
            let mean = longest * (1.0 + f64::midpoint(shortest_prompt, shortest_output)) / 2.0;
            let fit = ((cache / mean) as u32).max(1);
            if self.is_inference_max() {
                let even = (prompt, output) == (1024.0, 1024.0);
                limits.token_budget = longest as u32 + if even { 20 } else { 200 };
                limits.max_sequences = fit;
                let (budget, context) = (limits.token_budget, half_done(&requests));
                let held = Gate { budget, share: 0.9, steps: 20, context };
                gate = (even && self.tp_size < 8.0).then_some(held);
            } else {
                limits.max_sequences = clients.min(fit);
            }
        }
        Ok(ClosedLoop { requests, clients, limits, gate })
    }

    /// Tokens that the KV cache holds: TensorRT-LLM takes 90 % of what is left of the memory, the
    /// others leave 10 % of all of it.
    fn cache_tokens(&self, gpu: &GpuSpec, shape: &ModelShape) -> f64 {
        let memory = gpu.vram.as_bytes() as f64 * self.tp_size;
        let taken = shape.weight_bytes() + RESERVED_BYTES * self.tp_size;
        let left = if self.is_tensorrt() { (memory - taken) * 0.9 } else { memory * 0.9 - taken };
        left.max(0.0) / shape.kv_bytes_per_token()
    }
}

/// Tokens of a request when it is half done, on average.
fn half_done(requests: &[(u32, u32)]) -> f64 {
    let tokens = |&(prompt, output): &(u32, u32)| f64::from(prompt) + f64::from(output) / 2.0;
    requests.iter().map(tokens).sum::<f64>() / requests.len() as f64
}

/// Prompt and output tokens of so many requests, uniform between a share of the length and all of it.
fn lengths(requests: u32, prompt: (f64, f64), output: (f64, f64)) -> Vec<(u32, u32)> {
    let streams = Streams::new(0);
    let (mut prompts, mut outputs) = (streams.stream("prompts"), streams.stream("outputs"));
    let length = |(longest, share): (f64, f64), uniform: f64| {
        (longest * (share + (1.0 - share) * uniform) + 0.5) as u32
    };
    (0..requests)
        .map(|_| (length(prompt, prompts.uniform()), length(output, outputs.uniform())))
        .map(|(prompt, output)| (prompt.max(1), output.max(1)))
        .collect()
}
