//! Cases about pauses and tries alone, put to the platform's [`Backoff`] directly.

use std::collections::BTreeMap;

use connector::Duration;
use platform::{
    config::{Jitter, RetryConfig},
    retry::Backoff,
};

use super::{
    WINDOWS,
    case::Params,
    estimate::{Estimate, ratio, variance},
};

/// Requests that give up, per batch.
const REQUESTS: usize = 25_000;

/// Every metric that such a case can ask for, or `None` if it is another kind of case.
pub(super) fn measure(params: &Params) -> Option<BTreeMap<&'static str, Estimate>> {
    match *params {
        Params {
            layers: Some(layers), max_retries: Some(max_retries), p_fail: Some(1.0), ..
        } => {
            let config = RetryConfig { max_retries, ..RetryConfig::default() };
            let attempts = attempts_at_bottom(config, layers);
            Some(BTreeMap::from([("attempts_at_bottom", exact(f64::from(attempts)))]))
        }
        Params { base: Some(base), cap: Some(cap), retries: Some(max_retries), .. } => {
            let (base, cap) = (Duration::from_secs_f64(base), Duration::from_secs_f64(cap));
            Some(totals(RetryConfig {
                max_retries,
                base,
                multiplier: 2,
                cap,
                jitter: Jitter::None,
                ..RetryConfig::default()
            }))
        }
        Params { .. } => None,
    }
}

fn exact(value: f64) -> Estimate {
    Estimate { value, standard_error: 0.0 }
}

/// Tries that reach the bottom when every layer tries as often as its own backoff lets it, and all
/// of them fail.
fn attempts_at_bottom(config: RetryConfig, layers: u32) -> u32 {
    let Some(below) = layers.checked_sub(1) else { return 1 };
    let mut backoff = Backoff::new(config, u64::from(layers));
    let mut attempts = 0;
    for retries in 0.. {
        attempts += attempts_at_bottom(config, below);
        if backoff.pause(retries, None).is_none() {
            break;
        }
    }
    attempts
}

/// Mean and variance of the pauses of one request together.
fn totals(config: RetryConfig) -> BTreeMap<&'static str, Estimate> {
    let totals = |jitter| batches(RetryConfig { jitter, ..config });
    let mean = |batches: &[(f64, f64, f64)]| ratio(batches.iter().map(|&(sum, _, n)| (sum, n)));
    let (none, full, equal) = (totals(Jitter::None), totals(Jitter::Full), totals(Jitter::Equal));
    BTreeMap::from([
        ("no_jitter_total", mean(&none)),
        ("full_jitter_mean_total", mean(&full)),
        ("full_jitter_var_total", variance(full.iter().copied())),
        ("equal_jitter_mean_total", mean(&equal)),
    ])
}

/// Sum, sum of squares and number of totals.
fn batches(config: RetryConfig) -> Vec<(f64, f64, f64)> {
    let mut backoff = Backoff::new(config, 1);
    let mut total = || {
        let pauses = (0..).map_while(|retries| backoff.pause(retries, None));
        pauses.map(Duration::as_secs_f64).sum::<f64>()
    };
    let mut batch = || {
        let totals = (0..REQUESTS).map(|_| total());
        totals.fold((0.0, 0.0, 0.0), |(sum, squares, n), x| (sum + x, squares + x * x, n + 1.0))
    };
    (0..WINDOWS).map(|_| batch()).collect()
}
