//! Runs of one scenario with some of its values changed, side by side.

use std::collections::BTreeMap;

use connector::{Metric, Scope, Statistic};
use serde::Serialize;

use crate::{
    Style, Summary,
    economics::to_read,
    layout::{Layout, in_unit, share, short, time, verdict_word},
    what_if::{self, Spent, Told},
};

/// A figure of every run.
struct Column {
    /// In tables; what has none is in CSV only.
    title: Option<&'static str>,
    /// Name in CSV, with the unit.
    name: &'static str,
    metric: Metric,
    statistic: Option<Statistic>,
}

const P50: Option<Statistic> = Some(Statistic::Percentile(50_000));
const P95: Option<Statistic> = Some(Statistic::Percentile(95_000));

const COLUMNS: [Column; 9] = [
    Column::new(Some("GPU"), "gpu_utilization", Metric::GpuUtilization, None),
    Column::new(Some("TTFT p50"), "ttft_p50_s", Metric::TimeToFirstToken, P50),
    Column::new(Some("TTFT p95"), "ttft_p95_s", Metric::TimeToFirstToken, P95),
    Column::new(None, "slot_utilization", Metric::SlotUtilization, None),
    Column::new(None, "tpot_p95_s", Metric::TimePerOutputToken, P95),
    Column::new(Some("end p95"), "end_to_end_p95_s", Metric::EndToEnd, P95),
    Column::new(Some("req/s"), "completed_per_s", Metric::Throughput, None),
    Column::new(Some("errors"), "error_rate", Metric::ErrorRate, None),
    Column::new(Some("cost"), "cost", Metric::Cost, None),
];

impl Column {
    const fn new(
        title: Option<&'static str>,
        name: &'static str,
        metric: Metric,
        statistic: Option<Statistic>,
    ) -> Self {
        Self { title, name, metric, statistic }
    }
}

/// The runs of a sweep, in the order in which they were added.
#[derive(Debug)]
pub struct Sweep {
    /// What is varied.
    paths: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    values: Vec<String>,
    figures: [Option<f64>; COLUMNS.len()],
    /// What the provider will charge, in the currency unit.
    charged: Option<f64>,
    /// What the cards of pools that scale cost.
    provisioned: Option<f64>,
    spent: Spent,
    met: bool,
    digest: String,
}

/// A run in JSON.
#[derive(Serialize)]
struct Run<'a> {
    values: BTreeMap<&'a str, &'a String>,
    figures: BTreeMap<&'static str, Option<f64>>,
    charged: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned_cost: Option<f64>,
    economics: Spent,
    difference: Option<Spent>,
    objectives_met: bool,
    digest: &'a str,
}

/// Names in CSV of what a run cost, in the order of [`spent_cells`].
const SPENT: [&str; 6] =
    ["cost_per_request", "cost_per_1m_tokens", "waste", "waste_share", "revenue", "margin"];

fn spent_cells(spent: &Spent) -> [String; SPENT.len()] {
    let float = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let amount = |value: Option<Told>| {
        value.map(|Told(amount)| to_read(amount).to_string()).unwrap_or_default()
    };
    [
        float(spent.cost_per_request),
        float(spent.cost_per_1m_tokens),
        amount(spent.waste),
        float(spent.waste_share),
        amount(spent.revenue),
        amount(spent.margin),
    ]
}

impl Sweep {
    /// Without runs yet; `paths` are the values of the scenario that are varied.
    pub fn new(paths: Vec<String>) -> Self {
        Self { paths, rows: Vec::new() }
    }

    /// Adds a run with these values.
    pub fn add(&mut self, values: Vec<String>, summary: &Summary) {
        let everything = Scope { pool: None, model: None, tenant: None, class: None };
        let figures = COLUMNS
            .each_ref()
            .map(|column| summary.value(column.metric, column.statistic, &everything));
        let (met, digest) = (
            summary.objectives_met(),
            summary.header.digest.map(|digest| digest.to_string()).unwrap_or_default(),
        );
        let charged = summary.run.charged.map(|charged| charged.cost.0.as_f64());
        let provisioned = summary.run.provisioned_cost.map(|cost| cost.0.as_f64());
        let spent = Spent::of(summary.economics.as_ref());
        self.rows.push(Row { values, figures, charged, provisioned, spent, met, digest });
    }

    /// Whether every run met every objective.
    pub fn objectives_met(&self) -> bool {
        self.rows.iter().all(|row| row.met)
    }

    /// Whether any run tells what its cards cost.
    fn scales(&self) -> bool {
        self.rows.iter().any(|row| row.provisioned.is_some())
    }

    /// For people.
    pub fn table(&self, style: Style) -> String {
        let varied = self.varied();
        let titles = varied.iter().map(String::as_str);
        let titles = titles.chain(COLUMNS.iter().filter_map(|column| column.title));
        let titles = titles.chain(["charged"]).chain(self.scales().then_some("cards"));
        let header: Vec<&str> = titles.chain(["verdict"]).collect();
        let mut table = Layout::new(&header, 0);
        for row in &self.rows {
            let shown =
                COLUMNS.iter().zip(row.figures).filter(|(column, _)| column.title.is_some());
            let figures = shown.map(|(column, figure)| match (column.metric.unit(), figure) {
                (connector::MetricUnit::Seconds, _) => time(figure),
                (connector::MetricUnit::Ratio, _) => share(figure),
                (unit, Some(value)) => in_unit(value, unit),
                (_, None) => crate::layout::ABSENT.to_owned(),
            });
            let cells = row.values.iter().map(|value| short(value)).chain(figures);
            let amount = |value: Option<f64>| match value {
                Some(value) => in_unit(value, connector::MetricUnit::Money),
                None => crate::layout::ABSENT.to_owned(),
            };
            let cells = cells.chain([amount(row.charged)]);
            let cells = cells.chain(self.scales().then(|| amount(row.provisioned)));
            table.row(cells.chain([verdict_word(row.met).to_owned()]).collect());
        }
        table.finish_with_verdicts(style) + &self.costs()
    }

    /// The last word of what is varied.
    fn varied(&self) -> Vec<String> {
        let last = |path: &String| short(path.rsplit('.').next().unwrap_or(path));
        self.paths.iter().map(last).collect()
    }

    /// What the runs cost, and how that differs from the first.
    fn costs(&self) -> String {
        let labels = self.varied();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let rows = self.rows.iter();
        let rows =
            rows.map(|row| (row.values.iter().map(|value| short(value)).collect(), row.spent));
        let table = what_if::table(&labels, &rows.collect::<Vec<_>>());
        table.map(|table| format!("\n{}", table.finish())).unwrap_or_default()
    }

    /// As JSON: a list of runs with their values, figures, what they cost and how that differs from
    /// the first.
    pub fn to_json(&self) -> String {
        let first = self.rows.first().map(|row| row.spent).unwrap_or_default();
        let runs = self.rows.iter().enumerate().map(|(index, row)| {
            let figures = COLUMNS.iter().zip(row.figures);
            Run {
                values: self.paths.iter().map(String::as_str).zip(&row.values).collect(),
                figures: figures.map(|(column, figure)| (column.name, figure)).collect(),
                charged: row.charged,
                provisioned_cost: row.provisioned,
                economics: row.spent,
                difference: (index > 0).then(|| row.spent.less(&first)),
                objectives_met: row.met,
                digest: &row.digest,
            }
        });
        let runs: Vec<_> = runs.collect();
        what_if::json(&runs)
    }

    /// As CSV, one line per run; figures in seconds, ratios, per second, the currency unit.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_csv(&self, out: impl std::io::Write) -> Result<(), csv::Error> {
        let mut csv = csv::Writer::from_writer(out);
        let names = COLUMNS.iter().map(|column| column.name);
        let header = self.paths.iter().map(String::as_str).chain(names);
        let header = header.chain(["charged"]).chain(self.scales().then_some("provisioned_cost"));
        csv.write_record(header.chain(SPENT).chain(["objectives_met", "digest"]))?;
        for row in &self.rows {
            let figures = row.figures.iter();
            let figures =
                figures.map(|figure| figure.map(|value| value.to_string()).unwrap_or_default());
            let cells = row.values.iter().cloned().chain(figures);
            let amount =
                |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            let cells = cells.chain([amount(row.charged)]);
            let cells = cells.chain(self.scales().then(|| amount(row.provisioned)));
            let cells = cells.chain(spent_cells(&row.spent));
            csv.write_record(cells.chain([row.met.to_string(), row.digest.clone()]))?;
        }
        csv.flush()?;
        Ok(())
    }
}
