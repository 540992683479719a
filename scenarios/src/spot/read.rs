//! Reading the forms that traces of spot capacity are published in.

use std::{collections::BTreeSet, path::Path};

use connector::Duration;
use serde::Deserialize;

use super::{MOST_POINTS, SpotFormat, SpotTrace};
use crate::{
    document::shorten,
    trace::{Fields, Lines, RowProblem, TraceError, civil, decimal},
};

/// More instances than any provider has at one place.
const MOST_INSTANCES: u32 = 1_000_000;

/// A series of the most points, generously spaced.
const MOST_TEXT: usize = 16 * MOST_POINTS;

pub(super) fn read(path: &Path) -> Result<Option<SpotTrace>, TraceError> {
    let mut lines = Lines::open(path)?;
    if !lines.advance()? {
        return Err(TraceError::NoPoints { path: path.to_owned() });
    }
    let Some(format) = guess(lines.text()?) else { return Ok(None) };
    let trace = match format {
        SpotFormat::Skypilot => skypilot(lines)?,
        SpotFormat::BambooEvents => events(lines)?,
        SpotFormat::BambooCounts => counts(lines)?,
    };
    trace.map(Some).ok_or_else(|| TraceError::NoPoints { path: path.to_owned() })
}

/// The form of a file that begins with this line. A request trace of JSON lines begins with a brace
/// too, but closes it on the same line and has no metadata.
fn guess(first_line: &str) -> Option<SpotFormat> {
    let line = first_line.trim();
    if line.starts_with('{') {
        let is_one =
            line == "{" || line.contains("\"metadata\"") || line.contains("\"gap_seconds\"");
        return is_one.then_some(SpotFormat::Skypilot);
    }
    let fields: Vec<&str> = Fields(Some(line)).collect();
    match fields.as_slice() {
        [_, "add" | "remove", _] => Some(SpotFormat::BambooEvents),
        [date, _, _] if date.parse::<jiff::civil::Date>().is_ok() => Some(SpotFormat::BambooCounts),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Series {
    metadata: Metadata,
    data: Vec<serde_json::Number>,
}

#[derive(Deserialize)]
struct Metadata {
    gap_seconds: serde_json::Number,
}

fn skypilot(mut lines: Lines) -> Result<Option<SpotTrace>, TraceError> {
    let first = lines.number();
    // Blank lines are passed over, so each line is put back where it stands.
    let mut text = "\n".repeat(first as usize - 1);
    loop {
        text.push_str(lines.text()?);
        if text.len() > MOST_TEXT {
            return Err(lines.refuse(RowProblem::TooManyPoints { limit: MOST_POINTS }));
        }
        let read = lines.number();
        if !lines.advance()? {
            break;
        }
        text.extend(std::iter::repeat_n('\n', (lines.number() - read) as usize));
    }
    let refuse = |line: u64, problem| TraceError::row(lines.path(), line, problem);
    let series: Series = serde_json::from_str(&text).map_err(|error| {
        let problem = RowProblem::Series { message: error.to_string() };
        refuse(error.line() as u64, problem)
    })?;
    let refuse = |problem| refuse(first, problem);
    if series.data.len() > MOST_POINTS {
        return Err(refuse(RowProblem::TooManyPoints { limit: MOST_POINTS }));
    }
    let text = series.metadata.gap_seconds.to_string();
    let gap = decimal("gap_seconds", &text, 9).map_err(refuse)?;
    if gap == 0 {
        let expected = "a time above zero".to_owned();
        return Err(refuse(RowProblem::Unexpected { column: "gap_seconds", text, expected }));
    }
    let gap = Duration::from_nanos(gap);
    let counts = series.data.iter().map(|number| instances("data", &number.to_string()));
    let counts: Vec<u32> = counts.collect::<Result<_, _>>().map_err(refuse)?;
    Ok(SpotTrace::of_looks(gap, &counts))
}

fn events(mut lines: Lines) -> Result<Option<SpotTrace>, TraceError> {
    let mut there = BTreeSet::new();
    let mut points: Vec<(Duration, u32)> = vec![(Duration::ZERO, 0)];
    let (mut came, mut went) = (0, 0);
    loop {
        let refuse = |problem| lines.refuse(problem);
        let fields: Vec<&str> = Fields(Some(lines.text()?)).collect();
        let [at, what, node] = *fields.as_slice() else {
            return Err(refuse(RowProblem::Columns { expected: 3, found: fields.len() }));
        };
        let at = Duration::from_nanos(decimal("milliseconds", at, 6).map_err(refuse)?);
        if let Some(&(last, _)) = points.last().filter(|&&(last, _)| last > at) {
            let (late_by, window) = (last.saturating_sub(at), Duration::ZERO);
            return Err(refuse(RowProblem::BackInTime { late_by, window }));
        }
        let node = shorten(node);
        let is_right = match what {
            "add" => there.insert(node.clone()),
            "remove" => there.remove(&node),
            other => {
                let (column, text) = ("event", shorten(other));
                let expected = "`add` or `remove`".to_owned();
                return Err(refuse(RowProblem::Unexpected { column, text, expected }));
            }
        };
        if !is_right {
            return Err(refuse(RowProblem::NodeTwice { node, is_there: what == "add" }));
        }
        *(if what == "add" { &mut came } else { &mut went }) += 1;
        points.push((at, there.len() as u32));
        if points.len() > MOST_POINTS {
            return Err(refuse(RowProblem::TooManyPoints { limit: MOST_POINTS }));
        }
        if !lines.advance()? {
            break;
        }
    }
    let length = points.last().map_or(Duration::ZERO, |&(at, _)| at);
    let trace = SpotTrace::new(SpotFormat::BambooEvents, &points, length);
    Ok(trace.map(|mut trace| {
        // The one at zero was not written.
        trace.points.remove(0);
        SpotTrace { came, went, ..trace }
    }))
}

fn counts(mut lines: Lines) -> Result<Option<SpotTrace>, TraceError> {
    let mut points: Vec<(Duration, u32)> = Vec::new();
    let mut first = None;
    let mut last = Duration::ZERO;
    loop {
        let refuse = |problem| lines.refuse(problem);
        let fields: Vec<&str> = Fields(Some(lines.text()?)).collect();
        let [date, time, count] = *fields.as_slice() else {
            return Err(refuse(RowProblem::Columns { expected: 3, found: fields.len() }));
        };
        let written = format!("{date} {time}");
        let at = Duration::from_nanos(civil("date and time", &written).map_err(refuse)?);
        let first = *first.get_or_insert(at);
        if at < first {
            let (late_by, window) = (first.saturating_sub(at), Duration::ZERO);
            return Err(refuse(RowProblem::BackInTime { late_by, window }));
        }
        let at = at.saturating_sub(first);
        points.push((at, instances("instances", count).map_err(refuse)?));
        last = last.max(at);
        if points.len() > MOST_POINTS {
            return Err(refuse(RowProblem::TooManyPoints { limit: MOST_POINTS }));
        }
        if !lines.advance()? {
            break;
        }
    }
    Ok(SpotTrace::new(SpotFormat::BambooCounts, &points, last))
}

fn instances(column: &'static str, text: &str) -> Result<u32, RowProblem> {
    let text = text.strip_suffix(".0").unwrap_or(text);
    match text.parse::<i64>() {
        Ok(count @ 0..) if count <= i64::from(MOST_INSTANCES) => Ok(count as u32),
        Ok(_) => Err(RowProblem::OutOfRange {
            column,
            text: shorten(text),
            range: "between 0 and 1000000",
        }),
        Err(_) => Err(RowProblem::NotANumber {
            column,
            text: shorten(text),
            expected: "a whole number of instances",
        }),
    }
}
