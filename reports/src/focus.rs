//! A bill in the form of the `FinOps` Open Cost and Usage Specification, FOCUS 1.0 and 1.2.
//!
//! # Problem
//!
//! In FOCUS a unit price times a quantity *is* a cost, all three are decimals, and the costs of an
//! invoice add up to what it says. An exact amount of ours need not be a decimal: 2.50 per hour for
//! one second repeats for ever.
//!
//! # Mechanism
//!
//! Quantities are rounded, costs are not. A quantity has 16 decimals, which tell any two numbers of
//! steps of any meter apart, a price has nine, so a cost has 25 and is *exactly* their product. What
//! the rounded quantities and the rounding of an invoice line come to together is a row of its own
//! (`Adjustment`), so that the rows of a line add up to what the line says. What was consumed is told
//! in a unit in which it is exact, so nothing is lost: consumed x price is the exact amount again.
//!
//! # Edges
//!
//! Corrections are rows with `ChargeClass` `Correction`: the rows of the line that was wrong with
//! their quantities and costs negated, and the rows of the line as it is. A cost that does not fit
//! into 128 bits (1.7 x 10^13 units of currency) is an error, never a wrong number.
//!
//! Source: <https://focus.finops.org/focus-specification/>, of which `docs/exports.md` tells column by
//! column what we put there.

mod charge;
mod columns;

use std::io::Write;

use crate::{Billed, ExportError, billed::CellWriter};

/// Which version of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FocusVersion {
    /// Of June 2024.
    V1_0,
    /// Of May 2025.
    V1_2,
}

/// Writes a bill, a row per charge, in the order of tenants, periods and lines.
///
/// # Errors
/// If the target refuses, or a cost is out of range.
pub fn write_focus(
    billed: &Billed<'_>,
    version: FocusVersion,
    target: impl Write,
) -> Result<(), ExportError> {
    let columns: Vec<_> = columns::of(version).collect();
    let mut cells = CellWriter::new(target);
    for column in &columns {
        cells.text(column.name)?;
    }
    cells.end_row()?;
    for document in billed.documents() {
        let charges = charge::charges(&document).ok_or_else(|| document.out_of_range())?;
        for charge in &charges {
            for column in &columns {
                match (column.cell)(charge) {
                    columns::Cell::Text(text) => cells.text(&text)?,
                    columns::Cell::Number(number) => cells.number(number)?,
                    columns::Cell::Null => cells.nothing()?,
                }
            }
            cells.end_row()?;
        }
    }
    Ok(cells.finish()?)
}

#[cfg(test)]
mod tests;
