//! Traces that are missing, cut off or wrong.

use std::{fmt::Write as _, io::Write};

use flate2::{Compression, write::GzEncoder};

use crate::binary::{Desk, Ran, SMALL};

const HEADER: &str = "arrived_s,prompt_tokens,output_tokens\n";

/// The small scenario with a trace for its traffic.
fn replaying(more: &str) -> String {
    let (before, _) = SMALL.split_once("    arrivals:").unwrap();
    format!("{before}    trace: {{ file: trace.csv{more} }}\n").replace("duration: 20s\n", "")
}

fn desk(trace: impl AsRef<[u8]>) -> Desk {
    let desk = Desk::with_scenario(replaying(""));
    desk.put("trace.csv", trace);
    desk
}

fn run(desk: &Desk) -> Ran {
    desk.harpoon(&["run", "scenario.yaml", "--quiet"])
}

fn refusal_of(trace: &str) -> String {
    run(&desk(trace)).refusal()
}

#[test]
fn a_good_trace_runs_whole() {
    let ran = run(&desk(format!("{HEADER}0,100,10\n1.5,200,20\n")));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_missing_trace_is_told_with_where_it_was_looked_for() {
    let desk = Desk::with_scenario(replaying(""));
    insta::assert_snapshot!(run(&desk).refusal(), @r"
    error: trace.csv does not exist
      --> scenario.yaml:12:20: traffic[0].trace.file
       |     trace: { file: trace.csv }
      help: paths are relative to the scenario file; replace it with `--set <key>=<path>`
    exit code 2
    ");
    insta::assert_snapshot!(desk.harpoon(&["trace", "describe", "trace.csv"]).refusal(), @r"
    error: trace.csv: cannot be read: No such file or directory (os error 2)
    help: check the path
    exit code 2
    ");
}

#[test]
fn an_empty_trace_is_told() {
    insta::assert_snapshot!(refusal_of(""), @r"
    error: trace.csv: holds no request
      --> scenario.yaml:12:20: traffic[0].trace.file
       |     trace: { file: trace.csv }
    exit code 2
    ");
    insta::assert_snapshot!(refusal_of(HEADER), @r"
    error: traffic `chat`: trace.csv: holds no request
    exit code 2
    ");
    let ran = desk(HEADER).harpoon(&["trace", "describe", "trace.csv"]);
    insta::assert_snapshot!(ran.refusal(), @r"
    error: trace.csv: holds no request
    exit code 2
    ");
}

#[test]
fn a_trace_cut_off_in_its_compression_is_told() {
    let mut rows = HEADER.to_owned();
    for row in 0..20_000 {
        writeln!(rows, "{row},{},{}", 100 + row * 7919 % 997, 1 + row * 31 % 89).unwrap();
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(rows.as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    let desk = desk(&whole[..whole.len() / 2]);
    let refused = run(&desk).refusal();
    let line = refused.split("after line ").nth(1).and_then(|rest| rest.split(':').next()).unwrap();
    insta::assert_snapshot!(refused.replace(line, "N"), @r"
    error: traffic `chat`: trace.csv: the compressed file is cut off or damaged after line N: incomplete deflate stream
    help: fetch the file again and compare its checksum
    exit code 2
    ");
    assert!((5_000..15_000).contains(&line.parse::<u32>().unwrap()), "about half: {line}");
    let described = desk.harpoon(&["trace", "describe", "trace.csv"]).refusal();
    insta::assert_snapshot!(described.replace(line, "N"), @r"
    error: trace.csv: the compressed file is cut off or damaged after line N: incomplete deflate stream
    help: fetch the file again and compare its checksum
    exit code 2
    ");
}

#[test]
fn a_trace_of_no_known_format_is_told() {
    insta::assert_snapshot!(refusal_of("when,how_much\n1,2\n"), @r"
    error: trace.csv: the format is not known: the first line is `when,how_much`, but a trace begins with `TIMESTAMP,ContextTokens,GeneratedTokens` (azure), a JSON object (mooncake), or a header with `arrived_s` or `arrived_ms`, `prompt_tokens` and `output_tokens` (own)
      --> scenario.yaml:12:20: traffic[0].trace.file
       |     trace: { file: trace.csv }
    exit code 2
    ");
    insta::assert_snapshot!(refusal_of("arrived_s,prompt_tokens\n1,2\n"), @r"
    error: trace.csv:1: the column `output_tokens` is missing; the header has `arrived_s`, `prompt_tokens`
      --> scenario.yaml:12:20: traffic[0].trace.file
       |     trace: { file: trace.csv }
    exit code 2
    ");
}

#[test]
fn a_wrong_row_is_told_with_its_line() {
    let rows =
        ["1,-5,10", "1,NaN,10", "1,5", "-1,5,10", "inf,5,10", "1,99999999999,10", "\u{1b}[2J,1,1"];
    let refusals: Vec<String> =
        rows.map(|row| refusal_of(&format!("{HEADER}0,100,10\n{row}\n"))).into();
    insta::assert_snapshot!(refusals.join("\n\n"), @r"
    error: traffic `chat`: trace.csv:3: prompt_tokens: `-5` is out of range: it must be between 0 and 4194304
    exit code 2

    error: traffic `chat`: trace.csv:3: prompt_tokens: `NaN` is not a whole number of tokens
    exit code 2

    error: traffic `chat`: trace.csv:3: 2 columns where 3 are expected
    exit code 2

    error: traffic `chat`: trace.csv:3: arrived_s: `-1` is out of range: it must be between 0 and 10^10 s
    exit code 2

    error: traffic `chat`: trace.csv:3: arrived_s: `inf` is not a finite number
    exit code 2

    error: traffic `chat`: trace.csv:3: prompt_tokens: `99999999999` is out of range: it must be between 0 and 4194304
    exit code 2

    error: traffic `chat`: trace.csv:3: arrived_s: `\u{1b}[2J` is not a finite number
    exit code 2
    ");
}

#[test]
fn a_trace_that_goes_back_in_time_is_refused_with_its_line_and_the_window_to_set() {
    let rows = format!("{HEADER}0,100,10\n5,100,10\n3,100,10\n6,100,10\n");
    insta::assert_snapshot!(refusal_of(&rows), @r"
    error: traffic `chat`: trace.csv:4: the row goes back in time by 2s, but at most 0s is allowed
    help: put the file in order, or set `sort_window` to 2s or more to let it be sorted
    exit code 2
    ");
    insta::assert_snapshot!(desk(&rows).harpoon(&["trace", "describe", "trace.csv"]).refusal(), @r"
    error: trace.csv:4: the row goes back in time by 2s, but at most 0s is allowed
    help: put the file in order, or set `sort_window` to 2s or more to let it be sorted
    exit code 2
    ");
}

#[test]
fn within_the_sort_window_rows_are_put_in_order_with_a_warning() {
    let desk = Desk::with_scenario(replaying(", sort_window: 2s"));
    desk.put("trace.csv", format!("{HEADER}0,100,10\n5,100,10\n3,100,10\n6,100,10\n"));
    let ran = run(&desk);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(ran.stderr, @"warning: trace.csv: 1 row out of order by up to 2s put in order, the first on line 4");
    let twice = desk.harpoon(&["run", "scenario.yaml", "--quiet", "--replications", "2"]);
    assert_eq!(twice.stderr, ran.stderr, "said once, however many replications");
}

#[test]
fn a_line_without_end_is_refused() {
    let refused = refusal_of(&format!("{HEADER}{}", "1".repeat(3 << 20)));
    insta::assert_snapshot!(refused, @r"
    error: traffic `chat`: trace.csv:2: the line is longer than 1048576 bytes
    exit code 2
    ");
}
