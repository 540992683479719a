//! The full path of a request: classification, routing, breaker, allocation, inference, release,
//! metering, and the simulated provider on the other side. One element is one request.
//!
//! Three scenarios, each measured in two ways:
//!
//! * `quickstart`: the shipped one, cards and arrival rates times thirty, so that the load of each card
//!   stays the same and a thousand requests are in flight on average. About one request at a time on
//!   each of a thousand cards, whose engines do not fit in the processor's caches.
//! * `shared` (`full_path/shared.yaml`): quanta, paging and preemption all at work, on sixteen busy cards.
//! * `shared_warm`: the same, where leases stay warm for two seconds, so that few requests ask for a share.
//!
//! `admission_to_meter` is the path itself: arrivals are drawn beforehand and finished requests only
//! counted. `whole_run` is what `harpoon run` does: it draws the arrivals too, and records latencies,
//! time series and digest.

use std::{hint::black_box, path::Path, time::Duration};

use connector::{PoolGauge, RequestRecord, Timestamp, TokenGaps};
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use harpoon::{
    drive::{Lines, Observer, Sampling, Session, Watch, virtual_time},
    experiment,
};
use platform::{Platform, Request};
use scenarios::{Override, Scenario};
use sim::Simulator;

/// That of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Times the quickstart: a mean of 1,030 requests in flight.
const SCALE: u32 = 30;
/// Simulated time; long enough for the summary at the end not to count.
const SECONDS: u32 = 600;

fn full_path(c: &mut Criterion) {
    let scenarios = [
        ("quickstart", quickstart()),
        ("shared", shared(&[])),
        ("shared_warm", shared(&["platform.leases.idle=2s"])),
    ];
    for (name, scenario) in scenarios {
        let mut group = c.benchmark_group(format!("full_path/{name}"));
        group.sample_size(10).measurement_time(Duration::from_secs(10));
        let arrivals = scenario.arrivals(scenario.seed).expect("valid traffic");
        let requests: Vec<Request> = arrivals.map(|request| request.expect("synthetic")).collect();
        group.throughput(Throughput::Elements(requests.len() as u64));
        admission_to_meter(&mut group, &scenario, &requests);
        whole_run(&mut group, &scenario);
        group.finish();
    }
}

fn admission_to_meter(
    group: &mut BenchmarkGroup<'_, WallTime>,
    scenario: &Scenario,
    requests: &[Request],
) {
    group.bench_function("admission_to_meter", |b| {
        b.iter_batched(
            || requests.to_vec(),
            |requests| {
                let simulator = Simulator::new(scenario.provider.clone(), scenario.seed);
                let mut lines = Lines::single(simulator.expect("a valid provider"));
                let platform = Platform::new(scenario.platform.clone()).expect("a valid platform");
                let sampling = Sampling::new(connector::Duration::from_secs(1), Timestamp::ZERO);
                let arrivals = requests.into_iter().map(Ok);
                let session = Session::new(arrivals, platform, Counter::default(), sampling);
                let mut session = session.expect("there are arrivals");
                let ended =
                    virtual_time::run(&mut session, &mut lines, &Watch::default(), Timestamp::ZERO);
                black_box(ended.expect("the quickstart runs"));
                let (_, platform, counter) = session.into_parts();
                black_box((platform.meters().len(), counter.finished))
            },
            BatchSize::LargeInput,
        );
    });
}

fn whole_run(group: &mut BenchmarkGroup<'_, WallTime>, scenario: &Scenario) {
    group.bench_function("whole_run", |b| {
        b.iter(|| {
            let run = experiment::simulate(scenario, scenario.seed, None, &Watch::default());
            black_box(run.expect("the scenario runs").summary)
        });
    });
}

/// Counts and forgets.
#[derive(Debug, Default)]
struct Counter {
    finished: u64,
}

impl Observer for Counter {
    fn record(&mut self, record: &RequestRecord) {
        black_box(record);
        self.finished += 1;
    }

    fn gauge(&mut self, _: Timestamp, gauge: &PoolGauge) {
        black_box(gauge);
    }

    fn token_gaps(&mut self, _: Timestamp, gaps: &TokenGaps) {
        black_box(gaps);
    }
}

/// Shared cards at work; what is to be measured does happen.
fn shared(settings: &[&str]) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/full_path/shared.yaml");
    let settings = settings.iter().map(|setting| setting.parse().expect("a setting"));
    let settings: Vec<Override> = settings.collect();
    let scenario = scenarios::load(&path, &settings).expect("the scenario is valid");
    let run = experiment::simulate(&scenario, scenario.seed, None, &Watch::default());
    let summary = run.expect("the scenario runs").summary;
    let pool = summary.pools.first().expect("there is a pool");
    assert!(pool.preemptions > Some(100), "places are taken: {:?}", pool.preemptions);
    let paged = summary.paging.as_ref().map(|paging| paging.paged_bytes);
    assert!(paged > Some(1 << 40), "memory is paged: {paged:?}");
    scenario
}

/// The shipped quickstart without its faults, scaled.
fn quickstart() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.yaml");
    let shipped = scenarios::load(&path, &[]).expect("the quickstart is valid");
    let arrivals = shipped.arrivals(shipped.seed).expect("valid traffic").count() as f64;
    let expected = f64::from(RATES.iter().sum::<u32>()) * 600.0;
    assert!((arrivals / expected - 1.0).abs() < 0.1, "the quickstart has other rates by now");
    let mut settings = vec![
        format!("duration={SECONDS}s"),
        "warm_up=0s".to_owned(),
        "faults=[]".to_owned(),
        format!("provider.regions.0.control_plane.rate_limit.per_second={}", 500 * SCALE),
        format!("provider.regions.0.control_plane.rate_limit.burst={}", 1000 * SCALE),
    ];
    for (index, pool) in shipped.provider.pools.iter().enumerate() {
        settings.push(format!("provider.pools.{index}.count={}", pool.count * SCALE));
    }
    for (index, rate) in RATES.into_iter().enumerate() {
        settings.push(format!("traffic.{index}.arrivals.gamma.rate={}/s", rate * SCALE));
    }
    let overrides: Vec<Override> =
        settings.iter().map(|text| text.parse().expect("a path and a value")).collect();
    scenarios::load(&path, &overrides).expect("the scaled quickstart is valid")
}

/// Arrival rates of the shipped quickstart, per second, by source; it lasts 600 s.
const RATES: [u32; 2] = [8, 3];

criterion_group!(benches, full_path);
criterion_main!(benches);
