//! What a tenant's use under one rate in one period comes to.

use connector::{Amount, ModelId, Money, PoolId};

use super::{
    LineKey, PriceBook, Quantity, RatedLine, RatingError, book::Rate, rating::GroupKey,
    tariff::Slice,
};

/// How much was charged for of one model in one pool while one price held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) at: CellKey,
    pub(super) quantity: u128,
}

/// In this order units are lined up to fill allowances and tiers: first what an earlier price
/// applied to, then by model and pool. Which unit is "first" cannot depend on when it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CellKey {
    pub(super) version: u32,
    pub(super) model: ModelId,
    pub(super) pool: PoolId,
}

/// Rates all cells of a group, which are in order.
pub(super) fn lines(
    book: &PriceBook,
    key: GroupKey,
    cells: &[Cell],
) -> Result<Vec<RatedLine>, RatingError> {
    let rate = &book.rates()[key.rate as usize];
    let total = cells.iter().map(|cell| cell.quantity).sum();
    let mut lines = Vec::new();
    let mut first = 0;
    for cell in cells {
        let tariff = &rate.versions[cell.at.version as usize].tariff;
        for slice in tariff.slices(first, cell.quantity, total) {
            lines.push(line(book, rate, key, cell.at, slice)?);
        }
        first += cell.quantity;
    }
    Ok(lines)
}

fn line(
    book: &PriceBook,
    rate: &Rate,
    group: GroupKey,
    at: CellKey,
    slice: Slice,
) -> Result<RatedLine, RatingError> {
    let key = LineKey {
        tenant: group.tenant,
        period: group.period,
        model: at.model,
        pool: at.pool,
        meter: rate.meter,
        rate: group.rate,
        version: at.version,
        band: slice.band,
    };
    let tier = rate.versions[at.version as usize].tariff.tier(slice.band);
    let list_price = tier.map_or(Money::ZERO, |tier| tier.price);
    let price = book.discounted(list_price, at.pool);
    let fee = tier.filter(|_| slice.opens).map_or(Money::ZERO, |tier| tier.fee);
    let amount = Amount::product(price, slice.quantity, rate.meter.unit())
        .and_then(|amount| amount.checked_add(Amount::from_money(fee)?))
        .ok_or_else(|| RatingError::AmountOutOfRange(Box::new(key)))?;
    let quantity = Quantity(slice.quantity);
    Ok(RatedLine { key, quantity, price, list_price, fee, amount })
}
