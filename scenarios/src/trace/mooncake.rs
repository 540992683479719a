//! Rows of Mooncake's JSON lines.

use serde::Deserialize;
use serde_json::Number;

use super::{
    Row,
    csv::{decimal, tokens},
    error::RowProblem,
};

#[derive(Deserialize)]
struct Line {
    timestamp: Number,
    input_length: Number,
    output_length: Number,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

/// Reads a row.
pub(super) fn row(text: &str) -> Result<Row, RowProblem> {
    let line: Line = serde_json::from_str(text).map_err(|error| json(&error))?;
    Ok(Row {
        at: decimal("timestamp", &line.timestamp.to_string(), 6)?,
        prompt_tokens: tokens("input_length", &line.input_length.to_string())?,
        output_tokens: tokens("output_length", &line.output_length.to_string())?,
        blocks: (!line.hash_ids.is_empty()).then(|| line.hash_ids.into()),
        ..Row::default()
    })
}

fn json(error: &serde_json::Error) -> RowProblem {
    RowProblem::Json { message: error.to_string() }
}
