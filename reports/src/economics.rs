//! What requests and tokens cost, what was wasted, and what is left of what tenants pay: exact sums,
//! with names, as JSON and as tables.

mod json;
mod table;

use connector::{Money, Names};
use platform::billing::{Currency, Economics, Margin, Margins, reconcile::OutOfRange};

/// Unit costs of a run, warm-up included; with margins where tenants' prices are known.
#[derive(Clone, Debug, PartialEq)]
pub struct EconomicsReport {
    /// What requests and tokens cost, and what was wasted.
    pub unit_costs: Economics,
    /// What is left of what tenants pay; `None` if nobody said what they pay.
    pub margins: Option<MarginsReport>,
    names: Names,
}

/// What is left of what tenants pay.
#[derive(Clone, Debug, PartialEq)]
pub struct MarginsReport {
    /// Of the price book.
    pub currency: Currency,
    /// All together.
    pub whole: Margin,
    /// By tenant, model and pool.
    pub margins: Margins,
    /// Records of use that the price book has no price for: they have a cost and no revenue.
    pub unrated_records: u64,
}

impl EconomicsReport {
    /// A report of a run with these names.
    pub fn new(unit_costs: Economics, margins: Option<MarginsReport>, names: &Names) -> Self {
        Self { unit_costs, margins, names: names.clone() }
    }

    /// What is left as a share of what tenants pay; `None` if they pay nothing, or nobody said what.
    pub(crate) fn margin_share(&self) -> Option<f64> {
        let whole = &self.margins.as_ref()?.whole;
        let revenue = whole.revenue.as_f64();
        (revenue != 0.0).then(|| left(whole).as_f64() / revenue)
    }

    /// Everything, by kind of waste in a line; `None` if nothing cost anything.
    pub(crate) fn waste(&self) -> Option<String> {
        table::waste(&self.unit_costs.whole)
    }
}

impl MarginsReport {
    /// A report of these margins.
    ///
    /// # Errors
    /// If a sum is out of range.
    ///
    /// # Panics
    /// If the margins do not add up, see [`Margins::whole`].
    pub fn new(
        currency: Currency,
        margins: Margins,
        unrated_records: u64,
    ) -> Result<Self, OutOfRange> {
        Ok(Self { currency, whole: margins.whole()?, margins, unrated_records })
    }
}

/// To the step of [`Money`], for reading.
pub(crate) fn to_read(amount: connector::Amount) -> Money {
    const DECIMALS: u32 = 9;
    amount.round(DECIMALS).0
}

/// What is left; only the whole of a report can be out of range, and it is not made then.
pub(crate) fn left(margin: &Margin) -> connector::Amount {
    margin.left().unwrap_or_default()
}

#[cfg(test)]
mod tests;
