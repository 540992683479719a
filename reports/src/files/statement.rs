use std::path::PathBuf;

use connector::{AllocationId, Names, PoolId, StatementLine, StayEnd, TenantId};

use super::{
    FilesError, STATEMENT, exact_seconds,
    read::{Fields, Recorded},
    rows::Rows,
};
use crate::Header;

const COLUMNS: [&str; 8] =
    ["allocation", "pool", "tenant", "from_s", "until_s", "ended", "price_per_slot_hour", "charge"];

/// `statement.csv`, a row per line of the provider's statement, as it tells them.
#[derive(Debug)]
pub(super) struct StatementFile(Rows);

impl StatementFile {
    pub(super) fn create(path: PathBuf, header: &Header) -> Result<Self, FilesError> {
        Rows::create(path, header, &COLUMNS).map(Self)
    }

    pub(super) fn write(&mut self, names: &Names, line: &StatementLine) -> Result<(), FilesError> {
        self.0.row(|row| {
            row.put(line.allocation)?;
            row.text(&names.pools[line.pool.index()])?;
            row.text(line.tenant.map_or("", |tenant| &names.tenants[tenant.index()]))?;
            row.put(exact_seconds(line.from.as_nanos()))?;
            row.put(exact_seconds(line.until.as_nanos()))?;
            row.text(line.ended.name())?;
            row.put(line.price_per_slot_hour)?;
            row.put(line.charge)
        })
    }

    pub(super) fn finish(self, header: &Header) -> Result<(), FilesError> {
        self.0.finish(header)
    }
}

impl Recorded for StatementLine {
    const FILE: &'static str = STATEMENT;
    const COLUMNS: &'static [&'static str] = &COLUMNS;

    fn read(fields: &mut Fields<'_>) -> Result<Self, String> {
        // In the order of the columns: fields of a struct are evaluated as they are written.
        let line = Self {
            allocation: AllocationId(fields.whole()?),
            pool: PoolId(fields.pool()?),
            tenant: fields.tenant_if_any()?.map(TenantId),
            from: fields.instant()?,
            until: fields.instant()?,
            ended: fields.one_of("end of a line", &StayEnd::ALL, StayEnd::name)?,
            price_per_slot_hour: fields.money()?,
            charge: fields.money()?,
        };
        if line.from <= line.until {
            Ok(line)
        } else {
            Err("column `until_s` is before `from_s`".to_owned())
        }
    }
}
