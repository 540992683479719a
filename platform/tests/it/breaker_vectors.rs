//! The breaker against conformance cases written by somebody else: `../shared/vectors/breaker.json`
//! beside the repository, and any other file of that form that `HARPOON_BREAKER_VECTORS` names. Where
//! there is no file the test passes and says so.
//!
//! Every case without the tag `may_differ` must hold, those with `bucket_aligned` too: our windows
//! of time are made of whole seconds as well.
//!
//! Results in the cases carry no identity, and our permits do. A result is taken to be that of the
//! oldest call under way of the present epoch, else of the oldest call of an earlier one, else of a
//! call that nobody asked leave for. In cases of late results (`stale_result` and `may_differ`) it
//! is the oldest call of all.
//!
//! Where we differ on purpose, as seen in cases with `may_differ`:
//! * late results of calls admitted before the breaker opened decide nothing (the case of that kind
//!   stays half-open where the anchor opens);
//! * a permit can be given back once, so that nothing mints permits (the second release of that
//!   case has nothing to give back, and the second acquire after it is refused).
//!
//! In all of those the breaker must do what the naive model does, which has permits too.

use std::{env, fs, path::Path};

use connector::{BasisPoints, Timestamp};
use platform::{
    BreakerState,
    breaker::{Breaker, Control, Permit, Verdict},
    config::{BreakerConfig, HalfOpenThen, ProbeRenewal, RatesConfig, SlowCall, WindowConfig},
};
use serde_json::Value;

use crate::{
    breaker_model::{Model, Ticket},
    setting::ms,
};

const BESIDE_THE_REPOSITORY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors/breaker.json");
const VARIABLE: &str = "HARPOON_BREAKER_VECTORS";

#[test]
#[expect(clippy::disallowed_methods, reason = "which vectors to check is said by whoever runs it")]
fn every_case_of_the_vectors_holds_or_differs_on_purpose() {
    let named = env::var(VARIABLE).ok();
    let beside = Path::new(BESIDE_THE_REPOSITORY).exists().then(|| BESIDE_THE_REPOSITORY.into());
    let files: Vec<String> = beside.into_iter().chain(named).collect();
    if files.is_empty() {
        report(&format!("no vectors: {BESIDE_THE_REPOSITORY} is not here, {VARIABLE} is not set"));
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let cases: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        let cases = cases.as_array().expect("a list of cases");
        let differing = cases.iter().filter(|case| !check(case)).count();
        report(&format!("{file}: {} cases, {differing} differ on purpose", cases.len()));
    }
}

/// What stands in the head of this file about the two published cases.
#[test]
fn late_results_and_double_releases_differ_as_intended() {
    let Ok(text) = fs::read_to_string(BESIDE_THE_REPOSITORY) else {
        return report("no vectors beside the repository");
    };
    let cases: Value = serde_json::from_str(&text).expect("JSON");
    let named = |name: &str| {
        let case = cases.as_array().expect("cases").iter().find(|case| case["name"] == name);
        case.map(|case| {
            run(case).iter().filter(|step| !step.holds).map(|step| step.index).collect()
        })
    };
    let late: Option<Vec<usize>> = named("stale_closed_failures_count_in_half_open");
    assert!(late.is_none_or(|steps| steps == [28]), "stays half-open at the last step only");
    let minted: Option<Vec<usize>> = named("stale_over_release_mints_permits");
    assert!(minted.is_none_or(|steps| steps == [6]), "refuses the minted permit only");
}

/// Whether the case holds. Panics where it must and does not.
fn check(case: &Value) -> bool {
    let differing: Vec<Step> = run(case).into_iter().filter(|step| !step.holds).collect();
    let must = !has_tag(case, "may_differ");
    assert!(!must || differing.is_empty(), "{}: {differing:?}", case["name"]);
    differing.is_empty()
}

#[derive(Debug)]
#[expect(dead_code, reason = "read in the message of a failure")]
struct Step {
    index: usize,
    holds: bool,
    state: &'static str,
    permitted: Option<bool>,
}

fn run(case: &Value) -> Vec<Step> {
    let mut harness = Harness::new(case);
    let steps = case["steps"].as_array().expect("steps");
    let step = |(index, step): (usize, &Value)| {
        let permitted = harness.take(step);
        let state = name(harness.breaker.state());
        let expected = step.get("expect_permitted").and_then(Value::as_bool);
        let holds = state == text(step, "expect_state") && permitted == expected;
        Step { index, holds, state, permitted }
    };
    steps.iter().enumerate().map(step).collect()
}

/// The breaker, the model beside it, and the calls under way.
struct Harness {
    breaker: Breaker,
    model: Model,
    slow: SlowCall,
    oldest_first: bool,
    /// With the number of changes of state before it began.
    calls: Vec<(u32, Permit, Ticket)>,
    changes: u32,
}

impl Harness {
    fn new(case: &Value) -> Self {
        let config = config(&case["config"]);
        let mut harness = Self {
            breaker: Breaker::new(config),
            model: Model::new(config),
            slow: config.rates.expect("cases have rates").slow,
            oldest_first: has_tag(case, "stale_result") && has_tag(case, "may_differ"),
            calls: Vec::new(),
            changes: 0,
        };
        let start = match text(&case["config"], "initial_state") {
            "OPEN" => Some(Control::ToOpen),
            "HALF_OPEN" => Some(Control::ToHalfOpen),
            "FORCED_OPEN" => Some(Control::ForceOpen),
            "DISABLED" => Some(Control::Disable),
            "METRICS_ONLY" => Some(Control::MetricsOnly),
            _ => None,
        };
        if let Some(control) = start {
            harness.breaker.control(Timestamp::ZERO, control);
            harness.model.control(Timestamp::ZERO, control);
        }
        harness
    }

    fn take(&mut self, step: &Value) -> Option<bool> {
        let before = self.breaker.state();
        let now = Timestamp::ZERO + ms(number(step, "at_ms"));
        while let Some(due) = self.breaker.deadline().filter(|&due| due <= now) {
            self.breaker.wake(due);
            self.model.wake(due);
            self.changes += 1;
        }
        let permitted = self.act(now, step);
        self.changes += u32::from(self.breaker.state() != before);
        if let (Some(true), Some(last)) = (permitted, self.calls.last_mut()) {
            last.0 = self.changes;
        }
        assert_eq!(self.breaker.state(), self.model.state, "the model at {step}");
        permitted
    }

    fn act(&mut self, now: Timestamp, step: &Value) -> Option<bool> {
        let took = ms(step.get("duration_ms").and_then(Value::as_u64).unwrap_or(0));
        let slow = self.slow.is_slow(took, None);
        let control = match text(step, "op") {
            "acquire" => return Some(self.acquire(now)),
            "observe" => return None,
            "release" | "ignored" => return self.report(now, Verdict::Ignored),
            "success" if slow => return self.report(now, Verdict::Slow),
            "success" => return self.report(now, Verdict::Success),
            "failure" if slow => return self.report(now, Verdict::SlowFailure),
            "failure" => return self.report(now, Verdict::Failure),
            "slow" => return self.report(now, Verdict::Slow),
            "slow_failure" => return self.report(now, Verdict::SlowFailure),
            "reset" => Control::Reset,
            "to_open" => Control::ToOpen,
            "to_half_open" => Control::ToHalfOpen,
            "to_closed" => Control::ToClosed,
            "force_open" => Control::ForceOpen,
            "disable" => Control::Disable,
            "metrics_only" => Control::MetricsOnly,
            other => panic!("no such operation: {other}"),
        };
        self.breaker.control(now, control);
        self.model.control(now, control);
        self.changes += 1;
        None
    }

    fn acquire(&mut self, now: Timestamp) -> bool {
        let (permit, ticket) = (self.breaker.acquire(now), self.model.acquire(now));
        assert_eq!(permit.is_some(), ticket.is_some(), "the model at {now:?}");
        let admitted = permit.is_some();
        self.calls.extend(permit.zip(ticket).map(|(permit, ticket)| (0, permit, ticket)));
        admitted
    }

    fn report(&mut self, now: Timestamp, verdict: Verdict) -> Option<bool> {
        let present = self.calls.iter().position(|&(epoch, ..)| epoch == self.changes);
        let present = present.filter(|_| !self.oldest_first);
        if let Some(call) = present.or_else(|| (!self.calls.is_empty()).then_some(0)) {
            let (_, permit, ticket) = self.calls.remove(call);
            let _ = self.breaker.record(now, permit, verdict);
            self.model.record(now, ticket, verdict);
        } else {
            let _ = self.breaker.witness(now, verdict);
            self.model.witness(now, verdict);
        }
        None
    }
}

fn config(of: &Value) -> BreakerConfig {
    let window = match text(of, "window_type") {
        "count" => WindowConfig::Calls(number(of, "window_size") as u32),
        "time" => WindowConfig::Seconds(number(of, "window_size") as u32),
        other => panic!("no such window: {other}"),
    };
    let most = number(of, "half_open_max_wait_ms");
    BreakerConfig {
        failure_threshold: u32::MAX,
        rates: Some(RatesConfig {
            window,
            minimum_calls: number(of, "minimum_calls") as u32,
            failure_rate: ratio(of, "failure_rate_threshold", 100.0),
            slow_rate: ratio(of, "slow_call_rate_threshold", 100.0),
            slow: SlowCall {
                first_token: ms(number(of, "slow_call_duration_ms")),
                per_output_token: None,
            },
        }),
        recovery: ms(number(of, "open_wait_ms")),
        recovery_growth: ratio(of, "open_wait_multiplier", 10_000.0),
        recovery_max: connector::Duration::MAX,
        half_open_probes: number(of, "half_open_permits") as u32,
        probe_renewal: ProbeRenewal::Never,
        half_open_max_wait: (most > 0).then(|| ms(most)),
        half_open_then: match text(of, "half_open_max_wait_target") {
            "CLOSED" => HalfOpenThen::Closed,
            _ => HalfOpenThen::Open,
        },
        auto_half_open: of["auto_half_open"].as_bool().expect("true or false"),
        ..BreakerConfig::default()
    }
}

fn ratio(of: &Value, key: &str, scale: f64) -> BasisPoints {
    let value = of[key].as_f64().unwrap_or_else(|| panic!("no {key} in {of}"));
    BasisPoints::new((value * scale).round() as u32)
}

fn number(of: &Value, key: &str) -> u64 {
    of[key].as_u64().unwrap_or_else(|| panic!("no {key} in {of}"))
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_else(|| panic!("no {key} in {of}"))
}

fn has_tag(case: &Value, tag: &str) -> bool {
    case["tags"].as_array().is_some_and(|tags| tags.iter().any(|one| one == tag))
}

fn name(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "CLOSED",
        BreakerState::Open => "OPEN",
        BreakerState::HalfOpen => "HALF_OPEN",
        BreakerState::ForcedOpen => "FORCED_OPEN",
        BreakerState::Disabled => "DISABLED",
        BreakerState::MetricsOnly => "METRICS_ONLY",
    }
}

#[expect(clippy::print_stderr, reason = "what was checked is to be seen in the test's output")]
fn report(line: &str) {
    eprintln!("breaker vectors: {line}");
}
