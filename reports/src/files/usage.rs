use std::path::PathBuf;

use connector::{ClassId, ModelId, Names, PoolId, RequestId, TenantId};
use platform::billing::{Meters, RecordKey, StrikeId, UsageRecord, UseKind};

use super::{
    FilesError, USAGE, exact_seconds,
    read::{Fields, Recorded},
    rows::Rows,
};
use crate::Header;

const COLUMNS: [&str; 19] = [
    "key",
    "strike",
    "request",
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
            row.put_if_any(record.request)?;
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

impl Recorded for UsageRecord {
    const FILE: &'static str = USAGE;
    const COLUMNS: &'static [&'static str] = &COLUMNS;

    fn read(fields: &mut Fields<'_>) -> Result<Self, String> {
        // In the order of the columns: fields of a struct are evaluated as they are written.
        Ok(Self {
            key: RecordKey(fields.key()?),
            strike: StrikeId(fields.whole()?),
            request: fields.whole_if_any()?.map(RequestId),
            kind: fields.one_of("kind of use", &UseKind::ALL, UseKind::name)?,
            tenant: TenantId(fields.tenant()?),
            class: ClassId(fields.class()?),
            model: ModelId(fields.model()?),
            pool: PoolId(fields.pool()?),
            from: fields.instant()?,
            until: fields.instant()?,
            meters: Meters {
                input_tokens: fields.whole()?,
                cached_tokens: fields.whole()?,
                output_tokens: fields.whole()?,
                requests: fields.whole()?,
                slot_ns: fields.whole()?,
                flop: fields.whole()?,
                mebibyte_ns: fields.whole()?,
                queue_ns: fields.nanoseconds()?,
                cold_start_ns: fields.nanoseconds()?,
            },
        })
    }
}
