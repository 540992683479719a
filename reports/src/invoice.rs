//! Invoices and their corrections for people (HTML), spreadsheets (CSV) and programs (JSON).
//!
//! HTML and JSON are two views of one [`Sheet`](sheet::Sheet), so they cannot disagree; CSV has a row
//! per line and is what one adds up. Amounts are text and exact in all three: what repeats for ever
//! has its last digit in brackets, `0.00069(4)`.
//!
//! The page is one file without scripts and without anything to fetch; every document begins on a
//! new sheet when it is printed. Names are escaped by the template engine, and in CSV cells that a
//! spreadsheet would compute are made text.

mod csv;
mod html;
mod sheet;

use std::io::Write;

use crate::{Billed, ExportError};

/// How invoices are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvoiceFormat {
    /// One page.
    Html,
    /// A row per line.
    Csv,
    /// One object.
    Json,
}

/// Writes all invoices of a bill and their corrections, in the order of tenants and periods.
///
/// # Errors
/// If the target refuses, or a sum is out of range.
pub fn write_invoices(
    billed: &Billed<'_>,
    format: InvoiceFormat,
    mut target: impl Write,
) -> Result<(), ExportError> {
    match format {
        InvoiceFormat::Html => {
            let page = html::page(&sheet::Sheet::of(billed)?, billed.header);
            target.write_all(page.as_bytes())?;
        }
        InvoiceFormat::Csv => csv::write(billed, target)?,
        InvoiceFormat::Json => {
            serde_json::to_writer_pretty(&mut target, &sheet::Sheet::of(billed)?)
                .map_err(std::io::Error::from)?;
            target.write_all(b"\n")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
