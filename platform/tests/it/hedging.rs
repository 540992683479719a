//! A second strike beside one that takes long.

use connector::{BasisPoints, Duration, ErrorKind, OperationKind, Outcome, PoolId};
use platform::{
    BreakerState, Input, PlatformConfig,
    config::{
        BudgetConfig, HedgeAfter, HedgeMeasure, HedgingConfig, RatesConfig, SlowCall, WindowConfig,
    },
};

use crate::{
    setting::{LARGE, SMALL, every_pool, money, ms, pools, secs},
    world::{Answer, DOWN, FIRST_TOKEN, LOST, Says, World, no, yes_after},
};

const ASKED: OperationKind = OperationKind::Allocate;
const INFER: OperationKind = OperationKind::Infer;

#[test]
fn nothing_is_hedged_unless_it_is_asked_for() {
    let mut world = World::new(pools(2));
    world.script(0, INFER, [yes_after(secs(100))]);
    world.request();
    world.run();
    assert_eq!(world.operations(ASKED).len(), 1);
    assert_eq!((world.record().hedges, world.record().finished.as_nanos()), (0, 100_010_000_000));
}

#[test]
fn whoever_is_slow_is_asked_elsewhere_too_and_the_first_answer_counts() {
    let mut world = World::new(whole_answer(2, ms(2_000)));
    world.script(0, INFER, [yes_after(secs(100))]);
    world.request();
    world.run();
    assert_eq!((world.asked(0, ASKED), world.asked(1, ASKED)), (vec![0], vec![2_000]));
    let record = world.record();
    assert_eq!(record.outcome, Outcome::Completed);
    assert_eq!(record.pool, Some(PoolId(1)), "who answered");
    assert_eq!((record.attempts, record.hedges, record.fallbacks), (2, 1, 0));
    assert_eq!(record.finished.as_nanos(), 3_010_000_000);
    assert_eq!(
        record.first_token.map(connector::Timestamp::as_nanos),
        Some(2_210_000_000),
        "the winner's"
    );
    let (slow, fast) = (world.status(0).statistics, world.status(1).statistics);
    assert_eq!((slow.called_off, slow.completed, slow.failed), (1, 0, 0));
    assert_eq!((fast.hedges, fast.hedges_won, fast.completed, fast.retries), (1, 1, 1, 0));
    world.assert_nothing_leaked();
}

#[test]
fn the_loser_is_stopped_at_its_provider_and_gives_its_share_back_at_once() {
    let mut world = World::new(whole_answer(2, ms(2_000)));
    world.script(0, INFER, [yes_after(secs(100))]);
    world.request();
    world.run_until(crate::setting::at(ms(3_010)));
    assert_eq!(world.asked(0, OperationKind::Cancel), [3_010]);
    assert_eq!(world.asked(0, OperationKind::Release), [3_010]);
    world.run();
    assert_eq!(world.asked(1, OperationKind::Cancel), [] as [u64; 0]);
    world.assert_nothing_leaked();
}

#[test]
fn a_hedge_that_is_slower_is_called_off() {
    let mut world = World::new(whole_answer(2, ms(500)));
    world.request();
    world.run();
    assert_eq!((world.asked(0, ASKED), world.asked(1, ASKED)), (vec![0], vec![500]));
    let record = world.record();
    assert_eq!(record.pool, Some(PoolId(0)));
    assert_eq!((record.finished.as_nanos(), record.hedges), (1_010_000_000, 1));
    let hedge = world.status(1).statistics;
    assert_eq!((hedge.hedges, hedge.hedges_won, hedge.called_off), (1, 0, 1));
    assert_eq!(world.asked(1, OperationKind::Cancel), [1_010]);
    world.assert_nothing_leaked();
}

#[test]
fn both_shares_are_paid_for() {
    let mut config = whole_answer(2, ms(2_000));
    config.cables.iter_mut().for_each(|cable| cable.price_per_slot_hour = money("3600"));
    let mut world = World::new(config);
    world.script(0, INFER, [yes_after(secs(100))]);
    world.request();
    world.run();
    // From 0.010 and from 2.010 to 3.010 s, at one a second.
    assert_eq!(world.record().cost, money("4"));
    let loser = world.status(0).statistics;
    assert_eq!(loser.called_off_cost, money("3"));
    assert_eq!(loser.called_off_slot_ns, 3_000_000_000);
    assert_eq!(world.status(1).statistics.called_off_slot_ns, 0);
    assert_eq!(world.platform.meters()[0].completed, 1, "one answer, however many were asked");
}

#[test]
fn an_answer_at_the_very_instant_of_the_hedge_is_in_time() {
    let mut world = World::new(whole_answer(2, ms(1_010)));
    world.request();
    world.run();
    assert_eq!(world.operations(ASKED).len(), 1);
}

#[test]
fn where_the_first_token_decides_a_strike_that_made_one_is_not_hedged() {
    let mut world = World::new(first_token(2, ms(400)));
    world.script(0, INFER, [yes_after(secs(100))]);
    world.request();
    world.run();
    assert_eq!(world.operations(ASKED).len(), 1);
    assert_eq!(world.record().first_token.map(connector::Timestamp::as_nanos), Some(210_000_000));
}

#[test]
fn where_the_first_token_decides_it_calls_the_other_strike_off() {
    let mut world = World::new(first_token(2, ms(400)));
    // The grant comes late, so the token does.
    world.script(0, ASKED, [yes_after(ms(700))]);
    world.request();
    world.run_until(crate::setting::at(ms(610)));
    assert_eq!(world.asked(1, ASKED), [400]);
    assert_eq!(world.status(0).in_flight, 0, "called off before it had a share");
    world.run();
    assert_eq!(world.record().finished.as_nanos(), 1_410_000_000);
    assert_eq!(world.status(0).statistics.late_grants, 1);
    world.assert_nothing_leaked();
}

#[test]
fn the_failure_of_one_strike_leaves_the_other_alone() {
    let down_after = |after| Answer { after: ms(after), says: Says::No(DOWN) };
    // Who answers how, who is left to answer, and when.
    for (first, hedge, answered_by, at) in [
        (down_after(600), yes_after(ms(1_000)), 1, 1_510),
        (yes_after(secs(2)), down_after(100), 0, 2_010),
    ] {
        let mut world = World::new(whole_answer(2, ms(500)));
        world.script(0, INFER, [first]);
        world.script(1, INFER, [hedge]);
        world.request();
        world.run();
        let record = world.record();
        assert_eq!((record.outcome, record.pool), (Outcome::Completed, Some(PoolId(answered_by))));
        assert_eq!(record.finished.as_nanos() / 1_000_000, at);
        assert_eq!(record.attempts, 2, "no retry while another strike is under way");
        world.assert_nothing_leaked();
    }
}

#[test]
fn when_both_strikes_fail_the_request_is_retried_where_the_last_one_failed_and_then_goes_on() {
    let mut config = whole_answer(3, ms(500));
    config.retry.max_retries = 1;
    let mut world = World::new(config);
    world.script(0, INFER, [Answer { after: ms(600), says: Says::No(DOWN) }]);
    let failing = Answer { after: ms(900), says: Says::No(DOWN) };
    world.script(1, INFER, [failing, Answer { after: ms(10), says: Says::No(DOWN) }]);
    world.request();
    world.run();
    assert_eq!(world.asked(0, ASKED), [0], "its strike ended while another one was under way");
    assert_eq!(world.asked(1, ASKED), [500, 1_510]);
    assert_eq!(world.asked(2, ASKED).len(), 1);
    let record = world.record();
    assert_eq!((record.outcome, record.pool), (Outcome::Completed, Some(PoolId(2))));
    world.assert_nothing_leaked();
}

#[test]
fn who_fails_everywhere_is_told_of_the_hedge_too() {
    let mut world = World::new(whole_answer(2, ms(500)));
    world.script(0, INFER, [Answer { after: ms(600), says: Says::No(ErrorKind::Invalid) }]);
    world.script(1, INFER, [Answer { after: ms(600), says: Says::No(ErrorKind::Invalid) }]);
    world.request();
    world.run();
    let reason = world.reason();
    assert!(reason.contains("pool-0: ") && reason.contains("; gemma-2b on pool-1: "), "{reason}");
}

#[test]
fn a_caller_who_leaves_stops_both_strikes() {
    for leaves_after in [ms(505), ms(700)] {
        let mut world = World::new(whole_answer(2, ms(500)));
        world.script(0, INFER, [yes_after(secs(100))]);
        let leaving = world.request();
        world.run_for(leaves_after);
        assert_eq!((world.status(0).in_flight, world.status(1).in_flight), (1, 1));
        world.cancel(leaving);
        assert_eq!((world.status(0).in_flight, world.status(1).in_flight), (0, 0));
        assert_eq!(world.record().outcome, Outcome::Cancelled);
        world.run();
        world.assert_nothing_leaked();
        assert_eq!(world.status(0).statistics.called_off, 0, "nobody has won");
    }
}

#[test]
fn the_place_of_the_loser_goes_to_whoever_waits_for_it() {
    let mut config = whole_answer(2, ms(500));
    for cable in &mut config.cables {
        (cable.max_in_flight, cable.queue) = (Some(1), 5);
    }
    let mut world = World::new(config);
    world.script(0, INFER, [yes_after(secs(100))]);
    world.request();
    world.run_for(ms(600));
    let waiting = world.request();
    assert_eq!((world.status(0).queued, world.status(1).queued), (1, 0), "the best line");
    world.run();
    assert_eq!(world.asked(0, ASKED), [0, 1_510]);
    assert_eq!(world.record_of(waiting).queued, ms(910));
    assert_eq!(world.outcomes(), [Outcome::Completed; 2]);
    world.assert_nothing_leaked();
}

#[test]
fn a_full_pool_is_not_hedged_into_and_its_line_is_not_joined() {
    let mut config = whole_answer(2, ms(500));
    (config.cables[1].max_in_flight, config.cables[1].queue) = (Some(1), 5);
    config.router = platform::config::RouterConfig::Static(vec![
        every_pool(SMALL, 2),
        vec![platform::config::Candidate { model: LARGE, pool: PoolId(1) }],
    ]);
    let mut world = World::new(config);
    world.script(1, INFER, [yes_after(secs(50))]);
    world.request_with(|request| request.prompt_tokens = connector::Tokens::new(2_000));
    world.script(0, INFER, [yes_after(secs(100))]);
    world.request();
    world.run_for(secs(10));
    assert_eq!((world.status(1).in_flight, world.status(1).queued), (1, 0));
    assert_eq!(world.status(1).statistics.hedges, 0);
}

#[test]
fn a_pool_that_is_half_open_is_not_hedged_into() {
    let mut config = whole_answer(2, ms(500));
    config.cables[1].breaker.failure_threshold = 1;
    config.cables[1].breaker.recovery = secs(10);
    config.cables[1].price_per_slot_hour = money("1.50");
    let mut world = World::new(config);
    // Pool 1 opens: a hedge fails there.
    world.script(0, INFER, [yes_after(secs(2)), yes_after(secs(20)), yes_after(secs(20))]);
    world.script(1, ASKED, [no(DOWN)]);
    world.request();
    world.run_for(secs(5));
    assert_eq!(world.status(1).breaker, BreakerState::Open);
    world.request();
    world.run_for(secs(5));
    assert_eq!(world.asked(1, ASKED), [500], "open");
    // From 10.51 s on a probe would be let through, but a hedge is none.
    world.run_for(secs(2));
    world.request();
    world.run_for(secs(5));
    assert_eq!(world.asked(1, ASKED), [500], "a hedge is no probe");
}

#[test]
fn whoever_is_called_off_when_it_was_slow_already_counts_as_slow() {
    let mut config = whole_answer(2, ms(500));
    config.cables[0].breaker.rates = Some(RatesConfig {
        window: WindowConfig::Calls(2),
        minimum_calls: 2,
        slow: SlowCall { first_token: ms(300), per_output_token: None },
        ..RatesConfig::default()
    });
    let mut world = World::new(config);
    world.script(0, ASKED, [yes_after(secs(100)), yes_after(secs(100))]);
    for expected in [BreakerState::Closed, BreakerState::Open] {
        world.request();
        world.run_for(secs(5));
        assert_eq!(world.status(0).breaker, expected);
    }
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn every_hedge_is_paid_for_by_the_retry_budget() {
    let mut config = whole_answer(2, ms(500));
    config.retry.budget =
        Some(BudgetConfig { share: BasisPoints::from_percent(10), per_second: 0, burst: 2 });
    let mut world = World::new(config);
    world.script(0, INFER, [yes_after(secs(20)); 60]);
    for _ in 0..60 {
        world.request();
        world.run();
    }
    let hedge = world.status(1).statistics;
    // Two that were saved up, and one for every ten first tries.
    assert!((7..=8).contains(&hedge.hedges), "{}", hedge.hedges);
    assert_eq!(hedge.hedges + hedge.hedges_unaffordable, 60);
    assert_eq!(world.outcomes(), [Outcome::Completed; 60]);
    world.assert_nothing_leaked();
}

#[test]
fn the_same_pool_is_asked_twice_only_where_that_is_allowed() {
    for (same_pool, asked) in [(false, vec![0]), (true, vec![0, 2_000])] {
        let mut config = whole_answer(1, ms(2_000));
        config.hedging = config.hedging.map(|hedging| HedgingConfig { same_pool, ..hedging });
        let mut world = World::new(config);
        world.script(0, INFER, [yes_after(secs(100))]);
        world.request();
        world.run();
        assert_eq!(world.asked(0, ASKED), asked);
        world.assert_nothing_leaked();
    }
}

#[test]
fn another_model_is_no_hedge() {
    let mut config = whole_answer(2, ms(500));
    config.router = platform::config::RouterConfig::Static(vec![
        vec![
            platform::config::Candidate { model: SMALL, pool: PoolId(0) },
            platform::config::Candidate { model: LARGE, pool: PoolId(1) },
        ],
        every_pool(LARGE, 2),
    ]);
    let mut world = World::new(config);
    world.script(0, INFER, [yes_after(secs(100))]);
    world.request();
    world.run();
    assert_eq!(world.asked(1, ASKED), [] as [u64; 0]);
}

#[test]
fn nothing_is_hedged_while_draining() {
    let mut world = World::new(whole_answer(2, ms(500)));
    world.request();
    world.run_for(ms(100));
    world.hand_over(Input::Drain);
    world.run();
    assert_eq!(world.operations(ASKED).len(), 1);
    assert_eq!(world.record().outcome, Outcome::Completed);
    world.assert_nothing_leaked();
}

#[test]
fn a_hedged_request_that_is_drained_still_gets_the_first_answer() {
    let mut world = World::new(whole_answer(2, ms(500)));
    world.script(0, INFER, [yes_after(secs(100))]);
    world.request();
    world.run_for(ms(600));
    world.hand_over(Input::Drain);
    world.run();
    assert_eq!(world.record().outcome, Outcome::Completed);
    assert_eq!(world.record().finished.as_nanos(), 1_510_000_000);
    world.assert_nothing_leaked();
}

#[test]
fn an_allocation_of_unknown_outcome_is_cleared_up_although_the_hedge_answers() {
    let mut world = World::new(whole_answer(2, ms(500)));
    world.script(0, ASKED, [Answer { after: ms(800), says: Says::DoneBut(LOST) }]);
    world.request();
    world.run();
    assert_eq!(world.record().outcome, Outcome::Completed);
    assert_eq!(world.record().pool, Some(PoolId(1)));
    assert_eq!(world.status(0).statistics.ghosts, 1);
    world.assert_nothing_leaked();
}

#[test]
fn the_quantile_is_of_what_was_measured_on_the_pool() {
    let mut world = World::new(after_quantile(2, BasisPoints::from_percent(90)));
    for n in 0..60 {
        let usual = if n % 20 == 19 { ms(3_000) } else { ms(1_000) };
        world.script(0, INFER, [yes_after(usual)]);
        world.request();
        world.run();
    }
    assert_eq!(world.status(1).statistics.hedges, 1, "only the last of three was hedged");
    // Within the width of a bucket above 1.01 s after it was asked.
    let (hedged, slow) = (world.asked(1, ASKED)[0], world.asked(0, ASKED)[59]);
    assert!((1_010..1_015).contains(&(hedged - slow)), "{}", hedged - slow);
}

#[test]
fn what_is_called_off_does_not_make_a_pool_look_faster_than_it_is() {
    let mut world = World::new(after_quantile(2, BasisPoints::from_percent(80)));
    // Every fifth strike is slow, always.
    for n in 0..1_000 {
        let usual = if n % 5 == 0 { secs(100) } else { ms(1_000 + n % 100) };
        world.script(0, INFER, [yes_after(usual)]);
        world.request();
        world.run();
    }
    let hedges = world.status(1).statistics.hedges;
    assert!((180..=240).contains(&hedges), "a fifth: {hedges}");
    world.assert_nothing_leaked();
}

#[test]
fn those_under_way_on_a_pool_that_stalls_are_hedged_one_after_the_other() {
    let mut world = World::new(after_quantile(2, BasisPoints::from_percent(90)));
    for _ in 0..50 {
        world.script(0, INFER, [yes_after(ms(1_000))]);
        world.request();
        world.run();
    }
    let began = world.now.as_nanos() / 1_000_000;
    world.script(0, INFER, [yes_after(secs(20)); 3]);
    (0..3).for_each(|_| _ = world.request());
    world.run();
    let hedged: Vec<u64> = world.asked(1, ASKED).iter().map(|at| at - began).collect();
    // 1.01 s, and exp(0.9 / 576) more for each that was slow before.
    assert_eq!(hedged, [1_010, 1_011, 1_013]);
}

#[test]
fn time_to_the_first_token_is_measured_where_it_decides() {
    let mut config = first_token(2, ms(1));
    let after = HedgeAfter::Quantile(BasisPoints::from_percent(90));
    config.hedging = config.hedging.map(|hedging| HedgingConfig { after, ..hedging });
    let mut world = World::new(config);
    for _ in 0..60 {
        world.request();
        world.run();
    }
    world.script(0, ASKED, [yes_after(secs(5))]);
    world.request();
    let began = world.now.as_nanos() / 1_000_000;
    world.run();
    let usual = (crate::world::ALLOCATION + FIRST_TOKEN).as_nanos() / 1_000_000;
    let hedged = world.asked(1, ASKED);
    assert_eq!(hedged.len(), 1);
    assert!((usual..=usual + 1).contains(&(hedged[0] - began)), "{}", hedged[0] - began);
}

fn whole_answer(number: u32, after: Duration) -> PlatformConfig {
    hedging(number, HedgeAfter::Fixed(after), HedgeMeasure::EndToEnd)
}

fn first_token(number: u32, after: Duration) -> PlatformConfig {
    hedging(number, HedgeAfter::Fixed(after), HedgeMeasure::FirstToken)
}

fn after_quantile(number: u32, share: BasisPoints) -> PlatformConfig {
    hedging(number, HedgeAfter::Quantile(share), HedgeMeasure::EndToEnd)
}

fn hedging(number: u32, after: HedgeAfter, measure: HedgeMeasure) -> PlatformConfig {
    let hedging = HedgingConfig { after, measure, ..HedgingConfig::default() };
    PlatformConfig { hedging: Some(hedging), ..pools(number) }
}
