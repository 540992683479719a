//! The forms of tables, and what a kernel of each computes and moves.

use std::path::Component;

use serde::{Deserialize, de::DeserializeOwned};
use sim::config::GpuSpec;

use super::{Kernels, Settings};
use crate::calibrate::{
    points::card,
    statistics::FEWEST,
    tables::{Table, TableError},
};

/// Bytes per number at 16 bit, the only precision that is read.
const BYTES: f64 = 2.0;

/// What both kinds of attention are called in their tables.
const PROMPTS: &str = "context_attention";
const DECODING: &str = "generation_attention";

/// A form of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Product,
    PromptAttention,
    DecodeAttention,
    Layer,
    AllReduce,
}

const FORMS: [(Form, &[&str]); 5] = [
    (Form::Product, &["device", "op_name", "gemm_dtype", "m", "n", "k", "latency"]),
    (Form::PromptAttention, &["device", "op_name", "batch_size", "isl", "num_heads", "latency"]),
    (Form::DecodeAttention, &["device", "op_name", "batch_size", "isl", "num_heads", "latency"]),
    (
        Form::Layer,
        &["time_stats.mlp_up_proj.median", "n_embd", "num_tokens", "num_tensor_parallel_workers"],
    ),
    (Form::AllReduce, &["time_stats.all_reduce.median", "num_workers", "devices_per_node", "size"]),
];

pub(super) fn columns() -> String {
    let mut forms: Vec<String> = FORMS.iter().map(|(_, columns)| columns.join(", ")).collect();
    forms.dedup();
    forms.join("; or ")
}

/// The form of a table; the two kinds of attention have the same columns.
pub(super) fn find(table: &Table) -> Option<Form> {
    let (form, _) = FORMS.iter().find(|(form, columns)| {
        let operation = match form {
            Form::PromptAttention => Some(PROMPTS),
            Form::DecodeAttention => Some(DECODING),
            Form::Product | Form::Layer | Form::AllReduce => None,
        };
        columns.iter().all(|column| table.has(column))
            && operation.is_none_or(|operation| table.first("op_name") == Some(operation))
    })?;
    Some(*form)
}

/// Reads the kernels of a table.
pub(super) fn read(form: Form, table: &Table) -> Result<Kernels, TableError> {
    match form {
        Form::Product => kernels::<Product>(table, "matrix products"),
        Form::PromptAttention => kernels::<Attention>(table, "attention of prompts"),
        Form::DecodeAttention => kernels::<Attention>(table, "attention of decoding"),
        Form::Layer => kernels::<Layer>(table, "linear layers"),
        Form::AllReduce => kernels::<AllReduce>(table, "all-reduces"),
    }
}

/// A row of a table.
trait Row: DeserializeOwned {
    /// The card, where the table names it.
    fn device(&self) -> Option<&str>;
    /// Milliseconds.
    fn measured(&self) -> f64;
    /// What makes it a setting of its own: sizes and counts, 1 where there are fewer.
    fn sizes(&self) -> [f64; 6];
    /// Nanoseconds of its arithmetic and of its traffic by the datasheet; `None` if it is not read.
    fn cost(&self, gpu: &GpuSpec) -> Option<(f64, f64)>;
}

/// The largest size or count that a kernel is measured at.
const MOST: f64 = 1e12;

fn kernels<T: Row>(table: &Table, what: &'static str) -> Result<Kernels, TableError> {
    let mut settings = Settings::default();
    let mut of: Option<GpuSpec> = None;
    for row in table.rows::<T>() {
        let (line, row) = row?;
        let gpu = match (row.device(), &of) {
            (Some(name), _) => card(name)
                .ok_or_else(|| table.bad(line, format!("the card `{name}` is not known")))?,
            (None, Some(gpu)) => gpu.clone(),
            (None, None) => named_by(table)?,
        };
        if of.as_ref().is_some_and(|first| first.name != gpu.name) {
            return Err(table.bad(line, format!("another card than before, `{}`", gpu.name)));
        }
        let (ms, sizes) = (row.measured(), row.sizes());
        if let Some(size) = sizes.into_iter().find(|size| !(1.0..=MOST).contains(size)) {
            return Err(table.bad(line, format!("{size} is no size that a kernel is measured at")));
        }
        if !(ms.is_finite() && ms > 0.0) {
            return Err(table.bad(line, format!("{ms} ms is no time that a kernel takes")));
        }
        if let Some(cost) = row.cost(&gpu) {
            settings.add(sizes.map(|size| size as u64), cost, ms * 1e6);
        }
        of = Some(gpu);
    }
    let points = settings.kernels();
    match of {
        Some(gpu) if points.len() >= FEWEST => Ok(Kernels { card: gpu.name, what, points }),
        _ => {
            let message = format!("{} settings at 16 bit are too few to fit to", points.len());
            Err(table.bad(1, message))
        }
    }
}

#[derive(Deserialize)]
struct Product {
    device: String,
    gemm_dtype: String,
    m: f64,
    n: f64,
    k: f64,
    latency: f64,
}

impl Row for Product {
    fn device(&self) -> Option<&str> {
        Some(&self.device)
    }

    fn measured(&self) -> f64 {
        self.latency
    }

    fn sizes(&self) -> [f64; 6] {
        [self.m, self.n, self.k, 1.0, 1.0, 1.0]
    }

    fn cost(&self, gpu: &GpuSpec) -> Option<(f64, f64)> {
        let Self { m, n, k, .. } = *self;
        let arithmetic = 2.0 * m * n * k / gpu.tflops_16bit.as_flops();
        let traffic = (m * k + k * n + m * n) * BYTES / gpu.memory_bandwidth;
        (self.gemm_dtype == "bfloat16").then_some((arithmetic * 1e9, traffic * 1e9))
    }
}

#[derive(Deserialize)]
struct Attention {
    device: String,
    op_name: String,
    attn_dtype: String,
    batch_size: f64,
    isl: f64,
    step: f64,
    num_heads: f64,
    num_key_value_heads: f64,
    head_dim: f64,
    latency: f64,
}

impl Row for Attention {
    fn device(&self) -> Option<&str> {
        Some(&self.device)
    }

    fn measured(&self) -> f64 {
        self.latency
    }

    fn sizes(&self) -> [f64; 6] {
        let [heads, kv_heads] = [self.num_heads, self.num_key_value_heads];
        [heads, kv_heads, self.head_dim, self.batch_size, self.isl, self.step + 1.0]
    }

    fn cost(&self, gpu: &GpuSpec) -> Option<(f64, f64)> {
        // All tokens of a prompt attend to those before them, one of a sequence that decodes to all
        // that is in the cache.
        let (pairs, context) = match self.op_name.as_str() {
            PROMPTS => (self.isl * (self.isl + 1.0) / 2.0, self.isl),
            _ => (self.isl + self.step, self.isl + self.step),
        };
        let operations = 4.0 * self.num_heads * self.head_dim * self.batch_size * pairs;
        let numbers = 2.0 * self.num_key_value_heads * self.head_dim * context * self.batch_size;
        let (peak, bandwidth) = (gpu.tflops_16bit.as_flops(), gpu.memory_bandwidth);
        let cost = (operations / peak * 1e9, numbers * BYTES / bandwidth * 1e9);
        (self.attn_dtype == "bfloat16").then_some(cost)
    }
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "time_stats.attn_pre_proj.median")]
    attention_in: f64,
    #[serde(rename = "time_stats.attn_post_proj.median")]
    attention_out: f64,
    #[serde(rename = "time_stats.mlp_up_proj.median")]
    up: f64,
    #[serde(rename = "time_stats.mlp_down_proj.median")]
    down: f64,
    n_head: f64,
    n_kv_head: f64,
    n_embd: f64,
    n_expanded_embd: f64,
    use_gated_mlp: String,
    num_tokens: f64,
    num_tensor_parallel_workers: f64,
}

impl Row for Layer {
    fn device(&self) -> Option<&str> {
        None
    }

    fn measured(&self) -> f64 {
        self.attention_in + self.attention_out + self.up + self.down
    }

    fn sizes(&self) -> [f64; 6] {
        let cards = self.num_tensor_parallel_workers;
        [self.n_head, self.n_kv_head, self.n_embd, self.n_expanded_embd, self.num_tokens, cards]
    }

    fn cost(&self, gpu: &GpuSpec) -> Option<(f64, f64)> {
        let gated = if self.use_gated_mlp == "True" { 3.0 } else { 2.0 };
        let attention = 2.0 * self.n_embd * self.n_embd * (1.0 + self.n_kv_head / self.n_head);
        let parameters = attention + gated * self.n_embd * self.n_expanded_embd;
        let cards = self.num_tensor_parallel_workers;
        let operations = 2.0 * parameters * self.num_tokens;
        let arithmetic = operations / (cards * gpu.tflops_16bit.as_flops());
        let traffic = parameters * BYTES / (cards * gpu.memory_bandwidth);
        Some((arithmetic * 1e9, traffic * 1e9))
    }
}

#[derive(Deserialize)]
struct AllReduce {
    #[serde(rename = "time_stats.all_reduce.median")]
    median: f64,
    num_workers: f64,
    devices_per_node: f64,
    size: f64,
}

impl Row for AllReduce {
    fn device(&self) -> Option<&str> {
        None
    }

    fn measured(&self) -> f64 {
        self.median
    }

    fn sizes(&self) -> [f64; 6] {
        [self.num_workers, self.devices_per_node, self.size, 1.0, 1.0, 1.0]
    }

    fn cost(&self, gpu: &GpuSpec) -> Option<(f64, f64)> {
        let ring = 2.0 * (self.num_workers - 1.0) / self.num_workers;
        let traffic = ring * self.size / gpu.link_bandwidth;
        // Between machines another network counts.
        (self.num_workers <= self.devices_per_node).then_some((0.0, traffic * 1e9))
    }
}

/// The card that a folder of the path is named after, such as `a100` or `a100_dgx`.
fn named_by(table: &Table) -> Result<GpuSpec, TableError> {
    let part = |part: Component<'_>| {
        let name = part.as_os_str().to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix("_dgx").unwrap_or(&name).to_owned();
        name.split(['_', '.']).next().and_then(card)
    };
    table.path.components().rev().find_map(part).ok_or_else(|| {
        let message = "the table does not name its card, and no folder of its path does";
        table.bad(1, format!("{message}: put it below one named after the card, such as `a100`"))
    })
}
