//! The time that a given share of strikes does not exceed, as it is at present.
//!
//! # Problem
//!
//! Whoever acts on the 95th percentile of a latency promises that one in twenty is acted on. Acting on a
//! strike changes what is learnt of it: one that is hedged after 3 s and called off after 4 s would have
//! taken longer than 4 s, and nobody knows how much longer. An estimate that takes it for 4 s is too low,
//! so more is hedged than was promised.
//!
//! # Mechanism
//!
//! Whether a strike was slower than the present estimate is known of every strike, called off or not, and
//! that alone moves the estimate (Robbins and Monro): times `exp(gain q)` for one that was slower, times
//! `exp(-gain (1 - q))` for one that was in time. So after n strikes the logarithm of the estimate has
//! moved by gain x (slower ones - (1 - q) n). It stays where the times are; therefore the share of slower
//! ones is 1 - q, whatever the law of the times is and however it changes, and after n strikes it is off
//! by at most the way that the logarithm has come, over gain x n.
//!
//! The gain is 1/64: as good as a count of some hundred slow strikes, and at p95 an eightfold change of
//! pace is followed after 140 strikes if it is slower and after 2,700 if it is faster. Where slow strikes are
//! rare (beyond p99.68) it is as large as it takes to fall to the e-th part in 20,000 strikes.
//!
//! # Edges
//!
//! The first estimate is the greatest time below which all but 5 lie, once these 5 are the share asked
//! for: the 95th percentile after 100 times. It is found among the greatest six.
//!
//! A strike in time lowers the estimate at most to its own time, so times that are all alike never exceed
//! it. For times that vary nothing comes of it: a step down is 0.08 % at p95, so rarely does one end there,
//! and of exponential times 1 in 17,000 hedges is missing.
//!
//! The law of motion has no bounds, but a strike has taken longer than the estimate when that rises, so
//! it never exceeds the longest by more than a step.
//!
//! # Sources
//!
//! Robbins and Monro, "A Stochastic Approximation Method", 1951. Steps by factors: Yazidi and Hammer,
//! "Multiplicative Update Methods for Incremental Quantile Estimation", IEEE Transactions on Cybernetics
//! 49(3), 2019. The bound that holds for any sequence: Gibbs and Candès, "Adaptive Conformal Inference
//! Under Distribution Shift", `NeurIPS` 2021. The alternative is Kaplan and Meier's estimate of censored
//! times over a window: larger, right in the limit only, and while every strike is called off it does not
//! learn how slow a pool has become.

use connector::{BasisPoints, Duration};

/// Times that have to lie above the first estimate.
const WITNESSES: usize = 5;
/// By how much a strike moves the logarithm of the estimate, up and down together.
const GAIN: f64 = 1.0 / 64.0;
/// Strikes in time after which the estimate has fallen to the e-th part, at most.
const FOLD: f64 = 20_000.0;
/// Nothing is shorter; from nothing at all no factor would lead on.
const LEAST_NS: f64 = 1.0;

/// See the module text.
#[derive(Clone, Debug)]
pub(crate) struct Quantile {
    /// Factor for a strike that was slower.
    up: f64,
    /// Factor for one in time.
    down: f64,
    estimate: Estimate,
}

#[derive(Clone, Debug)]
enum Estimate {
    /// So many times more until it is known; the greatest of those that came, in order.
    Unknown { missing: u32, greatest: [Duration; WITNESSES + 1] },
    /// In nanoseconds, with what is below them: steps are smaller than that for short times.
    Known(f64),
}

impl Quantile {
    /// Of this share of all times, below one.
    pub(crate) fn new(share: BasisPoints) -> Self {
        let one = BasisPoints::ONE.get();
        let above = one.saturating_sub(share.get()).max(1);
        let missing = (WITNESSES as u32 * one).div_ceil(above);
        let above = f64::from(above) / f64::from(one);
        let gain = GAIN.max(1.0 / (FOLD * above));
        Self {
            up: libm::exp(gain * (1.0 - above)),
            down: libm::exp(-gain * above),
            estimate: Estimate::Unknown { missing, greatest: Default::default() },
        }
    }

    /// The quantile; `None` while too little is known.
    pub(crate) fn value(&self) -> Option<Duration> {
        match self.estimate {
            Estimate::Unknown { .. } => None,
            Estimate::Known(ns) => Some(Duration::from_nanos(ns as u64)),
        }
    }

    /// A strike took so long that nothing was known of what is usual when it began.
    pub(crate) fn first_times(&mut self, took: Duration) {
        let Estimate::Unknown { missing, greatest } = &mut self.estimate else {
            return;
        };
        greatest[0] = greatest[0].max(took);
        greatest.sort_unstable();
        *missing -= 1;
        if *missing == 0 {
            self.estimate = Estimate::Known(nanos(greatest[0]));
        }
    }

    /// A strike took so long, and that was not longer than the quantile at the time when it was judged.
    pub(crate) fn in_time(&mut self, took: Duration) {
        if let Estimate::Known(ns) = &mut self.estimate {
            let floor = Some(nanos(took)).filter(|took| took <= ns);
            *ns = (*ns * self.down).max(floor.unwrap_or(LEAST_NS));
        }
    }

    /// A strike takes longer than the estimate.
    pub(crate) fn slower(&mut self) {
        if let Estimate::Known(ns) = &mut self.estimate {
            *ns *= self.up;
        }
    }
}

fn nanos(time: Duration) -> f64 {
    (time.as_nanos() as f64).max(LEAST_NS)
}

#[cfg(test)]
mod tests;
