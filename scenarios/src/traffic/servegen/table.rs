//! The tables of `ServeGen`, read and checked.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde::Deserialize;

use super::columns::Table;
use crate::{
    trace::{Lines, MAX_TOKENS, RowProblem, TraceError},
    traffic::{
        gaps::GapLaw,
        lengths::{Empirical, LengthSampler, Quantiles},
        synthetic::Lengths,
    },
};

/// Most rows of a table of rates.
const MAX_ROWS: usize = 1_000_000;
/// Most requests per second of one client.
const MAX_RATE: f64 = 1e6;

/// All clients of a mix.
#[derive(Debug, Default)]
pub(crate) struct ClientTable {
    pub(crate) clients: Vec<Client>,
}

/// One anonymous client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// Its number in the table.
    pub(crate) id: u64,
    /// Windows with traffic, in order of time.
    pub(crate) windows: Vec<RateWindow>,
    /// Lengths from a window's start on, in order of time; may be empty.
    lengths: Vec<(f64, Lengths)>,
}

/// Arrivals of one client in one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateWindow {
    /// Seconds from the start of the table.
    pub(crate) start: f64,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) shape: Shape,
}

/// How bursty arrivals are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    Gamma(f64),
    Weibull(f64),
}

impl Shape {
    pub(crate) fn of_rate(self, rate: f64) -> GapLaw {
        match self {
            Self::Gamma(shape) => GapLaw::gamma_of_shape(rate, shape),
            Self::Weibull(shape) => GapLaw::weibull_of_shape(rate, shape),
        }
    }
}

impl Client {
    /// The lengths of the window that `at` falls into; before the first window, the first one's.
    pub(crate) fn lengths_at(&self, at: f64) -> Option<Lengths> {
        let after = self.lengths.partition_point(|&(start, _)| start <= at);
        self.lengths.get(after.saturating_sub(1)).map(|(_, lengths)| lengths.clone())
    }
}

impl ClientTable {
    /// Reads a table of rates and, where there is one, a table of lengths.
    ///
    /// # Errors
    /// At the first row that is not valid.
    pub(crate) fn read(rates: &Path, tokens: Option<&Path>) -> Result<Self, TraceError> {
        let mut clients = BTreeMap::new();
        read_rates(rates, &mut clients)?;
        if let Some(tokens) = tokens {
            read_lengths(tokens, &mut clients)?;
        }
        for client in clients.values_mut() {
            client.windows.sort_by(|a, b| a.start.total_cmp(&b.start));
            client.lengths.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        Ok(Self { clients: clients.into_values().collect() })
    }

    /// The start of the first window, seconds.
    pub(crate) fn first_window(&self) -> f64 {
        let starts = self.clients.iter().filter_map(|client| client.windows.first());
        starts.map(|window| window.start).fold(f64::INFINITY, f64::min)
    }

    /// The start of the last window, seconds.
    pub(crate) fn last_window(&self) -> f64 {
        let starts = self.clients.iter().filter_map(|client| client.windows.last());
        starts.map(|window| window.start).fold(0.0, f64::max)
    }

    /// Numbers of the clients without a table of lengths.
    pub(crate) fn without_lengths(&self) -> Vec<u64> {
        let without = self.clients.iter().filter(|client| client.lengths.is_empty());
        without.map(|client| client.id).collect()
    }
}

fn read_rates(path: &Path, clients: &mut BTreeMap<u64, Client>) -> Result<(), TraceError> {
    const COLUMNS: [&str; 5] = ["client", "window_start_s", "rate_rps", "family", "shape"];
    let mut table = Table::new(open(path)?, COLUMNS)?;
    let mut rows = 0;
    while let Some(row) = table.next()? {
        let id = table.whole(0, &row)?;
        let window = RateWindow {
            start: table.number(1, &row, 0.0..=1e9)?,
            rate: table.number(2, &row, 0.0..=MAX_RATE)?,
            shape: match row[3].as_str() {
                "Gamma" => Shape::Gamma(table.number(4, &row, 1e-3..=1e6)?),
                "Weibull" => Shape::Weibull(table.number(4, &row, 0.05..=1e3)?),
                _ => return Err(table.refuse(3, &row, "Gamma or Weibull")),
            },
        };
        rows += 1;
        if rows > MAX_ROWS {
            return Err(table.refuse(0, &row, "among the first 1,000,000 rows"));
        }
        let client = clients.entry(id).or_insert_with(|| Client { id, ..Client::default() });
        if window.rate > 0.0 {
            client.windows.push(window);
        }
    }
    if rows == 0 { Err(TraceError::Empty { path: path.to_owned() }) } else { Ok(()) }
}

/// Lengths are either whole probability tables (JSON lines) or quantiles (CSV).
fn read_lengths(path: &Path, clients: &mut BTreeMap<u64, Client>) -> Result<(), TraceError> {
    let lines = open(path)?;
    if lines.text()?.starts_with('{') {
        read_probabilities(lines, clients)
    } else {
        read_quantiles(lines, clients)
    }
}

fn open(path: &Path) -> Result<Lines, TraceError> {
    let mut lines = Lines::open(path)?;
    if lines.advance()? { Ok(lines) } else { Err(TraceError::Empty { path: path.to_owned() }) }
}

/// One line of probability tables: tokens to probability.
#[derive(Deserialize)]
struct Probabilities {
    client: u64,
    window_start_s: f64,
    input_tokens: BTreeMap<u32, f64>,
    output_tokens: BTreeMap<u32, f64>,
}

fn read_probabilities(
    mut lines: Lines,
    clients: &mut BTreeMap<u64, Client>,
) -> Result<(), TraceError> {
    loop {
        let refused = |message: String| lines.refuse(RowProblem::Json { message });
        let line: Probabilities =
            serde_json::from_str(lines.text()?).map_err(|error| refused(error.to_string()))?;
        let law = |table: BTreeMap<u32, f64>| {
            let valid = table
                .iter()
                .all(|(&tokens, weight)| tokens <= MAX_TOKENS && (0.0..=1e9).contains(weight));
            let table = Empirical::new(table).filter(|_| valid);
            table.map(|table| LengthSampler::Empirical(Arc::new(table))).ok_or_else(|| {
                refused("probabilities must be positive and tokens at most 4194304".to_owned())
            })
        };
        let lengths = Lengths { prompt: law(line.input_tokens)?, output: law(line.output_tokens)? };
        if let Some(client) = clients.get_mut(&line.client) {
            client.lengths.push((line.window_start_s, lengths));
        }
        if !lines.advance()? {
            return Ok(());
        }
    }
}

fn read_quantiles(lines: Lines, clients: &mut BTreeMap<u64, Client>) -> Result<(), TraceError> {
    const COLUMNS: [&str; 12] = [
        "client",
        "window_start_s",
        "input_tokens_mean",
        "input_tokens_p50",
        "input_tokens_p95",
        "input_tokens_p99",
        "input_tokens_max",
        "output_tokens_mean",
        "output_tokens_p50",
        "output_tokens_p95",
        "output_tokens_p99",
        "output_tokens_max",
    ];
    let mut table = Table::new(lines, COLUMNS)?;
    while let Some(row) = table.next()? {
        let law = |first: usize| {
            let mut figures = [0.0; 5];
            for (offset, figure) in figures.iter_mut().enumerate() {
                *figure = table.number(first + offset, &row, 0.0..=f64::from(MAX_TOKENS))?;
            }
            let [mean, p50, p95, p99, max] = figures;
            Ok(LengthSampler::Quantiles(Quantiles::new(mean, p50, p95, p99, max)))
        };
        let lengths = Lengths { prompt: law(2)?, output: law(7)? };
        let start = table.number(1, &row, 0.0..=1e9)?;
        if let Some(client) = clients.get_mut(&table.whole(0, &row)?) {
            client.lengths.push((start, lengths));
        }
    }
    Ok(())
}
