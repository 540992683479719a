use std::fs;

use connector::{Duration, ErrorKind, Outcome, PoolId, TenantId};
use tempfile::TempDir;

use super::*;

mod reading;
use crate::{
    Recorder, RecorderConfig, RunEnd,
    sample::{at_ms, completed, failed, gauge, header, names, recorder},
};

#[test]
fn the_files_of_a_small_run() {
    let directory = TempDir::new().expect("a place for files");
    run_into(directory.path(), false);
    insta::assert_snapshot!(without_padding(directory.path(), REQUESTS), @r#"
    # harpoon 0.1.0 scenario=sample hash=0000000000000abc seed=42 digest=5c4809de495664eb
    request,tenant,class,model,pool,outcome,warm_up,arrived_s,finished_s,queued_s,allocation_s,ttft_s,tpot_s,end_to_end_s,prompt_tokens,output_tokens,attempts,fallbacks,cost,covenant,covenant_broken_by,covenant_excess,covenant_given_up
    500,acme,simple,mistral-7b,east,completed,1,0.500000000,1.100000000,0.005000000,0.050000000,0.200000000,0.040000000,0.600000000,100,11,1,0,0.002,free,,,
    1200,acme,simple,mistral-7b,east,completed,0,1.200000000,1.900000000,0.005000000,0.050000000,0.200000000,0.050000000,0.700000000,100,11,1,0,0.002,free,,,
    1300,acme,simple,mistral-7b,,rejected,0,1.300000000,2.300000000,0.005000000,,,,1.000000000,100,0,3,1,0.002,free,,,
    "#);
    insta::assert_snapshot!(without_padding(directory.path(), TIMELINE), @r#"
    # harpoon 0.1.0 scenario=sample hash=0000000000000abc seed=42 digest=5c4809de495664eb
    start_s,length_s,warm_up,arrivals,completions,failures,output_tokens,ttft_mean_s,ttft_p95_s,end_to_end_mean_s,end_to_end_p95_s,in_flight_peak,in_time,strikes,retries,queued_peak,faults,failures.rejected,east.slots_held_mean,east.cards_mean,east.busy_share,east.waiting_peak,west.slots_held_mean,west.cards_mean,west.busy_share,west.waiting_peak
    0.000000000,1.000000000,1,1,0,0,0,,,,,,0,0,0,,,0,2.0000,4.0000,0.250000,3,,,,
    1.000000000,1.000000000,0,2,2,0,22,0.200000000,0.200000000,0.650000000,0.700000000,4,2,0,0,,,0,,,,,,,,
    2.000000000,1.000000000,0,0,0,1,0,,,,,,0,0,0,,,1,2.0000,4.0000,0.500000,3,,,,
    "#);
}

#[test]
fn every_file_begins_with_the_header_of_the_finished_run() {
    for partial in [false, true] {
        let directory = TempDir::new().expect("a place for files");
        let summary = run_into(directory.path(), partial);
        let line = summary.header.to_string();
        assert_eq!(line.ends_with(" partial"), partial);
        for name in [SCENARIO, REQUESTS, TIMELINE] {
            let text = read(directory.path(), name);
            assert_eq!(text.lines().next().map(str::trim_end), Some(line.as_str()), "{name}");
        }
        let picture = read(directory.path(), PICTURE);
        assert_eq!(picture.lines().next(), Some(format!("<!-- {line} -->").as_str()));
        assert_eq!(read(directory.path(), SUMMARY), summary.to_json());
    }
}

#[test]
fn a_run_that_never_ends_leaves_files_that_say_so() {
    let directory = TempDir::new().expect("a place for files");
    let files = begin(directory.path());
    for name in [SCENARIO, REQUESTS, TIMELINE] {
        let text = read(directory.path(), name);
        let first = text.lines().next().expect("has a line");
        assert!(first.ends_with("digest=unfinished...... partial"), "{name}: {first}");
    }
    assert!(read(directory.path(), SUMMARY).contains("\"digest\":\"unfinished......\""));
    drop(files);
}

#[test]
fn the_same_run_makes_the_same_bytes() {
    let (one, two) = (TempDir::new().expect("a place"), TempDir::new().expect("a place"));
    for directory in [&one, &two] {
        run_into(directory.path(), false);
    }
    for name in [SUMMARY, REQUESTS, TIMELINE, PICTURE] {
        assert_eq!(read(one.path(), name), read(two.path(), name), "{name}");
    }
}

#[test]
fn an_earlier_run_is_replaced_and_its_rows_are_gone() {
    let directory = TempDir::new().expect("a place for files");
    run_into(directory.path(), false);
    let (_, written) =
        recorder(Duration::ZERO, Some(begin(directory.path()))).finish(RunEnd::default());
    written.expect("the disk is not full");
    assert_eq!(read(directory.path(), REQUESTS).lines().count(), 2, "header and columns");
}

#[test]
fn a_foreign_file_is_left_alone_unless_overwriting_is_allowed() {
    let directory = TempDir::new().expect("a place for files");
    let path = directory.path().join(REQUESTS);
    fs::write(&path, "my,own,table\n").expect("writable");
    let refused =
        RunFiles::create(directory.path(), &header(), "name: sample\n", Overwrite::OwnOutputs);
    let message = refused.expect_err("a foreign file is in the way").to_string();
    assert_eq!(
        message,
        format!("`{}` is in the way and was not written by harpoon", path.display())
    );
    assert_eq!(read(directory.path(), REQUESTS), "my,own,table\n");
    assert!(!directory.path().join(SUMMARY).exists(), "nothing was begun");
    RunFiles::create(directory.path(), &header(), "name: sample\n", Overwrite::Anything)
        .expect("allowed");
    assert!(read(directory.path(), REQUESTS).starts_with("# harpoon "));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = TempDir::new().expect("a place for files");
    let file = directory.path().join("file");
    fs::write(&file, "").expect("writable");
    let inside = file.join("out");
    let error = RunFiles::create(&inside, &header(), "name: sample\n", Overwrite::OwnOutputs)
        .expect_err("no place");
    let message = error.to_string();
    assert!(message.starts_with(&format!("cannot create `{}`: ", inside.display())), "{message}");
}

#[test]
fn a_missing_directory_is_made_with_its_parents() {
    let directory = TempDir::new().expect("a place for files");
    let deep = directory.path().join("a/b/c");
    run_into(&deep, false);
    assert!(deep.join(SUMMARY).exists());
}

#[test]
fn files_that_cannot_be_completed_do_not_cost_the_summary() {
    let directory = TempDir::new().expect("a place for files");
    let out = directory.path().join("out");
    let mut recorder = recorder(Duration::ZERO, Some(begin(&out)));
    recorder.record(&completed(0, 500));
    fs::remove_dir_all(&out).expect("removable");
    let (summary, written) = recorder.finish(RunEnd::default());
    assert_eq!(summary.requests.completed, 1);
    let message = written.expect_err("the directory is gone").to_string();
    assert!(message.starts_with("cannot write `"), "{message}");
    assert!(message.contains(SCENARIO), "the first that fails: {message}");
}

#[test]
fn names_with_commas_and_quotes_stay_in_their_column() {
    let directory = TempDir::new().expect("a place for files");
    let tenants = vec!["a, \"b\"\nc".to_owned()];
    let config = RecorderConfig {
        header: header(),
        interval: Duration::ZERO,
        warm_up: Duration::ZERO,
        pool_kinds: Vec::new(),
        card_prices: Vec::new(),
        slot_prices: Vec::new(),
        billing: None,
        kept_tenants: Vec::new(),
        cables: Vec::new(),
        faults: Vec::new(),
        files: Some(begin(directory.path())),
    };
    let mut recorder = Recorder::new(Names { tenants, ..names() }, config);
    recorder.record(&failed(0, Outcome::Failed(ErrorKind::Timeout)));
    recorder.finish(RunEnd::default()).1.expect("the disk is not full");
    let text = read(directory.path(), REQUESTS);
    let mut rows = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let row = rows.records().next().expect("a row").expect("valid CSV");
    assert_eq!((&row[1], &row[5]), ("a, \"b\"\nc", "timeout"));
}

#[test]
fn rows_add_up_to_the_summary() {
    let directory = TempDir::new().expect("a place for files");
    let mut recorder = recorder(Duration::ZERO, Some(begin(directory.path())));
    for n in 0..5_000 {
        let tenant = TenantId((n % 2) as u32);
        let pool = Some(PoolId((n % 2) as u32));
        recorder.record(&connector::RequestRecord { tenant, pool, ..completed(n, 300 + n) });
    }
    let (summary, written) = recorder.finish(RunEnd { ended: at_ms(20_000), ..RunEnd::default() });
    written.expect("the disk is not full");
    let column = |name: &str, column: &str| -> f64 {
        let text = read(directory.path(), name);
        let mut rows = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        let place = rows.headers().expect("columns").iter().position(|found| found == column);
        let place = place.expect("the column is there");
        rows.records()
            .map(|row| row.expect("valid CSV")[place].parse::<f64>().expect("a number"))
            .sum()
    };
    let tokens = summary.requests.output_tokens as f64;
    let mean = summary.latency.end_to_end.mean_s.expect("has values");
    for (name, of, expected) in [
        (REQUESTS, "output_tokens", tokens),
        (TIMELINE, "output_tokens", tokens),
        (TIMELINE, "arrivals", 5_000.0),
        (REQUESTS, "end_to_end_s", mean * 5_000.0),
    ] {
        let sum = column(name, of);
        assert!((sum - expected).abs() < 1e-6, "{name} {of}: {sum} instead of {expected}");
    }
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).expect("the file is there")
}

fn without_padding(directory: &Path, name: &str) -> String {
    read(directory, name).lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn begin(directory: &Path) -> RunFiles {
    RunFiles::create(directory, &header(), "name: sample\n", Overwrite::OwnOutputs)
        .expect("nothing is in the way")
}

/// Three seconds, the first of them warm-up.
fn run_into(directory: &Path, partial: bool) -> crate::Summary {
    let mut recorder = recorder(Duration::from_secs(1), Some(begin(directory)));
    recorder.record(&completed(500, 600));
    recorder.gauge(at_ms(1_000), &gauge(at_ms(1_000), 1_000));
    recorder.in_flight(at_ms(1_200), 4);
    recorder.record(&completed(1_200, 700));
    recorder.record(&connector::RequestRecord {
        pool: None,
        allocating: None,
        ..failed(1_300, Outcome::Rejected)
    });
    recorder.gauge(at_ms(3_000), &gauge(at_ms(3_000), 5_000));
    let end = RunEnd { ended: at_ms(3_000), partial, ..RunEnd::default() };
    let (summary, written) = recorder.finish(end);
    written.expect("the disk is not full");
    summary
}
