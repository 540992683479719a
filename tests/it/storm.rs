//! A metastable failure (Bronson et al., "Metastable Failures in Distributed Systems", `HotOS` 2021), and
//! what ends it. The published figures are of a model of its own: 300 requests a second, a time-out of a
//! second, a trigger of ten. With three retries goodput never comes back at 280 a second; with a budget
//! of 10 % it comes back within minutes at 260 and never at 280; with a queue of half the time-out at
//! once.

use std::path::Path;

use connector::{Duration, Outcome, RequestRecord, Timestamp};
use harpoon::drive::{Lines, Observer, Sampling, Session, Watch, virtual_time};
use platform::{Platform, PlatformConfig};
use sim::Simulator;

/// The trigger is over after so many seconds.
const OVER: usize = 40;
/// How long arrivals go on.
const LASTS: usize = 180;

const NAIVE: &str = "timeouts: { inference: 1s, abandon: leave }, breaker: { mode: disabled }";
const AGAIN: &str = "retry: { after_timeout: true, budget: { enabled: false } }";
const AGAIN_WITHIN_BUDGET: &str = "retry: { after_timeout: true }";
const NO_BOUND: &str = "cables: { max_in_flight: unlimited }";
const SHORT_QUEUE: &str = "cables: { max_in_flight: 150, queue: 150 }";

#[test]
fn naive_retries_never_recover_from_a_trigger_that_is_over() {
    for rate in [260, 280] {
        let goodput = goodput(rate, Some(&[NAIVE, AGAIN, NO_BOUND]));
        assert_well_before(&goodput, rate);
        let after: u64 = goodput[OVER + 5..LASTS].iter().sum();
        assert_eq!(after, 0, "at {rate} a second: {goodput:?}");
    }
}

#[test]
fn a_retry_budget_alone_recovers_late_or_never() {
    let with_budget = |rate| goodput(rate, Some(&[NAIVE, AGAIN_WITHIN_BUDGET, NO_BOUND]));
    let never = with_budget(280);
    assert_eq!(never[OVER + 5..LASTS].iter().sum::<u64>(), 0, "{never:?}");
    let late = recovery(&with_budget(260), 260).expect("it comes back");
    assert!((60..=130).contains(&late), "after {late} s");
}

#[test]
fn a_queue_of_half_the_time_out_recovers_once_what_was_left_is_worked_off() {
    let recovered = recovery(&goodput(280, Some(&[NAIVE, AGAIN, SHORT_QUEUE])), 280);
    // The provider gets what was left during the trigger ten seconds late.
    assert!(recovered.is_some_and(|after| after <= 11), "after {recovered:?} s");
}

#[test]
fn the_defaults_recover_within_twice_the_time_out() {
    for rate in [260, 280] {
        let goodput = goodput(rate, None);
        assert_well_before(&goodput, rate);
        let recovered = recovery(&goodput, rate);
        assert!(recovered.is_some_and(|after| after <= 2), "after {recovered:?} s: {goodput:?}");
    }
}

fn assert_well_before(goodput: &[u64], rate: u64) {
    let before = goodput[10..30].iter().sum::<u64>() / 20;
    assert!(before * 100 >= rate * 95, "{before} a second before the trigger, of {rate}");
}

/// Seconds from the end of the trigger until as much is answered as is asked for, for good.
fn recovery(goodput: &[u64], rate: u64) -> Option<usize> {
    // Arrivals of a second are within five standard deviations.
    let enough = rate - 5 * rate.isqrt();
    let last_bad = (OVER..LASTS - 1).rev().find(|&second| goodput[second] < enough)?;
    (last_bad + 1 < LASTS - 1).then(|| last_bad + 1 - OVER)
}

/// Answers in each second of a run of the shipped scenario, whose platform is replaced by these
/// settings.
fn goodput(rate: u64, platform: Option<&[&str]>) -> Vec<u64> {
    let mut changes = vec![
        format!("traffic.0.arrivals={{ poisson: {{ rate: {rate}/s }} }}"),
        format!("duration={LASTS}s"),
    ];
    changes.extend(platform.map(|keys| format!("platform={{ {} }}", keys.join(", "))));
    let changes: Vec<_> = changes.iter().map(|text| text.parse().expect("a change")).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/retry-storm.yaml");
    let scenario = scenarios::load(&path, &changes).unwrap_or_else(|told| panic!("{told}"));
    let seed = scenario.seed;
    let mut lines = Lines::single(Simulator::new(scenario.provider.clone(), seed).unwrap());
    let platform = Platform::new(PlatformConfig { seed, ..scenario.platform.clone() }).unwrap();
    let sampling = Sampling::new(Duration::from_secs(1), Timestamp::ZERO);
    let arrivals = scenario.arrivals(seed).unwrap();
    let mut session = Session::new(arrivals, platform, Answers::default(), sampling).unwrap();
    virtual_time::run(&mut session, &mut lines, &Watch::default(), Timestamp::ZERO).unwrap();
    assert_eq!(session.platform().held(), 0, "nothing is leaked, storm or not");
    let (_, _, Answers(mut answers)) = session.into_parts();
    answers.resize(answers.len().max(LASTS), 0);
    answers
}

/// Answers by the second in which they were given.
#[derive(Debug, Default)]
struct Answers(Vec<u64>);

impl Observer for Answers {
    fn record(&mut self, record: &RequestRecord) {
        let second = (record.finished.as_nanos() / 1_000_000_000) as usize;
        if self.0.len() <= second {
            self.0.resize(second + 1, 0);
        }
        self.0[second] += u64::from(record.outcome == Outcome::Completed);
    }
}
