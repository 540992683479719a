//! Kernels as LLMServingSim measures them: microseconds of one layer's operations by tokens, of what
//! is done once by sequences, and of one layer's attention.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use serde::{Deserialize, de::DeserializeOwned};
use sim::step_time::{AttentionPoint, Table};

use super::ReplayError;

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
    for Dense { layer, tokens, time_us } in rows(&folder.join("profile_tp1_dense.csv"))? {
        *by_tokens.entry(tokens).or_insert(0.0) += time_us * 1e3 * occurrences(&layer, layers);
    }
    let mut by_sequences = BTreeMap::new();
    for PerSequence { sequences, time_us } in rows(&folder.join("profile_tp1_per_sequence.csv"))? {
        *by_sequences.entry(sequences).or_insert(0.0) += time_us * 1e3;
    }
    let attention: Vec<AttentionPoint> = rows(&folder.join("profile_tp1_attention.csv"))?
        .into_iter()
        .map(|row: Attention| AttentionPoint {
            prefill_tokens: row.prefill_chunk,
            prefill_context: row.kv_prefill,
            decodes: row.n_decode,
            decode_context: row.kv_decode,
            ns: row.time_us * 1e3 * f64::from(layers),
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

/// The rows of a table, plain or with `.gz` at the end of its name.
pub(super) fn rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, ReplayError> {
    let (path, text) = text(path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let row = |row: Result<T, csv::Error>| {
        row.map_err(|error| ReplayError::Malformed {
            path: path.clone(),
            line: error.position().map_or(1, csv::Position::line),
            message: error.to_string(),
        })
    };
    reader.deserialize().map(row).collect()
}

fn text(path: &Path) -> Result<(PathBuf, String), ReplayError> {
    let packed = PathBuf::from(format!("{}.gz", path.display()));
    let (path, is_packed) = if packed.exists() { (packed, true) } else { (path.to_owned(), false) };
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| {
        if is_packed {
            GzDecoder::new(file).read_to_string(&mut text)
        } else {
            { file }.read_to_string(&mut text)
        }
    });
    match read {
        Ok(_) => Ok((path, text)),
        Err(source) => Err(ReplayError::Read { path, source }),
    }
}
