use std::fmt::Write as _;

use connector::MetricUnit;

use super::{ReplicationsSummary, Spread};
use crate::{
    Style,
    layout::{ABSENT, Layout, in_unit, verdict_word},
};
impl ReplicationsSummary {
    /// The report for people: the header line, then tables of at most 100 columns.
    pub fn table(&self, style: Style) -> String {
        let mut text = format!("{}\n\n", self.header);
        let title = if self.header.partial {
            format!("PARTIAL: {} of {} replications", self.replications, self.asked_for)
        } else {
            format!("{} replications", self.replications)
        };
        let _ = write!(text, "{}\n{}", style.heading(&title), self.metrics());
        if !self.objectives.is_empty() {
            let heading = style.heading("objectives");
            let _ = write!(text, "\n{heading}\n{}", self.verdicts().finish_with_verdicts(style));
        }
        text
    }

    fn metrics(&self) -> String {
        let mut table = Layout::new(&["", "mean", "deviation", "95% confidence of the mean"], 1);
        for metric in &self.metrics {
            let name = match &metric.statistic {
                Some(statistic) => format!("{} {statistic}", metric.metric),
                None => metric.metric.to_owned(),
            };
            let mut row = vec![name];
            row.extend(figures(&metric.spread, metric.measures.unit()));
            table.row(row);
        }
        table.finish()
    }

    fn verdicts(&self) -> Layout {
        let mut table =
            Layout::new(&["objective", "mean", "95% confidence", "met in", "verdict"], 1);
        for objective in &self.objectives {
            let [mean, _, interval] = figures(&objective.spread, objective.measures.unit());
            let mean = if objective.spread.count == 0 { "no data".to_owned() } else { mean };
            let met_in = format!("{} of {}", objective.met_in, self.replications);
            table.row(vec![
                objective.text.clone(),
                mean,
                interval,
                met_in,
                verdict_word(objective.met).to_owned(),
            ]);
        }
        table
    }
}

fn figures(spread: &Spread, unit: MetricUnit) -> [String; 3] {
    let shown =
        |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), |value| in_unit(value, unit));
    let interval = match (spread.mean_low, spread.mean_high) {
        (Some(low), Some(high)) => format!("{} .. {}", in_unit(low, unit), in_unit(high, unit)),
        (None, _) | (_, None) => ABSENT.to_owned(),
    };
    [shown(spread.mean), shown(spread.standard_deviation), interval]
}
