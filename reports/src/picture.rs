//! Pictures of runs over time, as SVG.
//!
//! # Mechanism
//!
//! A [`Picture`] is a page of panels above one another that share their time: curves, stacked areas and
//! strips of states, with bands behind them all for what was done to the run. Names stand in a column
//! of their own at the right, in the order in which the panel shows them, so no two can overlap; those
//! of bands stand above, in as many lanes as it takes.
//!
//! # Edges
//!
//! * The same data makes the same bytes: whole half pixels, logarithms of `libm`, nothing of fonts but
//!   their names.
//! * Colours are those of Okabe and Ito ("Color Universal Design", 2008), which people who are colour
//!   blind tell apart. Curves that belong together differ in width, too.
//! * A run of any length takes at most [`MOST_POINTS`] points to a curve.

mod bands;
mod canvas;
mod page;
mod scale;
mod side_by_side;
mod view;

use plotters::style::RGBColor;

use crate::{Header, header::TEXT_MARK};
pub(crate) use side_by_side::of_comparison;
pub(crate) use view::of_timeline;

/// What every picture of this product begins with.
pub(crate) const PICTURE_MARK: &str = "<!-- # harpoon ";

/// Most points of a curve: one for every few pixels, or its ups and downs hide where it goes.
pub(crate) const MOST_POINTS: usize = 200;

pub(super) const BLACK: RGBColor = RGBColor(40, 40, 40);
pub(super) const GREY: RGBColor = RGBColor(120, 120, 120);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const YELLOW: RGBColor = RGBColor(240, 228, 66);
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);

/// A page.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The first line of the file, without its marks as a comment.
    pub(crate) mark: String,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    /// Where the time axis ends, in seconds.
    pub(crate) end_s: f64,
    pub(crate) bands: Vec<Band>,
    pub(crate) panels: Vec<Panel>,
    pub(crate) strips: Vec<Strip>,
}

/// A stretch of time in which something was done to the run.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    pub(crate) name: String,
    pub(crate) from_s: f64,
    pub(crate) until_s: f64,
    pub(crate) colour: RGBColor,
}

/// Curves over one scale.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    /// Whether a step up is a multiple. Without: from zero.
    pub(crate) logarithmic: bool,
    pub(crate) curves: Vec<Curve>,
}

/// One quantity over time.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) colour: RGBColor,
    pub(crate) look: Look,
    /// Seconds and value; `None` interrupts it.
    pub(crate) points: Vec<(f64, Option<f64>)>,
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Look {
    /// A line of this width.
    Line(u32),
    /// An area down to zero.
    Area,
    /// An area down to the curve after it, or to zero after the last.
    Stacked,
}

/// One thing that is in one of several states.
#[derive(Debug)]
pub(crate) struct Strip {
    pub(crate) name: String,
    /// From, until, in seconds; and the state's colour.
    pub(crate) states: Vec<(f64, f64, RGBColor)>,
}

impl Picture {
    /// The picture as a file.
    pub(crate) fn to_svg(&self) -> String {
        format!("{}{}", comment(&self.mark), page::draw(self))
    }
}

/// A file that says that there is no picture yet.
pub(crate) fn unfinished(header: &Header) -> String {
    let nothing = r#"<svg width="1" height="1" xmlns="http://www.w3.org/2000/svg"/>"#;
    format!("{}{nothing}\n", comment(header.reserved_line().trim_end()))
}

/// Two dashes in a name would end the comment.
fn comment(mark: &str) -> String {
    debug_assert!(mark.starts_with(TEXT_MARK), "{mark}");
    format!("<!-- {} -->\n", mark.replace("--", "-_"))
}

#[cfg(test)]
mod tests;
