//! Usage to money: a pure function of the *set* of records.
//!
//! # Mechanism
//!
//! A tenant's use is added up in *cells* of whole numbers: per period, rate, price, model and pool.
//! Sums of integers do not know in which order they were made, and lines are computed from the
//! sums, so a bill is the same for any order of its records. Repetition is kept out by their keys,
//! for ever: a key costs 24 bytes and is never dropped. There is no late record either: one that
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
    Change, Meter, PeriodId, Periods, PriceBook, RatedLine, RatingError, UsageRecord,
    cells::{CellId, Cells, SheetKey, Stretch},
    change, charge,
    seen::{Seen, Sight},
    shortcut::Shortcut,
    split::{self, Part},
};

/// Rated use, kept up to date record by record. See the module.
#[derive(Debug)]
pub struct Rating {
    book: PriceBook,
    periods: Periods,
    seen: Seen,
    sums: Sums,
    closed: BTreeSet<PeriodId>,
}

/// What was used, added up by cell, and the way of a record to its cells.
#[derive(Debug, Default)]
struct Sums {
    /// Never iterated.
    routes: HashMap<(TenantId, ModelId, PoolId), (Route, Shortcut), FxBuildHasher>,
    cells: Cells,
    /// Parts of the record at hand, and by how much which cells grow; kept for their room.
    parts: Vec<(u32, Part)>,
    grown: Vec<(CellId, u128)>,
}

/// The rate of each meter.
pub(super) type Route = [Option<u32>; Meter::ALL.len()];

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
            seen: Seen::default(),
            sums: Sums::default(),
            closed: BTreeSet::new(),
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
        let place = match self.seen.look(record) {
            Sight::New(place) => place,
            Sight::Known => return Ok(Taken::Known),
            Sight::Conflict => return Err(RatingError::Conflict { key: record.key }),
        };
        self.sums.weigh(record, (&self.book, &self.periods))?;
        place.take();
        self.sums.grow();
        Ok(Taken::New)
    }

    /// Takes a record whose caller knows that it comes once, in any order, and remembers nothing of it:
    /// memory grows with lines, and not with records. Not to be mixed with [`add`](Self::add).
    ///
    /// # Errors
    /// If it cannot be rated. It is then as if it had not come.
    pub fn add_once(&mut self, record: &UsageRecord) -> Result<(), RatingError> {
        self.sums.weigh(record, (&self.book, &self.periods))?;
        self.sums.grow();
        Ok(())
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
        let mut changes = Vec::with_capacity(self.sums.cells.changed_at_most());
        for reading in self.sums.cells.changed(&self.book) {
            let correction = self.closed.contains(&reading.sheet.period);
            change::differences(&self.book, &reading, correction, &mut changes)?;
        }
        self.sums.cells.tell();
        Ok(changes)
    }

    /// All lines as they are now, in the order of their keys.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn lines(&self) -> Result<Vec<RatedLine>, RatingError> {
        let cells = self.sums.cells.all();
        let lines = cells
            .iter()
            .flat_map(|cell| charge::lines(&self.book, cell.sheet, cell.price, cell.now));
        lines.collect()
    }

    /// What a record would come to if it were alone in its periods: what to reserve for it.
    ///
    /// # Errors
    /// If it cannot be rated.
    pub fn quote(&mut self, record: &UsageRecord) -> Result<Amount, RatingError> {
        split::forward(record)?;
        let book = &self.book;
        if !book.charges(record.kind) {
            return Ok(Amount::ZERO);
        }
        let (rates, _) = route(&mut self.sums.routes, book, record);
        divide(record, rates, (book, &self.periods), &mut self.sums.parts)?;
        let mut sum = Amount::ZERO;
        let together = |(one, this): &(u32, Part), (other, that): &(u32, Part)| {
            (one, this.period) == (other, that.period)
        };
        for parts in self.sums.parts.chunk_by(together) {
            let total = parts.iter().map(|(_, part)| part.quantity).sum();
            let mut first = 0;
            for &(rate, Part { period, version, quantity }) in parts {
                let stretch = Stretch { first, quantity, total };
                for line in charge::lines(book, sheet(record, period), (rate, version), stretch) {
                    let line = line?;
                    sum = (sum.checked_add(line.amount))
                        .ok_or_else(|| RatingError::AmountOutOfRange(Box::new(line.key)))?;
                }
                first += quantity;
            }
        }
        Ok(sum)
    }
}

impl Sums {
    /// Leaves in `grown` by how much a record lets which cells grow.
    #[inline]
    fn weigh(
        &mut self,
        record: &UsageRecord,
        (book, periods): (&PriceBook, &Periods),
    ) -> Result<(), RatingError> {
        split::forward(record)?;
        self.grown.clear();
        if !book.charges(record.kind) {
            return Ok(());
        }
        let cells = &mut self.cells;
        let (route, shortcut) = route(&mut self.routes, book, record);
        if shortcut.covers(record) {
            return shortcut.charge(record, book, cells, &mut self.grown);
        }
        divide(record, route, (book, periods), &mut self.parts)?;
        for (rate, Part { period, version, quantity }) in self.parts.drain(..) {
            let cell = cells.at(book, sheet(record, period), (rate, version));
            self.grown.push((cell, quantity));
        }
        let next = Shortcut::like(record, route, (book, periods), cells);
        *shortcut = next.unwrap_or(Shortcut::NONE);
        Ok(())
    }

    /// Lets the cells grow by what was weighed.
    fn grow(&mut self) {
        for (cell, quantity) in self.grown.drain(..) {
            self.cells.grow(cell, quantity);
        }
    }
}

fn route<'a>(
    routes: &'a mut HashMap<(TenantId, ModelId, PoolId), (Route, Shortcut), FxBuildHasher>,
    book: &PriceBook,
    record: &UsageRecord,
) -> &'a mut (Route, Shortcut) {
    let UsageRecord { tenant, model, pool, .. } = *record;
    routes.entry((tenant, model, pool)).or_insert_with(|| {
        let rates = Meter::ALL.map(|meter| book.route(tenant, model, pool, meter));
        (rates, Shortcut::NONE)
    })
}

fn sheet(record: &UsageRecord, period: PeriodId) -> SheetKey {
    let UsageRecord { tenant, model, pool, .. } = *record;
    SheetKey { tenant, period, model, pool }
}

/// Leaves in `parts` how much of a record was used under which rate, in which period at which price.
fn divide(
    record: &UsageRecord,
    rates: &Route,
    (book, periods): (&PriceBook, &Periods),
    parts: &mut Vec<(u32, Part)>,
) -> Result<(), RatingError> {
    parts.clear();
    for (meter, rate) in Meter::ALL.into_iter().zip(*rates) {
        let Some(index) = rate else { continue };
        let rate = (index, &book.rates()[index as usize]);
        split::parts(record, meter, rate, periods, |part| parts.push((index, part)))?;
    }
    Ok(())
}
