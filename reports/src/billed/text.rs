use std::{borrow::Cow, fmt::Display, io::Write};

/// Text that no spreadsheet takes for a formula.
///
/// A cell that begins with one of these characters is computed by spreadsheets when a CSV file is
/// opened, and a name can thereby run a command or send a table away. An apostrophe before it makes
/// it text, as OWASP advises ("CSV Injection").
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

/// Writes CSV cells that know whether they are text or numbers: only text can be mistaken for a
/// formula, and only numbers may begin with a minus.
#[derive(Debug)]
pub(crate) struct CellWriter<W: Write>(csv::Writer<W>);

impl<W: Write> CellWriter<W> {
    pub(crate) fn new(target: W) -> Self {
        Self(csv::Writer::from_writer(target))
    }

    pub(crate) fn text(&mut self, text: &str) -> csv::Result<()> {
        self.0.write_field(harmless(text).as_ref())
    }

    pub(crate) fn number(&mut self, number: impl Display) -> csv::Result<()> {
        self.0.write_field(number.to_string())
    }

    pub(crate) fn nothing(&mut self) -> csv::Result<()> {
        self.0.write_field("")
    }

    pub(crate) fn end_row(&mut self) -> csv::Result<()> {
        self.0.write_record(None::<&[u8]>)
    }

    pub(crate) fn finish(mut self) -> csv::Result<()> {
        Ok(self.0.flush()?)
    }
}
