//! Streams of a live endpoint that stand or break off: the platform does in front of HTTP what it does
//! in simulation, because the connector tells how far they are. The endpoint is the mock.

use std::sync::{Arc, Mutex};

use adapters::{HttpConnector, HttpOptions, recording::Recorded};
use connector::{
    Connector, Content, Duration, Event, Operation, Outcome, RequestId, RequestRecord, TenantId,
    Ticket, Timestamp, Tokens,
};
use harpoon::{
    drive::{
        Lines, Observer, Sampling, Session, Watch,
        real_time::{self, WallClock},
        virtual_time,
    },
    mock::{self, MockOptions},
};
use platform::{Platform, PlatformConfig, Request};
use scenarios::{Scenario, TrafficError};
use sim::Simulator;
use tokio::{net::TcpListener, sync::oneshot};

use crate::binary::Desk;

const TOKENS: u32 = 120;
const PROMPT: u32 = 40;

/// Tokens take 20 ms, so an answer takes 2.4 s.
const WORLD: &str = "
name: live-streams
seed: 1
duration: 30s
provider:
  regions:
    - name: here
      control_plane: { allocate: 5ms, release: 5ms, infer: 1ms, cancel: 5ms, timeout: 300ms }
  pools:
    - { name: first, gpu: L4, count: 1, sharing_ratio: 4, weight_load_bandwidth: instant, price_per_slot_hour: 0.10 }
    - { name: second, gpu: L4, count: 1, sharing_ratio: 4, weight_load_bandwidth: instant, price_per_slot_hour: 0.11 }
models:
  - name: echo
    requirements: { tflops: 500 GFLOPS, vram: 1024 MiB }
    timing: { linear: { base: 20ms, weights: 1 GiB } }
traffic:
  - { name: callers, arrivals: { poisson: { rate: 1/s } }, prompt_tokens: 1, output_tokens: 1 }
objectives:
  - error_rate < 5%
";

#[test]
fn a_stream_that_breaks_off_goes_on_where_it_was() {
    let scenario = world(
        "platform: { router: cheapest, retry: { mid_stream: resume } }
faults:
  - { at: 500ms, lasts: 100ms, pool: first, outage: {} }
",
    );
    for ran in [live(&scenario), simulated(&scenario)] {
        let record = ran.record;
        // While the outage lasts, trying again is refused.
        assert_eq!((record.outcome, record.attempts >= 2), (Outcome::Completed, true));
        let ([(prompt, whole), (longer, rest)], TOKENS) = (&ran.asked[..], whole_of(&ran)) else {
            panic!("two strikes: {:?}", ran.asked);
        };
        assert_eq!((*prompt, *whole), (PROMPT, TOKENS));
        assert!((1..TOKENS).contains(rest), "it goes on: {:?}", ran.asked);
        assert_eq!(longer + rest, prompt + whole, "what was made is prompt now");
        assert_eq!((record.prompt_tokens.get(), record.output_tokens.get()), (PROMPT, TOKENS));
        let first_token = record.time_to_first_token().expect("it came");
        assert!(first_token < Duration::from_millis(500), "of the first strike: {first_token}");
    }
}

#[test]
fn a_stream_that_stands_is_stopped_and_struck_again() {
    // From then on, what is made arrives nowhere: for the caller the stream stands. It has told once by
    // then, which it does every half of the limit.
    let scenario = world(
        "platform: { router: cheapest, timeouts: { between_tokens: 1s } }
faults:
  - { at: 800ms, lasts: 1500ms, pool: first, partition: { direction: answer } }
",
    );
    for ran in [live(&scenario), simulated(&scenario)] {
        assert_eq!(ran.record.outcome, Outcome::Completed);
        assert_eq!(ran.statistics.map(|of| of.token_timeouts), [1, 0]);
        assert_eq!(whole_of(&ran), TOKENS);
    }
}

/// What became of one request.
struct Ran {
    record: RequestRecord,
    statistics: [platform::CableStatistics; 2],
    /// Tokens of the prompt and of the answer, of each inference that the far side was asked for.
    asked: Vec<(u32, u32)>,
}

fn whole_of(ran: &Ran) -> u32 {
    ran.record.output_tokens.get()
}

fn world(rest: &str) -> Scenario {
    let desk = Desk::with_scenario(format!("{WORLD}{rest}"));
    scenarios::load(&desk.path("scenario.yaml"), &[]).unwrap_or_else(|told| panic!("{told}"))
}

fn simulated(scenario: &Scenario) -> Ran {
    let spy = Spy::on(scenario);
    let asked = Arc::clone(&spy.asked);
    let mut lines = Lines::single(spy);
    let mut session = session(scenario);
    virtual_time::run(&mut session, &mut lines, &Watch::default(), Timestamp::ZERO).unwrap();
    ran(session, &asked)
}

fn live(scenario: &Scenario) -> Ran {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let spy = Spy::on(scenario);
    let asked = Arc::clone(&spy.asked);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let ending = async {
        let _ = stopped.await;
    };
    let options = MockOptions::new(scenario.names.clone());
    let server = runtime.spawn(mock::serve(listener, spy, options, ending));
    let clock = WallClock::start();
    let options = HttpOptions::new(url, scenario.names.clone());
    let connector =
        HttpConnector::new(options, runtime.handle().clone(), move || clock.now()).unwrap();
    let connector = Recorded::unrecorded(connector);
    let mut lines = Lines::several(vec![connector], vec![0; scenario.platform.cables.len()]);
    let mut session = session(scenario);
    let watch = Watch::default();
    runtime.block_on(real_time::run(&mut session, &mut lines, clock, &watch)).unwrap();
    drop(stop);
    let report = runtime.block_on(server).unwrap().unwrap();
    assert_eq!(report.left_held, 0, "{report:?}");
    ran(session, &asked)
}

type OneRequest = std::iter::Once<Result<Request, TrafficError>>;

fn session(scenario: &Scenario) -> Session<OneRequest, Records> {
    let config = PlatformConfig { seed: scenario.seed, ..scenario.platform.clone() };
    let request = Request {
        id: RequestId(0),
        tenant: TenantId(0),
        arrived: Timestamp::ZERO,
        prompt_tokens: Tokens::new(PROMPT),
        output_tokens: Tokens::new(TOKENS),
        content: Content::Unknown,
        class: None,
        model: None,
        patience: None,
        terms: None,
        fan_out: None,
    };
    let sampling = Sampling::new(Duration::from_secs(1), Timestamp::ZERO);
    let platform = Platform::new(config).unwrap();
    Session::new(std::iter::once(Ok(request)), platform, Records::default(), sampling).unwrap()
}

fn ran(session: Session<OneRequest, Records>, asked: &Mutex<Vec<(u32, u32)>>) -> Ran {
    let (_, platform, Records(records)) = session.into_parts();
    assert_eq!((platform.held(), records.len()), (0, 1));
    let statistics: Vec<_> = platform.cables().map(|cable| cable.statistics).collect();
    Ran {
        record: records[0],
        statistics: statistics.try_into().expect("two cables"),
        asked: asked.lock().unwrap().clone(),
    }
}

#[derive(Debug, Default)]
struct Records(Vec<RequestRecord>);

impl Observer for Records {
    fn record(&mut self, record: &RequestRecord) {
        self.0.push(*record);
    }
}

/// A simulator, and what it was asked for.
struct Spy {
    simulator: Simulator,
    asked: Arc<Mutex<Vec<(u32, u32)>>>,
}

impl Spy {
    fn on(scenario: &Scenario) -> Self {
        let simulator = Simulator::new(scenario.provider.clone(), scenario.seed).unwrap();
        Self { simulator, asked: Arc::default() }
    }
}

impl Connector for Spy {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        if let Operation::Infer(ask) = &operation {
            let of = (ask.prompt.tokens.get(), ask.max_tokens.get());
            self.asked.lock().unwrap().push(of);
        }
        self.simulator.submit(now, ticket, operation);
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        self.simulator.poll(now)
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.simulator.deadline()
    }
}
