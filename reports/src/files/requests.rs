use std::{
    fmt::{Display, Write as _},
    fs::File,
    io::{self, Write as _},
    path::PathBuf,
};

use connector::{CovenantOutcome, Names, RequestRecord};

use super::{FilesError, exact_seconds, rewrite_header};
use crate::Header;

/// Bytes gathered before they go to the file.
const BUFFER: usize = 128 * 1024;

const COLUMNS: [&str; 23] = [
    "request",
    "tenant",
    "class",
    "model",
    "pool",
    "outcome",
    "warm_up",
    "arrived_s",
    "finished_s",
    "queued_s",
    "allocation_s",
    "ttft_s",
    "tpot_s",
    "end_to_end_s",
    "prompt_tokens",
    "output_tokens",
    "attempts",
    "fallbacks",
    "cost",
    "covenant",
    "covenant_broken_by",
    "covenant_excess",
    "covenant_given_up",
];

/// `requests.csv`, a row per finished request in order of finishing.
#[derive(Debug)]
pub(super) struct RequestsFile {
    path: PathBuf,
    writer: csv::Writer<File>,
    field: String,
}

impl RequestsFile {
    pub(super) fn create(path: PathBuf, header: &Header) -> Result<Self, FilesError> {
        let mut file = File::create(&path).map_err(FilesError::io("create", &path))?;
        file.write_all(header.reserved_line().as_bytes())
            .map_err(FilesError::io("write", &path))?;
        let mut writer = csv::WriterBuilder::new().buffer_capacity(BUFFER).from_writer(file);
        writer.write_record(COLUMNS).map_err(|error| failed(&path, error))?;
        Ok(Self { path, writer, field: String::new() })
    }

    pub(super) fn write(
        &mut self,
        names: &Names,
        record: &RequestRecord,
        warming_up: bool,
    ) -> Result<(), FilesError> {
        self.row(names, record, warming_up).map_err(|error| failed(&self.path, error))
    }

    fn row(&mut self, names: &Names, record: &RequestRecord, warming_up: bool) -> csv::Result<()> {
        let seconds = |time: connector::Duration| exact_seconds(time.as_nanos());
        self.put(record.request)?;
        self.writer.write_field(&names.tenants[record.tenant.index()])?;
        self.writer.write_field(&names.classes[record.class.index()])?;
        self.writer.write_field(&names.models[record.model.index()])?;
        self.writer.write_field(record.pool.map_or("", |pool| &names.pools[pool.index()]))?;
        self.writer.write_field(record.outcome.name())?;
        self.writer.write_field(if warming_up { "1" } else { "0" })?;
        self.put(exact_seconds(record.arrived.as_nanos()))?;
        self.put(exact_seconds(record.finished.as_nanos()))?;
        self.put(seconds(record.queued))?;
        self.put_if_any(record.allocating.map(seconds))?;
        self.put_if_any(record.time_to_first_token().map(seconds))?;
        self.put_if_any(record.time_per_output_token().map(seconds))?;
        self.put(seconds(record.end_to_end()))?;
        self.put(record.prompt_tokens)?;
        self.put(record.output_tokens)?;
        self.put(record.attempts)?;
        self.put(record.fallbacks)?;
        self.put(record.cost)?;
        self.covenant(record.covenant)?;
        self.writer.write_record(None::<&[u8]>)
    }

    fn covenant(&mut self, outcome: CovenantOutcome) -> csv::Result<()> {
        self.writer.write_field(outcome.name())?;
        match outcome {
            CovenantOutcome::Broken(breach) => {
                self.writer.write_field(breach.reason.name())?;
                self.put(format_args!("{:.4}", breach.excess.as_ratio()))?;
            }
            CovenantOutcome::Free | CovenantOutcome::Kept | CovenantOutcome::Renegotiated(_) => {
                self.writer.write_field("")?;
                self.writer.write_field("")?;
            }
        }
        self.put(outcome.concessions())
    }

    fn put(&mut self, value: impl Display) -> csv::Result<()> {
        self.field.clear();
        write!(self.field, "{value}").expect("writing to text cannot fail");
        self.writer.write_field(&self.field)
    }

    fn put_if_any(&mut self, value: Option<impl Display>) -> csv::Result<()> {
        match value {
            Some(value) => self.put(value),
            None => self.writer.write_field(""),
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
pub(super) fn failed(path: &std::path::Path, error: csv::Error) -> FilesError {
    FilesError::io("write", path)(io::Error::from(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_write_that_fails_is_an_error_that_names_the_file() {
        let directory = tempfile::TempDir::new().expect("a place for files");
        let path = directory.path().join("requests.csv");
        RequestsFile::create(path.clone(), &sample::header()).expect("writable");
        // As on a full disk, the file is there and does not take another byte.
        let read_only = File::open(&path).expect("it was just written");
        let writer = csv::WriterBuilder::new().buffer_capacity(1_000).from_writer(read_only);
        let mut file = RequestsFile { path: path.clone(), writer, field: String::new() };
        let record = sample::completed(0, 500);
        let failure = (0..100)
            .find_map(|_| file.write(&sample::names(), &record, false).err())
            .expect("the buffer is soon full");
        let message = failure.to_string();
        assert!(message.starts_with(&format!("cannot write `{}`: ", path.display())), "{message}");
        assert!(file.finish(&sample::header()).is_err());
    }
}
