//! What is written is read back as it was, and what was not is told by file, line and column.

use std::path::Path;

use connector::{
    AllocationId, ClassId, ModelId, Money, Names, PoolId, RequestId, StatementLine, StayEnd,
    TenantId, Timestamp,
};
use platform::billing::{LeaseRecord, Meters, Origin, RecordKey, StrikeId, UsageRecord, UseKind};
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::*;
use crate::{Recorder, RunEnd, sample};

/// Names that a table has to quote.
fn names() -> Names {
    let two = |one: &str| vec![one.to_owned(), "with, \"quotes\"\nand a line".to_owned()];
    Names { pools: two("east"), models: two("m"), tenants: two("acme"), classes: two("simple") }
}

fn money() -> impl Strategy<Value = Money> {
    (-1_000_000_000_000_000_i128..1_000_000_000_000_000).prop_map(Money::from_nanos)
}

/// In order.
fn instants<const N: usize>() -> impl Strategy<Value = [Timestamp; N]> {
    any::<[u64; N]>().prop_map(|mut times| {
        times.sort_unstable();
        times.map(Timestamp::from_nanos)
    })
}

fn leases() -> impl Strategy<Value = LeaseRecord> {
    let origin = prop::sample::select(&Origin::ALL[..]);
    (any::<u64>(), 0..2_u32, origin, instants(), money()).prop_map(
        |(share, pool, origin, [known, booked, given_back], price_per_slot_hour)| LeaseRecord {
            allocation: AllocationId(share),
            pool: PoolId(pool),
            origin,
            known,
            booked,
            given_back,
            price_per_slot_hour,
        },
    )
}

fn lines() -> impl Strategy<Value = StatementLine> {
    let ended = prop::sample::select(&StayEnd::ALL[..]);
    let tenant = prop::option::of((0..2_u32).prop_map(TenantId));
    (any::<u64>(), 0..2_u32, tenant, instants(), ended, money(), money()).prop_map(
        |(share, pool, tenant, [from, until], ended, price_per_slot_hour, charge)| StatementLine {
            allocation: AllocationId(share),
            pool: PoolId(pool),
            tenant,
            from,
            until,
            ended,
            price_per_slot_hour,
            charge,
        },
    )
}

fn records() -> impl Strategy<Value = UsageRecord> {
    let kind = prop::sample::select(&UseKind::ALL[..]);
    (
        any::<(u128, u64)>(),
        any::<[bool; 4]>(),
        kind,
        instants(),
        any::<[u64; 6]>(),
        any::<[u128; 3]>(),
    )
        .prop_map(|((key, strike), other, kind, [from, until], counts, sums)| UsageRecord {
            key: RecordKey(key),
            strike: StrikeId(strike),
            request: other[0].then_some(RequestId(strike)),
            kind,
            tenant: TenantId(other[0].into()),
            class: ClassId(other[1].into()),
            model: ModelId(other[2].into()),
            pool: PoolId(other[3].into()),
            from,
            until,
            meters: Meters {
                input_tokens: counts[0],
                cached_tokens: counts[1],
                output_tokens: counts[2],
                requests: counts[3],
                queue_ns: counts[4],
                cold_start_ns: counts[5],
                slot_ns: sums[0],
                flop: sums[1],
                mebibyte_ns: sums[2],
            },
        })
}

type Books = (Vec<UsageRecord>, Vec<LeaseRecord>, Vec<StatementLine>);

fn write(directory: &Path, (records, leases, lines): &Books) -> Header {
    let header = sample::header();
    let files = RunFiles::create(directory, &header, "", Overwrite::OwnOutputs).expect("a place");
    let files = files.with_statement(&header).expect("a place");
    let mut recorder = Recorder::new(names(), sample::config(Some(files)));
    for record in records {
        recorder.usage(record);
    }
    for lease in leases {
        recorder.lease(lease);
    }
    for line in lines {
        recorder.statement(line);
    }
    let (summary, written) = recorder.finish(RunEnd::default());
    written.expect("the disk is not full");
    summary.header
}

/// What is in the three files, if they can be read.
fn read(directory: &Path) -> Result<(Books, [Header; 3]), ReadError> {
    let names = names();
    let used = UsageReader::open(directory, &names)?;
    let held = LeaseReader::open(directory, &names)?;
    let told = StatementReader::open(directory, &names)?;
    let headers = [used.header(), held.header(), told.header()].map(Clone::clone);
    let read = (used.collect::<Result<_, _>>()?, held.collect::<Result<_, _>>()?);
    Ok(((read.0, read.1, told.collect::<Result<_, _>>()?), headers))
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_exactly(
        books in (
            prop::collection::vec(records(), 0..4),
            prop::collection::vec(leases(), 0..4),
            prop::collection::vec(lines(), 0..4),
        ),
    ) {
        let directory = TempDir::new().expect("a place for files");
        let header = write(directory.path(), &books);
        let (found, headers) = read(directory.path()).expect("readable");
        prop_assert_eq!(found, books);
        prop_assert!(headers.iter().all(|found| *found == header));
    }
}

/// What is said about a file with this text.
fn refusal(name: &str, text: impl AsRef<[u8]>) -> String {
    let directory = TempDir::new().expect("a place for files");
    write(directory.path(), &Books::default());
    fs::write(directory.path().join(name), text).expect("writable");
    let told = read(directory.path()).expect_err("no such table").to_string();
    told.replace(&format!("{}/", directory.path().display()), "")
}

/// A file with these rows below its columns.
fn rows(name: &str, rows: &str) -> String {
    let directory = TempDir::new().expect("a place for files");
    write(directory.path(), &Books::default());
    let text = fs::read_to_string(directory.path().join(name)).expect("readable");
    refusal(name, format!("{text}{rows}\n"))
}

#[test]
fn a_row_that_cannot_be_read_is_told_by_file_line_and_column() {
    let good = "7,east,granted,0.000000000,1.000000000,2.000000000,3.60\n";
    let time = "1.000000000,2.000000000";
    for (row, expected) in [
        (
            format!("x,east,late,0.000000000,{time},3.60"),
            "column `allocation`: `x` is no whole number",
        ),
        (
            format!("7,west,late,0.000000000,{time},3.60"),
            "column `pool`: `west` is no name in this scenario",
        ),
        (
            format!("7,east,given,0.000000000,{time},3.60"),
            "column `origin`: `given` is no origin of a lease",
        ),
        (
            format!("7,east,late,0,{time},3.60"),
            "column `known_s`: `0` is no number of seconds with nine decimals",
        ),
        (
            format!("7,east,late,3.000000000,{time},3.60"),
            "columns `known_s`, `booked_s` and `given_back_s` are not in this order",
        ),
        (
            format!("7,east,late,0.000000000,{time},3.60 USD"),
            "column `price_per_slot_hour`: `3.60 USD` is no amount of money",
        ),
        ("7,east,late,0.0000".to_owned(), "4 fields where there are 7 columns"),
    ] {
        let told = rows(LEASES, &format!("{good}{row}"));
        assert_eq!(told, format!("`leases.csv`, line 4: {expected}"));
    }
    let backwards = "7,east,,5.000000000,4.000000000,held,1.00,1.00";
    let expected = "`statement.csv`, line 3: column `until_s` is before `from_s`";
    assert_eq!(rows(STATEMENT, backwards), expected);
    let key = "abc,1,,idle,acme,simple,m,east,0.000000000,0.000000000,0,0,0,0,0,0,0,0.000000000,0.000000000";
    let expected = "`usage.csv`, line 3: column `key`: `abc` is no key of 32 hexadecimal digits";
    assert_eq!(rows(USAGE, key), expected);
}

#[test]
fn what_is_no_such_file_is_said_so() {
    assert_eq!(refusal(LEASES, "a,b\n1,2\n"), "`leases.csv` was not written by harpoon");
    assert_eq!(refusal(LEASES, ""), "`leases.csv` was not written by harpoon");
    assert_eq!(refusal(LEASES, [0xff, b'\n']), "`leases.csv` was not written by harpoon");
    let unfinished = "`leases.csv` is of a run that is not finished";
    assert_eq!(refusal(LEASES, sample::header().reserved_line()), unfinished);
    let header = Header { digest: Some(crate::RunDigest(7)), ..sample::header() };
    let expected = "`leases.csv`, line 2: the columns are not \
                    `allocation,pool,origin,known_s,booked_s,given_back_s,price_per_slot_hour`";
    for columns in ["", "request,tenant\n"] {
        assert_eq!(refusal(LEASES, format!("{header}\n{columns}")), expected);
    }
    let directory = TempDir::new().expect("a place for files");
    let told = read(directory.path()).expect_err("nothing is there").to_string();
    assert!(told.starts_with("cannot read `") && told.contains("usage.csv"), "{told}");
}

#[test]
fn a_run_without_a_statement_leaves_none_of_an_earlier_one() {
    let directory = TempDir::new().expect("a place for files");
    write(directory.path(), &Books::default());
    assert!(directory.path().join(STATEMENT).exists());
    RunFiles::create(directory.path(), &sample::header(), "", Overwrite::OwnOutputs)
        .expect("a place");
    assert!(!directory.path().join(STATEMENT).exists());
    fs::write(directory.path().join(STATEMENT), "my own\n").expect("writable");
    let refused = RunFiles::create(directory.path(), &sample::header(), "", Overwrite::OwnOutputs);
    assert!(refused.is_err(), "not ours to remove");
}
