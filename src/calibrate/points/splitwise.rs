//! Batches of equal prompts, as Splitwise measures them (github.com/Mutinifni/splitwise-sim,
//! `data/perf_model.csv`): all prompts in one step, then one token of each per step.
//!
//! Repeats of a point are one point, with the median of each time. A point whose prompts took less than
//! their arithmetic does at the card's peak is left out: not all of them were computed, or not all of
//! the time was measured.

use std::collections::BTreeMap;

use serde::Deserialize;
use sim::serving::Limits;

use super::{Group, ONE_TOKEN, Point, Points, server};
use crate::calibrate::{
    closed_loop::{ClosedLoop, Latencies},
    fit::simulate,
    statistics::median,
    tables::{Table, TableError},
};

/// The columns that make a table of this form.
pub(super) const COLUMNS: [&str; 8] = [
    "model",
    "hardware",
    "prompt_size",
    "token_size",
    "batch_size",
    "tensor_parallel",
    "prompt_time",
    "token_time",
];

/// Most sequences, tokens and cards of a row.
const MOST: [u32; 4] = [1_048_576, 1_048_576, 4_096, 64];

#[derive(Deserialize)]
struct Row {
    model: String,
    hardware: String,
    prompt_size: u32,
    token_size: u32,
    batch_size: u32,
    tensor_parallel: u32,
    prompt_time: f64,
    token_time: f64,
}

/// What was measured of one point: its first line, prompt times and token times.
type Repeats = (u64, Vec<f64>, Vec<f64>);

/// The points of a table of this form.
pub(super) fn points(table: &Table) -> Result<Points, TableError> {
    let mut repeats: BTreeMap<(String, String, [u32; 4]), Repeats> = BTreeMap::new();
    for row in table.rows::<Row>() {
        let (line, row) = row?;
        row.check().map_err(|message| table.bad(line, message))?;
        let setting = [row.prompt_size, row.token_size, row.batch_size, row.tensor_parallel];
        let point = repeats.entry((row.model, row.hardware, setting)).or_default();
        point.0 = if point.1.is_empty() { line } else { point.0 };
        point.1.push(row.prompt_time);
        point.2.push(row.token_time);
    }
    let mut points = Points::default();
    for ((model, card, setting), measured) in repeats {
        match point(&model, &card, setting, measured) {
            Ok(point) => points.points.push(point),
            Err(reason) => points.leave_out(reason),
        }
    }
    Ok(points)
}

impl Row {
    fn check(&self) -> Result<(), String> {
        let values = [self.prompt_size, self.token_size, self.batch_size, self.tensor_parallel];
        let columns = ["prompt_size", "token_size", "batch_size", "tensor_parallel"];
        for ((value, most), column) in values.into_iter().zip(MOST).zip(columns) {
            if !(1..=most).contains(&value) {
                return Err(format!("`{column}` is {value}: expected 1 to {most}"));
            }
        }
        for (time, column) in [(self.prompt_time, "prompt_time"), (self.token_time, "token_time")] {
            if !(time.is_finite() && time > 0.0) {
                return Err(format!("`{column}` is {time}: expected milliseconds above 0"));
            }
        }
        Ok(())
    }
}

fn point(
    model: &str,
    card: &str,
    [prompt, output, batch, cards]: [u32; 4],
    (line, prompt_times, token_times): Repeats,
) -> Result<Point, String> {
    if output < 2 {
        return Err(ONE_TOKEN.to_owned());
    }
    let (gpu, model, shape) = server(card, model, (16, 16))?;
    let group = Group {
        card: gpu.name.clone(),
        model,
        stack: "static-batch".to_owned(),
        weight_bits: shape.weight_bits,
    };
    let limits = Limits {
        max_sequences: batch,
        token_budget: batch.saturating_mul(prompt),
        prefix_caching: false,
        ..Limits::default()
    };
    let requests = vec![(prompt, output); batch as usize];
    let measured = Latencies { ttft_ms: median(prompt_times), tpot_ms: median(token_times) };
    let plan = ClosedLoop { requests, clients: batch, limits, gate: None };
    let point = Point {
        line,
        group,
        gpu,
        shape,
        cards,
        lengths: (prompt, output),
        plan,
        is_published: true,
        measured,
    };
    if simulate(&point, None).ttft_ms > measured.ttft_ms {
        return Err("its prompts took less than their arithmetic at the card's peak".to_owned());
    }
    Ok(point)
}
