//! What a request costs, what a million tokens cost, and what of it was waste.
//!
//! # Mechanism
//!
//! A part of the books (a model, a pool, a model in a pool, all of them) costs what all its use costs,
//! whatever came of it: an answer has to bear the attempts that led to none, and the shares kept warm
//! for it. So a unit cost is that cost divided by what was *delivered*: requests answered, and their
//! tokens in and out. All that was not delivered is waste, by kind.
//!
//! Sums are exact ([`Amount`]); only the quotients are floats, and they are for reading.
//!
//! # Edges
//!
//! Where nothing was delivered there is no unit cost, whatever was spent. Time in which a share was
//! found and not yet at work ([`UseKind::Ghost`]) is waste here; [`Margins`](super::Margins) leave it
//! out, because what the provider charges for it is asked back. What the provider charges beyond our
//! books (ghosts that were never found, slow releases) is in no unit cost: see
//! [`reconcile`](super::reconcile).

use std::collections::BTreeMap;

use connector::{Amount, ModelId, PoolId};

use super::{Use, UseKey, UseKind, reconcile::OutOfRange};

const KINDS: usize = UseKind::ALL.len();
const MILLION: f64 = 1e6;

/// What one part of the books delivered, and what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitCost {
    /// Requests answered.
    pub requests: u64,
    /// Their tokens, in and out, cached ones included.
    pub tokens: u128,
    /// Everything, delivered or not.
    pub cost: Amount,
    /// What of `cost` led to no answer.
    pub waste: Amount,
    /// By [`UseKind`], in the order of declaration.
    by_kind: [Amount; KINDS],
}

impl UnitCost {
    /// What one kind of use cost.
    pub const fn of(&self, kind: UseKind) -> Amount {
        self.by_kind[kind as usize]
    }

    /// The kinds of waste that cost anything, in the order of declaration.
    pub fn wasted(&self) -> impl Iterator<Item = (UseKind, Amount)> {
        let kinds = UseKind::ALL.into_iter().zip(self.by_kind);
        kinds.filter(|&(kind, cost)| kind != UseKind::Delivered && cost != Amount::ZERO)
    }

    /// `cost / requests`; `None` if nothing was answered.
    pub fn per_request(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.cost.as_f64() / self.requests as f64)
    }

    /// `cost / tokens x 10^6`; `None` if nothing was answered.
    pub fn per_million_tokens(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.cost.as_f64() / (self.tokens as f64 / MILLION))
    }

    /// `waste / cost`; `None` if nothing was spent.
    pub fn waste_share(&self) -> Option<f64> {
        (self.cost != Amount::ZERO).then(|| self.waste.as_f64() / self.cost.as_f64())
    }

    fn add(&mut self, kind: UseKind, sum: &Use) -> Result<(), OutOfRange> {
        let plus = |one: Amount| one.checked_add(sum.cost).ok_or(OutOfRange);
        self.cost = plus(self.cost)?;
        self.by_kind[kind as usize] = plus(self.of(kind))?;
        if kind == UseKind::Delivered {
            self.requests = self.requests.saturating_add(sum.requests);
            self.tokens += sum.input_tokens + sum.output_tokens;
        } else {
            self.waste = plus(self.waste)?;
        }
        Ok(())
    }
}

/// Unit costs of all books, and of their parts. Models add up to the whole, and so do pools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Economics {
    /// Everything.
    pub whole: UnitCost,
    /// Of each model, wherever it ran.
    pub models: BTreeMap<ModelId, UnitCost>,
    /// Of each pool, whatever ran there.
    pub pools: BTreeMap<PoolId, UnitCost>,
    /// Of each model in each pool.
    pub models_in_pools: BTreeMap<(ModelId, PoolId), UnitCost>,
}

impl Economics {
    /// From what was used.
    ///
    /// # Errors
    /// If a sum is out of range.
    pub fn new(uses: &BTreeMap<UseKey, Use>) -> Result<Self, OutOfRange> {
        let mut economics = Self::default();
        for (&UseKey { model, pool, kind, .. }, sum) in uses {
            economics.whole.add(kind, sum)?;
            economics.models.entry(model).or_default().add(kind, sum)?;
            economics.pools.entry(pool).or_default().add(kind, sum)?;
            economics.models_in_pools.entry((model, pool)).or_default().add(kind, sum)?;
        }
        Ok(economics)
    }
}

#[cfg(test)]
mod tests;
