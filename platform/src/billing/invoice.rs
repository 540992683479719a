//! What a tenant owes for a period, in whole coins: the one place where money is rounded.
//!
//! A line is all use of one meter of one model in one pool. Its parts (prices, tiers, what is
//! included) are exact; their sum is rounded to the smallest coin of the currency, halves to the
//! even one, and the total is the sum of the rounded lines, so that whoever adds up an invoice gets
//! what it says. What rounding gave or took is kept, line by line, and booked: an invoice moves the
//! *exact* amount out of [`AccountId::Unbilled`], the rounded one into [`AccountId::Receivable`],
//! and the residue into [`AccountId::Rounding`].
//!
//! An invoice is never changed. If its period's use turns out to be different, a [`Correction`]
//! takes back the lines that were wrong and states them anew; the invoice and all its corrections
//! together are the invoice as it would be drawn now.

use connector::{Amount, ModelId, Money, PoolId, TenantId};

use super::{AccountId, Currency, Meter, PeriodId, RatedLine};

/// What a tenant owes for a period. See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Who owes it.
    pub tenant: TenantId,
    /// For when.
    pub period: PeriodId,
    /// In which currency.
    pub currency: Currency,
    /// What for, in the order of model, pool and meter.
    pub lines: Vec<InvoiceLine>,
    /// What the lines are short of what the tenant committed to.
    pub shortfall: Money,
    /// The lines' exact amounts together.
    pub exact: Amount,
    /// What rounding took (above zero) or gave: `exact` less the rounded lines.
    pub residue: Amount,
    /// What is to be paid: the rounded lines and the shortfall.
    pub total: Money,
}

/// Use of one meter of one model in one pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceLine {
    /// For what.
    pub model: ModelId,
    /// Where.
    pub pool: PoolId,
    /// Which meter.
    pub meter: Meter,
    /// What it consists of, in order.
    pub parts: Vec<RatedLine>,
    /// The parts' amounts together.
    pub exact: Amount,
    /// `exact` in whole coins.
    pub billed: Money,
    /// `exact` less `billed`.
    pub residue: Amount,
}

/// What changes in an invoice after it was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Who is concerned.
    pub tenant: TenantId,
    /// The period that it belongs to, not the one in which it is found out.
    pub period: PeriodId,
    /// Lines as they were stated, taken back.
    pub reversed: Vec<InvoiceLine>,
    /// The same and new lines as they are.
    pub restated: Vec<InvoiceLine>,
    /// By how much the shortfall changes.
    pub shortfall: Money,
    /// By how much the total changes.
    pub total: Money,
}

/// One leg of a booking: debit above zero, credit below. The legs of a booking add up to zero.
pub type Leg = (AccountId, Amount);

/// A tenant's bill that does not fit into an [`Amount`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the invoice of tenant {tenant} for period {} is out of range", .period.0)]
pub struct InvoiceOutOfRange {
    /// Whose.
    pub tenant: TenantId,
    /// For when.
    pub period: PeriodId,
}

impl Invoice {
    /// Draws the invoice of a tenant and a period from all its lines, which are in order.
    ///
    /// # Errors
    /// If a sum does not fit.
    pub fn draw(
        tenant: TenantId,
        period: PeriodId,
        currency: Currency,
        commitment: Option<Money>,
        lines: &[RatedLine],
    ) -> Result<Self, InvoiceOutOfRange> {
        let own =
            lines.iter().filter(|line| (line.key.tenant, line.key.period) == (tenant, period));
        let own: Vec<RatedLine> = own.copied().collect();
        let subject = |line: &RatedLine| (line.key.model, line.key.pool, line.key.meter);
        let lines: Option<Vec<_>> = own
            .chunk_by(|one, other| subject(one) == subject(other))
            .map(|parts| InvoiceLine::draw(currency, parts))
            .collect();
        let sums = lines.and_then(|lines| {
            let exact = Amount::checked_sum(lines.iter().map(|line| line.exact))?;
            let residue = Amount::checked_sum(lines.iter().map(|line| line.residue))?;
            let billed: Money = lines.iter().map(|line| line.billed).sum();
            let total = billed.max(commitment.unwrap_or(Money::ZERO));
            Amount::from_money(total)?;
            let shortfall = total - billed;
            Some(Self { tenant, period, currency, lines, shortfall, exact, residue, total })
        });
        sums.ok_or(InvoiceOutOfRange { tenant, period })
    }

    /// The legs that book it.
    pub fn legs(&self) -> Vec<Leg> {
        let lines = self.lines.iter().flat_map(|line| line.legs(self.tenant));
        lines.chain(shortfall_legs(self.tenant, self.shortfall)).collect()
    }

    /// What has to be corrected if `now` is what the same invoice would be; `None` if nothing.
    pub fn corrected(&self, now: &Self) -> Option<Correction> {
        let missing = |lines: &[InvoiceLine], from: &[InvoiceLine]| -> Vec<InvoiceLine> {
            lines.iter().filter(|line| !from.contains(line)).cloned().collect()
        };
        let correction = Correction {
            tenant: self.tenant,
            period: self.period,
            reversed: missing(&self.lines, &now.lines),
            restated: missing(&now.lines, &self.lines),
            shortfall: now.shortfall - self.shortfall,
            total: now.total - self.total,
        };
        (self != now).then_some(correction)
    }
}

impl Correction {
    /// The legs that book it: those of the lines that were wrong, the other way round, and those of
    /// the lines as they are.
    pub fn legs(&self) -> Vec<Leg> {
        let legs = |line: &InvoiceLine| line.legs(self.tenant);
        let back = self.reversed.iter().flat_map(legs).map(|(account, amount)| (account, -amount));
        let forth = self.restated.iter().flat_map(legs);
        back.chain(forth).chain(shortfall_legs(self.tenant, self.shortfall)).collect()
    }
}

impl InvoiceLine {
    fn draw(currency: Currency, parts: &[RatedLine]) -> Option<Self> {
        let key = parts.first()?.key;
        let exact = Amount::checked_sum(parts.iter().map(|part| part.amount))?;
        let (billed, residue) = exact.round(currency.decimals());
        Amount::from_money(billed)?;
        let (model, pool, meter) = (key.model, key.pool, key.meter);
        Some(Self { model, pool, meter, parts: parts.to_vec(), exact, billed, residue })
    }

    fn legs(&self, tenant: TenantId) -> [Leg; 3] {
        [
            (AccountId::Receivable(tenant), in_grains(self.billed)),
            (AccountId::Rounding, self.residue),
            (AccountId::Unbilled(tenant), -self.exact),
        ]
    }
}

fn shortfall_legs(tenant: TenantId, shortfall: Money) -> Vec<Leg> {
    if shortfall == Money::ZERO {
        return Vec::new();
    }
    let amount = in_grains(shortfall);
    vec![(AccountId::Receivable(tenant), amount), (AccountId::Shortfall(tenant), -amount)]
}

fn in_grains(money: Money) -> Amount {
    Amount::from_money(money).expect("checked when it was drawn")
}
