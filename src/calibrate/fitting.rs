//! What a table of measurements says of a serving stack, as a scenario can be given it.

use std::{collections::BTreeMap, fmt, path::Path};

use connector::Duration;
use sim::config::{Efficiency, LongSteps};

use super::{
    check::{Group, Judged, Metric, PointsError, Prediction, judge},
    fit::{Fitted, fit},
    kernels::{self, KernelFit},
    points,
    statistics::FEWEST,
    tables::Table,
};

/// What was fitted to one table.
#[derive(Clone, Debug)]
pub enum Fitting {
    /// To measured operating points.
    Stacks {
        /// Every group that has enough points.
        stacks: Vec<FittedStack>,
        /// Rows that were left out, by reason.
        left_out: BTreeMap<String, u64>,
    },
    /// To measured kernels.
    Kernels(KernelFit),
}

/// What was fitted to all points of a group, and how far off points were that were held back.
#[derive(Clone, Debug)]
pub struct FittedStack {
    /// The constants.
    pub fitted: Fitted,
    /// Parameters used per token, in billions.
    pub active_parameters_billion: f64,
    /// The points, each predicted without itself.
    pub judged: Judged,
}

impl Fitting {
    /// Fits a table. `watch` is told of each group, and of each of its folds, before it is worked on.
    ///
    /// # Errors
    /// If the table cannot be read or is of no known form.
    pub fn of(path: &Path, mut watch: impl FnMut(&Group, usize)) -> Result<Self, PointsError> {
        let table = Table::read(path)?;
        if let Some(fit) = kernels::fit(&table)? {
            return Ok(Self::Kernels(fit));
        }
        let points = points::read(&table)?;
        let mut left_out = points.left_out.clone();
        let mut stacks = Vec::new();
        for (group, points) in points.by_group() {
            if points.len() < FEWEST {
                left_out.insert(format!("too few points of {group}"), points.len() as u64);
                continue;
            }
            let judged = judge(group, &points, &mut watch);
            stacks.push(FittedStack {
                fitted: fit(&points.iter().collect::<Vec<_>>()),
                active_parameters_billion: points[0].shape.active_parameters / 1e9,
                judged,
            });
        }
        Ok(Self::Stacks { stacks, left_out })
    }

    /// The rows of the catalogue of fitted stacks that it makes.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_rows<W: std::io::Write>(
        &self,
        out: &mut csv::Writer<W>,
    ) -> Result<(), csv::Error> {
        match self {
            Self::Stacks { stacks, .. } => stacks.iter().try_for_each(|stack| stack.write_row(out)),
            Self::Kernels(_) => Ok(()),
        }
    }
}

/// The columns of the catalogue of fitted stacks.
pub const CATALOGUE_COLUMNS: [&str; 22] = [
    "card",
    "model",
    "active_parameters_billion",
    "stack",
    "weight_bits",
    "compute",
    "memory",
    "attention",
    "kv_cache",
    "link",
    "long_step_tokens",
    "long_step_link",
    "per_step_us",
    "per_sequence_us",
    "prompt_step_us",
    "exchange_us",
    "front_end_us",
    "points",
    "ttft_median",
    "ttft_p90",
    "tpot_median",
    "tpot_p90",
];

impl FittedStack {
    fn write_row<W: std::io::Write>(&self, out: &mut csv::Writer<W>) -> Result<(), csv::Error> {
        let Judged { group, points } = &self.judged;
        let mut row = vec![
            group.card.clone(),
            group.model.to_owned(),
            self.active_parameters_billion.to_string(),
            group.stack.clone(),
            group.weight_bits.to_string(),
        ];
        row.extend(shares(&self.fitted.efficiency).map(|(_, share)| format!("{share:.4}")));
        let long = self.fitted.efficiency.long_steps;
        row.push(long.map(|long| long.tokens.to_string()).unwrap_or_default());
        row.push(long.map(|long| format!("{:.4}", long.link)).unwrap_or_default());
        row.extend(times(&self.fitted.efficiency).map(|(_, time)| microseconds(time)));
        row.push(points.len().to_string());
        for metric in [Metric::Ttft, Metric::Tpot] {
            let errors = self.judged.errors(metric, Prediction::Corrected);
            let both = errors.map_or([f64::NAN; 2], |errors| [errors.median, errors.p90]);
            row.extend(both.map(|error| format!("{error:.4}")));
        }
        out.write_record(row)
    }
}

fn shares(reached: &Efficiency) -> [(&'static str, f64); 5] {
    [
        ("compute", reached.compute),
        ("memory", reached.memory),
        ("attention", reached.attention),
        ("kv_cache", reached.kv_cache),
        ("link", reached.link),
    ]
}

fn times(reached: &Efficiency) -> [(&'static str, Duration); 5] {
    [
        ("per_step", reached.per_step),
        ("per_sequence", reached.per_sequence),
        ("prompt_step", reached.prompt_step),
        ("exchange", reached.exchange),
        ("front_end", reached.front_end),
    ]
}

fn microseconds(time: Duration) -> String {
    format!("{:.1}", time.as_nanos() as f64 / 1e3)
}

impl fmt::Display for Fitting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernels(fit) => write!(f, "{fit}"),
            Self::Stacks { stacks, left_out } => {
                for stack in stacks {
                    write!(f, "{stack}")?;
                }
                for (reason, rows) in left_out {
                    writeln!(f, "left out, {rows} rows: {reason}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for FittedStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Judged { group, points } = &self.judged;
        writeln!(f, "# {group}: {} points", points.len())?;
        for (label, prediction) in
            [("datasheet", Prediction::Datasheet), ("held back", Prediction::Corrected)]
        {
            write!(f, "# {label}: absolute error, median and p90:")?;
            for (name, metric) in [("TTFT", Metric::Ttft), ("TPOT", Metric::Tpot)] {
                if let Some(errors) = self.judged.errors(metric, prediction) {
                    let (median, p90) = (errors.median * 100.0, errors.p90 * 100.0);
                    write!(f, " {name} {median:.1} % and {p90:.1} %;")?;
                }
            }
            writeln!(f)?;
        }
        let Fitted { efficiency, delivery_per_token, intake_per_request, protocol } = &self.fitted;
        writeln!(
            f,
            "# in the tests, not in the efficiency: {:.1} us per token delivered, {:.1} us per \
             request taken in",
            delivery_per_token / 1e3,
            intake_per_request / 1e3
        )?;
        if protocol.warm_up {
            writeln!(
                f,
                "# in the tests: the first request of every client seems not to be counted"
            )?;
        }
        if protocol.spare_client {
            writeln!(f, "# in the tests: there seems to be a place fewer than there are clients")?;
        }
        writeln!(f, "efficiency:")?;
        for (name, share) in shares(efficiency) {
            writeln!(f, "  {name}: {:.2}%", share * 100.0)?;
        }
        if let Some(LongSteps { tokens, link }) = efficiency.long_steps {
            writeln!(f, "  long_steps: {{ tokens: {tokens}, link: {:.2}% }}", link * 100.0)?;
        }
        for (name, time) in times(efficiency) {
            writeln!(f, "  {name}: {}us", time.as_nanos().div_ceil(1_000))?;
        }
        writeln!(f)
    }
}
