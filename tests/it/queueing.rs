//! Exact values of queueing theory, met by the product's own parts: the driver in virtual time, the
//! platform's line, router and retry, the simulator's pools, placement and serving engine.
//!
//! Cases come from a file (see [`case`]), are turned into configurations ([`world`]), run with a
//! fixed seed, and measured by batch means ([`observer`], [`estimate`]). A value holds if it is
//! within 4.5 standard errors and the standard error itself is small, so that a noisy run cannot
//! pass by being noisy. `docs/validation.md` has the outcome.

mod arrivals;
mod case;
mod desk;
mod distribution;
mod estimate;
mod feedback;
mod hedge;
mod observer;
mod retry;
mod setting;
mod spread;
mod textbook;
mod verdict;
mod world;

use std::collections::BTreeMap;

use connector::{Duration, Timestamp};
use harpoon::drive::{Lines, Sampling, Session, Watch, virtual_time};
use platform::Platform;
use rayon::prelude::*;
use sim::{Simulator, random::Streams};

use self::{
    arrivals::Arrivals, case::Case, desk::Desk, estimate::estimate, feedback::Failing,
    observer::Windows, verdict::Verdict, world::World,
};

/// Batches of a run, and as many more before them until the system has forgotten its start.
const WINDOWS: usize = 40;
const WARM_UP: usize = 4;
const SEED: u64 = 1;

/// Cases of the kept file that the product has no parts for yet, and which part is missing.
const OUT_OF_REACH: [(&str, &str); 2] = [
    ("lcfs_preemptive_exp_lam0.8", "shares taken away for whoever comes later"),
    ("srpt_exp_lam0.8", "shares taken away for whoever has less left to do"),
];

/// Cases of dispatching that hold through the platform's own router too.
const BY_ROUTER: [&str; 5] = [
    "jsq_2_servers",
    "power_of_2_choices_lam0.9_asymptotic",
    "random_split_2_servers",
    "round_robin_2_servers",
    "round_robin_poisson_4_servers_lam0.9",
];

/// Exact values that are no figure of a run: the throughput at which an engine saturates.
const UNMEASURED: [(&str, &str); 2] =
    [("batch_engine_exp_B8", "capacity"), ("batch_engine_unlimited_det", "capacity")];

#[test]
fn the_kept_oracles_hold() {
    let Some(cases) = case::kept() else {
        println!("skipped: ../shared/vectors/queueing.json is not there");
        return;
    };
    let (verdicts, out_of_reach) = run_all(&cases);
    print!("{}", verdict::table(&verdicts));
    let listed: BTreeMap<&str, &str> = OUT_OF_REACH.into();
    assert!(
        out_of_reach.keys().copied().eq(listed.keys().copied()),
        "the list of cases out of reach is not right: {out_of_reach:#?}"
    );
    assert_eq!(unmeasured(&verdicts), UNMEASURED);
    assert_all_hold(&verdicts);
}

#[test]
fn the_oracles_of_a_named_file_hold() {
    let Some(cases) = case::named() else {
        println!("skipped: HARPOON_QUEUEING_ORACLES names no file");
        return;
    };
    let (verdicts, out_of_reach) = run_all(&cases);
    print!("{}", verdict::table(&verdicts));
    for (case, why) in out_of_reach {
        println!("not run: {case}: {why}");
    }
    for (case, metric) in unmeasured(&verdicts) {
        println!("not measured: {metric} of {case}");
    }
    assert_all_hold(&verdicts);
}

/// The cases of the kept file about tails that more than one server makes or cuts.
#[test]
fn the_kept_oracles_of_hedging_and_fan_out_hold() {
    let Some(cases) = case::kept() else {
        println!("skipped: ../shared/vectors/queueing.json is not there");
        return;
    };
    let is_meant = |case: &&Case| case.name.starts_with("hedge") || case.name.starts_with("fanout");
    let cases: Vec<Case> = cases.iter().filter(is_meant).cloned().collect();
    let (verdicts, out_of_reach) = run_all(&cases);
    print!("{}", verdict::table(&verdicts));
    assert!(out_of_reach.is_empty(), "{out_of_reach:?}");
    assert_eq!(unmeasured(&verdicts), []);
    assert_all_hold(&verdicts);
}

/// One pool of one card for each server, and the platform's router instead of the pool's placement.
#[test]
fn dispatching_by_the_platforms_router_holds() {
    let Some(cases) = case::kept() else {
        println!("skipped: ../shared/vectors/queueing.json is not there");
        return;
    };
    let cases: Vec<&Case> =
        cases.iter().filter(|case| BY_ROUTER.contains(&case.name.as_str())).collect();
    assert_eq!(cases.len(), BY_ROUTER.len());
    let dispatched = |case: &&Case| {
        let world = World::by_router(&case.params().expect("known parameters"));
        measured(case, &world.expect("a rule of the router"))
    };
    let verdicts: Vec<Verdict> = cases.par_iter().with_max_len(1).map(dispatched).collect();
    print!("{}", verdict::table(&verdicts));
    assert_eq!(unmeasured(&verdicts), []);
    assert_all_hold(&verdicts);
}

#[test]
fn textbook_values_hold() {
    let cases = textbook::cases();
    let (verdicts, out_of_reach) = run_all(&cases);
    assert!(out_of_reach.is_empty(), "{out_of_reach:?}");
    assert_eq!(unmeasured(&verdicts), []);
    assert_all_hold(&verdicts);
}

#[test]
fn a_value_that_is_five_percent_off_does_not_hold() {
    let wrong = run(&textbook::five_percent_off()).expect("a case within reach");
    assert_eq!(wrong.failures().count(), 2, "{wrong:#?}");
}

/// Runs every case within reach, the longest first; the others with what they lack.
fn run_all(cases: &[Case]) -> (Vec<Verdict>, BTreeMap<&str, String>) {
    let mut order: Vec<&Case> = cases.iter().collect();
    order.sort_by(|a, b| b.customers().total_cmp(&a.customers()));
    let run = |case: &&Case| run(case).map_err(|why| (case.name.clone(), why));
    let outcomes: Vec<_> = order.par_iter().with_max_len(1).map(run).collect();
    let (mut verdicts, mut out_of_reach) = (Vec::new(), BTreeMap::new());
    for (case, outcome) in order.iter().zip(outcomes) {
        match outcome {
            Ok(verdict) => verdicts.push(verdict),
            Err((_, why)) => {
                out_of_reach.insert(case.name.as_str(), why);
            }
        }
    }
    verdicts.sort_by(|a, b| a.case.cmp(&b.case));
    (verdicts, out_of_reach)
}

fn run(case: &Case) -> Result<Verdict, String> {
    let params = case.params()?;
    if let Some(measured) = retry::measure(&params) {
        return Ok(Verdict::new(case, 0, |_| 0.0, |metric| measured.get(metric).copied()));
    }
    if let Some((customers, measured)) = hedge::measure(case, &params)? {
        return Ok(Verdict::new(case, customers, |_| 0.0, |metric| measured.get(metric).copied()));
    }
    Ok(measured(case, &World::realise(&params)?))
}

fn measured(case: &Case, world: &World) -> Verdict {
    let windows = simulate(case, world);
    let customers: f64 = windows.closed.iter().map(|w| w.completed + w.refused + w.abandoned).sum();
    let measure = |metric: &str| estimate(metric, &windows, world.reading);
    Verdict::new(case, customers as u64, |_| world.band, measure)
}

/// The whole loop in virtual time: arrivals, platform or desk, simulator.
fn simulate(case: &Case, world: &World) -> Windows {
    let streams = Streams::new(SEED);
    let window = Duration::from_secs_f64(case.customers() / WINDOWS as f64 / world.rate);
    // Half a window more, so that the last one ends with a look at the pools like the others.
    let until = Timestamp::ZERO + window * (WARM_UP + WINDOWS) as u64 + window / 2;
    let percentiles = case.expected.keys().filter_map(|metric| estimate::percentile(metric));
    let observer = Windows::new(world.reading, percentiles.collect(), WARM_UP, WINDOWS);
    let simulator = Simulator::new(world.setting.provider(), SEED).expect("a valid provider");
    let arrivals = Arrivals::new(world.traffic.clone(), &case.name, streams, until);
    let windows = if world.at_desk {
        let classes = world.traffic.classes.len();
        Desk::new(simulator, observer, classes, world.setting.weights.clone())
            .run(arrivals, window, until)
    } else {
        drive(world, arrivals, simulator, observer, window)
    };
    assert_eq!(windows.closed.len(), WINDOWS, "{}", case.name);
    windows
}

fn drive(
    world: &World,
    arrivals: Arrivals,
    simulator: Simulator,
    observer: Windows,
    window: Duration,
) -> Windows {
    let platform = Platform::new(world.setting.platform()).expect("a valid platform");
    let sampling = Sampling::new(window, Timestamp::ZERO);
    let mut session =
        Session::new(arrivals, platform, observer, sampling).expect("no file is read");
    let failing = Failing::new(simulator, world.feedback, Streams::new(SEED));
    let mut lines = Lines::single(failing);
    virtual_time::run(&mut session, &mut lines, &Watch::default(), Timestamp::ZERO)
        .expect("the run ends");
    let (_, _, windows) = session.into_parts();
    windows
}

/// Metrics that no run yields, with their cases.
fn unmeasured(verdicts: &[Verdict]) -> Vec<(&str, &str)> {
    let named = verdicts.iter().map(|verdict| (verdict.case.as_str(), &verdict.unmeasured));
    named.flat_map(|(case, metrics)| metrics.iter().map(move |m| (case, m.as_str()))).collect()
}

fn assert_all_hold(verdicts: &[Verdict]) {
    let failures: Vec<String> = verdicts.iter().flat_map(Verdict::failures).collect();
    assert!(failures.is_empty(), "these do not hold:\n{}", failures.join("\n"));
}
