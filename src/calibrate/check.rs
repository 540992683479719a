//! Judging the model by measured operating points.
//!
//! Every point is predicted twice: from the datasheet, and with constants that were fitted to other
//! points of its group (card, model, stack, precision). The points of a group are dealt into five
//! folds; each fold is predicted by what was fitted to the other four, so nothing is judged by what it
//! was fitted to.

use std::{collections::BTreeMap, fmt, path::Path};

pub use super::{
    closed_loop::Latencies,
    points::{Group, PointsError},
    statistics::Errors,
};
use super::{
    fit::{fit, simulate},
    points::{self, Point},
    statistics::held_back,
    tables::Table,
};

/// How far the model is off, for every group of a table.
#[derive(Clone, Debug)]
pub struct Check {
    /// The groups, in order.
    pub groups: Vec<Judged>,
    /// Rows that were left out, by reason.
    pub left_out: BTreeMap<String, u64>,
}

/// How far the model is off in one group.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which.
    pub group: Group,
    /// Every point.
    pub points: Vec<JudgedPoint>,
}

/// One point, measured and predicted.
#[derive(Clone, Debug)]
pub struct JudgedPoint {
    /// Its line in the table.
    pub line: u64,
    /// Cards that work as one.
    pub cards: u32,
    /// Prompt and output tokens as the table states them.
    pub lengths: (u32, u32),
    /// Clients of the closed loop.
    pub clients: u32,
    /// Measured.
    pub measured: Latencies,
    /// By the datasheet.
    pub datasheet: Latencies,
    /// With what was fitted to other points; `None` where there are too few.
    pub corrected: Option<Latencies>,
}

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Time to first token.
    Ttft,
    /// Time per output token.
    Tpot,
}

/// By what it is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// The datasheet's roofline.
    Datasheet,
    /// The roofline fitted to other points.
    Corrected,
}

/// Judges the model by a table of measured operating points. `watch` is told of each group, and of
/// each of its folds, before it is worked on.
///
/// # Errors
/// If the table cannot be read or is of no known form.
pub fn check(path: &Path, mut watch: impl FnMut(&Group, usize)) -> Result<Check, PointsError> {
    let points = points::read(&Table::read(path)?)?;
    let left_out = points.left_out.clone();
    let groups = points.by_group().into_iter();
    let groups = groups.map(|(group, points)| judge(group, &points, &mut watch)).collect();
    Ok(Check { groups, left_out })
}

pub(super) fn judge(
    group: Group,
    points: &[Point],
    watch: &mut impl FnMut(&Group, usize),
) -> Judged {
    let fit = |fold: usize, kept: &[&Point]| {
        watch(&group, fold);
        fit(kept)
    };
    let corrected = held_back(points, fit, |point, fitted| simulate(point, Some(fitted)));
    let judged = |(point, corrected): (&Point, Option<Latencies>)| JudgedPoint {
        line: point.line,
        cards: point.cards,
        lengths: point.lengths,
        clients: point.plan.clients,
        measured: point.measured,
        datasheet: simulate(point, None),
        corrected,
    };
    let points = points.iter().zip(corrected).map(judged).collect();
    Judged { group, points }
}

impl Check {
    /// Every point as CSV: what was measured, and both predictions.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_points(&self, out: impl std::io::Write) -> Result<(), csv::Error> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record([
            "line",
            "card",
            "model",
            "stack",
            "weight_bits",
            "cards",
            "prompt_tokens",
            "output_tokens",
            "clients",
            "measured_ttft_ms",
            "measured_tpot_ms",
            "datasheet_ttft_ms",
            "datasheet_tpot_ms",
            "corrected_ttft_ms",
            "corrected_tpot_ms",
        ])?;
        for Judged { group, points } in &self.groups {
            for point in points {
                let ms = |value: f64| format!("{value:.3}");
                let corrected =
                    |of: fn(&Latencies) -> f64| point.corrected.as_ref().map(of).map(ms);
                rows.write_record([
                    point.line.to_string(),
                    group.card.clone(),
                    group.model.to_owned(),
                    group.stack.clone(),
                    group.weight_bits.to_string(),
                    point.cards.to_string(),
                    point.lengths.0.to_string(),
                    point.lengths.1.to_string(),
                    point.clients.to_string(),
                    ms(point.measured.ttft_ms),
                    ms(point.measured.tpot_ms),
                    ms(point.datasheet.ttft_ms),
                    ms(point.datasheet.tpot_ms),
                    corrected(|times| times.ttft_ms).unwrap_or_default(),
                    corrected(|times| times.tpot_ms).unwrap_or_default(),
                ])?;
            }
        }
        rows.flush()?;
        Ok(())
    }
}

impl Judged {
    /// How far a prediction is off; `None` if there is none.
    pub fn errors(&self, metric: Metric, prediction: Prediction) -> Option<Errors> {
        let of = |latencies: &Latencies| match metric {
            Metric::Ttft => latencies.ttft_ms,
            Metric::Tpot => latencies.tpot_ms,
        };
        let error = |point: &JudgedPoint| {
            let predicted = match prediction {
                Prediction::Datasheet => &point.datasheet,
                Prediction::Corrected => point.corrected.as_ref()?,
            };
            Some((of(predicted) / of(&point.measured) - 1.0).abs())
        };
        self.points.iter().map(error).collect::<Option<_>>().map(Errors::of)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<48}{:>7}  {:<22}{:>15}{:>16}", "", "points", "", "TTFT", "TPOT")?;
        let titles = ["median", "p90", "median", "p90"].map(|title| format!("{title:>8}")).concat();
        writeln!(f, "{:<48}{:>7}  {:<22}{titles}", "", "", "absolute error")?;
        for judged in &self.groups {
            let (name, points) = (judged.group.to_string(), judged.points.len());
            line(f, &format!("{name:<48}{points:>7}"), judged, Prediction::Datasheet)?;
            line(f, &" ".repeat(55), judged, Prediction::Corrected)?;
        }
        if !self.left_out.is_empty() {
            writeln!(f, "\nleft out:")?;
        }
        for (reason, rows) in &self.left_out {
            writeln!(f, "{rows:>7}  {reason}")?;
        }
        Ok(())
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    judged: &Judged,
    prediction: Prediction,
) -> fmt::Result {
    let label = match prediction {
        Prediction::Datasheet => "datasheet",
        Prediction::Corrected => "corrected, held back",
    };
    write!(f, "{head}  {label:<22}")?;
    for metric in [Metric::Ttft, Metric::Tpot] {
        match judged.errors(metric, prediction) {
            Some(Errors { median, p90 }) => {
                write!(f, "{:>7.1}%{:>7.1}%", median * 100.0, p90 * 100.0)?;
            }
            None => write!(f, "{:>16}", "too few points")?,
        }
    }
    writeln!(f)
}
