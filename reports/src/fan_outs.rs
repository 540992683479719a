//! Fan-outs: what callers sent at once, put together again.
//!
//! # Mechanism
//!
//! The parts of a fan-out have numbers that follow one another, so the number of the first stands for
//! the whole. What is known of it is kept until its last part has ended, and then counted.
//!
//! # Edges
//!
//! Memory is bounded by the fan-outs in flight. One that is cut short by the end of the run is not
//! counted, as its unfinished parts are not.

use std::collections::BTreeMap;

use connector::{CovenantOutcome, Duration, Outcome, RequestId, RequestRecord, Scope};

use crate::{distribution::Merged, pools::ratio};

/// The fan-outs of the measured time.
#[derive(Clone, Debug)]
pub(crate) struct FanOuts {
    /// By the number of the first part.
    open: BTreeMap<RequestId, Open>,
    pub(crate) ended: u64,
    pub(crate) kept: u64,
    /// Of those all of whose parts completed.
    whole: Merged,
}

/// One that has parts to come.
#[derive(Clone, Copy, Debug)]
struct Open {
    missing: u16,
    completed: bool,
    kept: bool,
    /// The longest time to the end of a part.
    longest: Duration,
}

impl FanOuts {
    pub(crate) fn new() -> Self {
        Self { open: BTreeMap::new(), ended: 0, kept: 0, whole: Merged::new(0) }
    }

    pub(crate) fn record(&mut self, record: &RequestRecord) {
        let Some(fan_out) = record.fan_out else {
            return;
        };
        let first = fan_out.first(record.request);
        let open = self.open.entry(first).or_insert(Open {
            missing: fan_out.parts.get(),
            completed: true,
            kept: true,
            longest: Duration::ZERO,
        });
        let completed = record.outcome == Outcome::Completed;
        open.missing -= 1;
        open.completed &= completed;
        open.kept &= completed && !matches!(record.covenant, CovenantOutcome::Broken(_));
        open.longest = open.longest.max(record.end_to_end());
        if open.missing == 0 {
            let ended = *open;
            self.open.remove(&first);
            self.end(ended);
        }
    }

    fn end(&mut self, fan_out: Open) {
        self.ended += 1;
        self.kept += u64::from(fan_out.kept);
        if fan_out.completed {
            self.whole.record(fan_out.longest.as_nanos());
        }
    }

    /// The times from arrival to the last answer; `None` within a scope, because parts may go anywhere.
    pub(crate) fn whole(&self, scope: &Scope) -> Option<&Merged> {
        (*scope == Scope::default()).then_some(&self.whole)
    }

    /// Kept / ended; `None` without fan-outs and within a scope.
    pub(crate) fn kept_share(&self, scope: &Scope) -> Option<f64> {
        let share = ratio(u128::from(self.kept), u128::from(self.ended));
        share.filter(|_| *scope == Scope::default())
    }
}

#[cfg(test)]
mod tests;
