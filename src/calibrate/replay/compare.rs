//! What was measured beside what the engine makes of it.

use std::fmt;

use super::{Moment, Served, curves, measured::Run};
use crate::calibrate::statistics::quantile;

/// One figure of a run, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What of a request, such as `wait`.
    pub what: &'static str,
    /// Which statistic over all requests, such as `p95`.
    pub statistic: &'static str,
    /// As measured.
    pub measured: f64,
    /// As simulated.
    pub simulated: f64,
}

impl Figure {
    /// How far off the simulation is, as a ratio of what was measured.
    pub fn error(&self) -> f64 {
        self.simulated / self.measured - 1.0
    }
}

/// A measured run and the same run simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The model's name.
    pub model: String,
    /// Requests.
    pub requests: usize,
    /// Each figure; see `Display` for the order.
    pub figures: Vec<Figure>,
    /// Sequences that the simulated engine preempted. The measured run does not say.
    pub preemptions: u64,
    /// The engine as it was measured, in order of time.
    pub measured: Vec<Moment>,
    /// The simulated engine at the same instants.
    pub simulated: Vec<Moment>,
}

/// The times of a request: queued, scheduled, first token, last token, and its output tokens.
type Times = (f64, f64, f64, f64, u32);

impl Comparison {
    pub(super) fn new(
        run: &Run,
        served: &[Served],
        measured_moments: Vec<Moment>,
        simulated_moments: Vec<Moment>,
    ) -> Self {
        let measured: Vec<Times> = run
            .requests
            .iter()
            .map(|r| (r.queued, r.scheduled, r.first_token, r.finished, r.output.get()))
            .collect();
        let simulated: Vec<Times> = run
            .requests
            .iter()
            .zip(served)
            .map(|(request, served)| {
                let scheduled = served.scheduled.unwrap_or(served.first_token);
                let output = request.output.get();
                (request.queued, scheduled, served.first_token, served.finished, output)
            })
            .collect();
        Self {
            model: run.model.clone(),
            requests: run.requests.len(),
            figures: figures(&measured, &simulated),
            preemptions: served.iter().map(|served| u64::from(served.preemptions)).sum(),
            measured: measured_moments,
            simulated: simulated_moments,
        }
    }
}

/// A time of a request; `None` where it has none.
type Measure = fn(&Times) -> Option<f64>;

/// What is compared.
const MEASURES: [(&str, Measure); 4] = [
    ("wait", |(queued, scheduled, ..)| Some(scheduled - queued)),
    ("time to first token", |(queued, _, first, ..)| Some(first - queued)),
    ("time per output token", |&(_, _, first, last, output)| {
        (output > 1).then(|| (last - first) / f64::from(output - 1))
    }),
    ("end to end", |(queued, _, _, last, _)| Some(last - queued)),
];

fn figures(measured: &[Times], simulated: &[Times]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (what, measure) in MEASURES {
        let sorted = |times: &[Times]| {
            let mut values: Vec<f64> = times.iter().filter_map(measure).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (measured, simulated) = (sorted(measured), sorted(simulated));
        for (statistic, share) in [("p50", 0.5), ("p95", 0.95)] {
            let (measured, simulated) = (quantile(&measured, share), quantile(&simulated, share));
            figures.push(Figure { what, statistic, measured, simulated });
        }
    }
    let end = |times: &[Times]| times.iter().map(|times| times.3).fold(0.0, f64::max);
    let (measured, simulated) = (end(measured), end(simulated));
    figures.push(Figure { what: "makespan", statistic: "", measured, simulated });
    figures
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} requests, replayed\n", self.model, self.requests)?;
        writeln!(f, "{:<27}{:>12}{:>12}{:>9}", "", "measured", "simulated", "error")?;
        for figure in &self.figures {
            let name = format!("{} {}", figure.what, figure.statistic);
            let (measured, simulated) = (figure.measured, figure.simulated);
            let error = figure.error() * 100.0;
            writeln!(f, "{name:<27}{measured:>10.4} s{simulated:>10.4} s{error:>+8.1}%")?;
        }
        writeln!(f, "\nmean distance of the curves, of the measured mean")?;
        for (name, off) in curves::distances(&self.measured, &self.simulated) {
            writeln!(f, "{name:<27}{:>45.1}%", off * 100.0)?;
        }
        writeln!(f, "\nsequences preempted in the simulation: {}", self.preemptions)
    }
}
