use std::io::Write;

use connector::Money;

use crate::{
    Billed, ExportError,
    billed::{CellWriter, Document, Paper, Standing},
};

const COLUMNS: [&str; 13] = [
    "number",
    "corrects",
    "tenant",
    "period_from",
    "period_until",
    "currency",
    "item",
    "model",
    "pool",
    "meter",
    "exact",
    "billed",
    "residue",
];

/// A row per line, and one per document for what is short of a commitment: `billed` adds up to what
/// is to be paid.
pub(super) fn write(billed: &Billed<'_>, target: impl Write) -> Result<(), ExportError> {
    let mut cells = CellWriter::new(target);
    for column in COLUMNS {
        cells.text(column)?;
    }
    cells.end_row()?;
    for document in billed.documents() {
        for (standing, line) in document.lines() {
            let back = standing == Standing::Reversed;
            head(&mut cells, &document, standing.name())?;
            cells.text(billed.model(line.model))?;
            cells.text(billed.pool(line.pool))?;
            cells.text(line.meter.name())?;
            cells.number(if back { -line.exact } else { line.exact })?;
            cells.number(if back { -line.billed } else { line.billed })?;
            cells.number(if back { -line.residue } else { line.residue })?;
            cells.end_row()?;
        }
        let shortfall = match document.paper {
            Paper::Invoice(invoice) => invoice.shortfall,
            Paper::Correction { correction, .. } => correction.shortfall,
        };
        if shortfall != Money::ZERO {
            head(&mut cells, &document, "shortfall")?;
            for _ in ["model", "pool", "meter"] {
                cells.nothing()?;
            }
            cells.number(shortfall)?;
            cells.number(shortfall)?;
            cells.number(Money::ZERO)?;
            cells.end_row()?;
        }
    }
    Ok(cells.finish()?)
}

fn head<W: Write>(
    cells: &mut CellWriter<W>,
    document: &Document<'_>,
    item: &str,
) -> ::csv::Result<()> {
    let billed = document.billed;
    let (from, until) = billed.period(document.period);
    cells.text(&document.number())?;
    cells.text(&document.corrects().unwrap_or_default())?;
    cells.text(billed.tenant(document.tenant))?;
    cells.text(&billed.date(from).to_string())?;
    cells.text(&billed.date(until).to_string())?;
    cells.text(billed.currency().code())?;
    cells.text(item)
}
