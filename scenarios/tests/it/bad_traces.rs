//! Every mistake in a trace has its message and its line.

use std::fmt::Write as _;

use scenarios::trace::{Format, TraceError, describe};

use crate::world::{file, fixtures, gzip, parse, with_traffic};

const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";
const OWN: &str = "arrived_s,prompt_tokens,output_tokens\n";
const MOONCAKE: &str = r#"{"timestamp": 0, "input_length": 5, "output_length": 5, "hash_ids": []}"#;

#[test]
fn every_bad_row_is_refused_with_its_line() {
    let azure = |row: &str| format!("{AZURE}{row}\r\n");
    let own = |rows: &str| format!("{OWN}{rows}\n");
    let mooncake = |row: &str| format!("{MOONCAKE}\n{row}\n");
    for (content, told) in [
        (
            azure("2023-11-16 18:15:46.68,-5,44"),
            "2: ContextTokens: `-5` is out of range: it must be between 0 and 4194304",
        ),
        (
            azure("2023-11-16 18:15:46.68,NaN,44"),
            "2: ContextTokens: `NaN` is not a whole number of tokens",
        ),
        (
            azure("2023-11-16 18:15:46.68,5,99999999"),
            "2: GeneratedTokens: `99999999` is out of range: it must be between 0 and 4194304",
        ),
        (
            azure("yesterday,5,44"),
            "2: TIMESTAMP: `yesterday` is not a date and time after 1970, such as 2023-11-16 18:15:46.6805900",
        ),
        (
            azure("1969-11-16 18:15:46.68,5,44"),
            "2: TIMESTAMP: `1969-11-16 18:15:46.68` is not a date and time after 1970, such as 2023-11-16 18:15:46.6805900",
        ),
        (azure("2023-11-16 18:15:46.68,5"), "2: 2 columns where 3 are expected"),
        (azure("2023-11-16 18:15:46.68,5,44,7"), "2: 4 columns where 3 are expected"),
        (own("-1,5,5"), "2: arrived_s: `-1` is out of range: it must be between 0 and 10^10 s"),
        (own("nan,5,5"), "2: arrived_s: `nan` is not a finite number"),
        (own("inf,5,5"), "2: arrived_s: `inf` is not a finite number"),
        (own("0,1.5,5"), "2: prompt_tokens: `1.5` is not a whole number of tokens"),
        (
            own("5,5,5\n6,5,5\n\n5.5,5,5"),
            "5: the row goes back in time by 500ms, but at most 0s is allowed",
        ),
        (
            "prompt_tokens,output_tokens\n1,1\n".to_owned(),
            "1: the column `arrived_s` is missing; the header has `prompt_tokens`, `output_tokens`",
        ),
        (
            mooncake("{}"),
            "2: not a request of this format: missing field `timestamp` at line 1 column 2",
        ),
        (mooncake("garbage"), "2: not a request of this format: expected value at line 1 column 1"),
        (
            mooncake(r#"{"timestamp": NaN, "input_length": 5, "output_length": 5}"#),
            "2: not a request of this format: expected value at line 1 column 15",
        ),
        (
            mooncake(r#"{"timestamp": -4, "input_length": 5, "output_length": 5}"#),
            "2: timestamp: `-4` is out of range: it must be between 0 and 10^10 s",
        ),
        (
            mooncake(r#"{"timestamp": 4, "input_length": -5, "output_length": 5}"#),
            "2: input_length: `-5` is out of range: it must be between 0 and 4194304",
        ),
        (own(&"9".repeat(2 << 20)), "2: the line is longer than 1048576 bytes"),
    ] {
        assert_eq!(refusal(content.as_bytes()), format!("TRACE:{told}"));
    }
    assert_eq!(
        refusal(b"arrived_s,prompt_tokens,output_tokens\n\xff\xfe,1,1\n"),
        "TRACE:2: the line is not text in UTF-8"
    );
}

#[test]
fn two_columns_that_state_the_same_are_refused_by_name() {
    for (column, told) in [
        ("arrived_ms", "column 1 (`arrived_s`) and column 4 (`arrived_ms`) both state the time"),
        (
            "prompt_tokens",
            "column 2 (`prompt_tokens`) and column 4 (`prompt_tokens`) both state the prompt tokens",
        ),
    ] {
        let content = format!("{},{column}\n0,1,1,2\n", OWN.trim_end());
        assert_eq!(refusal(content.as_bytes()), format!("TRACE:1: {told} of a request"));
    }
    let passed_over = format!("{},note,note\n0,1,1,2,3\n", OWN.trim_end());
    let (_directory, path) = file("trace", passed_over.as_bytes());
    assert_eq!(describe(&path, None).expect("nobody reads the notes").requests, 1);
}

#[test]
fn a_file_that_is_no_trace_is_refused_by_name() {
    for content in [&b""[..], b"\n\n\n", OWN.as_bytes(), &gzip(b"")] {
        assert_eq!(refusal(content), "TRACE: holds no request");
    }
    let garbage = refusal(b"\x00\x01\x02 garbage\nmore\n");
    assert!(
        garbage.starts_with("TRACE: the format is not known: the first line is `"),
        "{garbage}"
    );
    let missing = describe(&fixtures().join("nowhere.csv"), None).expect_err("missing");
    assert!(matches!(missing, TraceError::Io { .. }), "{missing}");
    assert!(missing.to_string().contains("nowhere.csv: cannot be read: "), "{missing}");
}

#[test]
fn a_compressed_trace_that_is_cut_off_is_told_apart_from_one_that_ends() {
    let mut text = OWN.to_owned();
    for row in 0..20_000 {
        let (prompt, output) = (row * 7_919 % 1_000 + 1, row * 104_729 % 500 + 1);
        let _ = writeln!(text, "{row},{prompt},{output}");
    }
    let zstd = zstd::encode_all(text.as_bytes(), 3).expect("memory does not fail");
    for packed in [gzip(text.as_bytes()), zstd] {
        let (_directory, path) = file("trace", &packed);
        assert_eq!(describe(&path, None).expect("whole").requests, 20_000);
        let (_directory, path) = file("trace", &packed[..packed.len() / 2]);
        let error = describe(&path, None).expect_err("cut off");
        let TraceError::Damaged { line, .. } = &error else { panic!("{error}") };
        assert!(*line < 20_000, "{error}");
        assert!(error.to_string().contains("the compressed file is cut off or damaged after line"));
        assert_eq!(error.help().as_deref(), Some("fetch the file again and compare its checksum"));
    }
}

#[test]
fn packing_is_told_by_content_and_not_by_name() {
    let plain = std::fs::read(fixtures().join("azure.csv")).expect("a fixture");
    let zstd = zstd::encode_all(&plain[..], 3).expect("memory does not fail");
    let whole = describe(&fixtures().join("azure.csv"), None).expect("valid");
    for packed in [gzip(&plain), zstd, plain] {
        let (_directory, path) = file("trace.csv.gz", &packed);
        assert_eq!(describe(&path, None).expect("valid"), whole);
    }
}

#[test]
fn rows_without_tokens_are_left_out_and_counted() {
    let content = format!("{OWN}0,5,5\n1,0,5\n2,5,0\n3,5,5\n");
    let (_directory, path) = file("TRACE", content.as_bytes());
    let summary = describe(&path, None).expect("valid");
    assert_eq!(summary.requests, 2);
    let told = &summary.warnings[0];
    assert!(told.ends_with("2 rows without prompt or output tokens left out, the first on line 3"));
}

#[test]
fn a_sort_window_puts_late_rows_in_order_and_says_so() {
    let traffic = |window| {
        format!(
            "traffic:\n  - name: late\n    trace: {{ file: unsorted.csv, sort_window: {window} }}\n"
        )
    };
    let mut arrivals = with_traffic(&traffic("500ms")).arrivals(1).expect("opens");
    let rows: Vec<_> = arrivals
        .by_ref()
        .map(|request| {
            let request = request.expect("within the window");
            (request.id.0, request.arrived.as_nanos() / 1_000_000, request.output_tokens.get())
        })
        .collect();
    assert_eq!(rows, [(0, 0, 1), (1, 1500, 3), (2, 2000, 2), (3, 3500, 5), (4, 4000, 4)]);
    let [left_out, late] = arrivals.warnings() else { panic!("{:?}", arrivals.warnings()) };
    assert!(
        left_out.ends_with("1 row without prompt or output tokens left out, the first on line 5")
    );
    assert!(
        late.ends_with("2 rows out of order by up to 500ms put in order, the first on line 4"),
        "{late}"
    );

    let mut arrivals = with_traffic(&traffic("499ms")).arrivals(1).expect("opens");
    let error = arrivals.find_map(Result::err).expect("a row is too late");
    let told = error.to_string();
    assert!(told.starts_with("traffic `late`: "), "{told}");
    assert!(told.ends_with(
        "unsorted.csv:4: the row goes back in time by 500ms, but at most 499ms is allowed"
    ));
    assert_eq!(
        error.help().as_deref(),
        Some("put the file in order, or set `sort_window` to 500ms or more to let it be sorted")
    );
    assert!(arrivals.next().is_none(), "an error ends the arrivals");
}

#[test]
fn names_in_rows_must_be_those_of_the_scenario() {
    let scenario = with_traffic("traffic:\n  - name: rows\n    trace: { file: own.csv }\n");
    let error = scenario
        .arrivals(1)
        .err()
        .or_else(|| scenario.arrivals(1).expect("opens").find_map(Result::err));
    let told = error.expect("acme is not a tenant").to_string();
    assert!(
        told.ends_with("own.csv:2: unknown tenant `acme`: the tenants are `default`"),
        "{told}"
    );
}

#[test]
fn a_format_that_does_not_fit_is_refused_by_its_columns() {
    let error = describe(&fixtures().join("own.csv"), Some(Format::Azure)).expect_err("not azure");
    assert!(matches!(error, TraceError::MissingColumn { column: "TIMESTAMP", .. }), "{error}");
    assert!(parse("name: x").is_err());
}

/// The message about a file of this content, which is called TRACE in it.
fn refusal(content: &[u8]) -> String {
    let (_directory, path) = file("trace", content);
    let error = describe(&path, None).expect_err("refused");
    error.to_string().replace(&path.display().to_string(), "TRACE")
}
