//! Whether a covenant was kept.
//!
//! Looked at when a request ends, on what its record says, so that anybody can check the verdict
//! against the record. Times count from the scheduled arrival.
//!
//! Of several broken promises the first is told, in the order of [`BreachReason::ALL`]. An answer
//! without a first token (a provider that does not stream) is judged as if all of it came at the
//! end. What a tenant sends beyond its quota is not covered by its covenant. A request that its caller gave up owes no answer: it is broken only by a time that had run
//! out before, or by its cost.

use connector::{
    BasisPoints, Breach, BreachReason, Concessions, CovenantOutcome, Duration, Money, Outcome,
    Rejection, RequestRecord,
};

use super::{Covenant, Targets};

/// Largest excess that is told.
const EXCESS_MAX: u128 = 10_000_000;

impl Covenant<'_> {
    /// What became of it, given how the request ended and what it gave up by agreement.
    pub(crate) fn judge(self, record: &RequestRecord, conceded: Concessions) -> CovenantOutcome {
        let (targets, ceiling) = (self.targets(), self.cost_ceiling());
        let promised = !targets.is_empty() || ceiling.is_some();
        if !promised || record.rejection.is_some_and(is_beyond_quota) {
            return settled(CovenantOutcome::Free, conceded);
        }
        let breach = no_answer(record.outcome)
            .or_else(|| too_late(&targets, record))
            .or_else(|| too_dear(ceiling, record.cost));
        match breach {
            Some((reason, excess)) => {
                CovenantOutcome::Broken(Breach { reason, excess, concessions: conceded })
            }
            None => settled(CovenantOutcome::Kept, conceded),
        }
    }
}

fn settled(unless_conceded: CovenantOutcome, conceded: Concessions) -> CovenantOutcome {
    if conceded.is_empty() { unless_conceded } else { CovenantOutcome::Renegotiated(conceded) }
}

/// Whether a request was turned away because its tenant sends more than agreed.
const fn is_beyond_quota(rejection: Rejection) -> bool {
    match rejection {
        Rejection::RequestQuota
        | Rejection::TokenQuota
        | Rejection::ConcurrencyQuota
        | Rejection::SpendQuota => true,
        Rejection::Shed
        | Rejection::TooLate
        | Rejection::LineFull
        | Rejection::PushedOut
        | Rejection::WaitedTooLong
        | Rejection::Standing
        | Rejection::BreakerOpen
        | Rejection::Unanswered
        | Rejection::Draining
        | Rejection::NoCandidate
        | Rejection::BudgetSpent
        | Rejection::Paused => false,
    }
}

fn no_answer(outcome: Outcome) -> Option<(BreachReason, BasisPoints)> {
    match outcome {
        Outcome::Completed | Outcome::Cancelled => None,
        Outcome::Failed(_) => Some((BreachReason::Failed, BasisPoints::ZERO)),
        Outcome::Rejected => Some((BreachReason::Rejected, BasisPoints::ZERO)),
    }
}

fn too_late(targets: &Targets, record: &RequestRecord) -> Option<(BreachReason, BasisPoints)> {
    let end_to_end = record.end_to_end();
    let first_token = record.time_to_first_token().unwrap_or(end_to_end);
    let times = [
        (BreachReason::FirstToken, targets.first_token, Some(first_token)),
        (
            BreachReason::PerOutputToken,
            targets.per_output_token,
            targets.per_output_token.and_then(|_| record.time_per_output_token()),
        ),
        (BreachReason::EndToEnd, targets.end_to_end, Some(end_to_end)),
    ];
    times.into_iter().find_map(|(reason, target, time)| {
        let ns = |time: Duration| i128::from(time.as_nanos());
        Some((reason, excess(ns(time?), ns(target?))?))
    })
}

fn too_dear(ceiling: Option<Money>, cost: Money) -> Option<(BreachReason, BasisPoints)> {
    Some((BreachReason::Cost, excess(cost.as_nanos(), ceiling?.as_nanos())?))
}

/// By how much of a target a value exceeds it, rounded up; `None` if it does not.
fn excess(value: i128, target: i128) -> Option<BasisPoints> {
    let above = value.saturating_sub(target);
    if above <= 0 {
        return None;
    }
    let scaled = above.unsigned_abs().saturating_mul(10_000);
    let share = if target <= 0 { EXCESS_MAX } else { scaled.div_ceil(target.unsigned_abs()) };
    Some(BasisPoints::new(share.min(EXCESS_MAX) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_itself_is_kept_and_the_least_beyond_it_is_told() {
        assert_eq!(excess(2_000, 2_000), None);
        assert_eq!(excess(2_001, 2_000), Some(BasisPoints::new(5)));
        assert_eq!(excess(1_000_000_001, 1_000_000_000), Some(BasisPoints::new(1)));
        assert_eq!(excess(3_000, 2_000), Some(BasisPoints::from_percent(50)));
    }

    #[test]
    fn an_excess_beyond_all_bounds_is_told_as_the_bound() {
        assert_eq!(excess(1, 0), Some(BasisPoints::from_percent(100_000)));
        assert_eq!(excess(i128::MAX, 1), Some(BasisPoints::from_percent(100_000)));
    }
}
