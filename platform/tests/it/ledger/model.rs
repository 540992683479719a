//! A ledger that keeps a list of what was accepted and looks through all of it for every question.

use connector::{Amount, Timestamp};
use platform::billing::{
    AccountId, Currency,
    ledger::{Balance, End, Hold, LedgerError, Line, MOST_LINES, Step, Transaction, TransactionId},
};

#[derive(Clone)]
struct Done {
    id: Option<TransactionId>,
    booked: Timestamp,
    what: What,
}

#[derive(Clone)]
enum What {
    Asked(Step),
    Expired(TransactionId),
}

#[derive(Default)]
pub(super) struct Model {
    done: Vec<Done>,
}

impl Model {
    pub(super) fn post(
        &mut self,
        now: Timestamp,
        transaction: &Transaction,
    ) -> Result<(u64, Timestamp), LedgerError> {
        let now = self.expire(now);
        if let Some((sequence, done)) = self.find(transaction.id) {
            return match &done.what {
                What::Asked(step) if *step == transaction.step => Ok((sequence, done.booked)),
                _ => Err(LedgerError::Conflict { id: transaction.id, sequence }),
            };
        }
        self.check(now, transaction)?;
        self.done.push(Done {
            id: Some(transaction.id),
            booked: now,
            what: What::Asked(transaction.step.clone()),
        });
        Ok((self.done.len() as u64, now))
    }

    pub(super) fn expire(&mut self, now: Timestamp) -> Timestamp {
        let now = self.done.last().map_or(now, |last| last.booked.max(now));
        let mut due: Vec<_> = self
            .open()
            .into_iter()
            .filter_map(|(id, hold)| Some((hold.expires.filter(|&expires| expires <= now)?, id)))
            .collect();
        due.sort_unstable();
        for (_, id) in due {
            self.done.push(Done { id: None, booked: now, what: What::Expired(id) });
        }
        now
    }

    pub(super) fn len(&self) -> usize {
        self.done.len()
    }

    pub(super) fn open(&self) -> Vec<(TransactionId, Hold)> {
        let reserved = self.done.iter().filter_map(|done| match (&done.what, done.id) {
            (What::Asked(Step::Reserve(hold)), Some(id)) => Some((id, *hold)),
            _ => None,
        });
        reserved.filter(|&(id, _)| self.end(id).is_none()).collect()
    }

    /// Every line that was booked.
    pub(super) fn lines(&self) -> Vec<Line> {
        self.done.iter().flat_map(|done| self.lines_of(&done.what)).collect()
    }

    pub(super) fn balance(&self, account: AccountId, currency: Currency) -> Balance {
        let mut balance = Balance::default();
        for line in self.lines() {
            if (line.account, line.currency) == (account, currency) {
                let grains = line.amount.grains();
                let side = if grains < 0 { &mut balance.credits } else { &mut balance.debits };
                *side = Amount::from_grains(side.grains() + grains.abs());
            }
        }
        for (_, hold) in self.open().into_iter().filter(|(_, hold)| hold.currency == currency) {
            let add = |sum: Amount| Amount::from_grains(sum.grains() + hold.amount.grains());
            if hold.account == account {
                balance.pending_debits = add(balance.pending_debits);
            }
            if account == AccountId::Reservations {
                balance.pending_credits = add(balance.pending_credits);
            }
        }
        balance
    }

    fn find(&self, id: TransactionId) -> Option<(u64, &Done)> {
        (1..).zip(&self.done).find(|(_, done)| done.id == Some(id))
    }

    /// How and where a reservation ended.
    fn end(&self, id: TransactionId) -> Option<(End, u64)> {
        (1..).zip(&self.done).find_map(|(sequence, done)| match done.what {
            What::Asked(Step::Post { reservation, .. }) if reservation == id => {
                Some((End::Posted, sequence))
            }
            What::Asked(Step::Void { reservation }) if reservation == id => {
                Some((End::Voided, sequence))
            }
            What::Expired(reservation) if reservation == id => Some((End::Expired, sequence)),
            _ => None,
        })
    }

    fn lines_of(&self, what: &What) -> Vec<Line> {
        match what {
            What::Asked(Step::Book { lines, .. } | Step::Post { lines, .. }) => lines.clone(),
            What::Asked(Step::Reverse { of }) => {
                let (_, first) = self.find(*of).expect("it was there when it was reversed");
                let mut lines = self.lines_of(&first.what);
                for line in &mut lines {
                    line.amount = -line.amount;
                }
                lines
            }
            What::Asked(Step::Reserve(_) | Step::Void { .. }) | What::Expired(_) => Vec::new(),
        }
    }

    fn check(&self, now: Timestamp, transaction: &Transaction) -> Result<(), LedgerError> {
        let id = transaction.id;
        match &transaction.step {
            Step::Book { lines, .. } => balanced(id, lines),
            Step::Reserve(hold) => match hold.expires {
                Some(expires) if expires <= now => {
                    Err(LedgerError::BornExpired { id, expires, now })
                }
                _ if hold.amount < Amount::ZERO => {
                    Err(LedgerError::NegativeReservation { id, amount: hold.amount })
                }
                _ => Ok(()),
            },
            Step::Void { reservation } => self.open_hold(*reservation).map(drop),
            Step::Post { reservation, lines, .. } => {
                let hold = self.open_hold(*reservation)?;
                let ours = lines.iter().filter(|line| line.account == hold.account);
                let ours = ours.filter(|line| line.currency == hold.currency);
                let posted: i128 = ours.map(|line| line.amount.grains()).sum();
                if posted > hold.amount.grains() {
                    return Err(LedgerError::ExceedsReservation {
                        reservation: *reservation,
                        reserved: hold.amount,
                        posted: Amount::from_grains(posted),
                    });
                }
                balanced(id, lines)
            }
            Step::Reverse { of } => self.reversible(*of),
        }
    }

    fn open_hold(&self, id: TransactionId) -> Result<Hold, LedgerError> {
        let (_, done) = self.find(id).ok_or(LedgerError::NotFound { id })?;
        let What::Asked(Step::Reserve(hold)) = done.what else {
            return Err(LedgerError::NoReservation { id });
        };
        match self.end(id) {
            Some((end, sequence)) => Err(LedgerError::Ended { reservation: id, end, sequence }),
            None => Ok(hold),
        }
    }

    fn reversible(&self, id: TransactionId) -> Result<(), LedgerError> {
        let (_, done) = self.find(id).ok_or(LedgerError::NotFound { id })?;
        let what = match done.what {
            What::Asked(Step::Book { .. } | Step::Post { .. }) => {
                let reversal = (1..).zip(&self.done).find(
                    |(_, done)| matches!(done.what, What::Asked(Step::Reverse { of }) if of == id),
                );
                return match reversal {
                    Some((sequence, _)) => Err(LedgerError::AlreadyReversed { id, sequence }),
                    None => Ok(()),
                };
            }
            What::Asked(Step::Reverse { .. }) => "a reversal",
            What::Asked(Step::Reserve(_)) => "a reservation, which can be voided",
            What::Asked(Step::Void { .. }) | What::Expired(_) => "a release",
        };
        Err(LedgerError::Irreversible { id, what })
    }
}

fn balanced(id: TransactionId, lines: &[Line]) -> Result<(), LedgerError> {
    if lines.is_empty() || lines.len() > MOST_LINES {
        return Err(LedgerError::Lines { id, lines: lines.len() });
    }
    for currency in lines.iter().map(|line| line.currency) {
        let of = lines.iter().filter(|line| line.currency == currency);
        let sum: i128 = of.map(|line| line.amount.grains()).sum();
        if sum != 0 {
            return Err(LedgerError::Unbalanced { id, currency, by: Amount::from_grains(sum) });
        }
    }
    Ok(())
}
