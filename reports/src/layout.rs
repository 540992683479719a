//! Tables for people: no borders, figures to the right, at most [`WIDTH`] columns.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use connector::MetricUnit;

use crate::humanise;

/// Columns that a table may take.
pub(crate) const WIDTH: u16 = 100;
/// Characters of a name that are shown.
const NAME_LENGTH: usize = 20;
/// What stands where there is no figure.
pub(crate) const ABSENT: &str = "-";

/// A table under construction.
pub(crate) struct Layout(Table);

impl Layout {
    /// With a header; columns from `first_figure` on are figures.
    pub(crate) fn new(header: &[&str], first_figure: usize) -> Self {
        let mut table = blank();
        table.set_header(header.to_vec());
        for column in table.column_iter_mut().skip(first_figure) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Self(table)
    }

    /// Names and what is said about them, without header.
    pub(crate) fn of_facts() -> Self {
        Self(blank())
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.0.add_row(cells);
    }

    /// The lines, each ended by a line feed.
    pub(crate) fn finish(mut self) -> String {
        for column in self.0.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.0.trim_fmt() + "\n"
    }
}

fn blank() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table
}

/// A name that fits its column.
pub(crate) fn short(name: &str) -> String {
    if name.chars().count() <= NAME_LENGTH {
        return name.to_owned();
    }
    let kept: String = name.chars().take(NAME_LENGTH - 2).collect();
    kept + ".."
}

/// A duration in seconds, or its absence.
pub(crate) fn time(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| ABSENT.to_owned(), humanise::seconds)
}

/// A ratio, or its absence.
pub(crate) fn share(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| ABSENT.to_owned(), humanise::percent)
}

/// A count, or its absence.
pub(crate) fn number(value: Option<u64>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), humanise::whole)
}

/// A metric's value in its unit.
pub(crate) fn in_unit(value: f64, unit: MetricUnit) -> String {
    match unit {
        MetricUnit::Seconds => humanise::seconds(value),
        MetricUnit::Ratio => humanise::percent(value),
        MetricUnit::PerSecond => format!("{}/s", humanise::significant(value)),
        MetricUnit::Money | MetricUnit::Count => humanise::significant(value),
    }
}
