//! The sums of both books.

use std::collections::BTreeMap;

use connector::{Amount, Money};

use super::{Cause, OutOfRange};
use crate::billing::UseKind;

/// What one cause comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Pieces of lines.
    pub pieces: u64,
    /// Shares x time.
    pub slot_ns: u128,
    /// Money; negative: in our favour.
    pub amount: Amount,
}

/// What one pool, or all of them, comes to.
///
/// Always `charged = tenants + idle + overhead`, to the last grain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// What the provider charges.
    pub charged: Amount,
    /// What our books have at tenants.
    pub tenants: Amount,
    /// What our books have at nobody: shares kept warm.
    pub idle: Amount,
    /// Why the two differ; and what is matched.
    pub causes: BTreeMap<Cause, Sum>,
}

impl Side {
    /// What the provider charges beyond our books: the sum over causes.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn overhead(&self) -> Result<Amount, OutOfRange> {
        let causes = self.causes.iter().filter(|(cause, _)| **cause != Cause::Matched);
        Amount::checked_sum(causes.map(|(_, sum)| sum.amount)).ok_or(OutOfRange)
    }

    /// What one cause comes to.
    pub fn cause(&self, cause: Cause) -> Sum {
        self.causes.get(&cause).copied().unwrap_or_default()
    }

    /// What our books have.
    fn booked(&self) -> Result<Amount, OutOfRange> {
        plus(self.tenants, self.idle)
    }

    pub(super) fn charge(&mut self, charge: Money) -> Result<(), OutOfRange> {
        self.charged = plus(self.charged, Amount::from_money(charge).ok_or(OutOfRange)?)?;
        Ok(())
    }

    pub(super) fn add(
        &mut self,
        cause: Cause,
        slot_ns: u128,
        amount: Amount,
    ) -> Result<(), OutOfRange> {
        let sum = self.causes.entry(cause).or_default();
        sum.pieces += 1;
        sum.slot_ns += slot_ns;
        sum.amount = plus(sum.amount, amount)?;
        Ok(())
    }

    pub(super) fn book(&mut self, kind: UseKind, cost: Amount) -> Result<(), OutOfRange> {
        match kind {
            UseKind::Idle => self.idle = plus(self.idle, cost)?,
            // It is in the statement, and in no book of ours.
            UseKind::Ghost => {}
            UseKind::Delivered
            | UseKind::Disconnected
            | UseKind::Preempted
            | UseKind::Hedged
            | UseKind::Retried => self.tenants = plus(self.tenants, cost)?,
        }
        Ok(())
    }

    /// What neither the lines nor the leases explain is unknown.
    ///
    /// # Panics
    /// If the sides do not balance: whoever sees a report may rely on it.
    pub(super) fn close(&mut self) -> Result<(), OutOfRange> {
        let explained = plus(self.booked()?, self.overhead()?)?;
        let rest = self.charged.checked_sub(explained).ok_or(OutOfRange)?;
        if rest != Amount::ZERO {
            self.add(Cause::Unknown, 0, rest)?;
        }
        let balance = plus(self.booked()?, self.overhead()?)?;
        assert_eq!(balance, self.charged, "tenants + idle + overhead = pool cost");
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<(), OutOfRange> {
        self.charged = plus(self.charged, other.charged)?;
        self.tenants = plus(self.tenants, other.tenants)?;
        self.idle = plus(self.idle, other.idle)?;
        for (&cause, one) in &other.causes {
            let sum = self.causes.entry(cause).or_default();
            sum.pieces += one.pieces;
            sum.slot_ns += one.slot_ns;
            sum.amount = plus(sum.amount, one.amount)?;
        }
        Ok(())
    }
}

fn plus(one: Amount, other: Amount) -> Result<Amount, OutOfRange> {
    one.checked_add(other).ok_or(OutOfRange)
}
