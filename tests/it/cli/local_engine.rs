//! The last resort of the chain: an engine of one's own that speaks chat completions.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::live::address;
use crate::binary::{Desk, Running};

/// One request at a time at the provider, no line there: whatever comes meanwhile goes on at home.
const SCENARIO: &str = "\
name: home
seed: 3
duration: 2s
provider:
  pools:
    - { name: rented, gpu: L4, count: 1, price_per_slot_hour: 1.00 }
    - { name: home, gpu: L4, count: 1, sharing_ratio: 4, kind: local, endpoint: ENGINE, dialect: openai }
models:
  - name: tiny
    requirements: { tflops: 10 TFLOPS, vram: 4 GiB }
    timing: { linear: { base: 2ms } }
platform:
  router: { static: { all: [tiny@rented, tiny@home] } }
  cables: { pools: { rented: { queue: 0 }, home: { max_in_flight: unlimited } } }
traffic:
  - name: chat
    arrivals: { poisson: { rate: 20/s } }
    prompt_tokens: 64
    output_tokens: 8
objectives:
  - error_rate < 1%
";

#[test]
fn what_the_provider_does_not_take_is_answered_at_home() {
    let engine = Engine::start();
    let desk = Desk::with_scenario(SCENARIO.replace("ENGINE", &engine.url));
    let mut command = desk.command(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let mut mock = Running::start(command.env("HOSTED_AI_API_KEY", "rented key"));
    let url = address(&mut mock);

    let mut command = desk.command(&["run", "scenario.yaml", "--quiet", "--json", "--live", &url]);
    command.env("HOSTED_AI_API_KEY", "rented key").env("OPENAI_API_KEY", "home key");
    let ran = Running::start(&mut command).finish();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let served = engine.completions.load(Ordering::SeqCst) as u64;
    assert!(served > 0, "{summary}");
    assert_eq!(summary["requests"]["fell_back"], served, "{summary}");

    let seen = engine.seen.lock().unwrap().clone();
    assert!(seen.iter().all(|head| head.contains("Bearer home key")), "{seen:?}");
    assert!(!seen.iter().any(|head| head.contains("rented key")), "{seen:?}");
    mock.interrupt();
    let mock = mock.finish();
    assert!(mock.stderr.ends_with(" 0 given back at the end\n"), "{}", mock.stderr);
}

#[test]
fn an_engine_that_wants_another_key_is_told_of_before_any_traffic() {
    let engine = Engine::start();
    let desk = Desk::with_scenario(SCENARIO.replace("ENGINE", &engine.url));
    let mut mock = desk.start(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let url = address(&mut mock);
    let refused = desk.harpoon(&["run", "scenario.yaml", "--quiet", "--live", &url]).refusal();
    insta::assert_snapshot!(refused.replace(&engine.url, "ENGINE"), @r"
    error: endpoint `ENGINE` cannot be used: unauthorized: HTTP 401: Incorrect API key provided
    help: put the right key into the environment as OPENAI_API_KEY; it is never shown
    exit code 1
    ");
    mock.interrupt();
    mock.finish();
}

/// A server that answers every completion with two tokens, to whoever has the key.
struct Engine {
    url: String,
    completions: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Engine {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (completions, seen) = (Arc::default(), Arc::default());
        let engine = Self { url, completions: Arc::clone(&completions), seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (completions, seen) = (Arc::clone(&completions), Arc::clone(&seen));
                thread::spawn(move || attend(stream, &completions, &seen));
            }
        });
        engine
    }
}

/// Answers what comes on one connection until it is closed.
fn attend(mut stream: TcpStream, completions: &AtomicUsize, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(head) = read_request(&mut reader) {
        let answer = if !head.contains("authorization: Bearer home key\r\n") {
            answer(401, "application/json", WRONG_KEY)
        } else if head.starts_with("GET /v1/models ") {
            answer(200, "application/json", r#"{"object":"list","data":[{"id":"tiny"}]}"#)
        } else {
            completions.fetch_add(1, Ordering::SeqCst);
            answer(200, "text/event-stream", COMPLETION)
        };
        seen.lock().unwrap().push(head);
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

const COMPLETION: &str = "\
data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hi\"}}]}

data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there\"},\"finish_reason\":\"stop\"}]}

data: {\"choices\":[],\"usage\":{\"prompt_tokens\":64,\"completion_tokens\":2}}

data: [DONE]

";

const WRONG_KEY: &str = r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}"#;

fn answer(status: u16, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// The head of the next request, its body read and forgotten.
fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.trim().parse().unwrap());
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    Some(head)
}
