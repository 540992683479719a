//! What a live request costs and how late it is sent, beside a bare HTTP client.
//!
//! The server is a process of its own, so that the time on the processor that is told is the client's
//! alone: this program again, with `serve` as its argument. It answers every completion at once with a
//! stream of [`PIECES`] pieces.
//!
//! * `bare`: reqwest in a closed loop, [`AT_ONCE`] at a time, which reads the answers and does nothing with
//!   them; on one thread, as the driver, and on two, as an asynchronous program has as many as there are cores.
//! * `closed`: the live driver with as many users: platform, streams read, records and report.
//! * `open`: the live driver with regular arrivals at several rates; how late requests were, in both parts
//!   ([`reports::GeneratorLag`]).
//!
//! Time on the processor is read from `/proc`, in hundredths of seconds: each row takes [`SECONDS`], or as many
//! as the environment's `SECONDS` says.
//! `cargo bench --bench live`; with `--test`, as `cargo test` passes it, everything takes a moment only.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
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
    let server = Server::start();
    println!("{:<24}{:>12}{:>16}  ratio to one, to two", "", "requests/s", "us of processor");
    let one = bare(&server.url, lasts, tokio::runtime::Builder::new_current_thread());
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads.worker_threads(2);
    let two = bare(&server.url, lasts, threads);
    row("bare client, one thread", &one, [&one, &two]);
    row("bare client, two", &two, [&one, &two]);
    let users = "{ name: all, users: { count: 64 }, prompt_tokens: 16, output_tokens: 16 }";
    row("driver, closed loop", &driver(&server.url, users, lasts).0, [&one, &two]);
    println!();
    println!(
        "{:<24}{:>12}{:>16}  behind schedule, then sent after: mean, p99, most (us)",
        "", "requests/s", "us of processor"
    );
    for rate in [1_000, 5_000, 10_000] {
        for _ in 0..if quick { 1 } else { 3 } {
            let arrivals = format!("{{ gamma: {{ rate: {rate}/s, cv: 0.01 }} }}");
            let source = format!(
                "{{ name: all, arrivals: {arrivals}, prompt_tokens: 16, output_tokens: 16 }}"
            );
            let (cost, lag) = driver(&server.url, &source, lasts);
            println!(
                "{:<24}{:>12.0}{:>16.1}  {}",
                format!("driver, {rate}/s"),
                cost.rate,
                cost.each_us,
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

fn bare(url: &str, lasts: Duration, mut runtime: tokio::runtime::Builder) -> Cost {
    let runtime = runtime.enable_all().build().expect("a runtime");
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a client");
    let url = format!("{url}/v1/chat/completions");
    let body = format!(
        r#"{{"model":"tiny","messages":[{{"role":"user","content":"{}"}}],"max_tokens":16,"stream":true}}"#,
        "the ".repeat(16)
    );
    let requests = Arc::new(AtomicU64::new(0));
    let (started, processor) = (Instant::now(), processor_time());
    runtime.block_on(async {
        let users = (0..AT_ONCE).map(|_| {
            let (client, url, body, requests) =
                (client.clone(), url.clone(), body.clone(), Arc::clone(&requests));
            tokio::spawn(async move {
                while started.elapsed() < lasts {
                    let request =
                        client.post(&url).header(header::CONTENT_TYPE, "application/json");
                    let mut answer = request.body(body.clone()).send().await.expect("an answer");
                    while answer.chunk().await.expect("the rest").is_some() {}
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        for user in users.collect::<Vec<_>>() {
            user.await.expect("a user ends");
        }
    });
    Cost::of(requests.load(Ordering::Relaxed), started, processor_time().saturating_sub(processor))
}

fn driver(url: &str, source: &str, lasts: Duration) -> (Cost, GeneratorLag) {
    let scenario = scenario(url, source, lasts);
    let target = Target::new(url.to_owned(), scenario.names.clone(), 4096);
    let (started, processor) = (Instant::now(), processor_time());
    let ran = live::run(&scenario, 1, &target, None, None, (), &Watch::default());
    let cost = |summary: &Summary| {
        Cost::of(summary.requests.completed, started, processor_time().saturating_sub(processor))
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

/// Time that this process has spent on the processor, in and for user code.
fn processor_time() -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks =
        after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u32>().ok());
    ticks.map(|ticks| TICK * ticks).sum()
}

/// The server, for as long as this lives.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(program)
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut url = String::new();
        let said = process.stdout.take().expect("it was asked for");
        BufReader::new(said).read_line(&mut url).expect("it says where it is");
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
