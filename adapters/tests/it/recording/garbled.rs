//! Bytes that are no recording, or no longer a whole one.

use std::io::Write;

use adapters::recording::{self, Ending, MAX_LINE, ReadError};
use connector::{Operation, Timestamp};
use proptest::prelude::*;

use super::{Place, Said, entries, header, said};

const HEADER: &str = r#"{"recording":{"format":1,"version":"0","scenario":"x","hash":"1","seed":1,"live":false,"texts":false,"cables":[0],"regions":[],"pools":[],"models":[],"tenants":[],"classes":[]}}"#;

fn packed(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

fn read(lines: &[&str]) -> Result<recording::Recording, ReadError> {
    recording::read(&packed((lines.join("\n") + "\n").as_bytes()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn one_changed_byte_is_noticed(all in said(), place in any::<prop::sample::Index>(), by in 1_u8..) {
        let mut bytes = Place::new().record(&header(true), &all, None);
        let place = place.index(bytes.len());
        bytes[place] ^= by;
        if let Ok(read) = recording::read(&bytes) {
            // Where the length of a frame says more than there is, it seems to break off; and a few bits
            // mean nothing.
            prop_assert!(entries(&all).starts_with(&read.entries));
            prop_assert!(read.ending == Ending::Cut || read.entries.len() == all.len());
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(recording::read(&bytes).is_err());
        let after = [HEADER.as_bytes(), b"\n", &bytes].concat();
        if let Ok(read) = recording::read(&packed(&after)) {
            prop_assert!(read.entries.is_empty() && read.ending == Ending::Cut);
        }
    }
}

#[test]
fn wherever_a_recording_is_cut_off_its_beginning_is_read() {
    let all: Vec<Said> = (0..9_000)
        .map(|n| Said::Asked(Timestamp::from_nanos(n * 7_919), Operation::Pools))
        .collect();
    let bytes = Place::new().record(&header(false), &all, None);
    let whole = entries(&all);
    let mut before = 0;
    for cut in (0..bytes.len()).step_by((bytes.len() / 150).max(1)).chain([bytes.len() - 1]) {
        match recording::read(&bytes[..cut]) {
            Ok(read) => {
                assert_eq!(read.ending, Ending::Cut, "at {cut}");
                assert!(whole.starts_with(&read.entries), "at {cut}");
                assert!(read.entries.len() >= before, "at {cut}");
                before = read.entries.len();
            }
            Err(ReadError::Empty | ReadError::Foreign) if before == 0 => {}
            Err(error) => panic!("at {cut}: {error}"),
        }
    }
    assert!(before > 6_000, "a frame is lost at most, but only {before} entries are left");
    let Ending::Complete { digest } = recording::read(&bytes).unwrap().ending else {
        panic!("it is complete")
    };
    assert_eq!(digest, None);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let pools = r#"{"asked":{"t":5,"c":0,"ticket":1,"op":"pools"}}"#;
    for (lines, said) in [
        (&["{}"][..], "no recording: the first line is not that of one"),
        (&[pools], "no recording: the first line is not that of one"),
        (
            &[&HEADER.replace(":1,", ":2,")],
            "the recording is of format 2, but this version reads format 1",
        ),
        (&[&HEADER.replace("\"1\"", "\"x\"")], "line 1: `x` is no hash"),
        (&[&HEADER.replace("[0]", "[1]")], "line 1: `1` is no connector that a cable can lead to"),
        (&[&HEADER.replace("live", "love")], "line 1: unknown field `love`"),
        (&[HEADER, "nonsense"], "line 2: expected value"),
        (&[HEADER, pools, ""], "line 3: EOF while parsing"),
        (&[HEADER, pools, HEADER], "line 3: out of place"),
        (
            &[HEADER, r#"{"asked":{"t":5,"c":0,"ticket":1,"op":"pools","x":1}}"#],
            "line 2: unknown field `x`",
        ),
        (
            &[HEADER, r#"{"asked":{"t":5,"c":1,"ticket":1,"op":"pools"}}"#],
            "line 2: `1` is no connector that a cable leads to",
        ),
        (
            &[HEADER, pools, r#"{"asked":{"t":4,"c":0,"ticket":2,"op":"pools"}}"#],
            "line 3: time goes back, from 5 ns to 4 ns",
        ),
        (
            &[
                HEADER,
                r#"{"told":{"t":5,"c":0,"event":{"failed":{"ticket":1,"error":{"kind":"tired"}}}}}"#,
            ],
            "line 2: `tired` is no kind of error",
        ),
        (
            &[
                HEADER,
                r#"{"told":{"t":5,"c":0,"event":{"failed":{"ticket":1,"error":{"kind":"unavailable"}}}}}"#,
            ],
            "line 2: `unavailable` is no failure that says `reached`",
        ),
        (
            &[HEADER, pools, r#"{"end":{"lines":3}}"#],
            "line 3: the end counts 3 lines before it, but there are 2",
        ),
        (&[HEADER, r#"{"end":{"lines":1,"digest":"1"}}"#], "line 2: `1` is no digest"),
        (&[HEADER, r#"{"end":{"lines":1}}"#, pools], "line 3: out of place"),
    ] {
        let error = read(lines).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error} is not {said}");
    }
}

#[test]
fn a_small_file_does_not_fill_the_memory() {
    let mut long = zstd::Encoder::new(Vec::new(), 1).unwrap();
    long.write_all(HEADER.as_bytes()).unwrap();
    long.write_all(b"\n").unwrap();
    for _ in 0..=MAX_LINE >> 16 {
        long.write_all(" ".repeat(1 << 16).as_bytes()).unwrap();
    }
    let long = recording::read(&long.finish().unwrap());
    assert!(matches!(long, Err(ReadError::LongLine { line: 2 })), "{long:?}");

    let mut wide = zstd::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(27).unwrap();
    wide.long_distance_matching(true).unwrap();
    wide.write_all(HEADER.as_bytes()).unwrap();
    let wide = recording::read(&wide.finish().unwrap());
    assert!(matches!(wide, Err(ReadError::Foreign)), "{wide:?}");
}
