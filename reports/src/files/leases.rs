use std::path::PathBuf;

use connector::{AllocationId, Names, PoolId};
use platform::billing::{LeaseRecord, Origin};

use super::{
    FilesError, LEASES, exact_seconds,
    read::{Fields, Recorded},
    rows::Rows,
};
use crate::Header;

const COLUMNS: [&str; 7] =
    ["allocation", "pool", "origin", "known_s", "booked_s", "given_back_s", "price_per_slot_hour"];

/// `leases.csv`, a row per share of ours in the order in which they were given back.
#[derive(Debug)]
pub(super) struct LeasesFile(Rows);

impl LeasesFile {
    pub(super) fn create(path: PathBuf, header: &Header) -> Result<Self, FilesError> {
        Rows::create(path, header, &COLUMNS).map(Self)
    }

    pub(super) fn write(&mut self, names: &Names, lease: &LeaseRecord) -> Result<(), FilesError> {
        self.0.row(|row| {
            row.put(lease.allocation)?;
            row.text(&names.pools[lease.pool.index()])?;
            row.text(lease.origin.name())?;
            row.put(exact_seconds(lease.known.as_nanos()))?;
            row.put(exact_seconds(lease.booked.as_nanos()))?;
            row.put(exact_seconds(lease.given_back.as_nanos()))?;
            row.put(lease.price_per_slot_hour)
        })
    }

    pub(super) fn finish(self, header: &Header) -> Result<(), FilesError> {
        self.0.finish(header)
    }
}

impl Recorded for LeaseRecord {
    const FILE: &'static str = LEASES;
    const COLUMNS: &'static [&'static str] = &COLUMNS;

    fn read(fields: &mut Fields<'_>) -> Result<Self, String> {
        // In the order of the columns: fields of a struct are evaluated as they are written.
        let lease = Self {
            allocation: AllocationId(fields.whole()?),
            pool: PoolId(fields.pool()?),
            origin: fields.one_of("origin of a lease", &Origin::ALL, Origin::name)?,
            known: fields.instant()?,
            booked: fields.instant()?,
            given_back: fields.instant()?,
            price_per_slot_hour: fields.money()?,
        };
        if lease.known <= lease.booked && lease.booked <= lease.given_back {
            Ok(lease)
        } else {
            Err("columns `known_s`, `booked_s` and `given_back_s` are not in this order".to_owned())
        }
    }
}
