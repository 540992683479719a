//! Percentiles of a time, per window and altogether.

use connector::Duration;
use hdrhistogram::Histogram;

/// Percentiles are read to a ten-thousandth.
const SIGNIFICANT_FIGURES: u8 = 4;

/// A time whose percentiles can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    Wait,
    Response,
}

/// The distribution of a time in microseconds, in the open window and altogether.
#[derive(Debug)]
pub(super) struct Spread {
    here: Histogram<u64>,
    whole: Histogram<u64>,
}

impl Spread {
    pub(super) fn new() -> Self {
        let empty = || Histogram::new(SIGNIFICANT_FIGURES).expect("a supported resolution");
        Self { here: empty(), whole: empty() }
    }

    pub(super) fn record(&mut self, time: Duration) {
        let microseconds = time.as_nanos() / 1000;
        self.here.record(microseconds).expect("the histogram grows");
    }

    /// The time in seconds that this share of the open window does not exceed.
    pub(super) fn here(&self, share: f64) -> f64 {
        seconds_at(&self.here, share)
    }

    /// The same over all that was kept.
    pub(super) fn whole(&self, share: f64) -> f64 {
        seconds_at(&self.whole, share)
    }

    /// Closes the open window.
    pub(super) fn keep(&mut self) {
        self.whole.add(&self.here).expect("the histogram grows");
        self.here.reset();
    }
}

fn seconds_at(histogram: &Histogram<u64>, share: f64) -> f64 {
    histogram.value_at_quantile(share) as f64 / 1e6
}
