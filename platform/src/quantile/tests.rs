use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

const P95: BasisPoints = BasisPoints::new(9_500);

#[test]
fn nothing_is_known_before_five_times_lie_above() {
    let mut p95 = Quantile::new(P95);
    for n in 1..=100 {
        assert_eq!(p95.value(), None, "after {} times", n - 1);
        p95.observe(Duration::from_millis(n));
    }
    assert!(p95.value().is_some());
}

#[test]
fn times_that_are_all_alike_do_not_exceed_their_quantile() {
    let mut p95 = Quantile::new(P95);
    let time = Duration::from_nanos(1_234_567_891);
    (0..1_000).for_each(|_| p95.observe(time));
    let value = p95.value().expect("it is known");
    assert!(value >= time && value.as_nanos() < time.as_nanos() * 1_004 / 1_000, "{value:?}");
}

#[test]
fn the_95th_percentile_of_a_pareto_law_is_what_its_formula_says() {
    let mut randomness = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut p95 = Quantile::new(P95);
    let (mut sum, mut found) = (0.0, 0);
    for _ in 0..400_000 {
        let uniform: f64 = randomness.random();
        p95.observe(Duration::from_secs_f64(1.0 / (1.0 - uniform).sqrt()));
        if let Some(value) = p95.value() {
            sum += value.as_secs_f64();
            found += 1;
        }
    }
    let mean = sum / f64::from(found);
    // 0.05^(-1/2); half a bucket too high, and the noise of 100 independent windows.
    assert!((mean / 4.472_136 - 1.0).abs() < 0.012, "{mean}");
}

#[test]
fn a_pool_that_becomes_slower_is_known_to_be_within_a_window() {
    let mut p95 = Quantile::new(P95);
    (0..40_000).for_each(|_| p95.observe(Duration::from_millis(10)));
    let fast = p95.value().expect("it is known");
    (0..4_000).for_each(|_| p95.observe(Duration::from_millis(80)));
    let slow = p95.value().expect("it is known");
    assert!(slow > fast * 7, "{fast:?} {slow:?}");
    (0..40_000).for_each(|_| p95.observe(Duration::from_millis(10)));
    assert_eq!(p95.value(), Some(fast), "and forgotten again");
}

#[test]
fn the_window_is_bounded_and_never_overflows_a_count() {
    for share in [1, 5_000, 9_500, 9_990, 9_999] {
        let mut quantile = Quantile::new(BasisPoints::new(share));
        (0..200_000).for_each(|_| quantile.observe(Duration::from_secs(1)));
        let total = quantile.all.total;
        assert!(total <= quantile.window && quantile.window <= WINDOW_MAX, "{total}");
        assert!(total >= quantile.window / 2, "{total}");
    }
}

#[test]
fn the_shortest_and_the_longest_times_have_buckets() {
    for (ns, expected) in [(0, 1 << LEAST_BITS), (u64::MAX, 1 << 46)] {
        let found = upper_edge(bucket(ns));
        assert!(found.abs_diff(expected) <= expected >> FINE_BITS, "{ns}: {found}");
    }
}

proptest! {
    #[test]
    fn a_bucket_holds_its_times_and_is_narrow(ns in 1_u64 << LEAST_BITS..1 << 46) {
        let edge = upper_edge(bucket(ns));
        prop_assert!(edge >= ns);
        prop_assert!(edge - ns <= ns >> FINE_BITS, "{} {}", ns, edge);
        prop_assert!(bucket(edge) == bucket(ns) && bucket(edge + 1) == (bucket(ns) + 1).min(8191));
    }

    /// Against the definition: the time of this rank in a sorted list.
    #[test]
    fn it_is_what_a_sorted_list_says(
        times in proptest::collection::vec(20_000_u64..10_000_000_000, 200..2_000),
        share in 1_000_u32..9_500,
    ) {
        let mut quantile = Quantile::new(BasisPoints::new(share));
        // Below the least window, so that nothing is forgotten.
        let times = &times[..times.len().min(quantile.window as usize / 2 * 2)];
        for &ns in times {
            quantile.observe(Duration::from_nanos(ns));
        }
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let above = times.len() as u64 * u64::from(10_000 - share) / 10_000;
        let exact = sorted[times.len() - above as usize - 1];
        let found = quantile.find().expect("there are enough").as_nanos();
        prop_assert!(found >= exact && found - exact <= exact >> FINE_BITS, "{} {}", found, exact);
    }
}
