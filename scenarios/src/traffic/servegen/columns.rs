use std::ops::RangeInclusive;

use crate::{
    document::shorten,
    near,
    trace::{Fields, Lines, RowProblem, TraceError},
};

/// `N` columns of a CSV table, picked by the names in its header.
pub(super) struct Table<const N: usize> {
    lines: Lines,
    columns: [&'static str; N],
    /// Where each column is in the file.
    positions: [usize; N],
    width: usize,
}

impl<const N: usize> Table<N> {
    /// A table whose header has been read.
    pub(super) fn new(lines: Lines, columns: [&'static str; N]) -> Result<Self, TraceError> {
        let header: Vec<&str> = Fields(Some(lines.text()?)).collect();
        let mut positions = [0; N];
        for (position, column) in positions.iter_mut().zip(columns) {
            let found = header.iter().position(|name| *name == column);
            *position = found.ok_or_else(|| TraceError::MissingColumn {
                path: lines.path().to_owned(),
                column,
                found: near::list(&header),
            })?;
        }
        let width = header.len();
        Ok(Self { lines, columns, positions, width })
    }

    /// The fields of the next row.
    pub(super) fn next(&mut self) -> Result<Option<[String; N]>, TraceError> {
        if !self.lines.advance()? {
            return Ok(None);
        }
        let fields: Vec<&str> = Fields(Some(self.lines.text()?)).collect();
        if fields.len() != self.width {
            let (expected, found) = (self.width, fields.len());
            return Err(self.lines.refuse(RowProblem::Columns { expected, found }));
        }
        Ok(Some(self.positions.map(|position| fields[position].to_owned())))
    }

    pub(super) fn whole(&self, column: usize, row: &[String; N]) -> Result<u64, TraceError> {
        row[column].parse().map_err(|_| self.refuse(column, row, "a whole number"))
    }

    pub(super) fn number(
        &self,
        column: usize,
        row: &[String; N],
        range: RangeInclusive<f64>,
    ) -> Result<f64, TraceError> {
        match row[column].parse::<f64>() {
            Ok(value) if range.contains(&value) => Ok(value),
            Ok(value) if value.is_finite() => {
                let wanted = format!("between {} and {}", range.start(), range.end());
                Err(self.refuse(column, row, &wanted))
            }
            _ => Err(self.refuse(column, row, "a finite number")),
        }
    }

    /// A field of the row read last is not what it should be.
    pub(super) fn refuse(&self, column: usize, row: &[String; N], expected: &str) -> TraceError {
        self.lines.refuse(RowProblem::Unexpected {
            column: self.columns[column],
            text: shorten(&row[column]),
            expected: expected.to_owned(),
        })
    }
}
