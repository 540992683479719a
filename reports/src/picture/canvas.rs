//! What pictures are drawn with: strokes of a library, measured in pixels of the page.

use plotters::{
    coord::Shift,
    element::{PathElement, Polygon, Rectangle, Text},
    prelude::{DrawingArea, IntoDrawingArea, SVGBackend},
    style::{
        Color, FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// The library counts in whole units; with two to a pixel, curves are smooth.
const UNITS: f64 = 2.0;
/// The library writes into a string, which takes everything.
const TAKES_ALL: &str = "a string takes all that is drawn";

/// Where a text stands in relation to its point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Left,
    Centre,
    Right,
}

/// A page under work.
pub(super) struct Canvas<'a>(DrawingArea<SVGBackend<'a>, Shift>);

/// Draws a page of this size.
pub(super) fn page(width: u32, height: u32, draw: impl FnOnce(&Canvas<'_>)) -> String {
    let mut text = String::new();
    let (wide, high) = (width * UNITS as u32, height * UNITS as u32);
    let area = SVGBackend::with_string(&mut text, (wide, high)).into_drawing_area();
    let canvas = Canvas(area);
    canvas.0.fill(&WHITE).expect(TAKES_ALL);
    draw(&canvas);
    canvas.0.present().expect(TAKES_ALL);
    drop(canvas);
    // As large as was asked for, with as many units.
    let drawn = format!(r#"width="{wide}" height="{high}""#);
    text.replacen(&drawn, &format!(r#"width="{width}" height="{height}""#), 1)
}

impl Canvas<'_> {
    pub(super) fn text(
        &self,
        text: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        (size, colour): (f64, RGBColor),
    ) {
        self.write(text, (x, y), anchor, (size, FontStyle::Normal), colour);
    }

    pub(super) fn heading(&self, text: &str, (x, y): (f64, f64), size: f64, colour: RGBColor) {
        self.write(text, (x, y), Anchor::Left, (size, FontStyle::Bold), colour);
    }

    fn write(
        &self,
        text: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        (size, style): (f64, FontStyle),
        colour: RGBColor,
    ) {
        let horizontally = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Centre => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let font = ("sans-serif", size * UNITS, style).into_font().transform(FontTransform::None);
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(horizontally, VPos::Center));
        let text = Text::new(text, unit((x, y)), style);
        self.0.draw(&text).expect(TAKES_ALL);
    }

    /// A line through these points; a single one is a dot.
    pub(super) fn line(&self, points: &[(f64, f64)], colour: RGBColor, width: u32) {
        let mut points: Vec<_> = points.iter().copied().map(unit).collect();
        if let [(x, y)] = points[..] {
            points = vec![(x - 2, y), (x + 2, y)];
        }
        let style: ShapeStyle = colour.stroke_width(width);
        self.0.draw(&PathElement::new(points, style)).expect(TAKES_ALL);
    }

    pub(super) fn area(&self, points: &[(f64, f64)], colour: RGBColor, opacity: f64) {
        let points: Vec<_> = points.iter().copied().map(unit).collect();
        self.0.draw(&Polygon::new(points, colour.mix(opacity))).expect(TAKES_ALL);
    }

    pub(super) fn rectangle(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        colour: RGBColor,
        opacity: f64,
    ) {
        let style = colour.mix(opacity).filled();
        self.0.draw(&Rectangle::new([unit(from), unit(to)], style)).expect(TAKES_ALL);
    }
}

fn unit((x, y): (f64, f64)) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}
