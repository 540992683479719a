//! Several runs of one scenario with different seeds: what varies, and how much of it is chance.
//!
//! # Mechanism
//!
//! Each replication yields one figure per headline metric and per objective. Over those figures:
//! arithmetic mean, standard deviation of the sample (divisor n - 1) and the two-sided 95 %
//! confidence interval of the mean, `mean +- t(0.975, n - 1) s / sqrt(n)` with Student's t (Law,
//! "Simulation Modeling and Analysis", replications of terminating simulations).
//!
//! # Edges
//!
//! One replication has neither deviation nor interval. A replication without data for a figure is
//! left out of it and counted. An objective is met if every replication has data for it and the
//! mean is on the good side of the threshold: judged by each replication alone, it would fail the
//! sooner the more replications there are.

mod table;

use connector::{Metric, Objective, Scope, Statistic};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{
    FilesError, Header, Overwrite, RunDigest, Summary, Verdict,
    objective::unit_name,
    summary::{HasHeader, header_first},
};

/// The file of several runs.
const FILE: &str = "replications.json";

/// Share of such intervals that hold the true mean.
const CONFIDENCE: f64 = 0.95;

/// Percentiles of a distribution in the order of the report.
const P50: Option<Statistic> = Some(Statistic::Percentile(50_000));
const P95: Option<Statistic> = Some(Statistic::Percentile(95_000));
const P99: Option<Statistic> = Some(Statistic::Percentile(99_000));
const MEAN: Option<Statistic> = Some(Statistic::Mean);

/// What is reported of every run.
const HEADLINES: [(Metric, Option<Statistic>); 26] = [
    (Metric::AllocationLatency, MEAN),
    (Metric::AllocationLatency, P95),
    (Metric::TimeToFirstToken, MEAN),
    (Metric::TimeToFirstToken, P50),
    (Metric::TimeToFirstToken, P95),
    (Metric::TimeToFirstToken, P99),
    (Metric::TimePerOutputToken, MEAN),
    (Metric::TimePerOutputToken, P95),
    (Metric::InterTokenLatency, MEAN),
    (Metric::InterTokenLatency, P95),
    (Metric::InterTokenLatency, P99),
    (Metric::EndToEnd, MEAN),
    (Metric::EndToEnd, P50),
    (Metric::EndToEnd, P95),
    (Metric::EndToEnd, P99),
    (Metric::Queueing, MEAN),
    (Metric::ErrorRate, None),
    (Metric::GpuUtilization, None),
    (Metric::SlotUtilization, None),
    (Metric::Throughput, None),
    (Metric::OutputTokenThroughput, None),
    (Metric::Cost, None),
    (Metric::CostPerRequest, None),
    (Metric::CostPerMillionTokens, None),
    (Metric::WasteShare, None),
    (Metric::Margin, None),
];

/// Takes summaries in, one per replication, and keeps only their figures.
#[derive(Clone, Debug)]
pub struct Replications {
    asked_for: usize,
    headers: Vec<Header>,
    /// By headline, then by replication.
    figures: Vec<Vec<Option<f64>>>,
    /// By objective, then by replication.
    verdicts: Vec<Vec<Verdict>>,
}

impl Replications {
    /// None yet of this many.
    pub fn new(asked_for: usize) -> Self {
        Self { asked_for, headers: Vec::new(), figures: Vec::new(), verdicts: Vec::new() }
    }

    /// Whether the file of [`ReplicationsSummary::write`] may be written into this directory; to be
    /// asked before the replications take their time.
    ///
    /// # Errors
    /// If a file of that name is in the way.
    pub fn check(directory: &std::path::Path, overwrite: Overwrite) -> Result<(), FilesError> {
        overwrite.check(&directory.join(FILE))
    }

    /// Adds the next replication, unless it was cut off: what was measured until some moment is no
    /// sample of what is measured until the end. The order of adding is part of the digest, so add them in the
    /// order of their seeds, not in the order in which they happen to finish.
    ///
    /// # Panics
    /// If a later summary has other objectives than the first.
    pub fn add(&mut self, summary: &Summary) {
        if summary.header.partial {
            return;
        }
        if self.headers.is_empty() {
            self.figures = vec![Vec::new(); HEADLINES.len()];
            self.verdicts = vec![Vec::new(); summary.objectives.len()];
        }
        assert_eq!(self.verdicts.len(), summary.objectives.len(), "replications of one scenario");
        self.headers.push(summary.header.clone());
        for ((metric, statistic), figures) in HEADLINES.into_iter().zip(&mut self.figures) {
            figures.push(summary.value(metric, statistic, &Scope::default()));
        }
        for (verdict, verdicts) in summary.objectives.iter().zip(&mut self.verdicts) {
            verdicts.push(verdict.clone());
        }
    }

    /// Condenses them; `None` if there are none. The header is that of the first with the digests
    /// of all combined; it says partial if some that were asked for are not there.
    pub fn finish(self) -> Option<ReplicationsSummary> {
        let digests: Vec<RunDigest> =
            self.headers.iter().filter_map(|header| header.digest).collect();
        let header = Header {
            digest: Some(RunDigest::combine(&digests)),
            partial: self.headers.len() < self.asked_for,
            ..self.headers.first()?.clone()
        };
        let metrics =
            HEADLINES.into_iter().zip(&self.figures).map(|((metric, statistic), figures)| {
                MetricSpread {
                    metric: metric.name(),
                    statistic: statistic.map(|which| which.to_string()),
                    unit: unit_name(metric.unit()),
                    spread: Spread::of(figures),
                    measures: metric,
                }
            });
        Some(ReplicationsSummary {
            header,
            replications: self.headers.len(),
            asked_for: self.asked_for,
            confidence: CONFIDENCE,
            digests: digests.iter().map(RunDigest::to_string).collect(),
            metrics: metrics.collect(),
            objectives: self
                .verdicts
                .iter()
                .filter_map(|of_one| ObjectiveSpread::of(of_one))
                .collect(),
        })
    }
}

/// Several runs of one scenario, condensed.
#[derive(Clone, Debug, Serialize)]
pub struct ReplicationsSummary {
    /// That of the first, with all digests combined.
    #[serde(rename = "harpoon")]
    pub header: Header,
    /// How many were run to their end.
    pub replications: usize,
    /// How many were to be run.
    pub asked_for: usize,
    /// Share of intervals like these that hold the true mean.
    pub confidence: f64,
    /// Of each, in order.
    pub digests: Vec<String>,
    /// Headline metrics.
    pub metrics: Vec<MetricSpread>,
    /// Objectives, in the order in which they were asked.
    pub objectives: Vec<ObjectiveSpread>,
}

/// How a metric varies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricSpread {
    /// The metric's name.
    pub metric: &'static str,
    /// Which figure of a distribution.
    pub statistic: Option<String>,
    /// The unit of all figures.
    pub unit: &'static str,
    /// How it varies.
    #[serde(flatten)]
    pub spread: Spread,
    #[serde(skip)]
    measures: Metric,
}

/// How an objective fared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectiveSpread {
    /// As its author wrote it.
    pub text: String,
    /// Whether the mean is on the good side, and no replication was without data.
    pub met: bool,
    /// Replications that met it by themselves.
    pub met_in: usize,
    /// The threshold, in the metric's unit.
    pub threshold: f64,
    /// The unit of all figures.
    pub unit: &'static str,
    /// How the measured value varies.
    #[serde(flatten)]
    pub spread: Spread,
    #[serde(skip)]
    measures: Metric,
}

impl ObjectiveSpread {
    fn of(verdicts: &[Verdict]) -> Option<Self> {
        let objective = &verdicts.first()?.objective;
        let Objective { text, metric, threshold, .. } = objective;
        let measured: Vec<Option<f64>> = verdicts.iter().map(|verdict| verdict.measured).collect();
        let spread = Spread::of(&measured);
        let complete = spread.count == verdicts.len();
        let met = complete && spread.mean.is_some_and(|mean| objective.is_met(mean));
        Some(Self {
            text: text.clone(),
            met,
            met_in: verdicts.iter().filter(|verdict| verdict.met).count(),
            threshold: *threshold,
            unit: unit_name(metric.unit()),
            spread,
            measures: *metric,
        })
    }
}

/// A sample of figures, condensed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Replications that had the figure.
    pub count: usize,
    /// Arithmetic mean; `None` without figures.
    pub mean: Option<f64>,
    /// Standard deviation of the sample; `None` for fewer than two.
    pub standard_deviation: Option<f64>,
    /// Lower end of the confidence interval of the mean; `None` for fewer than two.
    pub mean_low: Option<f64>,
    /// Upper end.
    pub mean_high: Option<f64>,
}

impl Spread {
    fn of(figures: &[Option<f64>]) -> Self {
        let figures: Vec<f64> = figures.iter().flatten().copied().collect();
        let count = figures.len();
        if count == 0 {
            return Self::default();
        }
        let mean = figures.iter().sum::<f64>() / count as f64;
        let alone = Self { count, mean: Some(mean), ..Self::default() };
        let Some(half) = (count > 1).then(|| half_width(&figures, mean)) else { return alone };
        Self {
            standard_deviation: Some(deviation(&figures, mean)),
            mean_low: Some(mean - half),
            mean_high: Some(mean + half),
            ..alone
        }
    }
}

fn deviation(figures: &[f64], mean: f64) -> f64 {
    let squares: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
    (squares / (figures.len() - 1) as f64).sqrt()
}

fn half_width(figures: &[f64], mean: f64) -> f64 {
    let count = figures.len() as f64;
    let student = StudentsT::new(0.0, 1.0, count - 1.0)
        .expect("there are at least two figures, hence a positive number of degrees of freedom");
    let quantile = student.inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
    quantile * deviation(figures, mean) / count.sqrt()
}

impl ReplicationsSummary {
    /// Whether every objective is met; true without objectives.
    pub fn objectives_met(&self) -> bool {
        self.objectives.iter().all(|objective| objective.met)
    }

    /// What `replications.json` holds: the header alone on the first line, keys in a fixed order.
    pub fn to_json(&self) -> String {
        header_first(self)
    }

    /// Writes `replications.json` into this directory, which must exist.
    ///
    /// # Errors
    /// If a file of that name is in the way, or cannot be written.
    pub fn write(
        &self,
        directory: &std::path::Path,
        overwrite: Overwrite,
    ) -> Result<(), FilesError> {
        let path = directory.join(FILE);
        overwrite.check(&path)?;
        crate::files::write_whole(&path, &self.to_json())
    }
}

impl HasHeader for ReplicationsSummary {
    fn header(&self) -> &Header {
        &self.header
    }
}

#[cfg(test)]
mod tests;
