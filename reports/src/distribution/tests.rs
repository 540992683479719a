use connector::Statistic;
use proptest::prelude::*;

use super::*;

#[test]
fn a_few_values_worked_by_hand() {
    // 1, 2, 3, 4 s: mean 2.5; ranks of p50, p75, p76 are 2, 3, 4.
    let merged = merged(&[4_000_000_000, 1_000_000_000, 3_000_000_000, 2_000_000_000]);
    assert_eq!(merged.count(), 4);
    assert_eq!(merged.value_s(Statistic::Mean), Some(2.5));
    assert_eq!(merged.value_s(Statistic::Min), Some(1.0));
    assert_eq!(merged.value_s(Statistic::Max), Some(4.0));
    for (percent, exact) in [(0, 1.0), (25, 1.0), (50, 2.0), (75, 3.0), (76, 4.0), (100, 4.0)] {
        let value = percentile(&merged, percent).expect("has values");
        assert!((exact..=exact * 1.001).contains(&value), "p{percent}: {value} for {exact}");
    }
}

#[test]
fn without_values_there_is_no_figure() {
    let merged = merged(&[]);
    for statistic in
        [Statistic::Mean, Statistic::Min, Statistic::Max, Statistic::Percentile(50_000)]
    {
        assert_eq!(merged.value_s(statistic), None, "{statistic}");
    }
}

#[test]
fn equal_values_have_that_value_at_every_percentile() {
    let merged = merged(&[123_456_789; 100]);
    for percent in [1, 50, 99, 100] {
        assert_eq!(percentile(&merged, percent), Some(0.123_456_789));
    }
}

#[test]
fn a_percentile_has_its_exact_rank_in_spite_of_floating_point() {
    // 0.07 x 100 is more than 7 as a float; the rank is 7 nevertheless.
    let values: Vec<u64> = (1..=100).map(|n| n * 1_000_000_000).collect();
    let value = percentile(&merged(&values), 7).expect("has values");
    assert!((7.0..7.01).contains(&value), "{value}");
}

#[test]
fn more_than_a_day_counts_as_a_day_but_mean_and_most_stay_exact() {
    let two_days = 2 * HIGHEST_NS;
    let merged = merged(&[1_000_000_000, two_days]);
    assert_eq!(merged.value_s(Statistic::Max), Some(172_800.0));
    assert_eq!(merged.value_s(Statistic::Mean), Some(86_400.5));
    let p99 = percentile(&merged, 99).expect("has values");
    assert!((86_400.0..86_500.0).contains(&p99), "{p99}");
}

#[test]
fn counters_do_not_overflow_when_there_are_many_equal_values() {
    let mut distribution = Distribution::default();
    (0..200_000).for_each(|_| distribution.record(5_000_000));
    distribution.record(9_000_000);
    let mut merged = Merged::new(0);
    merged.absorb(&distribution);
    assert_eq!(merged.count(), 200_001);
    assert_eq!(merged.histogram.len(), 200_001);
    assert!(matches!(distribution.buckets, Buckets::Wide(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn quantiles_are_those_of_the_sorted_values_within_the_stated_resolution(
        values in prop::collection::vec(0u64..200_000_000_000, 1..2_000),
        share in 1u32..=100_000,
    ) {
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let exact = nearest_rank(&sorted, share) as f64 / 1e9;
        let value = merged(&values).value_s(Statistic::Percentile(share)).expect("has values");
        prop_assert!(value >= exact - 1e-12, "{value} below {exact}");
        prop_assert!(value <= exact * 1.001 + 1e-6, "{value} above {exact}");
    }

    #[test]
    fn count_sum_least_and_most_are_exact(
        values in prop::collection::vec(0u64..u64::MAX / 4_096, 1..500),
    ) {
        let merged = merged(&values);
        let sum: u128 = values.iter().map(|&ns| u128::from(ns)).sum();
        prop_assert_eq!(merged.count(), values.len() as u64);
        prop_assert_eq!(merged.moments.sum_ns, sum);
        prop_assert_eq!(merged.value_s(Statistic::Min), values.iter().min().map(|&ns| seconds(ns)));
        prop_assert_eq!(merged.value_s(Statistic::Max), values.iter().max().map(|&ns| seconds(ns)));
    }

    #[test]
    fn merging_parts_equals_recording_into_one(
        parts in prop::collection::vec(
            prop::collection::vec(0u64..HIGHEST_NS * 2, 0..300), 1..6,
        ),
    ) {
        let whole = merged(&parts.concat());
        let mut sum = Merged::new(0);
        for part in &parts {
            let mut distribution = Distribution::default();
            for &ns in part {
                distribution.record(ns);
            }
            sum.absorb(&distribution);
        }
        prop_assert_eq!(sum.moments, whole.moments);
        for share in [1_000, 50_000, 95_000, 99_900, 100_000] {
            let statistic = Statistic::Percentile(share);
            prop_assert_eq!(sum.value_s(statistic), whole.value_s(statistic));
        }
    }
}

fn merged(values: &[u64]) -> Merged {
    let mut distribution = Distribution::default();
    for &ns in values {
        distribution.record(ns);
    }
    let mut merged = Merged::new(distribution.moments().most_ns());
    merged.absorb(&distribution);
    merged
}

fn percentile(merged: &Merged, percent: u32) -> Option<f64> {
    merged.value_s(Statistic::Percentile(percent * 1_000))
}

/// The value of rank `ceil(share n / 100,000)`, from 1.
fn nearest_rank(sorted: &[u64], share: u32) -> u64 {
    let rank = (u64::from(share) * sorted.len() as u64).div_ceil(100_000).max(1);
    sorted[rank as usize - 1]
}
