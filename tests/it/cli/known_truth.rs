//! What a live run reports of a server whose times are known: first content after [`FIRST`], a piece of
//! content every [`GAP`], as its own clock has it.
//!
//! The server stands behind no simulator. Its first event, at once, has no content, so that a report which
//! takes the first byte for the first token shows; it counts two tokens for each piece, so that a report
//! which counts pieces shows; and the count comes [`TAIL`] after the last piece.
//!
//! A busy machine makes every time longer and none shorter, so lower bounds are exact and what is compared
//! with the truth from above is the shortest of many.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::binary::Desk;

const FIRST: Duration = Duration::from_millis(50);
const GAP: Duration = Duration::from_millis(10);
const TAIL: Duration = Duration::from_millis(4);
const PIECES: u32 = 10;
const TOKENS: u32 = 2 * PIECES;

const SCENARIO: &str = "\
name: truth
seed: 5
duration: 2s
provider:
  pools:
    - { name: home, gpu: L4, count: 8, sharing_ratio: 10, kind: local, endpoint: ENGINE, dialect: openai }
models:
  - name: tiny
    requirements: { tflops: 10 GFLOPS, vram: 64 MiB }
    timing: { linear: { base: 2ms } }
platform:
  cables: { max_in_flight: unlimited }
traffic:
  - name: chat
    arrivals: { gamma: { rate: 30/s, cv: 0.1 } }
    prompt_tokens: 64
    output_tokens: 20
objectives:
  - error_rate < 1%
";

#[test]
fn a_live_run_reports_the_times_of_a_server_whose_times_are_known() {
    let url = serve();
    let desk = Desk::with_scenario(SCENARIO.replace("ENGINE", &url));
    let run = ["run", "scenario.yaml", "-q", "--json", "--out", "out", "--live", &url];
    let ran = desk.harpoon(&run);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let figure = |path: &str| summary.pointer(path).and_then(serde_json::Value::as_f64);
    let figure = |path: &str| figure(path).unwrap_or_else(|| panic!("{path} of {summary}"));

    let count = |path: &str| figure(path) as u64;

    let requests = count("/requests/completed");
    assert!(requests > 40, "{requests}");
    assert_eq!(count("/requests/output_tokens"), requests * u64::from(TOKENS), "the server counts");
    let between = requests * u64::from(PIECES - 1);
    assert_eq!(count("/latency/inter_token/count"), between, "pieces of content, and no others");

    let rows = Rows::read(&desk.read("out/requests.csv"));
    assert_eq!(rows.0.len() as u64, requests);
    let generating = GAP * (PIECES - 1) + TAIL;
    for (name, truth, seen) in [
        ("time to first token", FIRST, rows.shortest(|row| row.first_token)),
        ("end to end", FIRST + generating, rows.shortest(|row| row.end_to_end)),
    ] {
        let more = seen.checked_sub(truth);
        let more = more.unwrap_or_else(|| panic!("{name}: {seen:?}, before it was sent"));
        assert!(more < Duration::from_millis(1), "{name}: {seen:?} of {truth:?}");
    }
    // From the first token to the end, for each token after the first.
    let per_token = generating / (TOKENS - 1);
    let of_tokens = figure("/latency/tpot/p50_s") - per_token.as_secs_f64();
    assert!(of_tokens.abs() < 1e-3, "time per output token is off by {of_tokens} s");
    // Lateness of one piece makes one gap longer and the next one shorter: the mean tells.
    let of_gaps = figure("/latency/inter_token/mean_s") - GAP.as_secs_f64();
    assert!(of_gaps.abs() < 1e-3, "inter-token latency is off by {of_gaps} s");
}

/// Latencies of each request.
struct Rows(Vec<Row>);

struct Row {
    first_token: Duration,
    end_to_end: Duration,
}

impl Rows {
    fn read(csv: &str) -> Self {
        let mut lines = csv.lines().filter(|line| !line.starts_with('#'));
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let column = |name: &str| {
            header.iter().position(|&of| of == name).unwrap_or_else(|| panic!("{name}: {header:?}"))
        };
        let (first, all) = (column("ttft_s"), column("end_to_end_s"));
        let row = |line: &str| {
            let fields: Vec<&str> = line.split(',').collect();
            let time = |column: usize| Duration::from_secs_f64(fields[column].parse().unwrap());
            Row { first_token: time(first), end_to_end: time(all) }
        };
        Self(lines.map(row).collect())
    }

    fn shortest(&self, of: impl Fn(&Row) -> Duration) -> Duration {
        self.0.iter().map(of).min().expect("there are some")
    }
}

/// A server that keeps its times, on any free port, for as long as the test.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || attend(stream));
        }
    });
    url
}

/// Answers what comes on one connection until it is closed.
fn attend(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let head = read_request(&mut reader)?;
        let asked = Instant::now();
        if head.starts_with("GET ") {
            let models = r#"{"object":"list","data":[{"id":"tiny"}]}"#;
            let length = models.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
            stream.write_all(format!("{head} {length}\r\n\r\n{models}").as_bytes()).ok()?;
        } else {
            complete(&mut stream, asked).ok()?;
        }
    }
}

fn complete(stream: &mut TcpStream, asked: Instant) -> std::io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let role = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
    stream.write_all(format!("{head}{}", event(role)).as_bytes())?;
    for piece in 0..PIECES {
        until(asked + FIRST + GAP * piece);
        let piece = r#"{"choices":[{"index":0,"delta":{"content":"word word "}}]}"#;
        stream.write_all(event(piece).as_bytes())?;
    }
    until(asked + FIRST + GAP * (PIECES - 1) + TAIL);
    let over = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#;
    let count =
        format!(r#"{{"choices":[],"usage":{{"prompt_tokens":64,"completion_tokens":{TOKENS}}}}}"#);
    let end = format!("{}{}{}0\r\n\r\n", event(over), event(&count), event("[DONE]"));
    stream.write_all(end.as_bytes())
}

/// A server-sent event as a chunk of its own.
fn event(data: &str) -> String {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

/// Sleeps until shortly before, and watches the clock for the rest.
fn until(at: Instant) {
    const WATCHED: Duration = Duration::from_micros(200);
    thread::sleep(at.saturating_duration_since(Instant::now()).saturating_sub(WATCHED));
    while Instant::now() < at {
        std::hint::spin_loop();
    }
}

/// The head of the next request, its body read.
fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: u64 = length.map_or(0, |length| length.parse().unwrap());
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    Some(head)
}
