//! What cells of use come to, line by line.

use connector::{Amount, Money};

use super::{
    Band, LineKey, PriceBook, Quantity, RatedLine, RatingError, Tariff,
    cells::{PriceKey, SheetKey, Stretch},
    tariff::Slice,
};

/// The lines of a cell, in order.
pub(super) fn lines(
    book: &PriceBook,
    sheet: SheetKey,
    price: PriceKey,
    stretch: Stretch,
) -> impl Iterator<Item = Result<RatedLine, RatingError>> {
    let tariff = tariff(book, price);
    let cut = tariff.cut(stretch);
    tariff.bands().filter_map(move |number| {
        let slice = cut.slice(number);
        let form = || Form::of(book, sheet, price, slice.band);
        (slice.quantity > 0).then(form).map(|form| Ok(form.line(slice, form.amount(slice)?)))
    })
}

pub(super) fn tariff(book: &PriceBook, (rate, version): PriceKey) -> &Tariff {
    &book.rates()[rate as usize].versions[version as usize].tariff
}

/// A line without its quantity.
pub(super) struct Form {
    key: LineKey,
    price: Money,
    list_price: Money,
    pub(super) fee: Money,
}

impl Form {
    #[inline]
    pub(super) fn of(book: &PriceBook, sheet: SheetKey, price: PriceKey, band: Band) -> Self {
        let SheetKey { tenant, period, model, pool } = sheet;
        let (rate, version) = price;
        let meter = book.rates()[rate as usize].meter;
        let key = LineKey { tenant, period, model, pool, meter, rate, version, band };
        let (list_price, fee) = match tariff(book, price).tier(band) {
            Some(tier) => (tier.price, tier.fee),
            None => (Money::ZERO, Money::ZERO),
        };
        Self { key, price: book.discounted(list_price, pool), list_price, fee }
    }

    /// What a slice comes to.
    #[inline]
    pub(super) fn amount(&self, slice: Slice) -> Result<Amount, RatingError> {
        let mut amount = Amount::product(self.price, slice.quantity, self.key.meter.unit());
        let fee = self.fee_of(slice);
        if fee != Money::ZERO {
            amount = amount.and_then(|amount| amount.checked_add(Amount::from_money(fee)?));
        }
        amount.ok_or_else(|| self.out_of_range())
    }

    #[inline]
    pub(super) fn line(&self, slice: Slice, amount: Amount) -> RatedLine {
        let Self { key, price, list_price, .. } = *self;
        let (quantity, fee) = (Quantity(slice.quantity), self.fee_of(slice));
        RatedLine { key, quantity, price, list_price, fee, amount }
    }

    #[inline]
    fn fee_of(&self, slice: Slice) -> Money {
        if slice.opens { self.fee } else { Money::ZERO }
    }

    #[cold]
    pub(super) fn out_of_range(&self) -> RatingError {
        RatingError::AmountOutOfRange(Box::new(self.key))
    }
}
