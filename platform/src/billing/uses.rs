//! Records of use, added up by whose, of what, where, and what came of it.
//!
//! Sums are of whole numbers, so they do not know in which order records came. Memory is in proportion
//! to the keys that occur and not to the records; in return a record that comes twice counts twice.

use std::collections::BTreeMap;

use connector::{Amount, ModelId, Money, PoolId, PricingUnit, TenantId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Meters, UsageRecord, UseKind, reconcile::OutOfRange};

/// Whose use of what, where, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UseKey {
    /// On whose behalf. Of idle shares: who asked for them, or worked on them last.
    pub tenant: TenantId,
    /// For what.
    pub model: ModelId,
    /// Where.
    pub pool: PoolId,
    /// What came of it.
    pub kind: UseKind,
}

impl UseKey {
    pub(super) const fn of(record: &UsageRecord) -> Self {
        let &UsageRecord { tenant, model, pool, kind, .. } = record;
        Self { tenant, model, pool, kind }
    }
}

/// A sum of records of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Records.
    pub records: u64,
    /// Requests answered.
    pub requests: u64,
    /// Prompt tokens, cached ones included.
    pub input_tokens: u128,
    /// Tokens of answers.
    pub output_tokens: u128,
    /// Shares x time.
    pub slot_ns: u128,
    /// That time at our price.
    pub cost: Amount,
}

impl Use {
    /// What cannot be counted any more stays at the most that can: no price makes an amount of it.
    fn add(&mut self, meters: &Meters) {
        self.records += 1;
        self.requests = self.requests.saturating_add(meters.requests);
        self.input_tokens += u128::from(meters.input_tokens) + u128::from(meters.cached_tokens);
        self.output_tokens += u128::from(meters.output_tokens);
        self.slot_ns = self.slot_ns.saturating_add(meters.slot_ns);
    }
}

/// Adds records of use up as they come.
#[derive(Clone, Debug)]
pub struct Uses {
    prices: Vec<Money>,
    sums: HashMap<UseKey, Use, FxBuildHasher>,
}

impl Uses {
    /// Nothing used yet. `prices` of a share for an hour by pool, as we believe they are; the time of
    /// pools beyond the list is free.
    pub fn new(prices: Vec<Money>) -> Self {
        Self { prices, sums: HashMap::default() }
    }

    /// Takes a record, in any order, each once.
    #[inline]
    pub fn add(&mut self, record: &UsageRecord) {
        self.sums.entry(UseKey::of(record)).or_default().add(&record.meters);
    }

    /// The sums so far, in the order of their keys, with what they cost.
    ///
    /// # Errors
    /// If a cost is out of range.
    pub fn priced(&self) -> Result<BTreeMap<UseKey, Use>, OutOfRange> {
        let priced = |(&key, &sum): (&UseKey, &Use)| {
            Ok((key, Use { cost: self.cost(key.pool, sum.slot_ns)?, ..sum }))
        };
        self.sums.iter().map(priced).collect()
    }

    /// What shares of this pool cost for so long.
    ///
    /// # Errors
    /// If it is out of range.
    pub(super) fn cost(&self, pool: PoolId, slot_ns: u128) -> Result<Amount, OutOfRange> {
        let price = self.prices.get(pool.index()).copied().unwrap_or_default();
        Amount::product(price, slot_ns, PricingUnit::Hour).ok_or(OutOfRange)
    }
}
