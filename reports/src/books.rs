//! The platform's records of use, added up while a run lasts.

use connector::{Money, Names};
use platform::billing::{
    BillingConfig, Currency, Economics, Margins, RatedLine, Rating, UsageRecord, Uses,
};

use crate::economics::{EconomicsReport, MarginsReport};

/// Adds up what was used, and rates it where there are prices to rate it by.
///
/// A run tells every record once, so nothing is remembered of any: memory is in proportion to what is
/// summed apart (tenants x models x pools x kinds of use that occur, and lines of bills).
#[derive(Debug)]
pub(crate) struct Books {
    uses: Uses,
    prices: Option<(Currency, Rating)>,
    unrated: u64,
}

impl Books {
    /// Nothing used yet. Prices of a share for an hour by pool, and what tenants pay.
    pub(crate) fn new(slot_prices: Vec<Money>, billing: Option<BillingConfig>) -> Self {
        let prices = billing.map(|billing| (billing.book.currency(), Rating::new(billing)));
        Self { uses: Uses::new(slot_prices), prices, unrated: 0 }
    }

    #[inline]
    pub(crate) fn usage(&mut self, record: &UsageRecord) {
        self.uses.add(record);
        if let Some((_, rating)) = &mut self.prices {
            self.unrated += u64::from(rating.add_once(record).is_err());
        }
    }

    /// `None` if nobody told of any use, or if a sum is beyond what an amount can be.
    pub(crate) fn report(self, names: &Names) -> Option<EconomicsReport> {
        let uses = self.uses.priced().ok().filter(|uses| !uses.is_empty())?;
        let unit_costs = Economics::new(&uses).ok()?;
        let margins = match self.prices {
            Some((currency, rating)) => {
                let lines = rating.lines().ok()?;
                let revenue = lines.iter().map(|RatedLine { key, amount, .. }| {
                    ((key.tenant, key.model, key.pool), *amount)
                });
                let margins = Margins::new(revenue, &uses).ok()?;
                Some(MarginsReport::new(currency, margins, self.unrated).ok()?)
            }
            None => None,
        };
        Some(EconomicsReport::new(unit_costs, margins, names))
    }
}
