use connector::Duration;
use proptest::prelude::*;

use super::*;

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
