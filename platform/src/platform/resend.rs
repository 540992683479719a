//! Who pays for work that is sent again.

use connector::{ErrorKind, Timestamp};

use super::Platform;
use crate::{cable::Refusal, flight::FlightKey};

impl Platform {
    /// A strike begins. The first of its request adds to the retry budget.
    pub(super) fn count_first_try(&mut self, now: Timestamp, key: FlightKey) {
        if let Some(budget) = &mut self.budget
            && self.flights[key].attempts == 0
        {
            budget.deposit(now);
        }
    }

    /// Takes what the next strike of this request costs from the retry budget. False if that is
    /// spent.
    pub(super) fn pay_for_another(&mut self, now: Timestamp, key: FlightKey) -> bool {
        let Some(budget) = &mut self.budget else {
            return true;
        };
        let flight = &mut self.flights[key];
        flight.paid = flight.paid || budget.withdraw(now);
        if flight.paid {
            return true;
        }
        let cable = self.cable_of(key);
        let _ = self.cables[cable].refuse(Refusal::BudgetSpent);
        false
    }

    /// A request ends. What was paid for a strike that did not come about is put back.
    pub(super) fn settle_payment(&mut self, key: FlightKey) {
        if let Some(budget) = &mut self.budget
            && self.flights[key].paid
        {
            budget.put_back();
        }
    }
}

/// Whether a provider that failed like this may have worked for us, so that another try means more
/// work than one request is good for. A refusal costs nothing: going on to the next candidate is
/// then free. (The same candidate is paid for in any case: asking a busy provider again and again
/// is just what the budget is there to bound.)
pub(super) const fn took_work(kind: ErrorKind) -> bool {
    kind.ambiguous() || matches!(kind, ErrorKind::Preempted)
}
