use std::path::PathBuf;

use connector::{CovenantOutcome, Names, RequestRecord};

use super::{FilesError, exact_seconds, rows::Rows};
use crate::Header;

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
pub(super) struct RequestsFile(Rows);

impl RequestsFile {
    pub(super) fn create(path: PathBuf, header: &Header) -> Result<Self, FilesError> {
        Rows::create(path, header, &COLUMNS).map(Self)
    }

    pub(super) fn write(
        &mut self,
        names: &Names,
        record: &RequestRecord,
        warming_up: bool,
    ) -> Result<(), FilesError> {
        let seconds = |time: connector::Duration| exact_seconds(time.as_nanos());
        self.0.row(|row| {
            row.put(record.request)?;
            row.text(&names.tenants[record.tenant.index()])?;
            row.text(&names.classes[record.class.index()])?;
            row.text(&names.models[record.model.index()])?;
            row.text(record.pool.map_or("", |pool| &names.pools[pool.index()]))?;
            row.text(record.outcome.name())?;
            row.text(if warming_up { "1" } else { "0" })?;
            row.put(exact_seconds(record.arrived.as_nanos()))?;
            row.put(exact_seconds(record.finished.as_nanos()))?;
            row.put(seconds(record.queued))?;
            row.put_if_any(record.allocating.map(seconds))?;
            row.put_if_any(record.time_to_first_token().map(seconds))?;
            row.put_if_any(record.time_per_output_token().map(seconds))?;
            row.put(seconds(record.end_to_end()))?;
            row.put(record.prompt_tokens)?;
            row.put(record.output_tokens)?;
            row.put(record.attempts)?;
            row.put(record.fallbacks)?;
            row.put(record.cost)?;
            covenant(row, record.covenant)
        })
    }

    pub(super) fn finish(self, header: &Header) -> Result<(), FilesError> {
        self.0.finish(header)
    }
}

fn covenant(row: &mut Rows, outcome: CovenantOutcome) -> csv::Result<()> {
    row.text(outcome.name())?;
    match outcome {
        CovenantOutcome::Broken(breach) => {
            row.text(breach.reason.name())?;
            row.put(format_args!("{:.4}", breach.excess.as_ratio()))?;
        }
        CovenantOutcome::Free | CovenantOutcome::Kept | CovenantOutcome::Renegotiated(_) => {
            row.text("")?;
            row.text("")?;
        }
    }
    row.put(outcome.concessions())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::sample;

    #[test]
    fn a_write_that_fails_is_an_error_that_names_the_file() {
        let directory = tempfile::TempDir::new().expect("a place for files");
        let path = directory.path().join("requests.csv");
        RequestsFile::create(path.clone(), &sample::header()).expect("writable");
        // As on a full disk, the file is there and does not take another byte.
        let read_only = File::open(&path).expect("it was just written");
        let mut file = RequestsFile(Rows::into_file(path.clone(), read_only, 1_000));
        let record = sample::completed(0, 500);
        let failure = (0..100)
            .find_map(|_| file.write(&sample::names(), &record, false).err())
            .expect("the buffer is soon full");
        let message = failure.to_string();
        assert!(message.starts_with(&format!("cannot write `{}`: ", path.display())), "{message}");
        assert!(file.finish(&sample::header()).is_err());
    }
}
