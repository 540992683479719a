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
//! `exp(-gain (1 - q))` for one that was in time. One gain will not do. With 1/48 an eightfold change of
//! pace is followed at once, but the estimate sways by 6 % (exponential times at p95); with 1/576 it sways
//! by 1.7 % and takes twelve times as long to follow.
//!
//! So there are two gears with play between them. The play is in its middle at first. A fine step is a
//! twelfth of a coarse one in the logarithm, and moves the play by what the coarse one would have been, at
//! most 7/8 to either side: to where 42 strikes more were slower than asked for, or as many fewer. A step
//! that would lead out of the play is coarse, and leaves the play where it is. What times of one law do to
//! the play is a walk that the estimate leads back: of those 42, its standard deviation is 10 to 14. What
//! a change of pace does is to run against the end of it.
//!
//! Let `sum` be the slower ones less the share asked for, (slower ones) - (1 - q) n. Fine or coarse, a step
//! moves `ln(estimate) + 11/12 play` by gain times what its strike adds to the sum. Therefore after n
//! strikes, whatever the law of the times is and however it changes,
//!
//! ```text
//! sum = (ln(estimate / first) + 11/12 play) / gain,   -7/8 <= play <= 7/8
//! ```
//!
//! The estimate stays where the times are, so the share of slower ones is 1 - q in the long run, and is off
//! by at most (the way that the logarithm has come + 0.81) / (gain n): the play costs 39 strikes, once. A
//! rule that takes large steps after rows of equal judgements has no such bound: whoever is in time in rows
//! that are long enough, and slow in rows that are not, drives it down for ever.
//!
//! At p95 an eightfold change of pace is followed after 150 to 190 strikes if it is slower and after 2,700
//! to 3,600 if it is faster, as the play is in the middle or at the other end. Where slow strikes are rare
//! (beyond p99.76) the gain is as large as it takes to fall to the e-th part in 20,000 coarse steps.
//!
//! # Edges
//!
//! The first estimate is the greatest time below which all but 5 lie, once these 5 are the share asked
//! for: the 95th percentile after 100 times. It is found among the greatest six.
//!
//! A strike in time lowers the estimate at most to its own time, so times that are all alike never exceed
//! it. That leaves the play alone. The estimate has moved down by less than the strike allowed, so `sum` is
//! then less than the equation says: fewer are slower, never more. For times that vary nothing comes of it,
//! so rarely does a step down end there.
//!
//! The law of motion has no bounds, but a strike has taken longer than the estimate when that rises, so
//! it never exceeds the longest by more than a step.
//!
//! Strikes are judged when they end or their time is over, so what moves the estimate began a while ago, and
//! where hundreds are slow within their own time it sways more. What such a delay does goes by its product
//! with the gain, so it does less to fine steps.
//!
//! # Sources
//!
//! Robbins and Monro, "A Stochastic Approximation Method", 1951. Steps by factors: Yazidi and Hammer,
//! "Multiplicative Update Methods for Incremental Quantile Estimation", IEEE Transactions on Cybernetics
//! 49(3), 2019. The bound that holds for any sequence: Gibbs and Candès, "Adaptive Conformal Inference
//! Under Distribution Shift", `NeurIPS` 2021; that the sum of errors may be fed back by any bounded law:
//! Angelopoulos, Candès and Tibshirani, "Conformal PID Control for Time Series Prediction", `NeurIPS` 2023.
//! Play as an operator: Krasnosel'skii and Pokrovskii, "Systems with Hysteresis", 1989. Gains that fall as
//! time goes (Angelopoulos, Barber and Bates, "Online Conformal Prediction with Decaying Step Sizes", ICML
//! 2024) have a bound that grows with every time that they are raised again. Kaplan and Meier's estimate of
//! censored times over a window is larger, right in the limit only, and while every strike is called off it
//! does not learn how slow a pool has become.

use connector::{BasisPoints, Duration};

/// Times that have to lie above the first estimate.
const WITNESSES: usize = 5;
/// By how much a coarse step moves the logarithm of the estimate, up and down together.
const GAIN: f64 = 1.0 / 48.0;
/// Coarse steps of strikes in time after which the estimate has fallen to the e-th part, at most.
const FOLD: f64 = 20_000.0;
/// A fine step, as a share of a coarse one.
const FINE: f64 = 1.0 / 12.0;
/// From the middle of the play to either end, in the logarithm of coarse steps.
const PLAY: f64 = 0.875;
/// Nothing is shorter; from nothing at all no factor would lead on.
const LEAST_NS: f64 = 1.0;

/// See the module text.
#[derive(Clone, Debug)]
pub(crate) struct Quantile {
    /// For a strike that was slower.
    up: Step,
    /// For one in time.
    down: Step,
    estimate: Estimate,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    /// Logarithm of the coarse factor.
    way: f64,
    coarse: f64,
    fine: f64,
}

#[derive(Clone, Debug)]
enum Estimate {
    /// So many times more until it is known; the greatest of those that came, in order.
    Unknown {
        missing: u32,
        greatest: [Duration; WITNESSES + 1],
    },
    Known(Known),
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// With what is below nanoseconds: steps are smaller than that for short times.
    ns: f64,
    /// Where in the play it is, from its middle.
    play: f64,
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
            up: Step::new(gain * (1.0 - above)),
            down: Step::new(-gain * above),
            estimate: Estimate::Unknown { missing, greatest: Default::default() },
        }
    }

    /// The quantile; `None` while too little is known.
    pub(crate) fn value(&self) -> Option<Duration> {
        match self.estimate {
            Estimate::Unknown { .. } => None,
            Estimate::Known(Known { ns, .. }) => Some(Duration::from_nanos(ns as u64)),
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
            self.estimate = Estimate::Known(Known { ns: nanos(greatest[0]), play: 0.0 });
        }
    }

    /// A strike took so long, and that was not longer than the quantile at the time when it was judged.
    pub(crate) fn in_time(&mut self, took: Duration) {
        if let Estimate::Known(known) = &mut self.estimate {
            let lower = known.moved(&self.down);
            let took = nanos(took);
            let least = if took <= known.ns { took } else { LEAST_NS };
            if lower.ns >= least {
                *known = lower;
            } else {
                known.ns = least;
            }
        }
    }

    /// A strike takes longer than the estimate.
    pub(crate) fn slower(&mut self) {
        if let Estimate::Known(known) = &mut self.estimate {
            *known = known.moved(&self.up);
        }
    }
}

impl Step {
    fn new(way: f64) -> Self {
        Self { way, coarse: libm::exp(way), fine: libm::exp(FINE * way) }
    }
}

impl Known {
    fn moved(self, step: &Step) -> Self {
        let play = self.play + step.way;
        if play.abs() <= PLAY {
            Self { ns: self.ns * step.fine, play }
        } else {
            Self { ns: self.ns * step.coarse, ..self }
        }
    }
}

fn nanos(time: Duration) -> f64 {
    (time.as_nanos() as f64).max(LEAST_NS)
}

#[cfg(test)]
mod tests;
