//! Usage to money: a pure function of the *set* of records.
//!
//! # Mechanism
//!
//! A tenant's use is added up in *cells* of whole numbers: per period, rate, price, model and pool.
//! Sums of integers do not know in which order they were made, and lines are computed from the
//! sums, so a bill is the same for any order of its records. Repetition is kept out by their keys,
//! for ever: a key costs 32 bytes and is never dropped. There is no late record either: one that
//! comes after its period was closed changes the lines of the period it belongs to.
//!
//! [`Rating`] does it step by step. [`Rating::changes`] tells how lines differ from when it was last
//! asked; all changes of a line, added up, are the line. In a period that is closed they are
//! *corrections*, to be booked as the reversal of the old line and the new line.
//!
//! # Edges
//!
//! A record that cannot be rated changes nothing, whatever else it holds. If an amount does not fit,
//! [`Rating::changes`] fails and forgets nothing.

use std::collections::BTreeSet;

use connector::{Amount, Duration, ModelId, PoolId, TenantId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{
    Change, Meter, PeriodId, Periods, PriceBook, RatedLine, RatingError, RecordKey, UsageRecord,
    change::differences,
    charge::{self, Cell, CellKey},
    split,
};

/// Rated use, kept up to date record by record. See the module.
#[derive(Debug)]
pub struct Rating {
    book: PriceBook,
    periods: Periods,
    seen: HashMap<RecordKey, u64, FxBuildHasher>,
    groups: HashMap<GroupKey, Group, FxBuildHasher>,
    routes: HashMap<(TenantId, ModelId, PoolId), Route, FxBuildHasher>,
    changed: Vec<GroupKey>,
    closed: BTreeSet<PeriodId>,
    /// Parts of the record at hand; kept for its room.
    parts: Vec<(GroupKey, Cell)>,
}

/// The rate of each meter.
type Route = [Option<u32>; Meter::ALL.len()];

/// How use is billed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingConfig {
    /// What it costs.
    pub book: PriceBook,
    /// For which stretches of time bills are drawn.
    pub periods: Periods,
    /// How long after its end a period is open for records that are late.
    pub grace: Duration,
}

/// What is added up together, so that tiers and allowances apply to its sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupKey {
    pub(super) tenant: TenantId,
    pub(super) period: PeriodId,
    pub(super) rate: u32,
    /// Under a flat rate nothing needs to be lined up with anything, and each cell is by itself.
    alone: Option<CellKey>,
}

#[derive(Debug, Default)]
struct Group {
    /// Sorted.
    cells: Vec<Cell>,
    /// As they were last told.
    told: Vec<RatedLine>,
    /// Whether `cells` changed since.
    changed: bool,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was new.
    New,
    /// It was known already and changed nothing.
    Known,
}

impl Rating {
    /// Nothing used so far.
    pub fn new(BillingConfig { book, periods, grace: _ }: BillingConfig) -> Self {
        Self {
            book,
            periods,
            seen: HashMap::default(),
            groups: HashMap::default(),
            routes: HashMap::default(),
            changed: Vec::new(),
            closed: BTreeSet::new(),
            parts: Vec::new(),
        }
    }

    /// The prices.
    pub const fn book(&self) -> &PriceBook {
        &self.book
    }

    /// The billing periods.
    pub const fn periods(&self) -> &Periods {
        &self.periods
    }

    /// Takes a record, in any order and as often as you like.
    ///
    /// # Errors
    /// If it cannot be rated, or contradicts one that was taken. It is then as if it had not come.
    pub fn add(&mut self, record: &UsageRecord) -> Result<Taken, RatingError> {
        let print = fingerprint(record);
        match self.seen.get(&record.key) {
            Some(&known) if known == print => return Ok(Taken::Known),
            Some(_) => return Err(RatingError::Conflict { key: record.key }),
            None => {}
        }
        self.divide(record)?;
        self.seen.insert(record.key, print);
        for (key, cell) in self.parts.drain(..) {
            let group = self.groups.entry(key).or_default();
            group.grow(cell);
            if !group.changed {
                group.changed = true;
                self.changed.push(key);
            }
        }
        Ok(Taken::New)
    }

    /// Ends a period: what changes in it from now on is a correction. Tells what changed until now.
    ///
    /// # Errors
    /// As [`changes`](Self::changes); the period is then still open.
    pub fn close(&mut self, period: PeriodId) -> Result<Vec<Change>, RatingError> {
        let changes = self.changes()?;
        self.closed.insert(period);
        Ok(changes)
    }

    /// How lines changed since this was last asked, in the order of their keys.
    ///
    /// # Errors
    /// If an amount does not fit; then nothing counts as told.
    pub fn changes(&mut self) -> Result<Vec<Change>, RatingError> {
        let mut changes = Vec::new();
        let mut news = Vec::with_capacity(self.changed.len());
        for &key in &self.changed {
            let Some(group) = self.groups.get(&key) else { continue };
            let lines = charge::lines(&self.book, key, &group.cells)?;
            let correction = self.closed.contains(&key.period);
            differences(&group.told, &lines, correction, &mut changes)?;
            news.push(lines);
        }
        for (key, lines) in self.changed.drain(..).zip(news) {
            if let Some(group) = self.groups.get_mut(&key) {
                (group.told, group.changed) = (lines, false);
            }
        }
        changes.sort_unstable_by_key(Change::key);
        Ok(changes)
    }

    /// All lines as they are now, in the order of their keys.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn lines(&self) -> Result<Vec<RatedLine>, RatingError> {
        let mut lines = Vec::new();
        for (&key, group) in &self.groups {
            lines.extend(charge::lines(&self.book, key, &group.cells)?);
        }
        lines.sort_unstable_by_key(|line| line.key);
        Ok(lines)
    }

    /// What a record would come to if it were alone in its periods: what to reserve for it.
    ///
    /// # Errors
    /// If it cannot be rated.
    pub fn quote(&mut self, record: &UsageRecord) -> Result<Amount, RatingError> {
        self.divide(record)?;
        let mut sum = Amount::ZERO;
        for (key, cell) in self.parts.drain(..) {
            for line in charge::lines(&self.book, key, &[cell])? {
                sum = sum
                    .checked_add(line.amount)
                    .ok_or_else(|| RatingError::AmountOutOfRange(Box::new(line.key)))?;
            }
        }
        Ok(sum)
    }

    /// Leaves in `parts` what a record adds to which cells.
    fn divide(&mut self, record: &UsageRecord) -> Result<(), RatingError> {
        split::forward(record)?;
        self.parts.clear();
        if !self.book.charges(record.kind) {
            return Ok(());
        }
        let UsageRecord { tenant, model, pool, .. } = *record;
        let book = &self.book;
        let route = self
            .routes
            .entry((tenant, model, pool))
            .or_insert_with(|| Meter::ALL.map(|meter| book.route(tenant, model, pool, meter)));
        for (meter, rate) in Meter::ALL.into_iter().zip(*route) {
            let Some(index) = rate else { continue };
            let rate = (index, &book.rates()[index as usize]);
            let flat = rate.1.is_flat();
            let parts = &mut self.parts;
            split::parts(record, meter, rate, &self.periods, |part| {
                let at = CellKey { version: part.version, model, pool };
                let alone = flat.then_some(at);
                let key = GroupKey { tenant, period: part.period, rate: index, alone };
                parts.push((key, Cell { at, quantity: part.quantity }));
            })?;
        }
        Ok(())
    }
}

impl Group {
    fn grow(&mut self, cell: Cell) {
        match self.cells.binary_search_by_key(&cell.at, |known| known.at) {
            Ok(index) => self.cells[index].quantity += cell.quantity,
            Err(index) => self.cells.insert(index, cell),
        }
    }
}

/// 64 bits that two different records share by accident once in 2^64.
fn fingerprint(record: &UsageRecord) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
    record.hash(&mut hasher);
    hasher.finish()
}
