//! A bill with all that it takes to put it into writing: names, prices and a calendar.
//!
//! A run counts nanoseconds from its start; who is to pay wants dates. The scenario says when the run
//! starts ([`Billed::starts_at`]), and everything written here is in whole seconds of UTC, rounded
//! down: a period ends with the second in which the next one begins.
//!
//! Documents have numbers that nobody has to keep: `0003/acme` is what acme owes for period 3,
//! `0003.1/acme` the first correction of it. A period has no `/`, so no two of them are the same,
//! whatever tenants are called.

mod decimal;
#[cfg(test)]
pub(crate) mod reading;
mod text;
mod units;
#[cfg(test)]
pub(crate) mod world;

use connector::{ModelId, Names, PoolId, TenantId, Timestamp};
use platform::billing::{
    Bill, BillingConfig, Correction, Currency, Invoice, InvoiceLine, LineKey, PeriodId,
};

pub(crate) use self::{
    decimal::{Cost, Quantity},
    text::CellWriter,
    units::{Consumed, pricing_unit},
};
use crate::Header;

/// A bill and what its numbers mean.
#[derive(Clone, Copy, Debug)]
pub struct Billed<'a> {
    /// The bill.
    pub bill: &'a Bill,
    /// The prices and periods that it was drawn by.
    pub billing: &'a BillingConfig,
    /// Who is who.
    pub names: &'a Names,
    /// The region of each pool.
    pub regions: &'a [String],
    /// When the run starts; not before 1970.
    pub starts_at: jiff::Timestamp,
    /// Whose bill it is.
    pub header: &'a Header,
}

/// Why a bill was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A cost or a quantity that is too large to be told exactly.
    #[error("a charge of tenant `{tenant}` in period {} is out of range", .period.0)]
    OutOfRange {
        /// Whose.
        tenant: String,
        /// For when.
        period: PeriodId,
    },
    /// The target refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<csv::Error> for ExportError {
    fn from(error: csv::Error) -> Self {
        Self::Io(error.into())
    }
}

/// An invoice, or a correction of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document<'a> {
    pub(crate) billed: &'a Billed<'a>,
    pub(crate) tenant: TenantId,
    pub(crate) period: PeriodId,
    pub(crate) paper: Paper<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Paper<'a> {
    Invoice(&'a Invoice),
    Correction {
        correction: &'a Correction,
        /// Of those of the same invoice, from 1.
        number: usize,
    },
}

impl Billed<'_> {
    /// All of them, tenant by tenant and period by period, each invoice before its corrections.
    pub(crate) fn documents(&self) -> Vec<Document<'_>> {
        let invoices = self.bill.invoices.iter();
        let mut documents: Vec<_> = invoices
            .map(|one| self.document(one.tenant, one.period, Paper::Invoice(one)))
            .collect();
        let of_one = |one: &Correction, other: &Correction| {
            (one.tenant, one.period) == (other.tenant, other.period)
        };
        for corrections in self.bill.corrections.chunk_by(of_one) {
            for (number, correction) in (1..).zip(corrections) {
                let paper = Paper::Correction { correction, number };
                documents.push(self.document(correction.tenant, correction.period, paper));
            }
        }
        documents.sort_by_key(|document| (document.tenant, document.period));
        documents
    }

    fn document<'a>(
        &'a self,
        tenant: TenantId,
        period: PeriodId,
        paper: Paper<'a>,
    ) -> Document<'a> {
        Document { billed: self, tenant, period, paper }
    }

    pub(crate) fn currency(&self) -> Currency {
        self.bill.currency
    }

    pub(crate) fn tenant(&self, tenant: TenantId) -> &str {
        &self.names.tenants[tenant.index()]
    }

    pub(crate) fn model(&self, model: ModelId) -> &str {
        &self.names.models[model.index()]
    }

    pub(crate) fn pool(&self, pool: PoolId) -> &str {
        &self.names.pools[pool.index()]
    }

    /// When a billing period begins and ends.
    pub(crate) fn period(&self, period: PeriodId) -> (Timestamp, Timestamp) {
        self.billing.periods.bounds(period).unwrap_or_default()
    }

    /// The part of its billing period in which the price of a line holds.
    pub(crate) fn price_holds(&self, key: LineKey) -> (Timestamp, Timestamp) {
        let (from, until) = self.period(key.period);
        let rate = self.billing.book.rates().get(key.rate as usize);
        let Some(version) = rate.and_then(|rate| rate.versions.get(key.version as usize)) else {
            return (from, until);
        };
        (from.max(version.from), version.until.map_or(until, |end| until.min(end)))
    }

    /// An instant of the run in whole seconds of UTC.
    pub(crate) fn date(&self, at: Timestamp) -> jiff::Timestamp {
        let since = std::time::Duration::from_nanos(at.as_nanos());
        let date = self.starts_at.checked_add(since).unwrap_or(jiff::Timestamp::MAX);
        jiff::Timestamp::from_second(date.as_second()).unwrap_or(date)
    }
}

impl<'a> Document<'a> {
    /// Its number, which no other document of the bill has.
    pub(crate) fn number(&self) -> String {
        let (period, tenant) = (self.period.0, self.billed.tenant(self.tenant));
        match self.paper {
            Paper::Invoice(_) => format!("{period:04}/{tenant}"),
            Paper::Correction { number, .. } => format!("{period:04}.{number}/{tenant}"),
        }
    }

    /// Of a correction: the number of the invoice that it belongs to.
    pub(crate) fn corrects(&self) -> Option<String> {
        let (period, tenant) = (self.period.0, self.billed.tenant(self.tenant));
        matches!(self.paper, Paper::Correction { .. }).then(|| format!("{period:04}/{tenant}"))
    }

    pub(crate) fn out_of_range(&self) -> ExportError {
        let tenant = self.billed.tenant(self.tenant).to_owned();
        ExportError::OutOfRange { tenant, period: self.period }
    }

    /// Its lines, each with what it does.
    pub(crate) fn lines(&self) -> Vec<(Standing, &'a InvoiceLine)> {
        match self.paper {
            Paper::Invoice(invoice) => {
                invoice.lines.iter().map(|line| (Standing::Stated, line)).collect()
            }
            Paper::Correction { correction, .. } => {
                let back = correction.reversed.iter().map(|line| (Standing::Reversed, line));
                let forth = correction.restated.iter().map(|line| (Standing::Restated, line));
                back.chain(forth).collect()
            }
        }
    }
}

/// What a line does to the sum of the document that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A line of an invoice.
    Stated,
    /// A line that was wrong: it is taken back.
    Reversed,
    /// The same line, or another, as it is.
    Restated,
}

impl Standing {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::Reversed => "reversed",
            Self::Restated => "restated",
        }
    }
}
