//! From a picture to strokes: what stands where on the page.
//!
//! ```text
//! title
//! subtitle
//!        | names of bands, in lanes     |
//!        | panel                        | names of its curves
//!        | panel                        | names of its curves
//!        | strips of states             | name of each
//!        | time                         |
//! ```

use super::{
    BLACK, Curve, GREY, Look, Panel, Picture, VERMILION, YELLOW,
    bands::{self, Label},
    canvas::{self, Anchor, Canvas},
    scale::{Scale, times},
};

const WIDTH: f64 = 1_000.0;
/// Where time begins and ends, in pixels.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 800.0;
/// Where names of curves begin.
const NAMES: f64 = 818.0;
const MARGIN: f64 = 12.0;
const HEAD: f64 = 62.0;
const LANE: f64 = 16.0;
/// Above a panel, for its title.
const TITLE: f64 = 28.0;
const PANEL: f64 = 128.0;
const STRIP: f64 = 18.0;
const FOOT: f64 = 34.0;
const NAME: f64 = 18.0;
/// Sizes of letters.
const SMALL: f64 = 13.5;
const MEDIUM: f64 = 15.0;
const LARGE: f64 = 22.0;
/// Letters of a name before it is cut.
const MOST_LETTERS: usize = 25;

/// Draws a picture.
pub(super) fn draw(picture: &Picture) -> String {
    let page = Page::of(picture);
    canvas::page(WIDTH as u32, page.height as u32, |canvas| page.draw(canvas))
}

struct Page<'a> {
    picture: &'a Picture,
    labels: Vec<Label>,
    /// Where lanes, panels and strips end.
    lanes_end: f64,
    panels_end: f64,
    strips_end: f64,
    height: f64,
}

impl<'a> Page<'a> {
    fn of(picture: &'a Picture) -> Self {
        let bands: Vec<_> = picture
            .bands
            .iter()
            .map(|band| (band.name.as_str(), x(picture, band.from_s), x(picture, band.until_s)))
            .collect();
        let (labels, lanes) = bands::place(&bands, WIDTH - MARGIN);
        let lanes_end = HEAD + LANE * lanes as f64;
        let panels_end = lanes_end + (TITLE + PANEL) * picture.panels.len() as f64;
        let strips = picture.strips.len() as f64;
        let strips_end = panels_end + if strips > 0.0 { TITLE + STRIP * strips } else { 0.0 };
        Self { picture, labels, lanes_end, panels_end, strips_end, height: strips_end + FOOT }
    }

    fn x(&self, seconds: f64) -> f64 {
        x(self.picture, seconds)
    }

    fn draw(&self, canvas: &Canvas<'_>) {
        let picture = self.picture;
        canvas.heading(&picture.title, (MARGIN, 22.0), LARGE, BLACK);
        canvas.text(&picture.subtitle, (MARGIN, 43.0), Anchor::Left, (SMALL, GREY));
        self.bands(canvas);
        let mut top = self.lanes_end;
        for panel in &picture.panels {
            self.panel(canvas, panel, top + TITLE);
            top += TITLE + PANEL;
        }
        self.strips(canvas);
        self.time(canvas);
    }

    fn bands(&self, canvas: &Canvas<'_>) {
        for band in &self.picture.bands {
            let (from, until) = (self.x(band.from_s), self.x(band.until_s));
            let wide_enough = until.max(from + 1.0);
            canvas.rectangle(
                (from, self.lanes_end),
                (wide_enough, self.strips_end),
                band.colour,
                0.10,
            );
        }
        for label in &self.labels {
            let band = &self.picture.bands[label.band];
            let top = HEAD + LANE * label.lane as f64;
            let (from, until) = (self.x(band.from_s), self.x(band.until_s).max(1.0));
            canvas.rectangle(
                (from, top + 1.0),
                (until.max(from + 1.0), self.lanes_end),
                band.colour,
                0.10,
            );
            let at = (label.x, top + LANE / 2.0);
            canvas.text(&band.name, at, Anchor::Left, (SMALL, BLACK));
        }
    }

    fn panel(&self, canvas: &Canvas<'_>, panel: &Panel, top: f64) {
        let scale = scale_of(panel);
        let y = |value: f64| top + PANEL * (1.0 - scale.share(value));
        canvas.heading(panel.title, (MARGIN, top - 14.0), MEDIUM, BLACK);
        for (value, text) in scale.marks() {
            canvas.line(&[(LEFT, y(value)), (RIGHT, y(value))], GRID, 1);
            canvas.text(&text, (LEFT - 7.0, y(value)), Anchor::Right, (SMALL, GREY));
        }
        self.grid(canvas, top, top + PANEL);
        let zero = top + PANEL;
        for (index, curve) in panel.curves.iter().enumerate() {
            let floor = panel.curves.get(index + 1).filter(|_| curve.look == Look::Stacked);
            for run in runs(curve) {
                let line: Vec<_> =
                    run.iter().map(|&(_, at, value)| (self.x(at), y(value))).collect();
                match curve.look {
                    Look::Line(width) => canvas.line(&line, curve.colour, stroke(width)),
                    Look::Area | Look::Stacked => {
                        let below = run.iter().rev().map(|&(point, at, _)| {
                            let under = floor.and_then(|floor| floor.points.get(point)?.1);
                            (self.x(at), under.map_or(zero, y))
                        });
                        let around: Vec<_> = line.iter().copied().chain(below).collect();
                        let opacity = if curve.look == Look::Area { 0.30 } else { 0.85 };
                        canvas.area(&around, curve.colour, opacity);
                        if curve.look == Look::Area {
                            canvas.line(&line, curve.colour, stroke(1));
                        }
                    }
                }
            }
            let row = top + 6.0 + NAME * index as f64;
            key(canvas, curve, row);
        }
    }

    fn strips(&self, canvas: &Canvas<'_>) {
        let strips = &self.picture.strips;
        if strips.is_empty() {
            return;
        }
        let title = (MARGIN, self.panels_end + TITLE - 14.0);
        canvas.heading("Breakers that opened", title, MEDIUM, BLACK);
        for (state, colour, column) in [("open", VERMILION, 0.0), ("half-open", YELLOW, 1.0)] {
            let left = LEFT + 130.0 + 80.0 * column;
            let row = title.1;
            canvas.rectangle((left, row - 5.0), (left + 12.0, row + 5.0), colour, 0.9);
            canvas.text(state, (left + 18.0, row), Anchor::Left, (SMALL, BLACK));
        }
        for (index, strip) in strips.iter().enumerate() {
            let top = self.panels_end + TITLE + STRIP * index as f64;
            canvas.rectangle((LEFT, top + 3.0), (RIGHT, top + STRIP - 3.0), GRID, 1.0);
            for &(from, until, colour) in &strip.states {
                let (from, until) = (self.x(from), self.x(until));
                canvas.rectangle((from, top + 3.0), (until, top + STRIP - 3.0), colour, 0.9);
            }
            let name = cut(&strip.name);
            canvas.text(&name, (NAMES, top + STRIP / 2.0), Anchor::Left, (SMALL, BLACK));
        }
    }

    /// Where time is marked.
    fn grid(&self, canvas: &Canvas<'_>, top: f64, bottom: f64) {
        for (at, _) in times(self.picture.end_s) {
            canvas.line(&[(self.x(at), top), (self.x(at), bottom)], GRID, 1);
        }
    }

    fn time(&self, canvas: &Canvas<'_>) {
        let bottom = self.strips_end;
        canvas.line(&[(LEFT, bottom), (RIGHT, bottom)], GREY, 2);
        for (at, text) in times(self.picture.end_s) {
            canvas.line(&[(self.x(at), bottom), (self.x(at), bottom + 4.0)], GREY, 2);
            canvas.text(&text, (self.x(at), bottom + 15.0), Anchor::Centre, (SMALL, GREY));
        }
    }
}

const GRID: plotters::style::RGBColor = plotters::style::RGBColor(228, 228, 228);

fn x(picture: &Picture, seconds: f64) -> f64 {
    let share = if picture.end_s > 0.0 { seconds / picture.end_s } else { 0.0 };
    LEFT + (RIGHT - LEFT) * share.clamp(0.0, 1.0)
}

fn scale_of(panel: &Panel) -> Scale {
    let values = || panel.curves.iter().flat_map(|of| of.points.iter().filter_map(|point| point.1));
    let most = values().fold(0.0, f64::max);
    if panel.logarithmic {
        let least = values().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        Scale::logarithmic(least, most)
    } else {
        Scale::linear(most)
    }
}

/// The pieces of a curve: number, time and value of each point.
fn runs(curve: &Curve) -> Vec<Vec<(usize, f64, f64)>> {
    let mut runs = vec![Vec::new()];
    for (index, &(at, value)) in curve.points.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(value), Some(run)) => run.push((index, at, value)),
            (Some(_) | None, _) => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// Half pixels of a line: thin and thick are told apart, and thin ones seen.
const fn stroke(width: u32) -> u32 {
    2 * width + 1
}

/// The name of a curve, with what it looks like.
fn key(canvas: &Canvas<'_>, curve: &Curve, row: f64) {
    match curve.look {
        Look::Line(width) => {
            canvas.line(&[(NAMES, row), (NAMES + 16.0, row)], curve.colour, stroke(width) + 1);
        }
        Look::Area | Look::Stacked => {
            canvas.rectangle((NAMES, row - 5.0), (NAMES + 16.0, row + 5.0), curve.colour, 0.8);
        }
    }
    canvas.text(&cut(&curve.name), (NAMES + 23.0, row), Anchor::Left, (SMALL, BLACK));
}

fn cut(name: &str) -> String {
    if name.chars().count() <= MOST_LETTERS {
        return name.to_owned();
    }
    name.chars().take(MOST_LETTERS - 1).chain(['…']).collect()
}
