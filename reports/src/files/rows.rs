//! A file of rows that is written while a run lasts.

use std::{
    fmt::{Display, Write as _},
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{FilesError, rewrite_header};
use crate::Header;

/// Bytes gathered before they go to the file.
const BUFFER: usize = 128 * 1024;

/// A CSV file that begins with a header line of reserved length.
#[derive(Debug)]
pub(super) struct Rows {
    path: PathBuf,
    writer: csv::Writer<File>,
    field: String,
}

impl Rows {
    pub(super) fn create(
        path: PathBuf,
        header: &Header,
        columns: &[&str],
    ) -> Result<Self, FilesError> {
        let mut file = File::create(&path).map_err(FilesError::io("create", &path))?;
        file.write_all(header.reserved_line().as_bytes())
            .map_err(FilesError::io("write", &path))?;
        let mut rows = Self::into_file(path, file, BUFFER);
        let written = rows.writer.write_record(columns);
        written.map_err(|error| failed(&rows.path, error))?;
        Ok(rows)
    }

    pub(super) fn into_file(path: PathBuf, file: File, buffer: usize) -> Self {
        let writer = csv::WriterBuilder::new().buffer_capacity(buffer).from_writer(file);
        Self { path, writer, field: String::new() }
    }

    /// Writes one row, field by field.
    pub(super) fn row(
        &mut self,
        fields: impl FnOnce(&mut Self) -> csv::Result<()>,
    ) -> Result<(), FilesError> {
        let written = fields(self).and_then(|()| self.writer.write_record(None::<&[u8]>));
        written.map_err(|error| failed(&self.path, error))
    }

    pub(super) fn text(&mut self, text: &str) -> csv::Result<()> {
        self.writer.write_field(text)
    }

    pub(super) fn put(&mut self, value: impl Display) -> csv::Result<()> {
        self.field.clear();
        write!(self.field, "{value}").expect("writing to text cannot fail");
        self.writer.write_field(&self.field)
    }

    pub(super) fn put_if_any(&mut self, value: Option<impl Display>) -> csv::Result<()> {
        match value {
            Some(value) => self.put(value),
            None => self.text(""),
        }
    }

    pub(super) fn finish(self, header: &Header) -> Result<(), FilesError> {
        let path = self.path;
        let mut file = self
            .writer
            .into_inner()
            .map_err(|error| FilesError::io("write", &path)(error.into_error()))?;
        rewrite_header(&mut file, header).map_err(FilesError::io("write", &path))
    }
}

/// Rows are made here, so the only thing that can go wrong with them is the file.
pub(super) fn failed(path: &Path, error: csv::Error) -> FilesError {
    FilesError::io("write", path)(io::Error::from(error))
}
