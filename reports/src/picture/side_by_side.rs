//! What is shown of several runs: the same quantities over each other.

use plotters::style::RGBColor;

use super::{
    BLACK, BLUE, Band, Curve, GREEN, Look, MOST_POINTS, ORANGE, PURPLE, Panel, Picture, SKY,
    VERMILION,
};
use crate::compare::{Comparison, MOST_COMPARED, Row, Told};

const OF_RUNS: [RGBColor; MOST_COMPARED] = [VERMILION, BLUE, GREEN, ORANGE, PURPLE, SKY];

/// The picture of several runs. Faults and arrivals are those of the first.
pub(crate) fn of_comparison(comparison: &Comparison) -> Picture {
    let runs: Vec<Coarse<'_>> = comparison.runs.iter().map(Coarse::of).collect();
    let names: Vec<_> = comparison.runs.iter().map(|run| run.name.as_str()).collect();
    let first = runs.first();
    let header = comparison.runs.first().map_or("# harpoon", |run| run.header.as_str());
    let fields = header.split(' ').filter(|field| field.starts_with("seed="));
    let seed = fields.map(|field| field.replace('=', " ")).collect::<String>();
    let scenario = header.split(' ').find_map(|field| field.strip_prefix("scenario="));
    let each = |count: fn(&Row) -> u64| {
        let curves = runs.iter().zip(OF_RUNS);
        curves.map(move |(run, colour)| run.per_second(&run.told.name, colour, 2, count))
    };
    let arrivals = first.map(|run| run.per_second("arrivals", BLACK, 1, |row| row.arrivals));
    let panel = |title, curves| Panel { title, logarithmic: false, curves };
    Picture {
        mark: header.to_owned(),
        title: format!("{}: {}", scenario.unwrap_or_default(), names.join(" and ")),
        subtitle: first.map_or(seed.clone(), |run| {
            format!("{seed}; a point is {}", crate::humanise::seconds(run.length_s))
        }),
        end_s: runs.iter().map(Coarse::end_s).fold(0.0, f64::max),
        bands: first.map(Coarse::faults).unwrap_or_default(),
        panels: vec![
            panel(
                "Answered in time, per second",
                arrivals.iter().cloned().chain(each(|row| row.in_time)).collect(),
            ),
            panel(
                "Sent to pools, per second",
                arrivals.iter().cloned().chain(each(|row| row.strikes)).collect(),
            ),
            panel(
                "Requests in flight, at most",
                runs.iter().zip(OF_RUNS).map(|(run, colour)| run.in_flight(colour)).collect(),
            ),
        ],
        strips: Vec::new(),
    }
}

/// A run in few enough intervals.
struct Coarse<'a> {
    told: &'a Told,
    rows: Vec<Row>,
    length_s: f64,
}

impl<'a> Coarse<'a> {
    fn of(told: &'a Told) -> Self {
        let each = told.rows.len().div_ceil(MOST_POINTS).max(1);
        let together = |few: &[Row]| {
            few.iter().cloned().reduce(|one, next| Row {
                warm_up: one.warm_up,
                arrivals: one.arrivals + next.arrivals,
                in_time: one.in_time + next.in_time,
                strikes: one.strikes + next.strikes,
                in_flight: one.in_flight.max(next.in_flight),
                faults: one.faults,
            })
        };
        let rows = told.rows.chunks(each).filter_map(together).collect();
        Self { told, rows, length_s: told.length_s * each as f64 }
    }

    fn end_s(&self) -> f64 {
        self.told.rows.len() as f64 * self.told.length_s
    }

    fn per_second(
        &self,
        name: &str,
        colour: RGBColor,
        width: u32,
        count: fn(&Row) -> u64,
    ) -> Curve {
        let points = self.points(|row| Some(count(row) as f64 / self.length_s));
        Curve { name: name.to_owned(), colour, look: Look::Line(width), points }
    }

    fn in_flight(&self, colour: RGBColor) -> Curve {
        let points = self.points(|row| row.in_flight.map(|most| most as f64));
        Curve { name: self.told.name.clone(), colour, look: Look::Line(2), points }
    }

    fn points(&self, of: impl Fn(&Row) -> Option<f64>) -> Vec<(f64, Option<f64>)> {
        let at = |index: usize| (index as f64 + 0.5) * self.length_s;
        self.rows.iter().enumerate().map(|(index, row)| (at(index), of(row))).collect()
    }

    /// Neighbouring intervals with the same fault are one band.
    fn faults(&self) -> Vec<Band> {
        let mut bands: Vec<Band> = Vec::new();
        let length = self.told.length_s;
        for (index, row) in self.told.rows.iter().enumerate() {
            let (from_s, until_s) = (index as f64 * length, (index + 1) as f64 * length);
            for name in &row.faults {
                let going_on =
                    bands.iter_mut().find(|band| band.name == *name && band.until_s >= from_s);
                match going_on {
                    Some(band) => band.until_s = until_s,
                    None => {
                        bands.push(Band { name: name.clone(), from_s, until_s, colour: VERMILION });
                    }
                }
            }
        }
        bands
    }
}
