//! Every figure as a ratio of two sums, with its standard error by batch means.
//!
//! With sums `x_k` and `y_k` of window `k`, the estimate is `r = sum x / sum y`, and its standard
//! error that of the mean of `x_k - r y_k`, over the mean of `y_k`. A variance is such a ratio of
//! squared distances from the mean. A percentile is that of all customers; its standard error is
//! that of the mean of the windows' percentiles.

use super::{
    case::of_class,
    observer::{Busy, Reading, Window, Windows},
    spread::Time,
};

/// A figure and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) standard_error: f64,
}

impl Estimate {
    /// Whether it does not vary at all, but for the last bits of floating-point sums.
    pub(super) fn is_exact(self) -> bool {
        self.standard_error <= 1e-12 * self.value.abs()
    }
}

/// The ratio of the sums of pairs.
pub(super) fn ratio(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Estimate {
    let n = pairs.clone().count() as f64;
    let (x, y) = pairs.clone().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    let value = x / y;
    let squares: f64 = pairs.map(|(x, y)| (x - value * y).powi(2)).sum();
    let standard_error = (squares / (n * (n - 1.0))).sqrt() / (y / n);
    Estimate { value, standard_error }
}

/// Sum, sum of squares and weight of each batch, as a variance.
pub(super) fn variance(batches: impl Iterator<Item = (f64, f64, f64)> + Clone) -> Estimate {
    let mean = ratio(batches.clone().map(|(sum, _, weight)| (sum, weight))).value;
    ratio(batches.map(move |(sum, squares, weight)| {
        (squares - 2.0 * mean * sum + mean * mean * weight, weight)
    }))
}

/// `wait_p95`, `response_p999`: what of which share.
pub(super) fn percentile(metric: &str) -> Option<(Time, f64)> {
    let (time, digits) = metric.rsplit_once("_p")?;
    let time = match time {
        "wait" => Time::Wait,
        "response" => Time::Response,
        _ => return None,
    };
    let share: f64 = format!("0.{digits}").parse().ok()?;
    Some((time, share))
}

/// The metric of this name, where a run yields it.
pub(super) fn estimate(metric: &str, windows: &Windows, reading: Reading) -> Option<Estimate> {
    if let Some((time, share)) = percentile(metric) {
        return Some(percentile_of(metric, windows, time, share));
    }
    let kept = windows.closed.iter();
    if let Some((metric, class)) = of_class(metric) {
        let of = |window: &Window| window.classes.get(class).copied().unwrap_or_default();
        return match metric {
            "mean_wait_per_class" => Some(ratio(kept.map(of).map(|c| (c.wait, c.completed)))),
            "mean_response_per_class" => {
                Some(ratio(kept.map(of).map(|c| (c.response, c.completed))))
            }
            _ => None,
        };
    }
    match metric {
        "var_response" => {
            Some(variance(kept.map(|w| (w.response, w.response_squared, w.completed))))
        }
        "var_in_system" => Some(variance(kept.map(|w| (w.present, w.present_squared, w.span)))),
        _ => Some(ratio(kept.map(pair(metric, reading)?))),
    }
}

/// Numerator and denominator of a metric in one window.
type Pair = fn(&Window) -> (f64, f64);

/// How a metric is read.
fn pair(metric: &str, reading: Reading) -> Option<Pair> {
    Some(match metric {
        "mean_wait" | "mean_wait_served" => |w| (w.wait_served, w.completed),
        "mean_wait_all" => |w| (w.wait_served + w.wait_abandoned, w.completed + w.abandoned),
        "mean_response" => |w| (w.response, w.completed),
        "mean_slowdown" => |w| (w.slowdown, w.completed),
        "mean_attempts" => |w| (w.attempts, w.completed + w.refused),
        "p_wait" => |w| (w.waited, w.completed + w.abandoned),
        "p_abandon" => |w| (w.abandoned, w.completed + w.abandoned),
        "p_success" => |w| (w.completed, w.completed + w.refused),
        "loss" => |w| (w.refused, w.completed + w.refused),
        "throughput" => |w| (w.completed, w.span),
        "mean_in_queue" => |w| (w.wait_served + w.wait_abandoned, w.span),
        "mean_in_system" if reading.closed => |w| (w.response, w.span),
        "mean_in_system" => |w| (w.present, w.span),
        "p_empty" => |w| (w.empty, w.span),
        "p_all_busy" => |w| (w.all_busy, w.span),
        "mean_batch" => |w| (w.in_service, w.span),
        "utilization" => match reading.busy {
            Busy::Cards => |w| (w.busy_cards, w.cards),
            Busy::Present => |w| (w.in_service, w.server_time),
            Busy::Work => |w| (w.service, w.server_time),
        },
        _ => return None,
    })
}

fn percentile_of(metric: &str, windows: &Windows, time: Time, share: f64) -> Estimate {
    let place = windows.percentiles().iter().position(|asked| *asked == (time, share));
    let place = place.unwrap_or_else(|| panic!("{metric} was not asked for"));
    let of_windows = windows.closed.iter().map(|window| (window.percentiles[place], 1.0));
    let standard_error = ratio(of_windows).standard_error;
    Estimate { value: windows.percentile(time, share), standard_error }
}
