//! Times between the pieces of streamed answers, as they are received.
//!
//! # Mechanism
//!
//! An exchange notes when each piece with content came; the time since the piece before goes into
//! counts by pool, model and length, which all exchanges of a connector share. A piece counts as one
//! token, as it does for [progress](super::growth): neither dialect says before the end how many there are.
//!
//! # Edges
//!
//! * Lengths are rounded up, to a microsecond or by less than 1 %, so that the counts of a run of any
//!   length are some thousands.
//! * An endpoint that sends several tokens in one piece shows fewer and longer gaps than it has tokens;
//!   pieces that one read brings are nothing apart. Time per output token, which needs the count alone, is
//!   right for both.
//! * Streams on shares whose model is not known (somebody else's, adopted from a listing) are left out.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use connector::{Duration, ModelId, PoolId, Timestamp, TokenGaps};

/// Where tokens are made, and by which model.
pub(super) type Serving = (PoolId, ModelId);

/// Counts by where, and by length in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps(Arc<Mutex<Counts>>);

type Counts = BTreeMap<(Serving, u64), u64>;

impl Gaps {
    /// Those of one stream.
    pub(super) fn of(&self, serving: Serving) -> StreamGaps {
        StreamGaps { gaps: self.clone(), serving, last: None }
    }

    /// Hands all of them out and forgets them.
    pub(super) fn drain(&self, report: &mut dyn FnMut(TokenGaps)) {
        let counts = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (((pool, model), ns), count) in counts {
            report(TokenGaps { pool, model, gap: Duration::from_nanos(ns), count });
        }
    }
}

/// The gaps of one stream.
#[derive(Debug)]
pub(super) struct StreamGaps {
    gaps: Gaps,
    serving: Serving,
    last: Option<Timestamp>,
}

impl StreamGaps {
    /// Another piece came.
    pub(super) fn piece(&mut self, at: Timestamp) {
        if let Some(last) = self.last.replace(at) {
            let key = (self.serving, rounded_up(at.since(last).as_nanos()));
            let mut counts = self.gaps.0.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry(key).or_default() += 1;
        }
    }
}

/// To a whole microsecond, or to one of 128 steps between two powers of two if those are wider.
fn rounded_up(ns: u64) -> u64 {
    let step = (ns.next_power_of_two() >> 8).max(1_000);
    ns.div_ceil(step).saturating_mul(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_rounded_up_by_a_microsecond_or_less_than_a_hundredth() {
        for ns in (0..64).map(|bit| 1_u64 << bit).flat_map(|power| [power - 1, power, power + 1]) {
            let rounded = rounded_up(ns.min(u64::MAX / 4));
            let more = rounded - ns.min(u64::MAX / 4);
            assert!(more < 1_000 || more as f64 <= 0.01 * ns as f64, "{ns}: {rounded}");
        }
        assert_eq!((rounded_up(0), rounded_up(1), rounded_up(10_000_000)), (0, 1_000, 10_027_008));
    }

    #[test]
    fn a_gap_is_between_two_pieces_of_one_stream_and_told_once() {
        let gaps = Gaps::default();
        let serving = (PoolId(1), ModelId(2));
        let (mut first, mut second) = (gaps.of(serving), gaps.of(serving));
        for (stream, us) in [(&mut first, [0, 7, 14]), (&mut second, [3, 10, 11])] {
            for us in us {
                stream.piece(Timestamp::ZERO + Duration::from_micros(us));
            }
        }
        let told = || {
            let mut told = Vec::new();
            gaps.drain(&mut |of| told.push((of.pool, of.model, of.gap.as_nanos(), of.count)));
            told
        };
        let (pool, model) = serving;
        assert_eq!(told(), [(pool, model, 1_000, 1), (pool, model, 7_000, 3)]);
        assert_eq!(told(), []);
    }
}
