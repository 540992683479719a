//! A provider that grants and then stays silent: the caller gives up, the share is held and charged.
//! Over HTTP, in either dialect that has shares, the platform finds every such share and gives it back,
//! and the provider's own statement names each as a ghost.

use std::sync::{Arc, Mutex};

use adapters::{HttpConnector, HttpOptions, gpuaas::GpuaasOptions, recording::Recorded};
use connector::{
    Amount, Connector, Duration, Event, Money, Operation, StatementLine, Ticket, Timestamp,
};
use harpoon::{
    drive::{
        Lines, Observer, Sampling, Session, Watch,
        real_time::{self, WallClock},
    },
    mock::{self, MockOptions, MockReport},
};
use platform::{
    Platform, PlatformConfig,
    billing::{
        LeaseRecord, UsageRecord,
        reconcile::{Cause, Reconciler},
    },
};
use scenarios::Scenario;
use sim::Simulator;
use tokio::{net::TcpListener, sync::oneshot};

use crate::binary::Desk;

/// Every grant is silent for longer than the platform waits. Nothing is asked twice for one request.
const WORLD: &str = "
name: silent-grants
seed: 1
duration: DURATION
provider:
  regions:
    - name: here
      control_plane: { allocate: 1ms, release: 1ms, list: 1ms, timeout: 400ms, quirks: { ghosts: 100% } }
  pools:
    - { name: shared, gpu: L4, count: 200, sharing_ratio: 10, price_per_slot_hour: 3.60 }
models:
  - name: echo
    requirements: { tflops: 500 GFLOPS, vram: 1024 MiB }
    timing: { linear: { base: 2ms } }
traffic:
  - { name: callers, arrivals: { poisson: { rate: RATE/s } }, prompt_tokens: 1, output_tokens: 1 }
platform:
  timeouts: { queue: 1s, allocation: 50ms, release: 20s }
  retry: { max_retries: 0 }
  breaker: { mode: disabled }
";

#[test]
fn a_thousand_silent_grants_end_with_none_held_and_each_named_as_a_ghost() {
    let scenario = world(110, "10500ms");
    let ran = run(&scenario, |options| options);
    assert_eq!(ran.report.granted, 0, "none was told of: {:?}", ran.report);
    assert_eq!(ran.held, 0, "at the provider");
    assert!(ran.lines.len() >= 1_000, "{} shares were charged for", ran.lines.len());

    let mut books = ran.books;
    let mut charged = Money::ZERO;
    for line in &ran.lines {
        // Our numbers of shares are not the provider's names. None of these was ever told to us.
        let allocation = connector::AllocationId(line.allocation.0 | 1 << 48);
        books.line(&StatementLine { allocation, ..*line });
        charged += line.charge;
    }
    let books = books.reconcile().expect("amounts in range");
    let whole = books.whole().expect("amounts in range");
    let ghosts = whole.cause(Cause::Ghost);
    assert_eq!(ghosts.pieces, ran.lines.len() as u64, "each is one: {:?}", whole.causes);
    assert_eq!(whole.cause(Cause::Unknown).pieces, 0, "{:?}", whole.causes);
    assert_eq!(Some(whole.charged), Amount::from_money(charged));
}

#[test]
fn silent_subscriptions_of_twenty_teams_end_with_none_held() {
    let scenario = world(40, "5s");
    let ran = run(&scenario, |options| {
        let teams = (0..20).map(|team| format!("team-{team}")).collect();
        options.speaking_gpuaas(GpuaasOptions {
            look_every: Duration::from_millis(10),
            look_for: Duration::from_secs(20),
            ..GpuaasOptions::new(teams)
        })
    });
    assert_eq!(ran.held, 0, "at the provider");
    assert!(ran.lines.len() >= 40, "{} shares were charged for", ran.lines.len());
}

struct Ran {
    report: MockReport,
    /// What the provider says that it charges for.
    lines: Vec<StatementLine>,
    /// Shares held in the end, by the provider's books.
    held: usize,
    books: Reconciler,
}

fn run(scenario: &Scenario, of_connector: impl FnOnce(HttpOptions) -> HttpOptions) -> Ran {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let simulator = Simulator::new(scenario.provider.clone(), scenario.seed).unwrap();
    let simulator = Arc::new(Mutex::new(simulator.keeping_statement()));
    let witness = Witness(Arc::clone(&simulator));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let ending = async {
        let _ = stopped.await;
    };
    let options = MockOptions::new(scenario.names.clone());
    let server = runtime.spawn(mock::serve(listener, witness, options, ending));
    let clock = WallClock::start();
    let options = of_connector(HttpOptions::new(url, scenario.names.clone()));
    let connector =
        HttpConnector::new(options, runtime.handle().clone(), move || clock.now()).unwrap();
    let connector = Recorded::unrecorded(connector);
    let mut lines = Lines::several(vec![connector], vec![0; scenario.platform.cables.len()]);
    let config = PlatformConfig { seed: scenario.seed, ..scenario.platform.clone() };
    let sampling = Sampling::new(Duration::from_secs(1), Timestamp::ZERO);
    let prices = vec![scenario.platform.cables[0].price_per_slot_hour];
    let books = Books(Reconciler::new(prices, Money::from_nanos(1)));
    let arrivals = scenario.arrivals(scenario.seed).unwrap();
    let mut session =
        Session::new(arrivals, Platform::new(config).unwrap(), books, sampling).unwrap();
    let watch = Watch::default();
    let ended = runtime.block_on(real_time::run(&mut session, &mut lines, clock, &watch)).unwrap();
    assert_eq!((ended.unreleased, ended.partial), (0, false), "by the platform's books");
    let held = simulator.lock().unwrap().held();
    drop(stop);
    let report = runtime.block_on(server).unwrap().unwrap();
    let (_, _, Books(books)) = session.into_parts();
    let (mut simulator, mut said) = (simulator.lock().unwrap(), Vec::new());
    let late = Timestamp::ZERO + Duration::from_secs(3_600);
    simulator.statement(late, &mut |line| said.push(line));
    Ran { report, lines: said, held, books }
}

fn world(rate: u32, duration: &str) -> Scenario {
    let text = WORLD.replace("RATE", &rate.to_string()).replace("DURATION", duration);
    let desk = Desk::with_scenario(&text);
    let scenario = scenarios::load(&desk.path("scenario.yaml"), &[]);
    scenario.unwrap_or_else(|told| panic!("{told}"))
}

/// The simulator behind the mock, whose books can be looked into.
struct Witness(Arc<Mutex<Simulator>>);

impl Connector for Witness {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        self.0.lock().unwrap().submit(now, ticket, operation);
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        self.0.lock().unwrap().poll(now)
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.0.lock().unwrap().deadline()
    }
}

struct Books(Reconciler);

impl Observer for Books {
    fn reads_books(&self) -> bool {
        true
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.0.usage(record);
    }

    fn lease(&mut self, record: &LeaseRecord) {
        self.0.lease(record);
    }
}
