//! The short way of a record to its cells.
//!
//! Most records lie within one period and within one price of each of their meters, the same as the
//! record before them of the same tenant, model and pool. For as long as that is so, what a record
//! used goes straight into the same cells; where it is not, [`split`](super::split) divides it.

use connector::Timestamp;

use super::{
    Meter, Periods, PriceBook, RatingError, UsageRecord,
    cells::{CellId, Cells, SheetKey},
    charge,
    rating::Route,
    split::MOST,
};

/// From when until when which cells take what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shortcut {
    from: Timestamp,
    until: Timestamp,
    /// So many of them count.
    count: u8,
    slots: [Slot; Meter::ALL.len()],
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    cell: CellId,
    meter: Meter,
    /// Neither minimum nor granularity: nothing has to be looked up.
    as_used: bool,
}

impl Shortcut {
    /// Of no record.
    pub(super) const NONE: Self = Self {
        from: Timestamp::ZERO,
        until: Timestamp::ZERO,
        count: 0,
        slots: [Slot { cell: 0, meter: Meter::InputTokens, as_used: false }; Meter::ALL.len()],
    };

    /// For records like this one.
    pub(super) fn like(
        record: &UsageRecord,
        rates: &Route,
        (book, periods): (&PriceBook, &Periods),
        cells: &mut Cells,
    ) -> Option<Self> {
        let UsageRecord { tenant, model, pool, from: at, .. } = *record;
        let period = periods.of(at)?;
        let (from, until) = periods.bounds(period)?;
        let mut this = Self { from, until, ..Self::NONE };
        let key = SheetKey { tenant, period, model, pool };
        for (meter, rate) in Meter::ALL.into_iter().zip(*rates) {
            let Some(rate) = rate else { continue };
            let (index, version) = book.rates()[rate as usize].at(at)?;
            this.from = this.from.max(version.from);
            this.until = version.until.map_or(this.until, |until| this.until.min(until));
            let cell = cells.at(book, key, (rate, index));
            let as_used = version.tariff.charges_as_used();
            this.slots[usize::from(this.count)] = Slot { cell, meter, as_used };
            this.count += 1;
        }
        Some(this)
    }

    pub(super) fn covers(&self, record: &UsageRecord) -> bool {
        self.from <= record.from && record.from < self.until && record.until <= self.until
    }

    /// Adds to `grown` by how much a record that is covered makes which cells grow.
    pub(super) fn charge(
        &self,
        record: &UsageRecord,
        book: &PriceBook,
        cells: &Cells,
        grown: &mut Vec<(CellId, u128)>,
    ) -> Result<(), RatingError> {
        for &Slot { cell, meter, as_used } in &self.slots[..usize::from(self.count)] {
            let used = record.meters.get(meter);
            let charged = if as_used {
                Some(used.0)
            } else {
                charge::tariff(book, cells.price(cell)).charged_for(used)
            };
            match charged {
                Some(0) => {}
                Some(charged @ 1..=MOST) => grown.push((cell, charged)),
                _ => return Err(RatingError::TooMuch { key: record.key, meter }),
            }
        }
        Ok(())
    }
}
