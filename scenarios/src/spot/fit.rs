//! The process of [`sim::config::Supply::Process`] that a trace looks like.
//!
//! With exponential times the trace's totals are all there is to know: of `n` instances at rate `1/u`
//! each, falls begin at rate `n/u`, so `u` is the time that instances were there over the number of
//! falls. What fell with the first one is binomial of those that could have. Those away come back at
//! rate `1/d` each, so `d` is the time that instances were away over the number that came back.
//!
//! Where several instances are all away at times, that is read as a shortage: its times are those with
//! any instance and with none, and the rest is fitted to what happens in between. Published traces show
//! all instances or none most of the time, which no chance to go together does.

use connector::{BasisPoints, Duration};

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
    /// Mean time between shortages, and mean length of one.
    pub shortage: Option<(Duration, Duration)>,
}

impl SpotTrace {
    /// Fits the process; `None` if the trace does not fall and rise.
    pub fn fit(&self) -> Option<SpotFit> {
        let with_shortages = || {
            let shortage = self.shortages().filter(|_| self.most() > 1)?;
            let fit = Totals::of(self, true).fit()?;
            Some(SpotFit { shortage: Some(shortage), ..fit })
        };
        with_shortages().or_else(|| Totals::of(self, false).fit())
    }

    /// Mean time with any instance until there is none, and the other way round.
    fn shortages(&self) -> Option<(Duration, Duration)> {
        let spells = self.spells();
        let mean = |any: bool| {
            let total: Duration =
                spells.iter().filter(|spell| spell.any == any).map(|s| s.lasts).sum();
            // The last one was not seen to end.
            let ended = spells.iter().rev().skip(1).filter(|spell| spell.any == any).count();
            (ended > 0).then(|| total / ended as u64)
        };
        Some((mean(true)?, mean(false)?))
    }
}

/// What a fit needs to know of a trace.
#[derive(Default)]
struct Totals {
    /// Instances there, and away, times seconds.
    there: f64,
    away: f64,
    /// Falls, how many instances went beside the first ones, and how many could have.
    falls: f64,
    others_went: f64,
    others: f64,
    came: f64,
}

impl Totals {
    /// Of the whole trace, or without what leads to and from times at which there is nothing.
    fn of(trace: &SpotTrace, without_shortages: bool) -> Self {
        let most = trace.most();
        let counts = |count: u32| count > 0 || !without_shortages;
        let mut totals = Self::default();
        for (time, count) in trace.holds().filter(|&(_, count)| counts(count)) {
            totals.there += time.as_secs_f64() * f64::from(count);
            totals.away += time.as_secs_f64() * f64::from(most - count);
        }
        for pair in trace.steps.windows(2) {
            let [(_, from), (_, to)] = *pair else { continue };
            if !counts(from) || !counts(to) {
                continue;
            }
            if to < from {
                totals.falls += 1.0;
                totals.others_went += f64::from(from - to - 1);
                totals.others += f64::from(from - 1);
            } else {
                totals.came += f64::from(to - from);
            }
        }
        totals
    }

    fn fit(&self) -> Option<SpotFit> {
        let together = if self.others > 0.0 { self.others_went / self.others } else { 0.0 };
        (self.falls > 0.0 && self.came > 0.0).then(|| SpotFit {
            up: Duration::from_secs_f64(self.there / self.falls),
            down: Duration::from_secs_f64(self.away / self.came),
            together: BasisPoints::new((together * 10_000.0 + 0.5) as u32),
            shortage: None,
        })
    }
}
