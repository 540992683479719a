//! Use, added up in whole numbers.
//!
//! A *cell* is all use of one tenant in one period, of one model in one pool, at one price: the cells
//! of a *sheet* differ in the price alone. What a cell comes to depends on its quantity and, unless
//! its rate is flat, on where it begins in the *line-up* of all cells of one tenant under that rate
//! in that period: first what an earlier price applied to, then by model and pool. Which unit is
//! "first" cannot depend on when it was told.
//!
//! A cell knows where it began and how much it was when that was last told, so what is to be told
//! needs no copy of what was. When a cell grows, those behind it in the line-up move; but only those
//! that cross the end of a tier come to anything else, and only their sheets are looked at.

use connector::{ModelId, PoolId, TenantId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{PeriodId, PriceBook, book::Rate};

pub(super) type CellId = u32;

/// Whose use of what in which period. Lines are sorted by it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SheetKey {
    pub(super) tenant: TenantId,
    pub(super) period: PeriodId,
    pub(super) model: ModelId,
    pub(super) pool: PoolId,
}

impl SheetKey {
    /// Sheets in the order of their ranks are in order.
    fn rank(self) -> u128 {
        let Self { tenant, period, model, pool } = self;
        let pair = |one: u32, other: u32| u128::from(one) << 32 | u128::from(other);
        pair(tenant.0, period.0) << 64 | pair(model.0, pool.0)
    }
}

/// Which price: indices of a rate in the book and of a version in the rate.
pub(super) type PriceKey = (u32, u32);

/// Units `first .. first + quantity` of a line-up in which there are `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) first: u128,
    pub(super) quantity: u128,
    pub(super) total: u128,
}

/// A cell that comes to something else than was told, or that is looked at for the first time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) sheet: SheetKey,
    pub(super) price: PriceKey,
    /// Its rate is not flat.
    pub(super) is_lined_up: bool,
    pub(super) told: Stretch,
    pub(super) now: Stretch,
}

#[derive(Debug)]
struct Cell {
    sheet: u32,
    price: PriceKey,
    /// Under a flat rate there is none: nothing needs to be lined up with anything.
    line_up: Option<u32>,
    quantity: u128,
    told: u128,
    /// In the line-up, as of the last [`Cells::line_up`].
    first: u128,
    told_first: u128,
}

#[derive(Debug)]
struct Sheet {
    key: SheetKey,
    /// In the order of meters, rates and versions.
    cells: Vec<CellId>,
    changed: bool,
}

#[derive(Debug)]
struct LineUp {
    rate: u32,
    /// In the order of versions, models and pools.
    cells: Vec<CellId>,
    total: u128,
    told: u128,
    changed: bool,
}

/// All use. Indices are of 32 bits: more than 2^32 cells would not fit into any memory.
#[derive(Debug, Default)]
pub(super) struct Cells {
    list: Vec<Cell>,
    sheets: Vec<Sheet>,
    line_ups: Vec<LineUp>,
    /// Never iterated, as is the next.
    sheet_of: HashMap<SheetKey, u32, FxBuildHasher>,
    line_up_of: HashMap<(TenantId, PeriodId, u32), u32, FxBuildHasher>,
    /// After their ranks.
    changed_sheets: Vec<(u128, u32)>,
    changed_line_ups: Vec<u32>,
}

impl Cells {
    /// The cell of a price, which is made if it is not there yet.
    pub(super) fn at(&mut self, book: &PriceBook, key: SheetKey, price: PriceKey) -> CellId {
        let sheet = *self.sheet_of.entry(key).or_insert_with(|| {
            self.sheets.push(Sheet { key, cells: Vec::new(), changed: false });
            (self.sheets.len() - 1) as u32
        });
        let order = |(rate, version): PriceKey| (book.rates()[rate as usize].meter, rate, version);
        let known = &self.sheets[sheet as usize].cells;
        let at = |&id: &CellId| order(self.list[id as usize].price);
        let place = match known.binary_search_by_key(&order(price), at) {
            Ok(place) => return known[place],
            Err(place) => place,
        };
        let id = self.list.len() as CellId;
        let (quantity, told, first, told_first) = (0, 0, 0, 0);
        self.list.push(Cell { sheet, price, line_up: None, quantity, told, first, told_first });
        self.sheets[sheet as usize].cells.insert(place, id);
        if !book.rates()[price.0 as usize].is_flat() {
            self.list[id as usize].line_up = Some(self.queue(id, key, price.0));
        }
        id
    }

    /// Puts a new cell into its line-up.
    fn queue(&mut self, id: CellId, key: SheetKey, rate: u32) -> u32 {
        let line_up = *self.line_up_of.entry((key.tenant, key.period, rate)).or_insert_with(|| {
            let (cells, total, told) = (Vec::new(), 0, 0);
            self.line_ups.push(LineUp { rate, cells, total, told, changed: false });
            (self.line_ups.len() - 1) as u32
        });
        let order = |&id: &CellId| {
            let cell = &self.list[id as usize];
            let SheetKey { model, pool, .. } = self.sheets[cell.sheet as usize].key;
            (cell.price.1, model, pool)
        };
        let cells = &mut self.line_ups[line_up as usize].cells;
        let place = cells.partition_point(|other| order(other) < order(&id));
        cells.insert(place, id);
        line_up
    }

    pub(super) fn price(&self, id: CellId) -> PriceKey {
        self.list[id as usize].price
    }

    pub(super) fn grow(&mut self, id: CellId, quantity: u128) {
        let cell = &mut self.list[id as usize];
        cell.quantity += quantity;
        let sheet = &mut self.sheets[cell.sheet as usize];
        if !sheet.changed {
            sheet.changed = true;
            self.changed_sheets.push((sheet.key.rank(), cell.sheet));
        }
        if let Some(index) = cell.line_up {
            let line_up = &mut self.line_ups[index as usize];
            line_up.total += quantity;
            if !line_up.changed {
                line_up.changed = true;
                self.changed_line_ups.push(index);
            }
        }
    }

    /// What has to be told, in the order of lines: see [`Reading`]. Until it is [told](Self::tell),
    /// it will be among what is read the next time.
    pub(super) fn changed(&mut self, book: &PriceBook) -> impl Iterator<Item = Reading> {
        self.line_up(book);
        self.changed_sheets.sort_unstable_by_key(|&(rank, _)| rank);
        let changed = self.changed_sheets.iter().map(|&(_, sheet)| &self.sheets[sheet as usize]);
        let cells = changed.flat_map(|sheet| sheet.cells.iter().map(move |&id| (sheet, id)));
        let readings = cells.map(|(sheet, id)| {
            let cell = &self.list[id as usize];
            self.reading(sheet, cell, cell.first)
        });
        readings.filter(|reading| reading.now != reading.told)
    }

    /// How many readings there are to be at most.
    pub(super) fn changed_at_most(&self) -> usize {
        let changed = self.changed_sheets.iter();
        changed.map(|&(_, sheet)| self.sheets[sheet as usize].cells.len()).sum()
    }

    /// Finds out where cells begin in line-ups that changed, and which sheets that concerns.
    fn line_up(&mut self, book: &PriceBook) {
        for &index in &self.changed_line_ups {
            let LineUp { rate, ref cells, total, told, .. } = self.line_ups[index as usize];
            let rate = &book.rates()[rate as usize];
            let moves_all = rate.is_by_volume() && told != total;
            let mut first = 0;
            for &id in cells {
                let cell = &mut self.list[id as usize];
                cell.first = first;
                first += cell.quantity;
                if !moves_all && cell.first == cell.told_first {
                    continue;
                }
                let sheet = &mut self.sheets[cell.sheet as usize];
                if !sheet.changed && cell.is_disturbed(rate, (told, total)) {
                    sheet.changed = true;
                    self.changed_sheets.push((sheet.key.rank(), cell.sheet));
                }
            }
        }
    }

    fn reading(&self, sheet: &Sheet, cell: &Cell, first: u128) -> Reading {
        let line_up = cell.line_up.map(|line_up| &self.line_ups[line_up as usize]);
        let (told, now) = line_up.map_or((0, 0), |line_up| (line_up.told, line_up.total));
        Reading {
            sheet: sheet.key,
            price: cell.price,
            is_lined_up: line_up.is_some(),
            told: Stretch { first: cell.told_first, quantity: cell.told, total: told },
            now: Stretch { first, quantity: cell.quantity, total: now },
        }
    }

    /// All there is, in the order of lines.
    pub(super) fn all(&self) -> Vec<Reading> {
        let mut firsts = vec![0; self.list.len()];
        for line_up in &self.line_ups {
            let mut first = 0;
            for &id in &line_up.cells {
                firsts[id as usize] = first;
                first += self.list[id as usize].quantity;
            }
        }
        let mut sheets: Vec<&Sheet> = self.sheets.iter().collect();
        sheets.sort_unstable_by_key(|sheet| sheet.key);
        let cells =
            sheets.into_iter().flat_map(|sheet| sheet.cells.iter().map(move |&id| (sheet, id)));
        cells
            .map(|(sheet, id)| self.reading(sheet, &self.list[id as usize], firsts[id as usize]))
            .collect()
    }

    /// What was [read](Self::changed) counts as told.
    pub(super) fn tell(&mut self) {
        for (_, sheet) in self.changed_sheets.drain(..) {
            let sheet = &mut self.sheets[sheet as usize];
            sheet.changed = false;
            for &id in &sheet.cells {
                self.list[id as usize].tell();
            }
        }
        for line_up in self.changed_line_ups.drain(..) {
            let line_up = &mut self.line_ups[line_up as usize];
            (line_up.told, line_up.changed) = (line_up.total, false);
            for &id in &line_up.cells {
                self.list[id as usize].tell();
            }
        }
    }
}

impl Cell {
    /// Whether it comes to something else though it did not grow.
    fn is_disturbed(&self, rate: &Rate, (told_total, total): (u128, u128)) -> bool {
        let Self { quantity, first, told_first, .. } = *self;
        let tariff = &rate.versions[self.price.1 as usize].tariff;
        let told = Stretch { first: told_first, quantity, total: told_total };
        quantity > 0 && tariff.tells_apart(told, Stretch { first, quantity, total })
    }

    fn tell(&mut self) {
        (self.told, self.told_first) = (self.quantity, self.first);
    }
}
