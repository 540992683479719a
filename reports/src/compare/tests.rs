use std::fs;

use connector::{Duration, ErrorKind, Outcome};
use tempfile::TempDir;

use super::*;
use crate::{
    Fault, Overwrite, Recorder, RecorderConfig, RunEnd, RunFiles,
    sample::{at_ms, completed, failed, header, names},
};

#[test]
fn runs_are_compared_by_what_they_left() {
    let place = TempDir::new().expect("a place for files");
    let good = run(place.path(), "good", 0);
    let bad = run(place.path(), "bad", 7);
    let comparison = Comparison::read(&[bad, good]).expect("both were written");
    insta::assert_snapshot!(comparison.table(), @"
    run   arrivals  in time  share  sent to pools  per arrival  peak
    bad         18       11  61.1%              0            0     2
    good        18       18   100%              0            0     2
    ");
    let svg = comparison.picture();
    for text in
        ["sample: bad and good", "seed 42; a point is 1.00 s", "outage", "good", "bad", "20 s"]
    {
        assert!(svg.contains(&format!("\n{text}\n")), "no `{text}` in {svg}");
    }
    assert_eq!(svg, comparison.picture());
}

#[test]
fn what_is_no_timeline_is_refused_by_name() {
    let place = TempDir::new().expect("a place for files");
    let good = run(place.path(), "good", 0);
    let text = fs::read_to_string(good.join("timeline.csv")).expect("it was written");
    let (mark, rest) = text.split_once('\n').expect("lines");
    for (content, problem) in [
        ("a,b\n1,2\n".to_owned(), "its first line is not harpoon's"),
        (String::new(), "its first line is not harpoon's"),
        (format!("{mark}\n"), "it has no column `length_s`"),
        (text.replacen("in_time", "in_no_time", 1), "it has no column `in_time`"),
        (format!("{mark}\n{}", rest.replacen("1.000000000", "0", 1)), "`0` is no length of time"),
        (text.replacen("000,0,1,", "000,0,many,", 1), "`many` is no count"),
    ] {
        fs::write(good.join("timeline.csv"), &content).expect("writable");
        let refused = Comparison::read(std::slice::from_ref(&good)).expect_err(&content);
        let words = refused.to_string();
        assert!(words.ends_with(problem), "{words} instead of {problem}: {content}");
    }
    let nowhere = Comparison::read(&[place.path().join("nowhere")]).expect_err("not there");
    assert!(nowhere.to_string().starts_with("cannot read `"), "{nowhere}");
}

/// Twenty requests, a second apart, of which the first so many after the warm-up fail.
fn run(place: &Path, name: &str, failing: u64) -> PathBuf {
    let directory = place.join(name);
    let files = RunFiles::create(&directory, &header(), "", Overwrite::default()).expect("a place");
    let config = RecorderConfig {
        header: header(),
        interval: Duration::from_secs(1),
        warm_up: Duration::from_secs(2),
        pool_kinds: Vec::new(),
        card_prices: Vec::new(),
        slot_prices: Vec::new(),
        billing: None,
        kept_tenants: Vec::new(),
        cables: Vec::new(),
        faults: vec![Fault { name: "outage".into(), from: at_ms(5_000), until: at_ms(8_500) }],
        files: Some(files),
    };
    let mut recorder = Recorder::new(names(), config);
    for second in 0..20 {
        let ms = second * 1_000;
        recorder.in_flight(at_ms(ms), 1 + second % 2);
        let fails = (2..2 + failing).contains(&second);
        recorder.record(&if fails {
            failed(ms, Outcome::Failed(ErrorKind::Timeout))
        } else {
            completed(ms, 500)
        });
    }
    recorder.finish(RunEnd::default()).1.expect("the disk is not full");
    directory
}
