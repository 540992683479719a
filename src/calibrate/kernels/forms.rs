//! The forms of tables, and what a kernel of each computes and moves.

use std::path::Component;

use serde::{Deserialize, de::DeserializeOwned};
use sim::config::GpuSpec;

use super::{Kernels, Settings};
use crate::calibrate::{
    points::card,
    tables::{Table, TableError},
};

/// Bytes per number at 16 bit, the only precision that is read.
const BYTES: f64 = 2.0;

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
            Form::PromptAttention => Some("context_attention"),
            Form::DecodeAttention => Some("generation_attention"),
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
        Form::Product => products(table),
        Form::PromptAttention => attention(table, "attention of prompts", |row, gpu| {
            let pairs = row.batch_size * row.isl * (row.isl + 1.0) / 2.0;
            row.cost(gpu, pairs, row.isl)
        }),
        Form::DecodeAttention => attention(table, "attention of decoding", |row, gpu| {
            let context = row.isl + row.step;
            row.cost(gpu, row.batch_size * context, context)
        }),
        Form::Layer => layers(table),
        Form::AllReduce => all_reduces(table),
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

fn products(table: &Table) -> Result<Kernels, TableError> {
    let mut settings = Settings::default();
    let gpu = each(
        table,
        |row: &Product| row.device.clone(),
        |row, gpu| {
            let Product { m, n, k, .. } = *row;
            if row.gemm_dtype == "bfloat16" {
                let arithmetic = 2.0 * m * n * k / gpu.tflops_16bit.as_flops();
                let traffic = (m * k + k * n + m * n) * BYTES / gpu.memory_bandwidth;
                let setting = [m as u64, n as u64, k as u64, 0, 0, 0];
                settings.add(setting, (arithmetic * 1e9, traffic * 1e9), row.latency * 1e6);
            }
            row.latency
        },
    )?;
    Ok(Kernels { card: gpu, what: "matrix products", points: settings.kernels() })
}

#[derive(Deserialize)]
struct Attention {
    device: String,
    attn_dtype: String,
    batch_size: f64,
    isl: f64,
    step: f64,
    num_heads: f64,
    num_key_value_heads: f64,
    head_dim: f64,
    latency: f64,
}

impl Attention {
    /// Nanoseconds of the scores and weighted values of all pairs, and of reading the keys and values
    /// of a context.
    fn cost(&self, gpu: &GpuSpec, pairs: f64, context: f64) -> (f64, f64) {
        let operations = 4.0 * self.num_heads * self.head_dim * pairs;
        let numbers = 2.0 * self.num_key_value_heads * self.head_dim * context * self.batch_size;
        let (peak, bandwidth) = (gpu.tflops_16bit.as_flops(), gpu.memory_bandwidth);
        (operations / peak * 1e9, numbers * BYTES / bandwidth * 1e9)
    }
}

fn attention(
    table: &Table,
    what: &'static str,
    cost: fn(&Attention, &GpuSpec) -> (f64, f64),
) -> Result<Kernels, TableError> {
    let mut settings = Settings::default();
    let gpu = each(
        table,
        |row: &Attention| row.device.clone(),
        |row, gpu| {
            if row.attn_dtype == "bfloat16" {
                let heads = [row.num_heads, row.num_key_value_heads, row.head_dim];
                let [heads, kv_heads, width] = heads.map(|value| value as u64);
                let [batch, isl, step] =
                    [row.batch_size, row.isl, row.step].map(|value| value as u64);
                let setting = [heads, kv_heads, width, batch, isl, step];
                settings.add(setting, cost(row, gpu), row.latency * 1e6);
            }
            row.latency
        },
    )?;
    Ok(Kernels { card: gpu, what, points: settings.kernels() })
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

fn layers(table: &Table) -> Result<Kernels, TableError> {
    let name = named_by(table)?;
    let mut settings = Settings::default();
    let gpu = each(
        table,
        |_: &Layer| name.clone(),
        |row, gpu| {
            let gated = if row.use_gated_mlp == "True" { 3.0 } else { 2.0 };
            let attention = 2.0 * row.n_embd * row.n_embd * (1.0 + row.n_kv_head / row.n_head);
            let parameters = attention + gated * row.n_embd * row.n_expanded_embd;
            let cards = row.num_tensor_parallel_workers;
            let arithmetic =
                2.0 * parameters * row.num_tokens / (cards * gpu.tflops_16bit.as_flops());
            let traffic = parameters * BYTES / (cards * gpu.memory_bandwidth);
            let measured = row.attention_in + row.attention_out + row.up + row.down;
            let setting = [row.num_tokens as u64, cards as u64, 0, 0, 0, 0];
            settings.add(setting, (arithmetic * 1e9, traffic * 1e9), measured * 1e6);
            measured
        },
    )?;
    Ok(Kernels { card: gpu, what: "linear layers", points: settings.kernels() })
}

#[derive(Deserialize)]
struct AllReduce {
    #[serde(rename = "time_stats.all_reduce.median")]
    median: f64,
    num_workers: f64,
    devices_per_node: f64,
    size: f64,
}

fn all_reduces(table: &Table) -> Result<Kernels, TableError> {
    let name = named_by(table)?;
    let mut settings = Settings::default();
    let gpu = each(
        table,
        |_: &AllReduce| name.clone(),
        |row, gpu| {
            let ring = 2.0 * (row.num_workers - 1.0) / row.num_workers;
            let traffic = ring * row.size / gpu.link_bandwidth;
            let setting = [row.num_workers as u64, row.size as u64, 0, 0, 0, 0];
            // Between machines another network counts.
            if row.num_workers <= row.devices_per_node {
                settings.add(setting, (0.0, traffic * 1e9), row.median * 1e6);
            }
            row.median
        },
    )?;
    Ok(Kernels { card: gpu, what: "all-reduces", points: settings.kernels() })
}

/// Takes every row, which returns its milliseconds; returns the card.
fn each<T: DeserializeOwned>(
    table: &Table,
    device: impl Fn(&T) -> String,
    mut take: impl FnMut(&T, &GpuSpec) -> f64,
) -> Result<String, TableError> {
    let mut name = None;
    for row in table.rows::<T>() {
        let (line, row) = row?;
        let device = device(&row);
        let Some(gpu) = card(&device) else {
            return Err(table.bad(line, format!("the card `{device}` is not known")));
        };
        let ms = take(&row, &gpu);
        if !(ms.is_finite() && ms > 0.0) {
            return Err(table.bad(line, format!("{ms} ms is no time that a kernel takes")));
        }
        let first = name.get_or_insert_with(|| gpu.name.clone());
        if *first != gpu.name {
            return Err(table.bad(line, format!("another card than before, `{}`", gpu.name)));
        }
    }
    name.ok_or_else(|| table.bad(1, "there are no rows".to_owned()))
}

/// The card that a folder of the path is named after, such as `a100` or `a100_dgx`.
fn named_by(table: &Table) -> Result<String, TableError> {
    let part = |part: Component<'_>| {
        let name = part.as_os_str().to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix("_dgx").unwrap_or(&name).to_owned();
        let found = name.split(['_', '.']).next().and_then(card);
        found.map(|gpu| gpu.name)
    };
    table.path.components().rev().find_map(part).ok_or_else(|| {
        let message = "the table does not name its card, and no folder of its path does";
        table.bad(1, format!("{message}: put it below one named after the card, such as `a100`"))
    })
}
