//! What is taken is given back: whatever goes wrong, nothing is held at the end of a run.

use std::path::Path;

use connector::{Duration, PoolGauge, RequestRecord, Timestamp};
use harpoon::drive::{Lines, Observer, Sampling, Session, Watch, virtual_time};
use platform::{Platform, PlatformConfig};
use scenarios::Scenario;
use sim::Simulator;

use crate::binary::SMALL;

#[test]
fn the_shipped_scenarios_leave_nothing_held() {
    for name in ["quickstart", "poc-success-criteria"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = root.join(format!("scenarios/{name}.yaml"));
        let scenario = scenarios::load(&path, &[]).unwrap_or_else(|told| panic!("{told}"));
        assert!(leaves_nothing_held(&scenario, 1) > 1_000, "{name}");
    }
}

/// Each fault alone and all of them together, with time-outs short enough that grants come late.
#[test]
fn no_fault_leaves_anything_held() {
    let faults = [
        "{ at: 2s, lasts: 5s, outage: {} }",
        "{ at: 2s, lasts: 10s, errors: { rate: 40% } }",
        "{ at: 2s, lasts: 10s, errors: { rate: 60%, operation: release } }",
        "{ at: 2s, lasts: 10s, errors: { rate: 60%, operation: infer } }",
        "{ at: 4s, lasts: 8s, latency: { add: 900ms, operation: allocate } }",
        "{ at: 4s, lasts: 8s, latency: { add: 3s, operation: release } }",
        "{ at: 5s, lasts: 5s, gpu_loss: { count: 3 } }",
        "{ at: 3s, lasts: 2s, maintenance: { deadline: 500ms, grace: 500ms, rolling: 1 } }",
    ];
    let alone = faults.iter().map(|fault| (*fault).to_owned());
    for faults in alone.chain([faults.join(", ")]) {
        let short = "timeouts: { queue: 2s, allocation: 500ms, inference: 1s, release: 1s }";
        let text = SMALL.replace("rate: 5/s", "rate: 60/s").replace("base: 2ms", "base: 25ms");
        let text = format!("{text}platform: {{ {short} }}\nfaults: [{faults}]\n");
        let scenario = scenarios::parse("faults", &text, Path::new(""), &[]);
        let scenario = scenario.unwrap_or_else(|told| panic!("{told}"));
        for seed in 0..4 {
            assert!(leaves_nothing_held(&scenario, seed) > 500, "{faults}");
        }
    }
}

#[test]
fn cards_that_come_and_go_leave_nothing_held() {
    let spells = "up: 4s, down: 2s";
    for goes in [
        format!("spot: {{ grace: 1s, process: {{ {spells}, together: 50% }} }}"),
        format!("spot: {{ grace: 0s, process: {{ {spells}, shortage: {{ up: 5s, down: 3s }} }} }}"),
        "failures: { card: { mtbf: 5s, mttr: 2s }, common: { mtbf: 9s, mttr: 3s, share: 50% } }"
            .to_owned(),
    ] {
        let text = SMALL.replace("count: 4,", &format!("count: 4, {goes},"));
        let text = text.replace("rate: 5/s", "rate: 60/s");
        let scenario = scenarios::parse("capacity", &text, Path::new(""), &[]);
        let scenario = scenario.unwrap_or_else(|told| panic!("{told}"));
        for seed in 0..4 {
            assert!(leaves_nothing_held(&scenario, seed) > 500, "{goes}");
        }
    }
}

/// Runs to the end; how many requests there were.
fn leaves_nothing_held(scenario: &Scenario, seed: u64) -> u64 {
    let simulator = Simulator::new(scenario.provider.clone(), seed).unwrap();
    let mut lines = Lines::single(simulator);
    let platform = Platform::new(PlatformConfig { seed, ..scenario.platform.clone() })
        .expect("it was checked");
    let sampling = Sampling::new(Duration::from_secs(1), Timestamp::ZERO);
    let arrivals = scenario.arrivals(seed).unwrap();
    let mut session = Session::new(arrivals, platform, Ended::default(), sampling).unwrap();
    let ended =
        virtual_time::run(&mut session, &mut lines, &Watch::default(), Timestamp::ZERO).unwrap();
    assert!(!ended.partial);
    assert_eq!(session.platform().held(), 0, "by the platform's books");
    assert_eq!(lines.connectors()[0].held(), 0, "by the provider's books");
    assert_eq!(session.platform().in_flight(), 0);
    let requests = session.requests();
    let (_, _, Ended { records, slots_held }) = session.into_parts();
    assert_eq!(records, requests, "every request ends once");
    assert_eq!(slots_held, 0, "by the last look at the pools");
    requests
}

/// Counts how requests end and what the pools last said.
#[derive(Debug, Default)]
struct Ended {
    records: u64,
    slots_held: u32,
}

impl Observer for Ended {
    fn record(&mut self, _: &RequestRecord) {
        self.records += 1;
    }

    fn gauge(&mut self, _: Timestamp, gauge: &PoolGauge) {
        if gauge.pool.index() == 0 {
            self.slots_held = 0;
        }
        self.slots_held += gauge.slots_held;
    }
}
