//! Kernels as LLMServingSim measures them: microseconds of one layer's operations by tokens, of what
//! is done once by sequences, and of one layer's attention.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use sim::step_time::{AttentionPoint, Table};

use super::ReplayError;
use crate::tables::{Table as Measurements, TableError};

#[derive(Deserialize)]
struct Dense {
    layer: String,
    tokens: u32,
    time_us: f64,
}

#[derive(Deserialize)]
struct PerSequence {
    sequences: u32,
    time_us: f64,
}

#[derive(Deserialize)]
struct Attention {
    prefill_chunk: u32,
    kv_prefill: u32,
    n_decode: u32,
    kv_decode: u32,
    time_us: f64,
}

/// The profile of a folder, for a model of so many layers.
pub(super) fn read(folder: &Path, layers: u32) -> Result<Table, ReplayError> {
    let mut by_tokens = BTreeMap::new();
    let dense = folder.join("profile_tp1_dense.csv");
    for (row, ns) in kernels(&dense, |row: &Dense| row.time_us)? {
        *by_tokens.entry(row.tokens).or_insert(0.0) += ns * occurrences(&row.layer, layers);
    }
    let mut by_sequences = BTreeMap::new();
    let per_sequence = folder.join("profile_tp1_per_sequence.csv");
    for (row, ns) in kernels(&per_sequence, |row: &PerSequence| row.time_us)? {
        *by_sequences.entry(row.sequences).or_insert(0.0) += ns;
    }
    let attention = folder.join("profile_tp1_attention.csv");
    let attention: Vec<AttentionPoint> = kernels(&attention, |row: &Attention| row.time_us)?
        .into_iter()
        .map(|(row, ns)| AttentionPoint {
            prefill_tokens: row.prefill_chunk,
            prefill_context: row.kv_prefill,
            decodes: row.n_decode,
            decode_context: row.kv_decode,
            ns: ns * f64::from(layers),
        })
        .collect();
    let list = |map: BTreeMap<u32, f64>| map.into_iter().collect::<Vec<_>>();
    Table::new(&list(by_tokens), &list(by_sequences), &attention, 0.0)
        .map_err(|source| ReplayError::Profile { folder: folder.to_owned(), source })
}

/// How often an operation is done in a step: once at either end of the model, twice per layer for the
/// norm, once per layer else.
fn occurrences(operation: &str, layers: u32) -> f64 {
    match operation {
        "embedding" | "final_layernorm" => 1.0,
        "layernorm" => 2.0 * f64::from(layers),
        _ => f64::from(layers),
    }
}

/// The rows of a table, plain or with `.gz` at the end of its name, each with its line.
pub(super) fn rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<(u64, T)>, ReplayError> {
    Ok(table(path)?.rows().collect::<Result<_, _>>()?)
}

fn table(path: &Path) -> Result<Measurements, TableError> {
    let packed = PathBuf::from(format!("{}.gz", path.display()));
    Measurements::read(if packed.exists() { &packed } else { path })
}

/// Kernel times of a table, in nanoseconds.
fn kernels<T: DeserializeOwned>(
    path: &Path,
    time_us: impl Fn(&T) -> f64,
) -> Result<Vec<(T, f64)>, ReplayError> {
    let table = table(path)?;
    let kernel = |row: Result<(u64, T), TableError>| {
        let (line, row) = row?;
        let time = time_us(&row);
        if time.is_finite() && time >= 0.0 {
            Ok((row, time * 1e3))
        } else {
            Err(table.bad(line, format!("`time_us` is {time}, which no kernel takes")).into())
        }
    };
    table.rows().map(kernel).collect()
}
