//! The rows that a document is made of.

use connector::{ModelId, Money, PoolId, Timestamp};
use platform::billing::{Band, InvoiceLine, LineKey, Meter, RatedLine};

use crate::billed::{Consumed, Cost, Document, Paper, Quantity, Standing};

/// One row.
#[derive(Debug)]
pub(super) struct Charge<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) standing: Standing,
    pub(super) what: What<'a>,
    /// Before discounts.
    pub(super) list_cost: Cost,
    /// After discounts: what is paid.
    pub(super) cost: Cost,
}

/// What it is for.
#[derive(Debug)]
pub(super) enum What<'a> {
    /// So much at one price.
    Usage { part: &'a RatedLine, priced: Quantity, consumed: Quantity },
    /// What is paid once for a tier.
    Fee { part: &'a RatedLine, count: Quantity },
    /// What makes the rows of a line add up to the line.
    Rounding { line: &'a InvoiceLine },
    /// What the lines are short of a commitment.
    Shortfall,
}

/// All rows of a document; `None` if one of them is out of range.
pub(super) fn charges<'a>(document: &'a Document<'a>) -> Option<Vec<Charge<'a>>> {
    let mut charges = Vec::new();
    for (standing, line) in document.lines() {
        let first = charges.len();
        for part in &line.parts {
            charges.push(usage(document, standing, part)?);
            if part.fee != Money::ZERO {
                charges.push(fee(document, standing, part)?);
            }
        }
        let parts = charges[first..].iter();
        let told = parts.map(|charge| charge.cost).try_fold(Cost::ZERO, Cost::checked_add)?;
        let billed = Cost::of(line.billed)?.signed(standing);
        let rounding = billed.checked_sub(told)?;
        if !rounding.is_zero() {
            let what = What::Rounding { line };
            charges.push(Charge { document, standing, what, list_cost: rounding, cost: rounding });
        }
    }
    let (standing, shortfall) = match document.paper {
        Paper::Invoice(invoice) => (Standing::Stated, invoice.shortfall),
        Paper::Correction { correction, .. } => (Standing::Restated, correction.shortfall),
    };
    if shortfall != Money::ZERO {
        let cost = Cost::of(shortfall)?;
        let what = What::Shortfall;
        charges.push(Charge { document, standing, what, list_cost: cost, cost });
    }
    Some(charges)
}

fn usage<'a>(
    document: &'a Document<'a>,
    standing: Standing,
    part: &'a RatedLine,
) -> Option<Charge<'a>> {
    let meter = part.key.meter;
    let priced = Quantity::priced(part.quantity.0, meter.unit())?.signed(standing);
    let consumed = Consumed::of(meter).quantity(part.quantity)?.signed(standing);
    let (list_cost, cost) = (priced.times(part.list_price)?, priced.times(part.price)?);
    let what = What::Usage { part, priced, consumed };
    Some(Charge { document, standing, what, list_cost, cost })
}

fn fee<'a>(
    document: &'a Document<'a>,
    standing: Standing,
    part: &'a RatedLine,
) -> Option<Charge<'a>> {
    let count = Quantity::ONE.signed(standing);
    let cost = count.times(part.fee)?;
    let what = What::Fee { part, count };
    Some(Charge { document, standing, what, list_cost: cost, cost })
}

impl Charge<'_> {
    pub(super) fn tenant(&self) -> &str {
        self.document.billed.tenant(self.document.tenant)
    }

    pub(super) fn billing_period(&self) -> (Timestamp, Timestamp) {
        self.document.billed.period(self.document.period)
    }

    /// As long as the price holds within the billing period.
    pub(super) fn charge_period(&self) -> (Timestamp, Timestamp) {
        self.price_key()
            .map_or_else(|| self.billing_period(), |key| self.document.billed.price_holds(key))
    }

    pub(super) const fn category(&self) -> &'static str {
        match self.what {
            What::Usage { .. } => "Usage",
            What::Fee { .. } => "Purchase",
            What::Rounding { .. } | What::Shortfall => "Adjustment",
        }
    }

    /// What it is for, where, and by which meter.
    pub(super) const fn subject(&self) -> Option<(ModelId, PoolId, Meter)> {
        match self.what {
            What::Usage { part, .. } | What::Fee { part, .. } => {
                Some((part.key.model, part.key.pool, part.key.meter))
            }
            What::Rounding { line } => Some((line.model, line.pool, line.meter)),
            What::Shortfall => None,
        }
    }

    /// Where its price comes from.
    pub(super) const fn price_key(&self) -> Option<LineKey> {
        match self.what {
            What::Usage { part, .. } | What::Fee { part, .. } => Some(part.key),
            What::Rounding { .. } | What::Shortfall => None,
        }
    }

    /// For one unit, before discounts and after.
    pub(super) const fn prices(&self) -> Option<(Money, Money)> {
        match self.what {
            What::Usage { part, .. } => Some((part.list_price, part.price)),
            What::Fee { part, .. } => Some((part.fee, part.fee)),
            What::Rounding { .. } | What::Shortfall => None,
        }
    }

    pub(super) fn description(&self) -> String {
        let billed = self.document.billed;
        let what = match self.what {
            What::Usage { part, .. } => match part.key.band {
                Band::Included => "included use of ",
                Band::Tier(_) => "use of ",
            },
            What::Fee { .. } => "fee of a tier of ",
            What::Rounding { .. } => "rounding of ",
            What::Shortfall => "what use is short of the commitment",
        };
        let of = self.subject().map_or_else(String::new, |(model, pool, meter)| {
            let (model, pool) = (billed.model(model), billed.pool(pool));
            format!("{} by {model} in {pool}", meter.name().replace('_', " "))
        });
        let which = match (self.standing, self.document.corrects()) {
            (Standing::Reversed, Some(number)) => format!("Taken back from {number}: "),
            (Standing::Restated, Some(number)) => format!("Corrected in {number}: "),
            _ => String::new(),
        };
        format!("{which}{what}{of}")
    }
}
