//! How a run went, second by second: measured and simulated.

use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, ChartBuilder, Color, DrawingArea, IntoDrawingArea, IntoFont, LineSeries, PathElement,
    RGBColor, SVGBackend, WHITE,
};
use serde::Deserialize;

use super::{ReplayError, profile::rows};

/// The state of an engine at one instant.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
pub struct Moment {
    /// Seconds since the start of the run.
    pub t: f64,
    /// Sequences in the batch.
    pub running: f64,
    /// Requests that wait.
    pub waiting: f64,
    /// Share of the KV cache in use, in percent.
    pub kv_cache_pct: f64,
}

/// One quantity of a moment.
type Quantity = fn(&Moment) -> f64;

/// What is drawn and compared.
const QUANTITIES: [(&str, Quantity); 3] = [
    ("running", |moment| moment.running),
    ("waiting", |moment| moment.waiting),
    ("KV cache in use, %", |moment| moment.kv_cache_pct),
];

/// The measured moments of a run.
pub(super) fn read(folder: &Path) -> Result<Vec<Moment>, ReplayError> {
    let rows = rows(&folder.join("timeseries.csv"))?;
    Ok(rows.into_iter().map(|(_, moment)| moment).collect())
}

/// For each quantity, the mean distance of the curves as a share of the measured mean.
pub(super) fn distances(measured: &[Moment], simulated: &[Moment]) -> Vec<(&'static str, f64)> {
    let distance = |(name, of): (&'static str, Quantity)| {
        let pairs = || measured.iter().zip(simulated);
        let off: f64 = pairs().map(|(a, b)| (of(a) - of(b)).abs()).sum();
        (name, off / pairs().map(|(a, _)| of(a)).sum::<f64>())
    };
    QUANTITIES.into_iter().map(distance).collect()
}

/// Draws the simulated curves over the measured ones.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn draw(
    path: &Path,
    title: &str,
    measured: &[Moment],
    simulated: &[Moment],
) -> Result<(), ReplayError> {
    let failed = |error: &dyn std::fmt::Display| ReplayError::Draw {
        path: PathBuf::from(path),
        message: error.to_string(),
    };
    let root = SVGBackend::new(path, (900, 720)).into_drawing_area();
    root.fill(&WHITE).map_err(|error| failed(&error))?;
    let root =
        root.titled(title, ("sans-serif", 18).into_font()).map_err(|error| failed(&error))?;
    for (area, (name, of)) in root.split_evenly((3, 1)).iter().zip(QUANTITIES) {
        panel(area, name, of, measured, simulated).map_err(|error| failed(&error))?;
    }
    root.present().map_err(|error| failed(&error))
}

fn panel<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    name: &str,
    of: Quantity,
    measured: &[Moment],
    simulated: &[Moment],
) -> Result<(), Box<dyn std::error::Error + 'a>> {
    let all = || measured.iter().chain(simulated);
    let end = all().map(|moment| moment.t).fold(1.0, f64::max);
    let most = all().map(of).fold(1.0, f64::max) * 1.05;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..end, 0.0..most)?;
    chart.configure_mesh().y_desc(name).x_desc("seconds").light_line_style(WHITE).draw()?;
    for (label, moments, colour) in [
        ("measured", measured, RGBColor(150, 150, 150)),
        ("simulated", simulated, RGBColor(0, 90, 200)),
    ] {
        let line = moments.iter().map(|moment| (moment.t, of(moment)));
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().border_style(BLACK.mix(0.3)).draw()?;
    Ok(())
}
