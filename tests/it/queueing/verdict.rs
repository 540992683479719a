//! What comes out of a case.

use std::fmt::{self, Write};

use super::{case::Case, estimate::Estimate};

/// Standard errors that a measured value may be off.
const STANDARD_ERRORS: f64 = 4.5;
/// What whole microseconds of service may shift a value by, as a share of it or of a second.
const RESOLUTION: f64 = 2e-6;

/// One metric of one case.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) metric: String,
    pub(super) expected: f64,
    pub(super) measured: Estimate,
    /// Largest standard error, as a share of the exact value.
    bound: f64,
    /// Share by which the exact value itself may be off.
    band: f64,
}

/// A case that was run.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) case: String,
    pub(super) customers: u64,
    pub(super) lines: Vec<Line>,
    /// Metrics that no run yields.
    pub(super) unmeasured: Vec<String>,
}

impl Verdict {
    /// Holds every exact value of a case against what `measure` finds.
    pub(super) fn new(
        case: &Case,
        customers: u64,
        band: impl Fn(&str) -> f64,
        measure: impl Fn(&str) -> Option<Estimate>,
    ) -> Self {
        let (mut lines, mut unmeasured) = (Vec::new(), Vec::new());
        for metric in case.metrics() {
            match case.exact(&metric).zip(measure(&metric)) {
                Some((expected, measured)) => {
                    let bound = case.bound(&metric);
                    let band = band(&metric);
                    lines.push(Line { metric, expected, measured, bound, band });
                }
                None => unmeasured.push(metric),
            }
        }
        Self { case: case.name.clone(), customers, lines, unmeasured }
    }

    /// The metrics that do not hold.
    pub(super) fn failures(&self) -> impl Iterator<Item = String> {
        let failed = self.lines.iter().filter(|line| !line.holds());
        failed.map(|line| format!("{} {line}", self.case))
    }
}

/// All figures of all cases as a table in Markdown.
pub(super) fn table(verdicts: &[Verdict]) -> String {
    let head = "case | customers | metric | exact | measured | SE off | SE | at most";
    let mut table = format!("| {head} |\n|{}\n", " --- |".repeat(8));
    for verdict in verdicts {
        for line in &verdict.lines {
            // Writing to a string cannot fail.
            let _ = writeln!(table, "| {} | {} {line} |", verdict.case, verdict.customers);
        }
    }
    table
}

impl Line {
    fn holds(&self) -> bool {
        let Estimate { value, standard_error } = self.measured;
        let off = (value - self.expected).abs();
        let allowed = STANDARD_ERRORS * standard_error
            + RESOLUTION * self.expected.abs().max(1.0)
            + self.band * self.expected.abs();
        let is_sharp = standard_error <= self.bound * self.expected.abs();
        off <= allowed && is_sharp
    }
}

impl fmt::Display for Line {
    /// Cells of a table: metric, exact, measured, standard errors off, standard error, its bound.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Estimate { value, standard_error } = self.measured;
        write!(f, "| {} | {} | {}", self.metric, figures(self.expected), figures(value))?;
        if self.measured.is_exact() {
            return write!(f, " | 0 | exact | exact");
        }
        let off = (value - self.expected) / standard_error;
        let share = 100.0 * standard_error / self.expected.abs();
        write!(f, " | {off:+.2} | {share:.2} % | {:.0} %", 100.0 * self.bound)
    }
}

/// Six significant figures.
fn figures(value: f64) -> String {
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    format!("{value:.*}", (5.0 - magnitude).clamp(0.0, 9.0) as usize)
}
