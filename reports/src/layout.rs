//! Tables for people: no borders, figures to the right, at most [`WIDTH`] columns.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use connector::{MetricUnit, Money};

use crate::{Style, humanise};

/// Columns that a table may take.
pub(crate) const WIDTH: u16 = 100;
/// Characters of a name that are shown.
const NAME_LENGTH: usize = 20;
/// What stands where there is no figure.
pub(crate) const ABSENT: &str = "-";
const MET: &str = "met";
const MISSED: &str = "MISSED";

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

    /// With a header; these columns are figures, the others words.
    pub(crate) fn of_words(header: &[&str], figures: std::ops::Range<usize>) -> Self {
        let mut table = blank();
        table.set_header(header.to_vec());
        for column in table.column_iter_mut().skip(figures.start).take(figures.len()) {
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

    /// The same for a table whose last column is [`verdict_word`], with these words coloured. Only
    /// then, because terminal codes inside a table would count as characters of a column.
    pub(crate) fn finish_with_verdicts(self, style: Style) -> String {
        let mut text = String::new();
        for line in self.finish().lines() {
            text += &match (line.strip_suffix(MISSED), line.strip_suffix(MET)) {
                (Some(rest), _) => rest.to_owned() + &style.bad(MISSED),
                (None, Some(rest)) => rest.to_owned() + &style.good(MET),
                (None, None) => line.to_owned(),
            };
            text.push('\n');
        }
        text
    }
}

fn blank() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table
}

/// Whether an objective is met.
pub(crate) const fn verdict_word(met: bool) -> &'static str {
    if met { MET } else { MISSED }
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

/// An amount of the currency unit: hundredths, and finer for small ones.
pub(crate) fn money(amount: Money) -> String {
    const SMALL_NANOS: u128 = 10_000_000_000;
    if amount.as_nanos().unsigned_abs() < SMALL_NANOS {
        format!("{amount:.4}")
    } else {
        format!("{amount:.2}")
    }
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
