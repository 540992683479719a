use proptest::prelude::*;

use super::*;

#[test]
fn ten_first_tries_pay_for_one_retry() {
    let mut budget = emptied(config(10, 0, 10));
    (0..9).for_each(|_| budget.deposit(at(0)));
    assert!(!budget.withdraw(at(0)));
    budget.deposit(at(0));
    assert!(budget.withdraw(at(0)));
    assert!(!budget.withdraw(at(0)));
}

#[test]
fn a_basis_point_is_not_rounded_away() {
    let one_in_ten_thousand = BudgetConfig { share: BasisPoints::new(1), ..config(0, 0, 1) };
    let mut budget = emptied(one_in_ten_thousand);
    (0..9_999).for_each(|_| budget.deposit(at(0)));
    assert!(!budget.withdraw(at(0)));
    budget.deposit(at(0));
    assert!(budget.withdraw(at(0)));
}

#[test]
fn time_pays_for_the_minimum_rate_to_the_nanosecond() {
    let mut budget = emptied(config(0, 4, 10));
    assert!(!budget.withdraw(at(250_000_000 - 1)));
    assert!(budget.withdraw(at(250_000_000)));
    assert!(!budget.withdraw(at(499_999_999)));
    assert!(budget.withdraw(at(500_000_000)));
}

#[test]
fn no_more_than_the_burst_is_saved_up() {
    let mut budget = Budget::new(config(100, 1_000, 3));
    (0..1_000).for_each(|_| budget.deposit(at(0)));
    budget.deposit(Timestamp::MAX);
    assert_eq!(budget.available(), 3);
    let taken = (0..10).filter(|_| budget.withdraw(Timestamp::MAX)).count();
    assert_eq!(taken, 3);
}

#[test]
fn a_burst_of_nothing_forbids_all_retries() {
    let mut budget = Budget::new(config(100, 1_000, 0));
    (0..100).for_each(|_| budget.deposit(at(0)));
    assert!(!budget.withdraw(Timestamp::MAX));
}

#[test]
fn what_is_put_back_can_be_taken_again_and_never_exceeds_the_burst() {
    let mut budget = Budget::new(config(0, 0, 1));
    assert!(budget.withdraw(at(0)));
    budget.put_back();
    budget.put_back();
    assert!(budget.withdraw(at(0)));
    assert!(!budget.withdraw(at(0)));
}

#[test]
fn time_that_goes_back_is_no_time() {
    let mut budget = emptied(config(0, 1, 10));
    budget.deposit(at(5 * TOKEN));
    budget.deposit(at(0));
    budget.deposit(at(5 * TOKEN));
    assert_eq!(budget.available(), 5);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    /// In every stretch of a run, retries stay within burst, share and minimum rate.
    #[test]
    fn retries_stay_within_the_bound_in_every_stretch(
        share in 0_u32..3_000,
        per_second in 0_u32..50,
        burst in 0_u32..20,
        seed in any::<u64>(),
    ) {
        use rand::{RngExt, SeedableRng};
        let mut random = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut budget = Budget::new(BudgetConfig { share: BasisPoints::new(share), per_second, burst });
        let (mut now, mut tries, mut taken, mut lowest) = (0_u64, 0_i128, 0_i128, 0_i128);
        for _ in 0..5_000 {
            now += random.random_range(0..20_000_000_u64);
            if random.random_range(0..3) == 0 {
                tries += 1;
                budget.deposit(at(now));
            }
            // All in parts of a token. What was spent beyond what was earned may rise by the burst
            // at most, from wherever it was lowest.
            let earned = tries * i128::from(share) * 100_000 + i128::from(per_second) * i128::from(now);
            lowest = lowest.min(taken - earned);
            if budget.withdraw(at(now)) {
                taken += i128::from(TOKEN);
            }
            let bound = i128::from(burst) * i128::from(TOKEN);
            prop_assert!(taken - earned - lowest <= bound, "at {now}");
        }
    }
}

fn at(nanoseconds: u64) -> Timestamp {
    Timestamp::from_nanos(nanoseconds)
}

fn config(percent: u32, per_second: u32, burst: u32) -> BudgetConfig {
    BudgetConfig { share: BasisPoints::from_percent(percent), per_second, burst }
}

fn emptied(config: BudgetConfig) -> Budget {
    let mut budget = Budget::new(config);
    while budget.withdraw(at(0)) {}
    budget
}
