//! What the provider charges against what our books say: every grain of the difference, by cause.
//!
//! # Problem
//!
//! Platform and provider keep two books about the same shares, and they differ: a grant is charged
//! while its answer is under way, a share is held that nobody knows of, a release takes its time, a
//! price is not the agreed one. A difference of one sum says that somebody is wrong; only its causes
//! say who, and what to ask back.
//!
//! # Mechanism
//!
//! Lines of the statement and our leases meet by the share's name. The time of a line is cut at the
//! instants that our lease knows, and each piece has one cause:
//!
//! ```text
//!   charged from                known        booked              given back        charged until
//!        |  grant under way,      |   ghost     |     matched        |   slow release   |
//!        |  late grant, or ghost  |             |                    |                  |
//! ```
//!
//! Time that an earlier line of the same share has charged already is an overlap; time booked that no
//! line charges is uncharged, and counts against the provider's sum. Money follows time: every piece
//! is worth its time at the line's price, exactly ([`Amount`] is never rounded); matched time at the
//! line's price instead of ours is a price change. What is left between the line's charge and its
//! time at its price is the provider's rounding, if it is at most half of the smallest sum that it
//! charges, and otherwise unknown. So by construction
//!
//! ```text
//! charged = tenants + idle + overhead        overhead = sum over causes
//! ```
//!
//! holds to the last grain, for every pool; that `unknown` is zero is what shows that the causes are
//! the right ones.
//!
//! # Edges
//!
//! A line that carries none of our tenants is foreign, also where a list showed us the share and we
//! tried to give it back. A line of a share that we never knew is a ghost if it carries one. A ghost that was found and kept is one until it works for somebody. Shares without
//! any line are uncharged as a whole. If records of use do not fill the time of the leases (a meter
//! lost some), that is unknown as well. Needs memory in proportion to the shares of the period.
//!
//! # Source
//!
//! The names of causes are those of the pathologies in the notes on HostedAI's API: subscribes that
//! time out and succeed all the same (1, 2), releases that take minutes (5), rows of other tenants
//! (13), usage reported as zero (35).

mod cause;
mod share;
mod sides;

use std::collections::BTreeMap;

use connector::{AllocationId, Amount, Money, PoolId, StatementLine, TenantId};

pub use cause::Cause;
use share::Share;
pub use sides::{Side, Sum};

use super::{LeaseRecord, UsageRecord, Use, UseKey, Uses};

/// An amount of the reconciliation is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the amounts of this period are beyond what can be counted")]
pub struct OutOfRange;

/// One piece of one line, or of a lease that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which share.
    pub allocation: AllocationId,
    /// Where.
    pub pool: PoolId,
    /// Whose, as the provider has it.
    pub tenant: Option<TenantId>,
    /// Why it is charged, or is not.
    pub cause: Cause,
    /// How much time it is.
    pub slot_ns: u128,
    /// How much money; negative: in our favour.
    pub amount: Amount,
}

/// Takes both books in, in any order, and lays them side by side.
#[derive(Clone, Debug)]
pub struct Reconciler {
    /// The smallest sum that the provider charges.
    coin: Money,
    shares: BTreeMap<(PoolId, AllocationId), Share>,
    uses: Uses,
}

impl Reconciler {
    /// Nothing on either side. `prices` of a share for an hour by pool; charges of the provider are
    /// multiples of its `coin`.
    pub fn new(prices: Vec<Money>, coin: Money) -> Self {
        Self { coin, shares: BTreeMap::new(), uses: Uses::new(prices) }
    }

    /// A line of the provider's statement.
    pub fn line(&mut self, line: &StatementLine) {
        self.shares.entry((line.pool, line.allocation)).or_default().lines.push(*line);
    }

    /// A share of ours that was given back.
    pub fn lease(&mut self, lease: &LeaseRecord) {
        self.shares.entry((lease.pool, lease.allocation)).or_default().leases.push(*lease);
    }

    /// What one attempt used. Records may come in any order, each once.
    pub fn usage(&mut self, record: &UsageRecord) {
        self.uses.add(record);
    }

    /// Lays the books side by side.
    ///
    /// # Errors
    /// If a sum is out of range.
    pub fn reconcile(mut self) -> Result<Reconciliation, OutOfRange> {
        let mut result = Reconciliation::default();
        for (&(pool, allocation), share) in &mut self.shares {
            let side = result.pools.entry(pool).or_default();
            for line in &share.lines {
                side.charge(line.charge)?;
            }
            let tenant = share.lines.first().and_then(|line| line.tenant);
            share.settle(self.coin, &mut |cause, slot_ns, amount| {
                result.findings.push(Finding { allocation, pool, tenant, cause, slot_ns, amount });
                side.add(cause, slot_ns, amount)
            })?;
        }
        self.book_uses(result)
    }

    /// Lays our books beside a bill that has nothing but a sum for each pool. What our books know by
    /// themselves is told apart: time that both sides must have, and shares that were found in a list
    /// and lay there until somebody used them or they were given back. Everything else is unknown:
    /// without lines nobody can tell a slow release from a price. A pool without a charge is charged
    /// nothing; the caller knows whether that was stated.
    ///
    /// # Errors
    /// If a sum is out of range.
    ///
    /// # Panics
    /// If it was told any line.
    pub fn beside_sums(
        self,
        charged: &BTreeMap<PoolId, Money>,
    ) -> Result<Reconciliation, OutOfRange> {
        let mut result = Reconciliation::default();
        for (&pool, &charge) in charged {
            result.pools.entry(pool).or_default().charge(charge)?;
        }
        for (&(pool, allocation), share) in &self.shares {
            assert!(share.lines.is_empty(), "a bill of sums has no lines");
            let side = result.pools.entry(pool).or_default();
            share.known_by_us(&mut |cause, slot_ns, amount| {
                let tenant = None;
                result.findings.push(Finding { allocation, pool, tenant, cause, slot_ns, amount });
                side.add(cause, slot_ns, amount)
            })?;
        }
        self.book_uses(result)
    }

    /// Our book of use, and what is left over.
    fn book_uses(self, mut result: Reconciliation) -> Result<Reconciliation, OutOfRange> {
        result.uses = self.uses.priced()?;
        for (key, used) in &result.uses {
            result.pools.entry(key.pool).or_default().book(key.kind, used.cost)?;
        }
        for side in result.pools.values_mut() {
            side.close()?;
        }
        Ok(result)
    }
}

/// Both books side by side.
#[derive(Clone, Debug, Default)]
pub struct Reconciliation {
    /// Every piece of every line, in order of pools and shares.
    pub findings: Vec<Finding>,
    /// What each pool comes to.
    pub pools: BTreeMap<PoolId, Side>,
    /// Our book: by tenant, model, pool and kind of use.
    pub uses: BTreeMap<UseKey, Use>,
}

impl Reconciliation {
    /// All pools together.
    ///
    /// # Errors
    /// If a sum is out of range.
    pub fn whole(&self) -> Result<Side, OutOfRange> {
        let mut whole = Side::default();
        for side in self.pools.values() {
            whole.merge(side)?;
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests;
