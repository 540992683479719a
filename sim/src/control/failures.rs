use connector::{BasisPoints, Duration, OperationKind};

use crate::{
    config::{FailureRates, OperationRates},
    random::{Stream, Streams},
};

/// What becomes of a call that is not acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// One call too many: when to come back.
    OverLimit(Duration),
    /// Refused as one too many without saying when to come back.
    Throttled,
    /// 5xx.
    Internal,
    /// It never arrived, and nobody says so.
    Lost,
}

/// Failures that happen at any time, at given rates.
#[derive(Debug)]
pub(super) struct Failures {
    /// Whether there are any.
    any: bool,
    rate_limited: Chances,
    unavailable: Chances,
    timed_out: Chances,
}

impl Failures {
    pub(super) fn new(region: &str, rates: &FailureRates, streams: Streams) -> Self {
        let chances = |rates, behaviour| Chances::new(rates, region, behaviour, streams);
        Self {
            any: *rates != FailureRates::default(),
            rate_limited: chances(rates.rate_limited, "rate_limited"),
            unavailable: chances(rates.unavailable, "unavailable"),
            timed_out: chances(rates.timed_out, "timed_out"),
        }
    }

    /// What chance has in store for a call. Everything is drawn for every call, so that no failure
    /// moves another.
    pub(super) fn draw(&mut self, kind: OperationKind) -> Fate {
        if !self.any {
            return Fate { is_lost: false, refused: None };
        }
        let is_lost = self.timed_out.strike(kind);
        let (throttled, internal) = (self.rate_limited.strike(kind), self.unavailable.strike(kind));
        let refused = match (throttled, internal) {
            (true, _) => Some(Failure::Throttled),
            (false, true) => Some(Failure::Internal),
            (false, false) => None,
        };
        Fate { is_lost, refused }
    }
}

/// What chance has in store for one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    /// It gets lost on its way there.
    pub(super) is_lost: bool,
    /// It is refused if it arrives.
    pub(super) refused: Option<Failure>,
}

/// One behaviour's rate and stream for every kind of operation.
#[derive(Debug)]
struct Chances {
    rates: OperationRates,
    streams: Vec<Stream>,
}

impl Chances {
    fn new(rates: OperationRates, region: &str, behaviour: &str, streams: Streams) -> Self {
        let stream =
            |kind: OperationKind| streams.stream(&format!("control/{region}/{behaviour}/{kind}"));
        Self { rates, streams: OperationKind::ALL.map(stream).into() }
    }

    fn strike(&mut self, kind: OperationKind) -> bool {
        let rate = self.rates[kind as usize];
        // Nobody else draws from this stream, so a draw may be saved where it decides nothing.
        rate > BasisPoints::ZERO && self.streams[kind as usize].chance(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDS: usize = 20_000;

    fn rates(rate: u32) -> OperationRates {
        let mut rates = OperationRates::default();
        rates[OperationKind::Allocate as usize] = BasisPoints::new(rate);
        rates
    }

    fn struck(rates: FailureRates, kind: OperationKind) -> Vec<Option<Failure>> {
        let mut failures = Failures::new("eu", &rates, Streams::new(3));
        let call = |_| {
            let Fate { is_lost, refused } = failures.draw(kind);
            if is_lost { Some(Failure::Lost) } else { refused }
        };
        (0..ROUNDS).map(call).collect()
    }

    fn count(struck: &[Option<Failure>], failure: Failure) -> usize {
        struck.iter().filter(|&&struck| struck == Some(failure)).count()
    }

    #[test]
    fn each_failure_has_its_rate_and_its_operation() {
        let all = FailureRates {
            rate_limited: rates(1_000),
            unavailable: rates(500),
            timed_out: rates(200),
        };
        let struck_allocations = struck(all, OperationKind::Allocate);
        for (failure, share) in [
            (Failure::Lost, 0.02),
            (Failure::Throttled, 0.98 * 0.1),
            (Failure::Internal, 0.98 * 0.9 * 0.05),
        ] {
            let (expected, rounds) = (share * ROUNDS as f64, ROUNDS as f64);
            // Five standard deviations of a binomial sample.
            let tolerance = 5.0 * libm::sqrt(rounds * share * (1.0 - share));
            let found = count(&struck_allocations, failure) as f64;
            assert!((found - expected).abs() < tolerance, "{failure:?}: {found} of {expected}");
        }
        assert!(struck(all, OperationKind::Release).iter().all(Option::is_none));
    }

    #[test]
    fn switching_a_failure_on_moves_no_other() {
        let alone = FailureRates { unavailable: rates(500), ..FailureRates::default() };
        let both = FailureRates { rate_limited: rates(1), ..alone };
        let [alone, both] = [alone, both].map(|rates| struck(rates, OperationKind::Allocate));
        let throttled = count(&both, Failure::Throttled);
        let was_moved = |pair: &(&Option<Failure>, &Option<Failure>)| pair.0 != pair.1;
        let moved = alone.iter().zip(&both).filter(was_moved).count();
        assert!(throttled > 0, "one in ten thousand of twenty thousand");
        assert_eq!(moved, throttled);
    }
}
