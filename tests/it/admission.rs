//! Who is let in and what it costs, end to end: shedding, lines that are standing, small requests on
//! shared leases.

use std::path::Path;

use connector::{Duration, Metric, Scope, Statistic, TenantId, Timestamp};
use harpoon::{
    drive::{Lines, Sampling, Session, Watch, virtual_time},
    experiment,
};
use platform::{Platform, PlatformConfig};
use reports::Summary;
use scenarios::{Override, Scenario};
use sim::Simulator;

fn load(name: &str, settings: &[&str]) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    let settings: Vec<Override> =
        settings.iter().map(|one| one.parse().expect("a setting")).collect();
    scenarios::load(&path, &settings).unwrap_or_else(|errors| panic!("{errors}"))
}

fn run(name: &str, settings: &[&str]) -> Summary {
    let scenario = load(name, settings);
    experiment::simulate(&scenario, 1, None, &Watch::default()).expect("it runs").summary
}

/// How often a share was asked for: strikes that found none.
fn asked_for_shares(name: &str, settings: &[&str]) -> u64 {
    let scenario = load(name, settings);
    let seed = scenario.seed;
    let mut lines = Lines::single(Simulator::new(scenario.provider.clone(), seed).unwrap());
    let platform = Platform::new(PlatformConfig { seed, ..scenario.platform.clone() }).unwrap();
    let sampling = Sampling::new(Duration::from_secs(1), Timestamp::ZERO);
    let arrivals = scenario.arrivals(seed).unwrap();
    let mut session = Session::new(arrivals, platform, (), sampling).unwrap();
    virtual_time::run(&mut session, &mut lines, &Watch::default(), Timestamp::ZERO).unwrap();
    assert_eq!(session.platform().held(), 0, "nothing is leaked");
    let statistics = session.platform().cables().map(|cable| cable.statistics);
    statistics.map(|one| one.strikes - one.rides - one.warm_strikes).sum()
}

/// Error rate, and 95th percentile of the time to the first token in seconds, of a tenant.
fn of_tenant(summary: &Summary, tenant: u32) -> (f64, f64) {
    let scope = Scope { tenant: Some(TenantId(tenant)), ..Scope::default() };
    let p95 = Some(Statistic::Percentile(95_000));
    let ttft = summary.value(Metric::TimeToFirstToken, p95, &scope).expect("it was answered");
    (summary.value(Metric::ErrorRate, None, &scope).expect("it sent requests"), ttft)
}

/// What the provider charges, in billionths of the currency unit.
fn charged(summary: &Summary) -> i128 {
    summary.run.charged.as_ref().expect("the provider tells").cost.0.as_nanos()
}

const COMMON: &str = "platform.cables.line=fifo";

#[test]
fn shedding_the_less_important_keeps_the_others_answers_in_a_common_line() {
    let common = run("tenant-flood.yaml", &[COMMON]);
    let shed = run(
        "tenant-flood.yaml",
        &[
            COMMON,
            "tenants.0.priority=1",
            "platform.admission.shed=[{ below_priority: 3, line: 10%, until: 50% }]",
        ],
    );
    assert!(!common.objectives_met() && shed.objectives_met(), "{:#?}", shed.objectives);
    let ((errors, ttft), (_, before)) = (of_tenant(&shed, 1), of_tenant(&common, 1));
    assert!(errors < 0.001 && ttft * 3.0 < before, "{errors}, {ttft} s, {before} s without");
    assert!(shed.requests.rejected_by.0.iter().any(|(name, _)| *name == "shed"));
}

#[test]
fn a_line_that_stands_is_shortened_one_by_one_or_at_once() {
    let with = |drop: &str| {
        let rule = format!("{{ target: 500ms, interval: 2s, drop: {drop} }}");
        run("tenant-flood.yaml", &[COMMON, &format!("platform.cables.codel={rule}")])
    };
    let (_, standing) = of_tenant(&run("tenant-flood.yaml", &[COMMON]), 1);
    let (gradual, at_once) = (with("by_control_law"), with("all_overdue"));
    // The flood does not slow down when it is refused, so the control law takes its time.
    let ((_, slowly), (_, soon)) = (of_tenant(&gradual, 1), of_tenant(&at_once, 1));
    assert!(slowly < standing * 0.8, "{slowly} s, {standing} s without");
    assert!(soon < 3.0, "{soon} s, {standing} s without");
    for summary in [gradual, at_once] {
        assert!(summary.requests.rejected_by.0.iter().any(|(name, _)| *name == "standing"));
    }
}

#[test]
fn small_requests_that_share_leases_cost_less_and_wait_no_longer() {
    let (shared, each) =
        (run("small-requests.yaml", &[]), run("small-requests.yaml", &["platform.leases={}"]));
    assert!(shared.objectives_met(), "{:#?}", shared.objectives);
    assert_eq!(shared.requests.completed, each.requests.completed);
    assert!(charged(&shared) * 2 < charged(&each), "{} {}", charged(&shared), charged(&each));
    let ((_, ttft), (_, alone)) = (of_tenant(&shared, 0), of_tenant(&each, 0));
    assert!(ttft < alone * 1.1, "{ttft} s, {alone} s alone");
    let asked = |settings: &[&str]| asked_for_shares("small-requests.yaml", settings);
    let (few, many) = (asked(&[]), asked(&["platform.leases={}"]));
    assert!(few * 3 < many, "{few}, {many} without");
}
