use connector::{BasisPoints, Duration, OperationKind};

use super::{FEWEST, observe::Observed};
use crate::calibrate::statistics::median;

/// How often a region's calls fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Lost, and timed out.
    pub timed_out: Vec<Rate>,
    /// Refused as one too many, of those that were not lost.
    pub rate_limited: Vec<Rate>,
    /// Failed inside, of those that were neither.
    pub unavailable: Vec<Rate>,
    /// How long an answer that never came was waited for.
    pub timeout: Option<Duration>,
}

/// A share of the calls of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Which calls.
    pub kind: OperationKind,
    /// How many there were, and how many failed so.
    pub calls: (u64, u64),
    /// The share, rounded to 1/10,000.
    pub share: BasisPoints,
}

impl Rate {
    /// `None` where there are too few calls, or none failed so.
    fn of(kind: OperationKind, all: u64, failed: u64) -> Option<Self> {
        if all < FEWEST as u64 || failed == 0 {
            return None;
        }
        let share = (failed * 10_000 + all / 2) / all;
        let share = BasisPoints::new(share as u32);
        (share > BasisPoints::ZERO).then_some(Self { kind, calls: (all, failed), share })
    }

    /// Half the width of an interval that holds the true share in 95 of 100 cases (Wilson, Journal of the
    /// American Statistical Association 22(158), 1927).
    pub fn uncertainty(&self) -> f64 {
        let (all, failed) = (self.calls.0 as f64, self.calls.1 as f64);
        let (z, share) = (1.959_964, failed / all);
        let root = libm::sqrt(share * (1.0 - share) / all + z * z / (4.0 * all * all));
        z * root / (1.0 + z * z / all)
    }
}

impl Rates {
    /// Of the calls about these pools.
    pub(super) fn of(observed: &Observed, pools: &[u32]) -> Self {
        let mut rates = Self::default();
        let mut waits = Vec::new();
        for kind in OperationKind::ALL {
            let (mut all, mut timed_out, mut throttled, mut unavailable) = (0, 0, 0, 0);
            for calls in pools.iter().filter_map(|&pool| observed.calls(pool, kind)) {
                all += calls.all;
                timed_out += calls.timed_out;
                throttled += calls.throttled;
                unavailable += calls.unavailable;
                waits.extend_from_slice(&calls.waits);
            }
            let arrived = all - timed_out;
            rates.timed_out.extend(Rate::of(kind, all, timed_out));
            rates.rate_limited.extend(Rate::of(kind, arrived, throttled));
            rates.unavailable.extend(Rate::of(kind, arrived - throttled, unavailable));
        }
        let wait = (!rates.timed_out.is_empty()).then(|| median(waits) as u64);
        rates.timeout = wait.map(|ns| Duration::from_millis((ns + 500_000) / 1_000_000));
        rates
    }
}
