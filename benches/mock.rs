//! How evenly the mock paces many streams at once, and how many requests it answers.
//!
//! The mock serves `scenarios/known-truth.yaml` in a process of its own, so that the time on the processor is told
//! for it and for the client apart: this program again, with `serve` as its argument.
//!
//! * Streams: [`STREAMS`] of them at [`PERIOD`] between tokens, opened at once or one after the other. The error of a gap
//!   is how far the time between two tokens of a stream, as read, is from the period; a stream is behind by how much
//!   later a token comes than the earliest one of its stream would have it. Beside each row of the mock is one of
//!   [`bare`], the least that can do that, for what this machine and the client err by themselves.
//! * Requests: a closed loop of so many at a time, for [`TOKENS`] tokens each, whole and streamed, at the greatest speed.
//!
//! The client is one thread, which reads what is there, then sleeps for [`REST`], so that its readings are late by that
//! much and what it takes itself to read them: to be woken for each token would cost both sides more than the token.
//! For the same reason it acknowledges tokens as seldom as TCP allows.
//! Two sockets are open for each stream: `ulimit -n 8192` where fewer files are allowed.
//! Each row takes [`SECONDS`], or as many as the environment's `SECONDS` says.
//! `cargo bench --bench mock`; with `--test`, as `cargo test` passes it, everything takes a moment only.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[path = "mock/bare.rs"]
mod bare;
#[path = "live/server.rs"]
mod server;

use std::{
    future::poll_fn,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, ready},
    thread,
    time::{Duration, Instant},
};

use harpoon::mock::{self, MockOptions};
use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    runtime::{Builder, Runtime},
    task::{JoinSet, yield_now},
};

use server::{Server, processor_time};

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/known-truth.yaml");
const STREAMS: u32 = 2_000;
/// Half of the scenario's speed.
const PERIOD: Duration = Duration::from_millis(20);
const REST: Duration = Duration::from_micros(200);
const TOKENS: u32 = 16;
const SECONDS: u64 = 8;
/// How often each row of streams is taken.
const ROUNDS: u32 = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", speed, share] => return serve(speed, share),
        ["pace", tokens] => return bare::serve(tokens.parse().expect("a number"), PERIOD),
        _ => {}
    }
    let quick = arguments.iter().any(|argument| argument == "--test");
    let seconds = std::env::var("SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let lasts = Duration::from_secs(seconds.unwrap_or(SECONDS));
    let (streams, opening, lasts) = if quick {
        (20, Duration::from_millis(100), Duration::from_millis(300))
    } else {
        (STREAMS, Duration::from_secs(20), lasts)
    };
    println!("{:<46}{:>33}{:>14}  us of processor", "", "error of a gap (ms)", "behind (ms)");
    println!(
        "{:<46}{:>9}{:>8}{:>8}{:>8}{:>14}  server, client",
        format!("{streams} streams"),
        "p50",
        "p90",
        "p99",
        "most",
        "p99"
    );
    for (share, over) in [(8, Duration::ZERO), (256, Duration::ZERO), (8, opening)] {
        let tokens = ((over + lasts).as_nanos() / PERIOD.as_nanos()) as u32;
        let opened = if over.is_zero() { "at once".into() } else { format!("over {over:?}") };
        for _ in 0..if quick { 1 } else { ROUNDS } {
            let bare = Server::start(&["pace", &tokens.to_string()]);
            paced(&format!("bare, opened {opened}"), &bare, streams, tokens, over);
            drop(bare);
            let mock = Server::start(&["serve", "0.5", &share.to_string()]);
            paced(&format!("mock, opened {opened}, {share} a share"), &mock, streams, tokens, over);
        }
    }
    println!("\n{:<46}{:>9}  us of processor: mock, client", "requests", "a second");
    let mock = Server::start(&["serve", "1e6", "256"]);
    for (kind, is_stream) in [("whole", false), ("streamed", true)] {
        for at_once in [64, 128] {
            closed_loop(&mock, kind, is_stream, at_once, lasts);
        }
    }
}

/// So many streams of so many tokens, opened over so long.
fn paced(name: &str, server: &Server, streams: u32, tokens: u32, over: Duration) {
    // What is due must not wait for the client's other tasks to look at its sockets.
    let runtime = Builder::new_current_thread().enable_io().event_interval(1 << 16).build();
    let (times, cost) = runtime.expect("a runtime").block_on(async {
        let mut connections = Vec::new();
        for _ in 0..streams {
            connections.push(connect(server).await);
        }
        let meter = Meter::start(server);
        let (began, mut reading) = (Instant::now(), JoinSet::new());
        for (number, connection) in (0..streams).zip(connections) {
            while began.elapsed() < over * number / streams {
                rest().await;
            }
            reading.spawn(read_stream(connection, tokens, began));
        }
        let mut times = Vec::new();
        while !reading.is_empty() {
            rest().await;
            while let Some(read) = reading.try_join_next() {
                times.push(read.expect("a stream is read"));
            }
        }
        (times, meter.each(u64::from(streams) * u64::from(tokens)))
    });
    let (gaps, behind) = errors(&times);
    let ms = |nanos: u64| nanos as f64 / 1e6;
    let gap = |quantile| ms(gaps.value_at_quantile(quantile));
    println!(
        "{:<46}{:>9.2}{:>8.2}{:>8.2}{:>8.2}{:>14.2}  {:.1}, {:.1}",
        name,
        gap(0.5),
        gap(0.9),
        gap(0.99),
        ms(gaps.max()),
        ms(behind.value_at_quantile(0.99)),
        cost.server_us,
        cost.client_us
    );
}

/// Lets time pass, then everything happen that has come.
async fn rest() {
    thread::sleep(REST);
    yield_now().await;
}

/// By how much gaps are not the period, and how far behind their own schedule tokens are.
fn errors(times: &[Vec<Duration>]) -> (Histogram<u64>, Histogram<u64>) {
    // Up to a minute, to three digits.
    let histogram = || Histogram::<u64>::new_with_max(60_000_000_000, 3).expect("such bounds");
    let (mut gaps, mut behind) = (histogram(), histogram());
    for times in times {
        for pair in times.windows(2) {
            let error = pair[1].saturating_sub(pair[0]).abs_diff(PERIOD);
            gaps.saturating_record(error.as_nanos() as u64);
        }
        // Later by the length of the stream, lest a time be negative.
        let length = PERIOD * times.len() as u32;
        let due = (0u32..).map(|number| PERIOD * number);
        let phases = times.iter().zip(due).map(|(&at, due)| (at + length).saturating_sub(due));
        let phases: Vec<_> = phases.collect();
        let earliest = phases.iter().min().copied().unwrap_or_default();
        for phase in phases {
            behind.saturating_record(phase.saturating_sub(earliest).as_nanos() as u64);
        }
    }
    (gaps, behind)
}

/// When each token came, since so long ago.
async fn read_stream(mut connection: TcpStream, tokens: u32, began: Instant) -> Vec<Duration> {
    connection.write_all(&request(true, tokens)).await.expect("the mock takes requests");
    let mut times = Vec::with_capacity(tokens as usize);
    let (mut events, mut last) = (0, 0);
    // The role comes before the tokens; after them why it ends, and that it does.
    while events < tokens + 3 {
        let more = poll_fn(|context| {
            let mut piece = [0; 2048];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut connection).poll_read(context, &mut piece)).expect("a stream");
            let piece = piece.filled();
            assert!(!piece.is_empty(), "a stream ended after {events} events");
            let ends = piece.windows(2).filter(|two| two == b"\n\n").count();
            let across = last == b'\n' && piece[0] == b'\n';
            last = piece[piece.len() - 1];
            Poll::Ready(ends as u32 + u32::from(across))
        });
        let more = more.await;
        let now = began.elapsed();
        let told = (events..events + more).filter(|event| (1..=tokens).contains(event));
        times.extend(told.map(|_| now));
        events += more;
    }
    times
}

fn closed_loop(server: &Server, kind: &str, is_stream: bool, at_once: u32, lasts: Duration) {
    let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
    let answered = Arc::new(AtomicU64::new(0));
    let meter = Meter::start(server);
    let began = Instant::now();
    runtime.block_on(async {
        let mut users = JoinSet::new();
        for _ in 0..at_once {
            let mut connection = connect(server).await;
            let answered = Arc::clone(&answered);
            users.spawn(async move {
                let request = request(is_stream, TOKENS);
                let mut answer = Vec::with_capacity(8192);
                while began.elapsed() < lasts {
                    connection.write_all(&request).await.expect("the mock takes requests");
                    answer.clear();
                    while !is_whole(&answer) {
                        let read = tokio::io::AsyncReadExt::read_buf(&mut connection, &mut answer);
                        assert!(read.await.expect("an answer") > 0, "an answer broke off");
                    }
                    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        users.join_all().await;
    });
    let answered = answered.load(Ordering::Relaxed);
    let rate = answered as f64 / began.elapsed().as_secs_f64();
    let cost = meter.each(answered);
    println!(
        "{:<46}{rate:>9.0}  {:.1}, {:.1}",
        format!("{kind}, {at_once} at a time"),
        cost.server_us,
        cost.client_us
    );
}

/// Whether an answer has come to its end.
fn is_whole(answer: &[u8]) -> bool {
    let find = |text: &[u8]| answer.windows(text.len()).position(|here| here == text);
    // The end is looked for first: what is streamed comes in many pieces.
    if answer.ends_with(b"\r\n0\r\n\r\n") {
        return true;
    }
    let Some(begins) = answer.starts_with(b"HTTP").then(|| find(b"content-length: ")).flatten()
    else {
        return false;
    };
    let (Some(head), digits) = (find(b"\r\n\r\n"), &answer[begins + 16..]) else { return false };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    answer.len() >= head + 4 + length
}

fn request(is_stream: bool, tokens: u32) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"known","messages":[{{"role":"user","content":"Hello!"}}],"max_tokens":{tokens},"stream":{is_stream}}}"#
    );
    let length = body.len();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}").into()
}

async fn connect(server: &Server) -> TcpStream {
    let connection = TcpStream::connect(&server.place).await;
    let connection = connection.expect("a connection: see `ulimit -n` if files are too many");
    connection.set_nodelay(true).expect("a TCP connection");
    #[cfg(target_os = "linux")]
    connection.set_quickack(false).expect("a TCP connection");
    connection
}

/// Time on the processor, of both sides.
struct Meter<'a> {
    of: &'a Server,
    server: Duration,
    client: Duration,
}

struct Cost {
    server_us: f64,
    client_us: f64,
}

impl<'a> Meter<'a> {
    fn start(of: &'a Server) -> Self {
        let (server, client) = (of_server(of), processor_time("self"));
        Self { of, server, client }
    }

    fn each(&self, count: u64) -> Cost {
        let each = |now: Duration, before: Duration| {
            now.saturating_sub(before).as_secs_f64() * 1e6 / count.max(1) as f64
        };
        Cost {
            server_us: each(of_server(self.of), self.server),
            client_us: each(processor_time("self"), self.client),
        }
    }
}

/// Time on the processor, of the other side.
fn of_server(server: &Server) -> Duration {
    processor_time(&server.process.id().to_string())
}

fn serve(speed: &str, share: &str) {
    let scenario = scenarios::load(Path::new(SCENARIO), &[]);
    let scenario = scenario.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let provider = sim::Simulator::new(scenario.provider.clone(), scenario.seed);
    let models = scenario.platform.models.iter();
    let options = MockOptions {
        speed: speed.parse().expect("a number"),
        requests_per_share: share.parse().expect("a number"),
        requirements: models.map(|model| model.requirements).collect(),
        ..MockOptions::new(scenario.names.clone())
    };
    Runtime::new().expect("a runtime").block_on(async {
        let listener = mock::listen(([127, 0, 0, 1], 0).into()).expect("a free port");
        println!("{}", listener.local_addr().expect("it listens"));
        let provider = provider.expect("a provider that can be simulated");
        let served = mock::serve(listener, provider, options, std::future::pending()).await;
        served.expect("it serves until it is killed");
    });
}
