use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

const P95: BasisPoints = BasisPoints::new(9_500);
/// Shares up to where the gain is the same for all.
const PERCENTS: std::ops::RangeInclusive<u32> = 1..=99;

#[test]
fn nothing_is_known_before_five_times_lie_above() {
    let mut p95 = Quantile::new(P95);
    for n in 1..=100 {
        assert_eq!(p95.value(), None, "after {} times", n - 1);
        p95.first_times(Duration::from_millis(n));
    }
    assert_eq!(p95.value(), Some(Duration::from_millis(95)));
}

#[test]
fn times_that_are_all_alike_do_not_exceed_their_quantile() {
    let mut p95 = known(P95, Duration::from_nanos(1_234_567_891));
    p95.slower();
    assert!((0..1_000).all(|_| !judge(&mut p95, Duration::from_nanos(1_234_567_891))));
    assert_eq!(p95.value(), Some(Duration::from_nanos(1_234_567_891)));
}

#[test]
fn rare_slow_ones_beside_times_that_are_all_alike_are_all_that_is_slower() {
    let usual = Duration::from_millis(10);
    let mut p95 = known(P95, usual);
    for _ in 0..1_000 {
        assert!((0..49).all(|_| !judge(&mut p95, usual)));
        assert!(judge(&mut p95, usual * 100), "one in fifty");
    }
}

#[test]
fn one_in_twenty_exceeds_the_95th_percentile_of_a_pareto_law_whose_value_it_has() {
    let mut randomness = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut p95 = known(P95, Duration::from_secs(1));
    let (mut sum, mut slower) = (0.0, 0_u32);
    let pareto = |randomness: &mut Xoshiro256PlusPlus| {
        let uniform: f64 = randomness.random();
        Duration::from_secs_f64(1.0 / (1.0 - uniform).sqrt())
    };
    (0..10_000).for_each(|_| _ = judge(&mut p95, pareto(&mut randomness)));
    for _ in 0..400_000 {
        slower += u32::from(judge(&mut p95, pareto(&mut randomness)));
        sum += p95.value().expect("it is known").as_secs_f64();
    }
    // From one end of the play to the other, and the way of the estimate.
    assert!(slower.abs_diff(20_000) <= 100, "{slower}");
    // 0.05^(-1/2), with the noise of some 30 independent stretches, which differ by 2 %.
    let mean = sum / 400_000.0;
    assert!((mean / 4.472_136 - 1.0).abs() < 0.02, "{mean}");
}

/// What the windows of counts did that were here before: 4,000 times of a percentile of twenty.
#[test]
fn a_change_of_pace_is_followed_within_four_thousand_times() {
    let (fast, slow) = (Duration::from_millis(10), Duration::from_millis(80));
    let mut p95 = known(P95, fast);
    let mut times_until = |pace: Duration, is_there: &dyn Fn(Duration) -> bool| {
        let there = (1..10_000).find(|_| {
            judge(&mut p95, pace);
            p95.value().is_some_and(is_there)
        });
        there.expect("it gets there")
    };
    let up = times_until(slow, &|value| value >= slow);
    assert!((100..=200).contains(&up), "{up}");
    let down = times_until(fast, &|value| value == fast);
    assert!((2_000..=4_000).contains(&down), "{down}");
}

#[test]
fn the_rarest_quantiles_fall_within_sixty_thousand_times() {
    for share in [9_990, 9_999] {
        let mut quantile = known(BasisPoints::new(share), Duration::from_secs(8));
        (0..60_000).for_each(|_| _ = judge(&mut quantile, Duration::from_secs(1)));
        assert_eq!(quantile.value(), Some(Duration::from_secs(1)), "{share}");
    }
}

#[test]
fn no_time_is_too_short_or_too_long() {
    for time in [Duration::ZERO, Duration::MAX] {
        let mut p95 = known(P95, time);
        (0..1_000).for_each(|_| p95.in_time(time));
        assert!(p95.value() >= Some(Duration::from_nanos(1)));
        (0..1_000).for_each(|_| p95.slower());
        assert!(p95.value() > Some(Duration::from_millis(1)));
    }
}

proptest! {
    /// The bound of the module text, for any times whatever: never more slower ones than were asked
    /// for, but for the play and the way of the estimate.
    #[test]
    fn no_sequence_of_times_has_more_slower_ones_than_asked_for(
        times in proptest::collection::vec(1_000_u64..1_000_000_000, 1..3_000),
        percent in PERCENTS,
    ) {
        let mut quantile = known(BasisPoints::from_percent(percent), Duration::from_micros(1));
        let slower = times.iter().filter(|&&ns| judge(&mut quantile, Duration::from_nanos(ns)));
        let slower = slower.count() as f64;
        let asked_for = times.len() as f64 * f64::from(100 - percent) / 100.0;
        let way = (libm::log(1e9 / 1e3) + (1.0 - FINE) * PLAY) / GAIN + 1.0;
        prop_assert!(slower <= asked_for + way, "{slower} {asked_for}");
    }

    /// The first estimate against the definition: the time of this rank in a sorted list.
    #[test]
    fn the_first_estimate_is_what_a_sorted_list_says(
        times in proptest::collection::vec(1_u64..1_000_000, 500),
        percent in PERCENTS,
    ) {
        let mut quantile = Quantile::new(BasisPoints::from_percent(percent));
        let missing = 500_u32.div_ceil(100 - percent) as usize;
        let times = &times[..missing];
        for &ns in times {
            quantile.first_times(Duration::from_nanos(ns));
        }
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        prop_assert_eq!(quantile.value(), Some(Duration::from_nanos(sorted[missing - 6])));
    }
}

/// One that is known, and this.
fn known(share: BasisPoints, value: Duration) -> Quantile {
    let mut quantile = Quantile::new(share);
    while quantile.value().is_none() {
        quantile.first_times(value);
    }
    quantile
}

/// Whether it was slower.
fn judge(quantile: &mut Quantile, took: Duration) -> bool {
    let is_slower = Some(took) > quantile.value();
    if is_slower {
        quantile.slower();
    } else {
        quantile.in_time(took);
    }
    is_slower
}
