//! One contract, met in two ways: by the simulator in virtual time, and by the live connector over
//! HTTP against the mock that serves the same simulator in real time. The simulator meets it with
//! each of its quirks on, too.

mod gpuaas;
mod openai;
mod quirks;
mod recorded;

use std::time::Instant;

use adapters::{Dialect, HttpConnector, HttpOptions};
use connector::{
    Mebibytes, Money, Names, PoolKind, Tflops, Timestamp,
    testing::{Credentials, Harness, PoolSetup, Setup, VirtualWorld, World},
};
use harpoon::mock::{self, MockOptions, MockReport};
use secrecy::SecretString;
use sim::{
    Simulator,
    config::{
        ControlPlane, GpuSpec, Latency, LinearTiming, ModelConfig, Placement, PoolConfig,
        PreemptionConfig, ProviderConfig, Quirks, RegionConfig, ServingConfig, Timing,
    },
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
};

/// Virtual time has nobody to present credentials to.
mod the_simulator {
    connector::conformance_tests!(super::InVirtualTime, except: [wrong_credentials_are_refused]);
}

mod http_against_the_mock {
    connector::conformance_tests!(super::OverHttp(adapters::Dialect::HarpoonV1));
}

mod covenant_v1_against_the_mock {
    connector::conformance_tests!(super::OverHttp(adapters::Dialect::CovenantV1));
}

struct InVirtualTime;

impl Harness for InVirtualTime {
    type World = VirtualWorld<Simulator>;

    fn build(&mut self, setup: &Setup) -> Option<Self::World> {
        let right = setup.credentials == Credentials::Right;
        right.then(|| VirtualWorld::new(simulator(setup, Quirks::default())))
    }
}

/// In this dialect.
struct OverHttp(Dialect);

impl Harness for OverHttp {
    type World = HttpWorld;

    fn build(&mut self, setup: &Setup) -> Option<HttpWorld> {
        let speaking = |options| HttpOptions { dialect: self.0, ..options };
        Some(HttpWorld::new(setup, Quirks::default(), |_| (), speaking))
    }
}

/// A mock, a live connector to it, and the clock on the wall.
struct HttpWorld {
    connector: HttpConnector,
    started: Instant,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<anyhow::Result<MockReport>>>,
    runtime: Runtime,
}

impl HttpWorld {
    /// A mock of a simulator with these quirks, and a connector to it, each set up in its way.
    fn new(
        setup: &Setup,
        quirks: Quirks,
        of_mock: impl FnOnce(&mut MockOptions),
        of_connector: impl FnOnce(HttpOptions) -> HttpOptions,
    ) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let key = SecretString::from("the right key");
        let mut options = MockOptions {
            api_key: Some(key.clone()),
            requirements: vec![Setup::REQUIREMENTS],
            ..MockOptions::new(names(setup))
        };
        of_mock(&mut options);
        let (stop, stopped) = oneshot::channel();
        let server = mock::serve(listener, simulator(setup, quirks), options, ended(stopped));
        let server = runtime.spawn(server);

        let presented = match setup.credentials {
            Credentials::Right => key,
            Credentials::Wrong => "another key".into(),
        };
        let options = of_connector(HttpOptions::new(url, names(setup)).with_key(presented));
        let started = Instant::now();
        let clock = move || Timestamp::ZERO + started.elapsed().into();
        let connector = HttpConnector::new(options, runtime.handle().clone(), clock);
        let connector = connector.expect("the options are in order");
        Self { connector, started, stop: Some(stop), server: Some(server), runtime }
    }
}

impl World for HttpWorld {
    type Connector = HttpConnector;

    fn connector(&mut self) -> &mut HttpConnector {
        &mut self.connector
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.started.elapsed().into()
    }

    fn wait_until(&mut self, until: Timestamp) {
        let wait = until.since(self.now()).to_std();
        let woken = self.connector.woken();
        let _ = self.runtime.block_on(async { tokio::time::timeout(wait, woken).await });
    }
}

impl Drop for HttpWorld {
    /// Whatever a case leaves behind, the mock gives it back.
    fn drop(&mut self) {
        drop(self.stop.take());
        let Some(server) = self.server.take() else { return };
        let report = self.runtime.block_on(server);
        if !std::thread::panicking() {
            let report = report.expect("the mock does not die").expect("the mock serves");
            assert_eq!(report.left_held, 0, "{report:?}");
        }
    }
}

async fn ended(stopped: oneshot::Receiver<()>) {
    let _ = stopped.await;
}

fn names(setup: &Setup) -> Names {
    // One pool more than there is: the far side must be the one to say that it is unknown.
    let pools = (0..=setup.pools.len()).map(|number| format!("pool-{number}")).collect();
    Names {
        pools,
        models: vec!["model".into()],
        tenants: vec!["tenant".into()],
        ..Names::default()
    }
}

fn simulator(setup: &Setup, quirks: Quirks) -> Simulator {
    let milliseconds = |n| Latency::Fixed(connector::Duration::from_millis(n));
    let control_plane = ControlPlane {
        allocate: Latency::Fixed(setup.allocation_latency),
        release: milliseconds(1),
        infer: milliseconds(1),
        inspect: milliseconds(1),
        list: milliseconds(1),
        pools: milliseconds(1),
        cancel: milliseconds(1),
        timeout: connector::Duration::from_millis(500),
        quirks,
        ..ControlPlane::default()
    };
    let timing = LinearTiming { base: setup.time_per_token, ..LinearTiming::default() };
    let config = ProviderConfig {
        regions: vec![RegionConfig { name: "region".into(), control_plane }],
        pools: (0..).zip(setup.pools).map(pool).collect(),
        models: vec![ModelConfig { name: "model".into(), timing: Timing::Linear(timing) }],
        faults: Vec::new(),
    };
    Simulator::new(config, 1).expect("the set-up makes a valid provider")
}

fn pool((number, setup): (u32, &PoolSetup)) -> PoolConfig {
    PoolConfig {
        name: format!("pool-{number}"),
        region: 0,
        kind: PoolKind::Standard,
        gpu: GpuSpec {
            name: "card".into(),
            vram: Mebibytes::from_gib(16),
            tflops_16bit: Tflops::new(100),
            tflops_8bit: Tflops::new(200),
            memory_bandwidth: 1e12,
            link_bandwidth: 32e9,
        },
        count: 1,
        sharing_ratio: setup.slots,
        price_per_slot_hour: Money::ZERO,
        price_changes: Vec::new(),
        placement: Placement::default(),
        serving: ServingConfig::default(),
        weight_load_bandwidth: None,
        preemption: setup
            .preemption_grace
            .map(|grace| PreemptionConfig { grace, ..PreemptionConfig::default() }),
        sharing: sim::config::SharingConfig::Spatial { interference: 0.0, by_compute: false },
        guaranteed_share: connector::BasisPoints::ZERO,
        vip: false,
        neighbours: Vec::new(),
        autoscale: None,
        capacity: sim::config::CapacityConfig::default(),
    }
}
