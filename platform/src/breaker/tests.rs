use connector::Duration;
use proptest::prelude::*;

use super::*;
use crate::config::{RatesConfig, WindowConfig};

#[test]
fn the_founding_breaker_opens_at_five_failures_in_a_row_for_sixty_seconds() {
    let mut breaker = Breaker::new(BreakerConfig::default());
    fail(&mut breaker, 0, 4);
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&mut breaker, 0, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.acquire(at(60)).is_none());
    assert!(!breaker.admits(at(60)));
    let probe = breaker.acquire(past(60)).expect("the recovery is over");
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(breaker.acquire(past(60)).is_none(), "one probe at a time");
    assert!(!breaker.record(at(61), probe, Verdict::Success));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_success_in_between_starts_the_count_again() {
    let mut breaker = Breaker::new(BreakerConfig::default());
    for _ in 0..10 {
        fail(&mut breaker, 0, 4);
        report(&mut breaker, 0, Verdict::Success);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn an_ignored_result_neither_counts_nor_starts_the_count_again() {
    let mut breaker = Breaker::new(BreakerConfig::default());
    fail(&mut breaker, 0, 4);
    report(&mut breaker, 0, Verdict::Ignored);
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&mut breaker, 0, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn a_failed_probe_opens_it_for_another_recovery() {
    let mut breaker = opened(BreakerConfig::default());
    let probe = breaker.acquire(past(60)).expect("a probe");
    assert!(breaker.record(at(70), probe, Verdict::Failure), "it opened");
    assert!(breaker.acquire(at(130)).is_none());
    assert!(breaker.acquire(past(130)).is_some());
}

#[test]
fn it_closes_after_as_many_successes_as_there_are_probes() {
    let mut breaker = opened(BreakerConfig { half_open_probes: 3, ..BreakerConfig::default() });
    let probes: Vec<Permit> = (0..3).filter_map(|_| breaker.acquire(past(60))).collect();
    assert_eq!(probes.len(), 3);
    assert!(breaker.acquire(past(60)).is_none());
    for (number, probe) in probes.into_iter().enumerate() {
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "before success {number}");
        let _ = breaker.record(at(61), probe, Verdict::Success);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn late_results_of_calls_admitted_before_it_opened_decide_nothing() {
    let mut breaker = Breaker::new(BreakerConfig::default());
    let (good, bad) =
        (breaker.acquire(at(0)).expect("closed"), breaker.acquire(at(0)).expect("closed"));
    fail(&mut breaker, 0, 5);
    let probe = breaker.acquire(past(60)).expect("a probe");
    let _ = breaker.record(at(61), good, Verdict::Success);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(!breaker.record(at(61), bad, Verdict::Failure));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let _ = breaker.record(at(61), probe, Verdict::Success);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_lost_probe_blocks_half_open_no_longer_than_a_recovery() {
    let mut breaker = opened(BreakerConfig::default());
    let lost = breaker.acquire(past(60));
    assert!(lost.is_some());
    assert!(breaker.acquire(at(120)).is_none());
    let next = breaker.acquire(past(120)).expect("a new round");
    assert!(breaker.acquire(past(120)).is_none(), "of one probe");
    let _ = breaker.record(at(121), next, Verdict::Success);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_probe_slower_than_the_recovery_still_closes_it() {
    let mut breaker = opened(BreakerConfig::default());
    let slow = breaker.acquire(past(60)).expect("a probe");
    let _second_round = breaker.acquire(at(150)).expect("a new round");
    let _ = breaker.record(at(200), slow, Verdict::Success);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn an_ignored_probe_gives_its_right_back_once() {
    let mut breaker = opened(BreakerConfig::default());
    let probe = breaker.acquire(past(60)).expect("a probe");
    let _ = breaker.record(at(61), probe, Verdict::Ignored);
    let of_first_round = breaker.acquire(at(61)).expect("the right came back");
    let second_round = breaker.acquire(at(121));
    assert!(second_round.is_some());
    let _ = breaker.record(at(122), of_first_round, Verdict::Ignored);
    assert!(breaker.acquire(at(122)).is_none(), "an earlier round mints no probes");
}

#[test]
fn the_wait_grows_with_openings_that_follow_each_other_and_not_beyond_its_bound() {
    let mut breaker = Breaker::new(BreakerConfig {
        recovery_growth: BasisPoints::from_percent(200),
        recovery_max: Duration::from_secs(200),
        ..BreakerConfig::default()
    });
    fail(&mut breaker, 0, 5);
    let mut now = 0;
    for wait in [60, 120, 200, 200] {
        assert!(breaker.acquire(at(now + wait)).is_none(), "waits {wait} s");
        let probe = breaker.acquire(past(now + wait)).expect("a probe");
        now += wait + 1;
        assert!(breaker.record(at(now), probe, Verdict::Failure));
    }
}

#[test]
fn the_wait_starts_small_again_only_after_a_calm() {
    let mut breaker = Breaker::new(BreakerConfig {
        failure_threshold: 1,
        recovery_growth: BasisPoints::from_percent(200),
        calm: Duration::from_secs(100),
        ..BreakerConfig::default()
    });
    fail(&mut breaker, 0, 1);
    let close = |breaker: &mut Breaker, now| {
        let probe = breaker.acquire(at(now)).expect("a probe");
        let _ = breaker.record(at(now), probe, Verdict::Success);
    };
    close(&mut breaker, 61);
    fail(&mut breaker, 160, 1);
    assert!(!breaker.admits(past(160 + 60)), "closed for 99 s: twice as long");
    close(&mut breaker, 160 + 121);
    fail(&mut breaker, 1_000, 1);
    assert!(breaker.admits(past(1_000 + 60)), "closed for long: as at first");
}

#[test]
fn a_timed_breaker_turns_half_open_at_the_very_end_of_its_wait() {
    let config = BreakerConfig { auto_half_open: true, ..BreakerConfig::default() };
    let mut breaker = opened(config);
    assert_eq!(breaker.deadline(), Some(at(60)));
    breaker.wake(at(59));
    assert_eq!(breaker.state(), BreakerState::Open, "an early wake-up does nothing");
    assert!(breaker.admits(at(60)), "also when the call comes before the wake-up");
    breaker.wake(at(60));
    assert_eq!((breaker.state(), breaker.deadline()), (BreakerState::HalfOpen, None));
}

#[test]
fn half_open_without_a_verdict_ends_where_it_is_told_to() {
    for (half_open_then, state) in
        [(HalfOpenThen::Open, BreakerState::Open), (HalfOpenThen::Closed, BreakerState::Closed)]
    {
        let half_open_max_wait = Some(Duration::from_secs(10));
        let mut breaker = opened(BreakerConfig {
            half_open_max_wait,
            half_open_then,
            ..BreakerConfig::default()
        });
        let late = breaker.acquire(at(61)).expect("a probe");
        assert_eq!(breaker.deadline(), Some(at(71)));
        breaker.wake(at(71));
        assert_eq!(breaker.state(), state);
        assert!(!breaker.record(at(72), late, Verdict::Failure), "of an earlier epoch");
        assert_eq!(breaker.state(), state);
    }
}

#[test]
fn a_recovered_pool_gets_its_load_back_in_sixteen_steps() {
    let ramp_up = Some(RampUp { time: Duration::from_secs(16), start: BasisPoints::new(2_000) });
    let mut breaker = opened(BreakerConfig { ramp_up, ..BreakerConfig::default() });
    let probe = breaker.acquire(at(61)).expect("a probe");
    let _ = breaker.record(at(61), probe, Verdict::Success);
    assert_eq!(breaker.load(), BasisPoints::new(2_000));
    for second in 1..=16 {
        assert_eq!(breaker.deadline(), Some(at(61 + second)));
        breaker.wake(at(61 + second));
        assert_eq!(breaker.load().get(), 2_000 + 500 * second as u32);
    }
    assert_eq!(breaker.deadline(), None);
    breaker.control(at(100), Control::ToClosed);
    assert_eq!(breaker.load(), BasisPoints::ONE, "by hand at once");
}

#[test]
fn either_rule_opens_failures_in_a_row_or_a_share_of_the_window() {
    let rates = RatesConfig {
        window: WindowConfig::Calls(10),
        minimum_calls: 4,
        failure_rate: BasisPoints::from_percent(50),
        ..RatesConfig::default()
    };
    let config =
        BreakerConfig { failure_threshold: 3, rates: Some(rates), ..BreakerConfig::default() };
    let mut breaker = Breaker::new(config);
    fail(&mut breaker, 0, 3);
    assert_eq!(breaker.state(), BreakerState::Open, "three in a row, below the minimum");
    let mut breaker = Breaker::new(config);
    for verdict in [Verdict::Failure, Verdict::Success, Verdict::Success, Verdict::Failure] {
        report(&mut breaker, 0, verdict);
    }
    assert_eq!(breaker.state(), BreakerState::Open, "two of four");
}

#[test]
fn a_disabled_breaker_passes_everything_and_a_forced_one_nothing() {
    let of = |mode| Breaker::new(BreakerConfig { mode, ..BreakerConfig::default() });
    for mode in [BreakerMode::Disabled, BreakerMode::MetricsOnly] {
        let mut breaker = of(mode);
        fail(&mut breaker, 0, 100);
        assert!(breaker.admits(at(0)));
    }
    let mut forced = of(BreakerMode::ForcedOpen);
    assert!(forced.acquire(at(1_000_000)).is_none());
    forced.control(at(1_000_000), Control::Reset);
    assert!(forced.acquire(at(1_000_000)).is_some());
}

proptest! {
    /// `admits` tells the truth about `acquire`; nothing passes before the recovery is over; and
    /// half-open lets no more probes through than a new round for every recovery time allows.
    #[test]
    fn only_probes_pass_an_open_breaker(
        failure_threshold in 1_u32..4,
        half_open_probes in 1_u32..4,
        steps in proptest::collection::vec(steps(), 1..200),
    ) {
        let recovery = Duration::from_secs(30);
        let config = BreakerConfig {
            failure_threshold,
            recovery,
            half_open_probes,
            ..BreakerConfig::default()
        };
        let mut breaker = Breaker::new(config);
        let (mut now, mut opened, mut probed, mut allowed) = (0, 0, 0, 0);
        let mut permits = Vec::new();
        for (pause, report) in steps {
            now += pause;
            let Some((which, verdict)) = report else {
                let (before, admits) = (breaker.state(), breaker.admits(at(now)));
                let permit = breaker.acquire(at(now));
                prop_assert_eq!(permit.is_some(), admits);
                if permit.is_some() && before != BreakerState::Closed {
                    probed += 1;
                    let rounds = (now - opened) / 30;
                    prop_assert!(probed <= rounds * u64::from(half_open_probes) + allowed);
                }
                permits.extend(permit);
                continue;
            };
            if permits.is_empty() {
                continue;
            }
            let permit = permits.swap_remove(which.index(permits.len()));
            // A probe without a result may be repeated.
            allowed += u64::from(verdict == Verdict::Ignored);
            if breaker.record(at(now), permit, verdict) {
                prop_assert_eq!(breaker.state(), BreakerState::Open);
                (opened, probed, allowed) = (now, 0, 0);
            }
        }
    }
}

/// Time passes; then a call is admitted, or one of those under way comes home.
fn steps() -> impl Strategy<Value = (u64, Option<(prop::sample::Index, Verdict)>)> {
    let verdicts = [Verdict::Success, Verdict::Failure, Verdict::Ignored];
    let report = (any::<prop::sample::Index>(), prop::sample::select(verdicts.to_vec()));
    (0_u64..20, proptest::option::of(report))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

/// Strictly later.
fn past(seconds: u64) -> Timestamp {
    at(seconds) + Duration::from_nanos(1)
}

fn report(breaker: &mut Breaker, now: u64, verdict: Verdict) {
    let permit = breaker.acquire(at(now)).expect("closed");
    let _ = breaker.record(at(now), permit, verdict);
}

fn fail(breaker: &mut Breaker, now: u64, times: u32) {
    (0..times).for_each(|_| report(breaker, now, Verdict::Failure));
}

fn opened(config: BreakerConfig) -> Breaker {
    let mut breaker = Breaker::new(config);
    fail(&mut breaker, 0, config.failure_threshold);
    breaker
}
