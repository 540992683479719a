//! Retries and further candidates are paid for from one budget.

use connector::{BasisPoints, ErrorKind, OperationKind, Outcome};
use platform::{
    PlatformConfig,
    config::{BudgetConfig, Jitter, RetryConfig},
};
use proptest::prelude::*;

use crate::{
    setting::{ms, pools},
    world::{Answer, DOWN, LOST, Says, World, done_but_says, no},
};

#[test]
fn without_budget_a_failed_strike_is_the_last() {
    let mut world = World::new(with_budget(2, 0, 0, 0));
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(DOWN)]);
    assert_eq!(
        world.reason(),
        "gemma-2b on pool-0: unavailable; gemma-2b on pool-0: the retry budget is spent"
    );
    assert_eq!(world.record().attempts, 1);
    assert_eq!(world.status(0).statistics.refused_budget, 1);
}

#[test]
fn a_refusal_costs_nothing_and_the_next_candidate_is_free() {
    for kind in [ErrorKind::CapacityExhausted, ErrorKind::PolicyRefused, ErrorKind::NotFound] {
        let mut world = World::new(with_budget(2, 0, 0, 0));
        world.script(0, OperationKind::Allocate, [no(kind)]);
        world.request();
        world.run();
        assert_eq!(world.outcomes(), [Outcome::Completed], "{kind}");
    }
}

#[test]
fn a_candidate_behind_one_that_may_have_worked_is_paid_for() {
    for (burst, outcome) in [(0, Outcome::Failed(ErrorKind::Preempted)), (1, Outcome::Completed)] {
        let mut world = World::new(with_budget(2, 0, 0, burst));
        let taken_away = Answer { after: ms(300), says: Says::Preempts };
        world.script(0, OperationKind::Infer, [taken_away]);
        world.request();
        world.run();
        assert_eq!(world.outcomes(), [outcome]);
    }
}

#[test]
fn first_tries_pay_for_retries() {
    let mut world = World::new(with_budget(1, 50, 0, 1));
    world.script(0, OperationKind::Allocate, [no(DOWN); 2]);
    // The first takes what there was at the beginning and has earned half a retry meanwhile, which
    // was lost since the budget was full.
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(DOWN)]);
    (0..2).for_each(|_| _ = world.request());
    world.run();
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    world.request();
    world.run();
    assert_eq!(world.record_of(connector::RequestId(3)).outcome, Outcome::Completed);
}

#[test]
fn a_retry_that_does_not_come_about_is_put_back() {
    let mut world = World::new(with_budget(1, 0, 0, 1));
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    let impatient = world.request();
    world.run_for(ms(50));
    world.cancel(impatient);
    world.script(0, OperationKind::Allocate, [no(DOWN)]);
    let patient = world.request();
    world.run();
    let record = world.record_of(patient);
    assert_eq!((record.outcome, record.attempts), (Outcome::Completed, 2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    /// 10,000 requests a case to three pools of which two fail at random: what is sent beyond the
    /// first try of each request stays within the budget at any time.
    #[test]
    fn retries_never_exceed_the_budget(
        percent in 0_u32..40,
        per_second in 0_u32..5,
        burst in 0_u32..30,
        failing in prop::sample::select(&[0_u64, 1, 3, 10][..]),
        seed in any::<u64>(),
    ) {
        use rand::{RngExt, SeedableRng};
        let mut random = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut config = with_budget(3, percent, per_second, burst);
        config.retry = RetryConfig { jitter: Jitter::Full, ..config.retry };
        config.seed = seed;
        for cable in &mut config.cables {
            cable.breaker.failure_threshold = 1_000_000;
        }
        let mut world = World::new(config.clone());
        let kinds = [LOST, ErrorKind::Timeout, ErrorKind::Protocol];
        for _ in 0..10_000 {
            for cable in 0..2 {
                if random.random_range(0..10) < failing {
                    let kind = kinds[random.random_range(0..kinds.len())];
                    let operation = if random.random() { OperationKind::Allocate } else { OperationKind::Infer };
                    world.script(cable, operation, [done_but_says(kind)]);
                }
            }
            world.request();
            world.run_for(ms(random.random_range(0..30)));
        }
        world.run();
        assert_within_budget(&world, config.retry.budget.expect("a budget"))?;
        world.drain();
        world.run();
        world.assert_nothing_leaked();
    }
}

/// Each strike asks for one share, and the first of a request is the one right at its arrival, as no
/// pool is ever full.
fn assert_within_budget(world: &World, budget: BudgetConfig) -> Result<(), TestCaseError> {
    let mut first_tries = std::collections::BTreeMap::<u64, i128>::new();
    for record in &world.records {
        *first_tries.entry(record.arrived.as_nanos()).or_default() += 1;
    }
    let (mut tries, mut spent) = (0_i128, 0_i128);
    for strike in world.operations(OperationKind::Allocate) {
        let now = strike.at.as_nanos();
        if let Some(left) = first_tries.get_mut(&now).filter(|left| **left > 0) {
            *left -= 1;
            tries += 1;
        } else {
            spent += 1;
        }
        // In parts of 10^-13 retries.
        let earned = tries * i128::from(budget.share.get()) * 1_000_000_000
            + i128::from(budget.per_second) * i128::from(now) * 10_000;
        let bound = i128::from(budget.burst) * 10_000_000_000_000 + earned;
        prop_assert!(spent * 10_000_000_000_000 <= bound, "{spent} retries at {now} ns");
    }
    let attempts: i128 = world.records.iter().map(|record| i128::from(record.attempts)).sum();
    prop_assert_eq!(attempts, tries + spent, "every strike is in a record");
    Ok(())
}

fn with_budget(number: u32, percent: u32, per_second: u32, burst: u32) -> PlatformConfig {
    let mut config = pools(number);
    let share = BasisPoints::from_percent(percent);
    config.retry.budget = Some(BudgetConfig { share, per_second, burst });
    config
}
