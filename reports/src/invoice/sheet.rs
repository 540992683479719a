//! What stands in invoices, as text: `docs/exports.md` describes it key by key.

use connector::{Amount, Money};
use platform::billing::{Band, InvoiceLine, RatedLine};
use serde::Serialize;

use crate::{
    Billed, ExportError, Header,
    billed::{Consumed, Document, Paper, Standing, pricing_unit},
};

/// All documents of a bill.
#[derive(Debug, Serialize)]
pub(super) struct Sheet<'a> {
    pub(super) harpoon: &'a Header,
    currency: String,
    pub(super) documents: Vec<Page>,
}

/// An invoice or a correction.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    number: String,
    corrects: Option<String>,
    tenant: String,
    period: Period,
    lines: Vec<Line>,
    exact: String,
    residue: String,
    shortfall: String,
    total: String,
}

#[derive(Debug, Serialize)]
struct Period {
    index: u32,
    from: String,
    until: String,
}

#[derive(Debug, Serialize)]
struct Line {
    item: &'static str,
    model: String,
    pool: String,
    meter: &'static str,
    parts: Vec<Part>,
    exact: String,
    billed: String,
    residue: String,
}

/// So much at one price.
#[derive(Debug, Serialize)]
struct Part {
    from: String,
    until: String,
    tier: String,
    quantity: String,
    quantity_unit: &'static str,
    list_price: String,
    price: String,
    price_unit: &'static str,
    fee: String,
    amount: String,
}

impl<'a> Sheet<'a> {
    pub(super) fn of(billed: &'a Billed<'_>) -> Result<Self, ExportError> {
        let documents = billed.documents();
        let pages =
            documents.iter().map(|document| page(document).ok_or_else(|| document.out_of_range()));
        Ok(Self {
            harpoon: billed.header,
            currency: billed.currency().to_string(),
            documents: pages.collect::<Result<_, _>>()?,
        })
    }
}

fn page(document: &Document<'_>) -> Option<Page> {
    let billed = document.billed;
    let (from, until) = billed.period(document.period);
    let (shortfall, total) = match document.paper {
        Paper::Invoice(invoice) => (invoice.shortfall, invoice.total),
        Paper::Correction { correction, .. } => (correction.shortfall, correction.total),
    };
    let lines = document.lines();
    let sum = |of: fn(&InvoiceLine) -> Amount| {
        Amount::checked_sum(lines.iter().map(|&(standing, line)| turned(standing, of(line))))
    };
    let (exact, residue) = (sum(|line| line.exact)?, sum(|line| line.residue)?);
    let told = lines.iter().map(|&(standing, stated)| line(billed, standing, stated));
    Some(Page {
        number: document.number(),
        corrects: document.corrects(),
        tenant: billed.tenant(document.tenant).to_owned(),
        period: Period {
            index: document.period.0,
            from: billed.date(from).to_string(),
            until: billed.date(until).to_string(),
        },
        lines: told.collect::<Option<_>>()?,
        exact: exact.to_string(),
        residue: residue.to_string(),
        shortfall: shortfall.to_string(),
        total: total.to_string(),
    })
}

fn line(billed: &Billed<'_>, standing: Standing, line: &InvoiceLine) -> Option<Line> {
    let parts = line.parts.iter().map(|part| self::part(billed, standing, part));
    let whole = if standing == Standing::Reversed { -line.billed } else { line.billed };
    Some(Line {
        item: standing.name(),
        model: billed.model(line.model).to_owned(),
        pool: billed.pool(line.pool).to_owned(),
        meter: line.meter.name(),
        parts: parts.collect::<Option<_>>()?,
        exact: turned(standing, line.exact).to_string(),
        billed: whole.to_string(),
        residue: turned(standing, line.residue).to_string(),
    })
}

fn part(billed: &Billed<'_>, standing: Standing, part: &RatedLine) -> Option<Part> {
    let meter = part.key.meter;
    let (from, until) = billed.price_holds(part.key);
    let consumed = Consumed::of(meter);
    let quantity = consumed.quantity(part.quantity)?.signed(standing).to_string();
    let fee = if standing == Standing::Reversed { Money::ZERO - part.fee } else { part.fee };
    Some(Part {
        from: billed.date(from).to_string(),
        until: billed.date(until).to_string(),
        tier: match part.key.band {
            Band::Included => "included".to_owned(),
            Band::Tier(tier) => tier.to_string(),
        },
        quantity: quantity.strip_suffix(".0").unwrap_or(&quantity).to_owned(),
        quantity_unit: consumed.unit,
        list_price: part.list_price.to_string(),
        price: part.price.to_string(),
        price_unit: pricing_unit(meter),
        fee: fee.to_string(),
        amount: turned(standing, part.amount).to_string(),
    })
}

fn turned(standing: Standing, amount: Amount) -> Amount {
    if standing == Standing::Reversed { -amount } else { amount }
}
