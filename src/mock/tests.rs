mod covenant;
mod token;

use connector::{
    AllocationId, Connector, Error, ErrorKind, Event, EventKind, EventQueue, Operation, Reply,
    Ticket, Timestamp, Usage,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use super::{
    desk::Answers,
    harpoon_v1::streaming,
    shortcut::Way,
    voice::{Said, Voice, line},
    *,
};

mod control;
mod openai;
mod shortcut;

#[tokio::test]
async fn only_the_right_key_opens_in_either_header() {
    let open = Mock::start(|options| options.api_key = Some("s3cret".into())).await;
    for (header, status) in [
        ("", 401),
        ("authorization: Bearer wrong\r\n", 401),
        ("authorization: Bearer s3cre\r\n", 401),
        ("authorization: s3cret\r\n", 401),
        ("x-api-key: s3cret2\r\n", 401),
        ("authorization: Bearer s3cret\r\n", 200),
        ("Authorization: bearer s3cret\r\n", 200),
        ("x-api-key: s3cret\r\n", 200),
    ] {
        let answer = open.ask("GET", "/v1/pools", header, "").await;
        assert_eq!(answer.status, status, "{header}");
        assert_eq!(answer.kind().is_some(), status == 401);
    }
    assert_eq!(open.ask("GET", "/health", "", "").await.body, "ok");
    assert_eq!(open.ask("GET", "/nowhere", "", "").await.status, 401);
    open.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let mock = Mock::start(|options| options.body_within = Duration::from_millis(20)).await;
    let promised = "content-length: 99\r\nx-really-";
    let answer = mock.ask("POST", "/v1/allocate", promised, "{").await;
    assert_eq!((answer.status, answer.kind().as_deref()), (408, Some("timeout")));
    mock.stop().await;
}

#[tokio::test]
async fn bad_requests_are_refused_with_their_reason() {
    let mock = Mock::start(|options| options.body_bytes = 1_000).await;
    let body = |change: &dyn Fn(&mut Value)| {
        let mut body = json!({"pool_id": "standard",
            "requirements": {"tflops": 5, "vram_mb": 2048, "model": "gemma-270m"}});
        change(&mut body);
        body.to_string()
    };
    let infer = |change: Value| {
        let mut body = json!({"allocation_id": "alloc_1", "prompt": "hi", "max_tokens": 5});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body.to_string()
    };
    let cases = [
        ("POST", "/v1/allocate", "{".into(), 400, "the body is no request"),
        ("POST", "/v1/allocate", "{}".into(), 400, "missing field `pool_id`"),
        (
            "POST",
            "/v1/allocate",
            body(&|b| b["pool_id"] = json!("x")),
            404,
            "no pool is called `x`",
        ),
        (
            "POST",
            "/v1/allocate",
            body(&|b| b["requirements"]["model"] = json!("y")),
            404,
            "no model",
        ),
        (
            "POST",
            "/v1/allocate",
            body(&|b| b["requirements"]["tflops"] = json!(-1)),
            400,
            "tflops -1",
        ),
        ("POST", "/v1/allocate", body(&|b| b["priority"] = json!(10)), 400, "priority 10"),
        ("POST", "/v1/allocate", "x".repeat(1_001), 413, ""),
        ("POST", "/v1/inference", infer(json!({"max_tokens": 0})), 400, "max_tokens 0"),
        ("POST", "/v1/inference", infer(json!({"max_tokens": 131_073})), 400, "131072"),
        ("POST", "/v1/inference", infer(json!({"temperature": 2.5})), 400, "temperature 2.5"),
        ("POST", "/v1/inference", infer(json!({"allocation_id": "7"})), 404, "no allocation"),
        ("POST", "/v1/inference", infer(json!({"stream": true})), 404, "not_found"),
        ("DELETE", "/v1/allocate/alloc_99", String::new(), 404, "not_found"),
        ("GET", "/v1/allocate", String::new(), 400, "pool_id is missing"),
        ("GET", "/v1/allocate?pool_id=x", String::new(), 404, "no pool is called `x`"),
        ("PUT", "/v1/pools", String::new(), 405, "/v1/pools does not take PUT"),
        ("GET", "/v2/pools", String::new(), 404, "nothing is served at /v2/pools"),
    ];
    for (method, path, body, status, words) in cases {
        let answer = mock.ask(method, path, "", &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}");
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
        assert!(answer.kind().is_some(), "{}", answer.body);
    }
    mock.stop().await;
}

#[tokio::test]
async fn a_share_is_granted_looked_at_listed_and_given_back_once() {
    let mock = Mock::start(|_| ()).await;
    let id = mock.grant().await;
    let share = json!({"allocation_id": id, "pool_id": "standard", "running": 0,
        "requirements": {"tflops": 5.0, "vram_mb": 2048, "model": "gemma-270m"}});
    let inspected = mock.ask("GET", &format!("/v1/allocate/{id}"), "", "").await;
    assert_eq!(inspected.json(), share);
    let listed = mock.ask("GET", "/v1/allocate?pool_id=standard", "", "").await;
    assert_eq!(listed.json(), json!({"allocations": [share]}));
    let path = format!("/v1/allocate/{id}");
    assert_eq!(mock.ask("DELETE", &path, "", "").await.status, 204);
    assert_eq!(mock.ask("DELETE", &path, "", "").await.kind().as_deref(), Some("not_found"));
    let report = mock.stop().await;
    assert_eq!((report.granted, report.given_back, report.left_held), (1, 0, 0));
}

#[tokio::test]
async fn a_stream_says_the_same_as_a_whole_answer() {
    let mock = Mock::start(|_| ()).await;
    let id = mock.grant().await;
    let ask = json!({"allocation_id": id, "prompt": "twelve bytes", "max_tokens": 40});
    let whole = mock.ask("POST", "/v1/inference", "", &ask.to_string()).await.json();
    assert_eq!(whole["usage"], json!({"prompt_tokens": 3, "output_tokens": 40}));

    let mut streamed = ask;
    streamed["stream"] = json!(true);
    streamed["prompt_tokens"] = json!(77);
    for _ in 0..2 {
        let answer = mock.ask("POST", "/v1/inference", "", &streamed.to_string()).await;
        assert!(answer.head.contains("content-type: text/event-stream"), "{}", answer.head);
        let events: Vec<_> = answer
            .body
            .split_terminator("\n\n")
            .map(|e| e.strip_prefix("data: ").unwrap())
            .collect();
        let ([deltas @ .., usage], ["[DONE]"]) = events.split_at(41) else { panic!("{events:?}") };
        let said = deltas.iter().map(|delta| {
            serde_json::from_str::<Value>(delta).unwrap()["delta"].as_str().unwrap().to_owned()
        });
        assert_eq!(json!(said.collect::<String>()), whole["text"]);
        let usage: Value = serde_json::from_str(usage).unwrap();
        assert_eq!(usage, json!({"usage": {"prompt_tokens": 77, "output_tokens": 40}}));
    }
    mock.stop().await;
}

#[tokio::test]
async fn an_inference_whose_client_hangs_up_is_cancelled() {
    let mock = Mock::start(|options| options.speed = 1.0).await;
    let id = mock.grant().await;
    for stream in [true, false] {
        let body =
            json!({"allocation_id": id, "prompt": "", "max_tokens": 100_000, "stream": stream});
        let mut connection = mock.send("POST", "/v1/inference", "", &body.to_string()).await;
        if stream {
            connection.read_exact(&mut [0; 64]).await.unwrap();
        }
        mock.until_running(&id, 1).await;
        drop(connection);
        mock.until_running(&id, 0).await;
    }
    let report = mock.stop().await;
    assert_eq!((report.hung_up, report.given_back), (2, 1));
}

#[tokio::test]
async fn a_grant_whose_client_hangs_up_is_held_all_the_same() {
    let mock = Mock::start(|_| ()).await;
    drop(mock.send("POST", "/v1/allocate", "", &allocation()).await);
    while mock.held().await == 0 {}
    let report = mock.stop().await;
    assert_eq!((report.granted, report.given_back, report.left_held), (1, 1, 0));
}

#[tokio::test]
async fn shutting_down_ends_what_runs_and_gives_back_what_is_held() {
    let mock = Mock::start(|options| options.speed = 1.0).await;
    let id = mock.grant().await;
    let body = json!({"allocation_id": id, "prompt": "", "max_tokens": 100_000, "stream": true});
    let mut connection = mock.send("POST", "/v1/inference", "", &body.to_string()).await;
    mock.until_running(&id, 1).await;
    let report = mock.stop().await;
    let mut said = String::new();
    connection.read_to_string(&mut said).await.unwrap();
    assert!(said.contains(r#""kind":"conflict""#), "{said}");
    assert_eq!((report.given_back, report.left_held), (1, 0));
}

#[tokio::test]
async fn beyond_the_limit_callers_are_sent_away() {
    let mock = Mock::start(|options| {
        options.speed = 1.0;
        options.in_flight = 1;
    })
    .await;
    let id = mock.grant().await;
    let body = json!({"allocation_id": id, "prompt": "", "max_tokens": 100_000, "stream": true});
    let mut connection = mock.send("POST", "/v1/inference", "", &body.to_string()).await;
    connection.read_exact(&mut [0; 64]).await.unwrap();
    let refused = mock.ask("GET", "/v1/pools", "", "").await;
    assert_eq!((refused.status, refused.json()["error"]["reached"].clone()), (503, json!(false)));
    assert_eq!(mock.stop().await.sent_away, 1);
}

#[tokio::test]
async fn a_closed_desk_sends_callers_away_and_tells_those_who_wait() {
    let pace = Pace::start(1e-3).unwrap();
    let desk = Desk::open(Keeper::new(Box::new(simulator()), pace, 2, Leases::new(&[], 1, 1), 1));
    let mut waiting = desk.ask(Operation::Pools).await.unwrap();
    let mut unheard = desk.ask(Operation::Infer(infer())).await.unwrap();
    let full = desk.ask(Operation::Pools).await.unwrap_err();
    assert_eq!(full.kind, ErrorKind::Unavailable { reached: false });
    desk.close();
    let closed = desk.ask(Operation::Pools).await.unwrap_err();
    assert_eq!(closed.kind, ErrorKind::Unavailable { reached: false });
    let report = desk.keep().unwrap();
    assert!(waiting.answer().await.is_ok(), "time jumps to its answer");
    assert_eq!(unheard.answer().await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!((report.questions, report.sent_away), (2, 1));
}

#[tokio::test]
async fn whoever_waits_for_somebody_who_is_gone_is_told() {
    let (voice, ear) = line();
    drop(voice);
    let gone = Answers::of(ear).answer().await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::Unavailable { reached: true }, "it may have been taken");
}

#[tokio::test]
async fn virtual_time_passes_at_the_speed_asked_for() {
    // A thousand seconds of simulated inference within the patience of the test.
    let mock = Mock::start(|options| options.speed = 10_000.0).await;
    let id = mock.grant().await;
    let body = json!({"allocation_id": id, "prompt": "", "max_tokens": 100_000});
    let answer = mock.ask("POST", "/v1/inference", "", &body.to_string()).await;
    assert_eq!(answer.json()["usage"]["output_tokens"], 100_000);
    mock.stop().await;
}

#[tokio::test]
async fn a_wait_that_the_provider_asks_for_is_told_in_the_callers_time() {
    let wait = connector::Duration::from_secs(15);
    let limited = Always(ErrorKind::RateLimited { retry_after: Some(wait) }, EventQueue::new());
    let mock = Mock::serve(limited, |options| options.speed = 10.0).await;
    let answer = mock.ask("GET", "/v1/pools", "", "").await;
    assert_eq!(
        (answer.status, answer.json()["error"]["retry_after_ms"].clone()),
        (429, json!(1500))
    );
    assert!(answer.head.contains("retry-after: 2\r\n"), "{}", answer.head);
    mock.stop().await;
}

#[tokio::test]
async fn tokens_are_sent_as_they_are_told() {
    let (voice, mut body) = stream_that_began().await;
    for (made, words) in [(3, "pool has "), (3, ""), (7, "a slot for every ")] {
        voice.made(connector::Tokens::new(made));
        if !words.is_empty() {
            assert_eq!(said(&next(&mut body).await), words);
        }
    }
    let usage = Usage::computed(connector::Tokens::ZERO, connector::Tokens::new(8));
    voice.say(Said::Answered(Ok(Reply::Generated { usage, text: None })));
    let end = next(&mut body).await;
    assert_eq!(said(&end), "token ");
    assert!(end.ends_with("\"output_tokens\":8}}\n\ndata: [DONE]\n\n"), "{end}");
    assert!(futures_util::StreamExt::next(&mut body).await.is_none());
}

#[tokio::test]
async fn whoever_reads_slowly_gets_everything_at_once() {
    let (voice, mut body) = stream_that_began().await;
    for made in 2..=40 {
        voice.made(connector::Tokens::new(made));
    }
    let words: String = (1..40).map(filler::word).collect();
    assert_eq!(said(&next(&mut body).await), words);
}

#[tokio::test]
async fn a_stream_that_breaks_off_has_sent_all_that_was_made() {
    let (voice, mut body) = stream_that_began().await;
    voice.made(connector::Tokens::new(1_500));
    voice.say(Said::Answered(Err(ErrorKind::Preempted.into())));
    let mut deltas = 1;
    let mut last = String::new();
    while let Some(piece) = futures_util::StreamExt::next(&mut body).await {
        last = String::from_utf8(piece.unwrap().into()).unwrap();
        deltas += last.matches("delta").count();
    }
    assert_eq!(deltas, 1_500);
    assert!(last.contains(r#"{"error":{"kind":"preempted""#), "{last}");
}

#[tokio::test]
async fn a_stream_flows_while_the_model_runs() {
    let mock = Mock::start(|options| options.speed = 1.0).await;
    let id = mock.grant().await;
    let body = json!({"allocation_id": id, "prompt": "", "max_tokens": 100_000, "stream": true});
    let mut connection = mock.send("POST", "/v1/inference", "", &body.to_string()).await;
    let (mut said, mut piece) = (String::new(), [0; 4096]);
    while said.matches("delta").count() < 20 {
        let read = connection.read(&mut piece).await.unwrap();
        assert!(read > 0, "it ended after {said}");
        said.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    mock.stop().await;
}

#[tokio::test]
async fn a_long_answer_is_cut_into_pieces() {
    let (_voice, ear) = line();
    let answers = Answers::of(ear);
    let usage = Usage::computed(connector::Tokens::ZERO, connector::Tokens::new(10_000));
    let end = Said::Answered(Ok(Reply::Generated { usage, text: None }));
    let mut body = streaming::body(end, answers, Way(None)).into_data_stream();
    let (mut deltas, mut longest) = (0, 0);
    while let Some(piece) = futures_util::StreamExt::next(&mut body).await {
        let piece = String::from_utf8(piece.unwrap().into()).unwrap();
        deltas += piece.matches("delta").count();
        longest = longest.max(piece.len());
    }
    assert_eq!(deltas, 10_000);
    assert!(longest < 40_000, "{longest}");
}

#[tokio::test]
async fn a_speed_of_zero_serves_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = MockOptions { speed: 0.0, ..MockOptions::new(Names::default()) };
    let error = serve(listener, simulator(), options, async {}).await.unwrap_err();
    assert_eq!(error.to_string(), "speed 0 is not a positive, finite number");
}

/// A stream whose first token was sent, and the voice that it listens to.
async fn stream_that_began() -> (Voice, axum::body::BodyDataStream) {
    let (voice, ear) = line();
    let mut body =
        streaming::body(Said::FirstToken, Answers::of(ear), Way(None)).into_data_stream();
    assert_eq!(said(&next(&mut body).await), "the ");
    (voice, body)
}

async fn next(body: &mut axum::body::BodyDataStream) -> String {
    let piece = futures_util::StreamExt::next(body).await.expect("there is more");
    String::from_utf8(piece.unwrap().into()).unwrap()
}

/// The text of a piece of a stream.
fn said(piece: &str) -> String {
    let data = piece.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    let frames = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    frames.filter_map(|frame| Some(frame["delta"].as_str()?.to_owned())).collect()
}

/// A mock on a free port of this machine, a hundred times as fast as time.
struct Mock {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<anyhow::Result<MockReport>>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn kind(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        body["error"]["kind"].as_str().map(Into::into)
    }
}

impl Mock {
    async fn start(configure: impl FnOnce(&mut MockOptions)) -> Self {
        Self::serve(simulator(), configure).await
    }

    async fn serve(
        provider: impl Connector + Send + 'static,
        configure: impl FnOnce(&mut MockOptions),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let names = Names {
            pools: vec!["standard".into()],
            models: vec!["gemma-270m".into()],
            ..Names::default()
        };
        let requirements = vec![connector::Requirements {
            tflops: connector::Tflops::new(5),
            vram: connector::Mebibytes::from_gib(2),
        }];
        let mut options = MockOptions { speed: 100.0, requirements, ..MockOptions::new(names) };
        configure(&mut options);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let server = tokio::spawn(serve(listener, provider, options, shutdown));
        Self { address, stop, server }
    }

    /// Sends a request on a connection of its own.
    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut connection = self.send(method, path, headers, body).await;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let chunked = head.contains("transfer-encoding: chunked");
        let body = if chunked { dechunked(body) } else { body.into() };
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: format!("{head}\r\n"), body }
    }

    async fn grant(&self) -> String {
        let answer = self.ask("POST", "/v1/allocate", "", &allocation()).await;
        answer.json()["allocation_id"].as_str().expect("granted").into()
    }

    async fn held(&self) -> usize {
        let listed = self.ask("GET", "/v1/allocate?pool_id=standard", "", "").await.json();
        listed["allocations"].as_array().expect("a list").len()
    }

    /// Looks until so many inferences run on a share.
    async fn until_running(&self, id: &str, running: u32) {
        let path = format!("/v1/allocate/{id}");
        while self.ask("GET", &path, "", "").await.json()["running"] != running {}
    }

    async fn stop(self) -> MockReport {
        drop(self.stop);
        self.server.await.unwrap().unwrap()
    }
}

fn dechunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        whole.push_str(&rest[..size]);
        body = rest[size..].trim_start();
    }
    whole
}

fn allocation() -> String {
    json!({"pool_id": "standard", "overcommit": true,
        "requirements": {"tflops": 5, "vram_mb": 2048, "model": "gemma-270m"}})
    .to_string()
}

fn infer() -> connector::Infer {
    connector::Infer {
        allocation: AllocationId(1),
        prompt: connector::Prompt::of_length(connector::Tokens::new(1)),
        max_tokens: connector::Tokens::new(10),
        temperature: connector::Temperature::default(),
        stream: true,
        progress: None,
    }
}

fn simulator() -> sim::Simulator {
    sim::Simulator::new(provider(), 1).unwrap()
}

/// One card with two shares, 10 ms per token.
fn provider() -> sim::ProviderConfig {
    use sim::config::*;
    let latency = Latency::Fixed(connector::Duration::from_millis(5));
    let timing =
        LinearTiming { base: connector::Duration::from_millis(10), ..LinearTiming::default() };
    ProviderConfig {
        regions: vec![RegionConfig {
            name: "region".into(),
            control_plane: ControlPlane {
                allocate: latency,
                release: latency,
                infer: latency,
                inspect: latency,
                list: latency,
                pools: latency,
                cancel: latency,
                ..ControlPlane::default()
            },
        }],
        pools: vec![PoolConfig {
            name: "standard".into(),
            region: 0,
            kind: connector::PoolKind::Standard,
            gpu: GpuSpec {
                name: "card".into(),
                vram: connector::Mebibytes::from_gib(80),
                tflops_16bit: connector::Tflops::new(100),
                tflops_8bit: connector::Tflops::new(200),
                memory_bandwidth: 1e12,
                link_bandwidth: 32e9,
            },
            count: 1,
            sharing_ratio: 2,
            price_per_slot_hour: connector::Money::ZERO,
            price_changes: Vec::new(),
            placement: Placement::default(),
            serving: sim::config::ServingConfig::default(),
            weight_load_bandwidth: None,
            preemption: None,
            sharing: sim::config::SharingConfig::Spatial { interference: 0.0, by_compute: false },
            guaranteed_share: connector::BasisPoints::ZERO,
            vip: false,
            neighbours: Vec::new(),
            autoscale: None,
            capacity: CapacityConfig::default(),
        }],
        models: vec![ModelConfig { name: "gemma-270m".into(), timing: Timing::Linear(timing) }],
        faults: Vec::new(),
    }
}

/// Refuses everything alike.
struct Always(ErrorKind, EventQueue<Ticket>);

impl Connector for Always {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, _: Operation) {
        self.1.schedule(now, ticket);
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        let (at, ticket) = self.1.pop_due(now)?;
        let result = Err(Error::from(self.0));
        Some(Event { at, kind: EventKind::Completed { ticket, result } })
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.1.next_time()
    }
}
