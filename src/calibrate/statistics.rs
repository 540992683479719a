//! What is said of many errors at once, and how they are come by.

use sim::random::Streams;

const FOLDS: usize = 5;
/// With fewer, what is left after taking a fold away says nothing.
pub(super) const FEWEST: usize = 5;

/// Median and 90th percentile of absolute errors, as shares of what was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Median.
    pub median: f64,
    /// 90th percentile.
    pub p90: f64,
}

impl Errors {
    pub(super) fn of(mut errors: Vec<f64>) -> Self {
        errors.sort_by(f64::total_cmp);
        Self { median: quantile(&errors, 0.5), p90: quantile(&errors, 0.9) }
    }
}

/// A quantile of sorted values, linear between the two nearest ranks; 0 for no values.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = share * last as f64;
    let (low, high) = (sorted[at as usize], sorted[(at as usize + 1).min(last)]);
    low + (high - low) * (at - at.floor())
}

/// The median; 0 for no values.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

/// Predicts every item by what was fitted to others: the items are dealt into five folds, and each
/// fold is predicted by the other four. Nothing for fewer than five items. `fit` is told the number of
/// the fold.
pub(super) fn held_back<T, F, P: Clone>(
    items: &[T],
    mut fit: impl FnMut(usize, &[&T]) -> F,
    predict: impl Fn(&T, &F) -> P,
) -> Vec<Option<P>> {
    let mut predicted = vec![None; items.len()];
    for (number, fold) in folds(items.len()).into_iter().enumerate() {
        let mut others = vec![true; items.len()];
        for &index in &fold {
            others[index] = false;
        }
        let kept: Vec<&T> =
            items.iter().zip(others).filter_map(|(item, kept)| kept.then_some(item)).collect();
        let fitted = fit(number, &kept);
        for index in fold {
            predicted[index] = Some(predict(&items[index], &fitted));
        }
    }
    predicted
}

/// So many indices, shuffled and dealt; none if there are too few.
fn folds(items: usize) -> Vec<Vec<usize>> {
    if items < FEWEST {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..items).collect();
    let mut stream = Streams::new(0).stream("folds");
    for index in (1..items).rev() {
        order.swap(index, stream.below(index as u64 + 1) as usize);
    }
    (0..FOLDS).map(|fold| order.iter().copied().skip(fold).step_by(FOLDS).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_predicted_by_what_was_fitted_to_it() {
        let items: Vec<usize> = (0..23).collect();
        let fit = |_: usize, kept: &[&usize]| kept.iter().map(|item| **item).collect::<Vec<_>>();
        let predicted = held_back(&items, fit, |item, kept| (kept.contains(item), kept.len()));
        for predicted in predicted {
            let (seen, kept) = predicted.expect("enough items");
            assert!(!seen);
            assert!((18..=19).contains(&kept), "a fifth is held back");
        }
        assert!(held_back(&items[..4], fit, |_, _| ()).iter().all(Option::is_none));
    }

    #[test]
    fn quantiles_are_between_the_nearest_ranks() {
        let errors = Errors::of(vec![0.3, 0.1, 0.2]);
        assert!((errors.median - 0.2).abs() < 1e-12 && (errors.p90 - 0.28).abs() < 1e-12);
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-12);
        assert_eq!(quantile(&[], 0.5).to_bits(), 0);
    }
}
