use std::path::PathBuf;

use connector::Names;
use platform::billing::UsageRecord;

use super::{FilesError, exact_seconds, rows::Rows};
use crate::Header;

const COLUMNS: [&str; 18] = [
    "key",
    "strike",
    "kind",
    "tenant",
    "class",
    "model",
    "pool",
    "from_s",
    "until_s",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "requests",
    "slot_ns",
    "flop",
    "mebibyte_ns",
    "queue_s",
    "cold_start_s",
];

/// `usage.csv`, a row per record of use in the order in which they were made.
#[derive(Debug)]
pub(super) struct UsageFile(Rows);

impl UsageFile {
    pub(super) fn create(path: PathBuf, header: &Header) -> Result<Self, FilesError> {
        Rows::create(path, header, &COLUMNS).map(Self)
    }

    pub(super) fn write(&mut self, names: &Names, record: &UsageRecord) -> Result<(), FilesError> {
        let meters = &record.meters;
        self.0.row(|row| {
            row.put(format_args!("{:032x}", record.key.0))?;
            row.put(record.strike)?;
            row.text(record.kind.name())?;
            row.text(&names.tenants[record.tenant.index()])?;
            row.text(&names.classes[record.class.index()])?;
            row.text(&names.models[record.model.index()])?;
            row.text(&names.pools[record.pool.index()])?;
            row.put(exact_seconds(record.from.as_nanos()))?;
            row.put(exact_seconds(record.until.as_nanos()))?;
            row.put(meters.input_tokens)?;
            row.put(meters.cached_tokens)?;
            row.put(meters.output_tokens)?;
            row.put(meters.requests)?;
            row.put(meters.slot_ns)?;
            row.put(meters.flop)?;
            row.put(meters.mebibyte_ns)?;
            row.put(exact_seconds(meters.queue_ns))?;
            row.put(exact_seconds(meters.cold_start_ns))
        })
    }

    pub(super) fn finish(self, header: &Header) -> Result<(), FilesError> {
        self.0.finish(header)
    }
}
