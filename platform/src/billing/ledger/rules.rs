//! What a ledger books and what it refuses.

use connector::{Amount, Timestamp};

use crate::billing::{AccountId, Currency};

use super::{
    End, Event, Hold, Ledger, LedgerError, Line, MOST_LINES, MOST_OPEN, Step, TransactionId,
};

impl Ledger {
    /// What a step comes to; rules that need the journal are checked here, where it is at hand.
    pub(super) fn event(
        &self,
        now: Timestamp,
        id: TransactionId,
        step: Step,
    ) -> Result<Event, LedgerError> {
        match step {
            Step::Book { effective, lines } => Ok(Event::Booked { effective, lines }),
            Step::Reserve(hold) => match hold.expires {
                Some(expires) if expires <= now => {
                    Err(LedgerError::BornExpired { id, expires, now })
                }
                _ => Ok(Event::Reserved(hold)),
            },
            Step::Post { reservation, effective, lines } => {
                self.open(reservation)?;
                Ok(Event::Posted { reservation, effective, lines })
            }
            Step::Void { reservation } => {
                self.open(reservation)?;
                Ok(Event::Voided { reservation })
            }
            Step::Reverse { of } => self.reversal(of),
        }
    }

    /// An open reservation, or why it is none.
    fn open(&self, reservation: TransactionId) -> Result<&Hold, LedgerError> {
        if let Some(hold) = self.holds.get(reservation) {
            return Ok(hold);
        }
        let Some(first) = self.journal.find(reservation) else {
            return Err(LedgerError::NotFound { id: reservation });
        };
        let Some(last) = self.journal.referring(reservation) else {
            return Err(LedgerError::NoReservation { id: first.id });
        };
        let end = match last.event {
            Event::Posted { .. } => End::Posted,
            Event::Voided { .. } => End::Voided,
            Event::Expired { .. } => End::Expired,
            Event::Named { .. }
            | Event::Booked { .. }
            | Event::Reserved(_)
            | Event::Reversed { .. } => {
                return Err(LedgerError::NoReservation { id: reservation });
            }
        };
        Err(LedgerError::Ended { reservation, end, sequence: last.sequence })
    }

    fn reversal(&self, of: TransactionId) -> Result<Event, LedgerError> {
        let first = self.journal.find(of).ok_or(LedgerError::NotFound { id: of })?;
        let irreversible = |what| Err(LedgerError::Irreversible { id: of, what });
        let (effective, mut lines) = match first.event {
            Event::Booked { effective, lines } | Event::Posted { effective, lines, .. } => {
                (effective, lines)
            }
            Event::Reversed { .. } => return irreversible("a reversal"),
            Event::Reserved(_) => return irreversible("a reservation, which can be voided"),
            Event::Voided { .. } | Event::Expired { .. } => return irreversible("a release"),
            Event::Named { .. } => return irreversible("a name"),
        };
        if let Some(last) = self.journal.referring(of) {
            return Err(LedgerError::AlreadyReversed { id: of, sequence: last.sequence });
        }
        for line in &mut lines {
            line.amount = -line.amount;
        }
        Ok(Event::Reversed { of, effective, lines })
    }

    /// Books an event, or refuses it and is as it was before. Needs no look at the journal, so that
    /// replay needs none either.
    pub(super) fn apply(&mut self, id: TransactionId, event: &Event) -> Result<(), LedgerError> {
        match event {
            Event::Named { kind, name } => self.names.add(*kind, name),
            Event::Booked { lines, .. } | Event::Reversed { lines, .. } => self.book(id, lines),
            Event::Reserved(hold) => self.reserve(id, hold),
            Event::Posted { reservation, lines, .. } => self.settle(id, *reservation, lines),
            Event::Voided { reservation } | Event::Expired { reservation } => {
                self.release(*reservation)
            }
        }
    }

    fn book(&mut self, id: TransactionId, lines: &[Line]) -> Result<(), LedgerError> {
        if !(1..=MOST_LINES).contains(&lines.len()) {
            return Err(LedgerError::Lines { id, lines: lines.len() });
        }
        for line in lines {
            self.usable(id, line.account)?;
        }
        balanced(id, lines)?;
        self.balances.book(lines)
    }

    fn usable(&self, id: TransactionId, account: AccountId) -> Result<(), LedgerError> {
        if account == AccountId::Reservations {
            return Err(LedgerError::Reservations { id });
        }
        self.names.check(account)
    }

    fn reserve(&mut self, id: TransactionId, hold: &Hold) -> Result<(), LedgerError> {
        if hold.amount < Amount::ZERO {
            return Err(LedgerError::NegativeReservation { id, amount: hold.amount });
        }
        if self.holds.len() == MOST_OPEN {
            return Err(LedgerError::Open);
        }
        self.usable(id, hold.account)?;
        self.balances.hold(hold)?;
        self.holds.add(id, *hold);
        Ok(())
    }

    fn settle(
        &mut self,
        id: TransactionId,
        reservation: TransactionId,
        lines: &[Line],
    ) -> Result<(), LedgerError> {
        let hold = *self.holds.get(reservation).ok_or(LedgerError::NotFound { id: reservation })?;
        let reserved = lines
            .iter()
            .filter(|line| (line.account, line.currency) == (hold.account, hold.currency));
        let posted = Amount::checked_sum(reserved.map(|line| line.amount))
            .ok_or(LedgerError::Overflow { account: hold.account })?;
        if posted > hold.amount {
            let reserved = hold.amount;
            return Err(LedgerError::ExceedsReservation { reservation, reserved, posted });
        }
        self.book(id, lines)?;
        self.release(reservation)
    }

    fn release(&mut self, reservation: TransactionId) -> Result<(), LedgerError> {
        let hold =
            self.holds.remove(reservation).ok_or(LedgerError::NotFound { id: reservation })?;
        self.balances.release(&hold);
        Ok(())
    }
}

/// Debits and credits of each currency are the same.
fn balanced(id: TransactionId, lines: &[Line]) -> Result<(), LedgerError> {
    for (first, line) in lines.iter().enumerate() {
        let currency: Currency = line.currency;
        if lines[..first].iter().any(|before| before.currency == currency) {
            continue;
        }
        let mut sum = Amount::ZERO;
        for line in lines.iter().filter(|line| line.currency == currency) {
            sum = sum
                .checked_add(line.amount)
                .ok_or(LedgerError::Overflow { account: line.account })?;
        }
        if sum != Amount::ZERO {
            return Err(LedgerError::Unbalanced { id, currency, by: sum });
        }
    }
    Ok(())
}
