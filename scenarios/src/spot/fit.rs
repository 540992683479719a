//! The process of [`sim::config::Supply::Process`] that a trace looks like.
//!
//! With exponential times the trace's totals are all there is to know: of `n` instances at rate `1/u`
//! each, falls begin at rate `n/u`, so `u` is the time that instances were there over the number of
//! falls. What fell with the first one is binomial of those that could have. Those away come back at
//! rate `1/d` each, so `d` is the time that instances were away over the number that came back.

use connector::{BasisPoints, Duration};
use sim::config::{Latency, Spells};

use super::SpotTrace;

/// See the module text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpotFit {
    /// Mean time that an instance stays until it begins a fall.
    pub up: Duration,
    /// Mean time that an instance is away.
    pub down: Duration,
    /// Chance of each other instance to go with one that falls.
    pub together: BasisPoints,
}

impl SpotTrace {
    /// Fits the process; `None` if the trace does not fall and rise.
    pub fn fit(&self) -> Option<SpotFit> {
        let most = self.most();
        let seconds = |count: fn(u32, u32) -> u32| -> f64 {
            self.holds().map(|(time, n)| time.as_secs_f64() * f64::from(count(n, most))).sum()
        };
        let (mut falls, mut with_another, mut others, mut came) = (0.0, 0.0, 0.0, 0.0);
        for pair in self.steps.windows(2) {
            let [(_, from), (_, to)] = *pair else { continue };
            if to < from {
                falls += 1.0;
                with_another += f64::from(from - to - 1);
                others += f64::from(from - 1);
            } else {
                came += f64::from(to - from);
            }
        }
        if falls == 0.0 || came == 0.0 {
            return None;
        }
        let together = if others > 0.0 { with_another / others } else { 0.0 };
        Some(SpotFit {
            up: Duration::from_secs_f64(seconds(|n, _| n) / falls),
            down: Duration::from_secs_f64(seconds(|n, most| most - n) / came),
            together: BasisPoints::new((together * 10_000.0 + 0.5) as u32),
        })
    }
}

impl SpotFit {
    /// The process as it is simulated.
    pub fn spells(&self) -> Spells {
        let exponential = |mean| Latency::Exponential { mean };
        Spells { up: exponential(self.up), down: exponential(self.down) }
    }
}
