use proptest::prelude::*;

use super::*;

/// International visitor nights in Australia, millions, quarterly, 2005 to 2015 (R package fpp2,
/// `austourists`, from 2005 on).
const VISITOR_NIGHTS: [f64; 44] = [
    42.205_66, 24.649_17, 32.667_34, 37.257_35, 45.242_46, 29.350_48, 36.344_21, 41.782_08,
    49.276_60, 31.275_40, 37.850_63, 38.837_04, 51.236_90, 31.838_55, 41.323_42, 42.799_00,
    55.708_36, 33.407_14, 42.316_64, 45.157_12, 59.576_08, 34.837_33, 44.841_68, 46.971_25,
    60.019_03, 38.371_18, 46.975_86, 50.733_80, 61.646_87, 39.299_57, 52.671_21, 54.332_32,
    66.834_36, 40.871_19, 51.828_54, 57.491_91, 65.251_47, 43.061_21, 54.760_76, 59.834_47,
    73.257_03, 47.696_62, 61.097_77, 66.055_76,
];

/// Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", second edition, section 7.3:
/// the additive method with alpha 0.306, beta 0.0003, gamma 0.426, from level 32.26, slope 0.70 and
/// seasons 9.70, -9.31, -1.69, 1.31. The table rounds to two digits, weights and start included.
#[test]
fn holt_winters_goes_through_the_textbooks_table() {
    let start = vec![9.70, -9.31, -1.69, 1.31];
    let mut method = HoltWinters::new(0.306, 0.0003, 0.426, 4).starting_from(32.26, 0.70, start);
    let mut fitted = Vec::new();
    for value in VISITOR_NIGHTS {
        fitted.push(method.forecast(1));
        method.observe(value);
    }
    for (step, published) in [42.66, 24.21, 32.67, 36.37].into_iter().enumerate() {
        assert!((fitted[step] - published).abs() < 0.01, "2005 Q{}: {fitted:?}", step + 1);
    }
    for (step, published) in [69.05, 47.59, 59.24, 64.22].into_iter().enumerate() {
        assert!((fitted[40 + step] - published).abs() < 0.02, "2015 Q{}: {fitted:?}", step + 1);
    }
    for (step, published) in [76.10, 51.60, 63.97, 68.37].into_iter().enumerate() {
        let forecast = method.forecast(step + 1);
        assert!((forecast - published).abs() < 0.02, "2016 Q{}: {forecast}", step + 1);
    }
}

/// Quantiles of the Poisson distribution, from tables of its sums (for example Abramowitz and
/// Stegun, table 26.7): mean 1: P(N <= 2) = 0.9197, P(N <= 3) = 0.9810; mean 10: P(N <= 15) =
/// 0.9513, P(N <= 14) = 0.9165; mean 5: P(N <= 8) = 0.9319, P(N <= 9) = 0.9682.
#[test]
fn so_many_are_enough_as_tables_of_the_poisson_distribution_say() {
    for (mean, chance, number) in [
        (1.0, 0.919, 2),
        (1.0, 0.92, 3),
        (1.0, 0.95, 3),
        (5.0, 0.931, 8),
        (5.0, 0.95, 9),
        (10.0, 0.916, 14),
        (10.0, 0.951, 15),
        (10.0, 0.952, 16),
    ] {
        assert_eq!(enough(mean, chance), number, "mean {mean}, chance {chance}");
    }
    assert_eq!((enough(0.0, 0.99), enough(-3.0, 0.99), enough(f64::NAN, 0.99)), (0, 0, 0));
}

#[test]
fn large_means_take_the_square_root_rule() {
    // z = 1.6449 for 95 %: 10,000 + 164.5; the sum and the rule meet where one takes over.
    assert_eq!(enough(10_000.0, 0.95), 10_165);
    assert!(enough(LARGE_MEAN - 0.5, 0.95).abs_diff(enough(LARGE_MEAN + 0.5, 0.95)) <= 2);
}

#[test]
fn an_average_forgets_at_its_weight() {
    let mut ewma = Ewma::new(0.5);
    assert!(ewma.forecast().abs() < f64::EPSILON);
    for (value, level) in [(8.0, 8.0), (0.0, 4.0), (4.0, 4.0), (0.0, 2.0)] {
        ewma.observe(value);
        assert!((ewma.forecast() - level).abs() < 1e-12);
    }
}

#[test]
fn a_pure_season_is_foretold_once_it_was_seen() {
    let mut method = HoltWinters::new(0.3, 0.1, 0.3, 3);
    let season = [1.0, 5.0, 9.0];
    for value in season.into_iter().cycle().take(9) {
        method.observe(value);
    }
    for (ahead, expected) in [1.0, 5.0, 9.0, 1.0, 5.0].into_iter().enumerate() {
        assert!((method.forecast(ahead + 1) - expected).abs() < 1e-9);
    }
}

#[test]
fn the_first_season_is_foretold_by_an_average() {
    let mut method = HoltWinters::new(0.5, 0.1, 0.3, 100);
    method.observe(4.0);
    method.observe(8.0);
    assert!((method.forecast(50) - 6.0).abs() < 1e-12);
}

#[test]
fn seasons_have_a_bound() {
    let second = Duration::from_secs(1);
    assert_eq!(steps(second * 1_000_000, second), SEASON_MAX);
    assert_eq!(steps(Duration::ZERO, second), 1);
    assert_eq!(steps(Duration::from_millis(2_001), second), 3);
}

proptest! {
    /// What is enough is enough, and one less is not: checked against the sum in the log domain.
    #[test]
    fn enough_is_the_least_number_that_is(mean in 0.01_f64..400.0, chance in 0.01_f64..0.999) {
        let number = enough(mean, chance);
        let probability = |most: u32| -> f64 {
            (0..=most)
                .map(|n| {
                    let n = f64::from(n);
                    libm::exp(n * libm::log(mean) - mean - libm::lgamma(n + 1.0))
                })
                .sum()
        };
        prop_assert!(probability(number) >= chance - 1e-9);
        prop_assert!(number == 0 || probability(number - 1) < chance + 1e-9);
    }
}
