//! What a live request costs and how late it is sent, beside a bare HTTP client.
//!
//! The server is a process of its own, so that the time on the processor that is told is the client's
//! alone: this program again, with `serve` as its argument. It answers every completion at once with a
//! stream of [`PIECES`] pieces.
//!
//! * *Closed loops* of [`AT_ONCE`] at a time: reqwest, which reads the answers and does nothing with them, on
//!   one thread, as the driver, and on two; and the driver with as many users, which also times and reads every
//!   piece, decides, meters and records.
//! * *Open loops* at several rates: reqwest, told when to send by a thread that sleeps until each instant; and the
//!   driver with regular arrivals, with how late requests were, in both parts ([`reports::GeneratorLag`]).
//!
//! Time on the processor is read from `/proc`, in hundredths of seconds: each row takes [`SECONDS`], or as many
//! as the environment's `SECONDS` says.
//! `cargo bench --bench live`; with `--test`, as `cargo test` passes it, everything takes a moment only.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[path = "live/server.rs"]
mod server;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use harpoon::{
    drive::Watch,
    experiment::live::{self, Target},
};
use reports::{GeneratorLag, Summary};
use scenarios::Scenario;

use server::{Server, processor_time};

/// That of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AT_ONCE: usize = 64;
const PIECES: usize = 16;
const SECONDS: u64 = 8;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let argument = arguments.next();
    if argument.as_deref() == Some("serve") {
        return serve();
    }
    let quick = argument.as_deref() == Some("--test") || arguments.any(|other| other == "--test");
    let seconds = std::env::var("SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let lasts = Duration::from_secs(seconds.unwrap_or(SECONDS));
    let lasts = if quick { Duration::from_millis(300) } else { lasts };
    let server = Server::start(&["serve"]);
    println!("{:<24}{:>12}{:>16}  ratio to one, to two", "", "requests/s", "us of processor");
    let one = bare(&server.place, lasts, tokio::runtime::Builder::new_current_thread());
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads.worker_threads(2);
    let two = bare(&server.place, lasts, threads);
    row("bare client, one thread", &one, [&one, &two]);
    row("bare client, two", &two, [&one, &two]);
    let users = "{ name: all, users: { count: 64 }, prompt_tokens: 16, output_tokens: 16 }";
    row("driver, closed loop", &driver(&server.place, users, lasts).0, [&one, &two]);
    println!();
    println!(
        "{:<24}{:>12}{:>16}  ratio behind schedule, then sent after: mean, p99, most (us)",
        "", "requests/s", "us of processor"
    );
    for rate in [1_000, 5_000, 10_000] {
        let bare = bare_paced(&server.place, lasts, rate);
        println!(
            "{:<24}{:>12.0}{:>16.1}  1.00",
            format!("bare, {rate}/s"),
            bare.rate,
            bare.each_us
        );
        for _ in 0..if quick { 1 } else { 3 } {
            let arrivals = format!("{{ gamma: {{ rate: {rate}/s, cv: 0.01 }} }}");
            let source = format!(
                "{{ name: all, arrivals: {arrivals}, prompt_tokens: 16, output_tokens: 16 }}"
            );
            let (cost, lag) = driver(&server.place, &source, lasts);
            println!(
                "{:<24}{:>12.0}{:>16.1}  {:.2}  {}",
                format!("driver, {rate}/s"),
                cost.rate,
                cost.each_us,
                cost.each_us / bare.each_us,
                told(lag)
            );
        }
    }
}

/// What requests cost.
struct Cost {
    rate: f64,
    each_us: f64,
}

impl Cost {
    fn of(requests: u64, started: Instant, processor: Duration) -> Self {
        let requests = requests as f64;
        let rate = requests / started.elapsed().as_secs_f64();
        Self { rate, each_us: processor.as_secs_f64() * 1e6 / requests.max(1.0) }
    }
}

fn row(name: &str, cost: &Cost, beside: [&Cost; 2]) {
    let [one, two] = beside.map(|beside| cost.each_us / beside.each_us);
    println!("{name:<24}{:>12.0}{:>16.1}  {one:.2} {two:.2}", cost.rate, cost.each_us);
}

fn told(lag: GeneratorLag) -> String {
    let us = |time: connector::Duration| time.as_nanos() / 1_000;
    let each = |of: reports::Lateness| format!("{} {} {}", us(of.mean), us(of.p99), us(of.max));
    let limited = if lag.limited { ", limited" } else { "" };
    format!("{}; {}; {} dropped{limited}", each(lag.schedule), each(lag.way_out), lag.dropped)
}

/// The bare client's question.
#[derive(Clone)]
struct Question {
    client: reqwest::Client,
    url: String,
    body: String,
}

impl Question {
    fn to(url: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build();
        let body = format!(
            r#"{{"model":"tiny","messages":[{{"role":"user","content":"{}"}}],"max_tokens":16,"stream":true}}"#,
            "the ".repeat(16)
        );
        let url = format!("{url}/v1/chat/completions");
        Self { client: client.expect("a client"), url, body }
    }

    async fn ask(&self) {
        let request = self.client.post(&self.url).header(header::CONTENT_TYPE, "application/json");
        let mut answer = request.body(self.body.clone()).send().await.expect("an answer");
        while answer.chunk().await.expect("the rest").is_some() {}
    }
}

fn bare(url: &str, lasts: Duration, mut runtime: tokio::runtime::Builder) -> Cost {
    let runtime = runtime.enable_all().build().expect("a runtime");
    let question = Question::to(url);
    let requests = Arc::new(AtomicU64::new(0));
    let (started, processor) = (Instant::now(), processor_time("self"));
    runtime.block_on(async {
        let users = (0..AT_ONCE).map(|_| {
            let (question, requests) = (question.clone(), Arc::clone(&requests));
            tokio::spawn(async move {
                while started.elapsed() < lasts {
                    question.ask().await;
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        for user in users.collect::<Vec<_>>() {
            user.await.expect("a user ends");
        }
    });
    Cost::of(
        requests.load(Ordering::Relaxed),
        started,
        processor_time("self").saturating_sub(processor),
    )
}

/// As a thread that sleeps until each instant and leaves the rest to a runtime has it.
fn bare_paced(url: &str, lasts: Duration, rate: u32) -> Cost {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let question = Question::to(url);
    let (started, processor) = (Instant::now(), processor_time("self"));
    let instants = (0..).map(|number| Duration::from_secs(number) / rate);
    let mut asked = Vec::new();
    for instant in instants.take_while(|&instant| instant < lasts) {
        std::thread::sleep(instant.saturating_sub(started.elapsed()));
        let question = question.clone();
        asked.push(runtime.spawn(async move { question.ask().await }));
    }
    let requests = asked.len() as u64;
    runtime.block_on(async {
        for asked in asked {
            asked.await.expect("an answer");
        }
    });
    Cost::of(requests, started, processor_time("self").saturating_sub(processor))
}

fn driver(url: &str, source: &str, lasts: Duration) -> (Cost, GeneratorLag) {
    let scenario = scenario(url, source, lasts);
    let target = Target::new(url.to_owned(), scenario.names.clone(), 4096);
    let (started, processor) = (Instant::now(), processor_time("self"));
    let ran = live::run(&scenario, 1, &target, None, None, (), &Watch::default());
    let cost = |summary: &Summary| {
        Cost::of(
            summary.requests.completed,
            started,
            processor_time("self").saturating_sub(processor),
        )
    };
    let summary = ran.expect("the server answers").0.summary;
    (cost(&summary), summary.generator.expect("a live run tells"))
}

fn scenario(url: &str, source: &str, lasts: Duration) -> Scenario {
    let text = format!(
        "name: bench
duration: {}ms
provider:
  pools:
    - {{ name: home, kind: local, gpu: L4, count: 64, sharing_ratio: 10, endpoint: '{url}', dialect: openai }}
models:
  - name: tiny
    requirements: {{ tflops: 10 GFLOPS, vram: 64 MiB }}
    timing: {{ linear: {{ base: 2ms }} }}
platform:
  cables: {{ max_in_flight: unlimited }}
traffic:
  - {source}
",
        lasts.as_millis()
    );
    let scenario = scenarios::parse("bench", &text, std::path::Path::new(""), &[]);
    scenario.unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn serve() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("http://{}", listener.local_addr().expect("it listens"));
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let router = Router::new()
            .route("/v1/models", get(|| async { r#"{"object":"list","data":[]}"# }))
            .route("/v1/chat/completions", post(|_: axum::body::Bytes| async { complete() }));
        axum::serve(listener, router).await.expect("it serves until it is killed");
    });
}

fn complete() -> Response {
    let piece = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"the \"}}]}\n\n";
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":16,\"completion_tokens\":16}}\n\n\
        data: [DONE]\n\n";
    let body = format!("{}{end}", piece.repeat(PIECES));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}
