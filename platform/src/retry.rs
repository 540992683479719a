//! How long to wait before trying again: exponential backoff with jitter, a bounded number of
//! times (Brooker, "Exponential Backoff And Jitter", AWS 2015).
//!
//! The pause before retry `k` (from 0) is `base x multiplier^k`, at most `cap`, then randomised. A
//! provider that says how long to wait is believed: its word is a lower bound, the jitter notwithstanding.

use connector::Duration;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::config::{Jitter, RetryConfig};

/// A source of pauses with its own seeded randomness. It counts nothing: each caller brings the
/// number of retries it has made.
#[derive(Clone, Debug)]
pub struct Backoff {
    config: RetryConfig,
    randomness: Xoshiro256PlusPlus,
}

impl Backoff {
    /// Pauses as configured; the same seed gives the same jitter.
    pub fn new(config: RetryConfig, seed: u64) -> Self {
        Self { config, randomness: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    /// The pause before the next retry, when `retries` were made already; `None` when that was
    /// the last. `at_least` is what the provider asked for.
    pub fn pause(&mut self, retries: u32, at_least: Option<Duration>) -> Option<Duration> {
        if retries >= self.config.max_retries {
            return None;
        }
        let ceiling = self.ceiling(retries);
        Some(self.randomised(ceiling).max(at_least.unwrap_or_default()))
    }

    /// The longest that the pause before retry `k` (from 0) can be.
    pub fn ceiling(&self, k: u32) -> Duration {
        let growth = u64::from(self.config.multiplier).saturating_pow(k);
        (self.config.base * growth).min(self.config.cap)
    }

    fn randomised(&mut self, ceiling: Duration) -> Duration {
        match self.config.jitter {
            Jitter::None => ceiling,
            Jitter::Full => self.up_to(ceiling),
            Jitter::Equal => {
                let half = ceiling / 2;
                half + self.up_to(ceiling.saturating_sub(half))
            }
        }
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        Duration::from_nanos(self.randomness.random_range(0..=most.as_nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_founding_pauses_are_100_200_400_and_never_more_than_800_ms() {
        let mut backoff = Backoff::new(without_jitter(10), 0);
        let pauses: Vec<u64> = (0..6)
            .map(|k| backoff.pause(k, None).expect("within the bound").as_nanos() / 1_000_000)
            .collect();
        assert_eq!(pauses, [100, 200, 400, 800, 800, 800]);
    }

    #[test]
    fn after_three_retries_there_is_no_fourth() {
        let mut backoff = Backoff::new(RetryConfig::default(), 0);
        assert!(backoff.pause(2, None).is_some());
        assert_eq!(backoff.pause(3, None), None);
    }

    #[test]
    fn the_providers_word_is_a_lower_bound() {
        let mut backoff = Backoff::new(RetryConfig::default(), 0);
        let asked = Duration::from_secs(7);
        assert_eq!(backoff.pause(0, Some(asked)), Some(asked));
        let mut backoff = Backoff::new(without_jitter(3), 0);
        let pause = backoff.pause(0, Some(Duration::from_millis(1)));
        assert_eq!(pause, Some(Duration::from_millis(100)));
    }

    #[test]
    fn full_jitter_fills_the_whole_range_and_equal_jitter_its_upper_half() {
        for (jitter, least, mean) in [(Jitter::Full, 0, 50.0), (Jitter::Equal, 50, 75.0)] {
            let config = RetryConfig { jitter, ..RetryConfig::default() };
            let mut backoff = Backoff::new(config, 1);
            let pauses: Vec<u64> = (0..40_000)
                .map(|_| backoff.pause(0, None).expect("within the bound").as_nanos())
                .collect();
            let (least, most) = (least * 1_000_000, 100_000_000);
            assert!(pauses.iter().all(|pause| (least..=most).contains(pause)));
            let measured = pauses.iter().sum::<u64>() as f64 / 40_000.0 / 1e6;
            // Five standard errors of a uniform distribution over at most 100 ms.
            assert!((measured - mean).abs() < 5.0 * 28.9 / 200.0, "{jitter:?}: mean {measured} ms");
        }
    }

    #[test]
    fn huge_growth_saturates_at_the_cap() {
        let config =
            RetryConfig { multiplier: u32::MAX, max_retries: u32::MAX, ..without_jitter(0) };
        assert_eq!(Backoff::new(config, 0).pause(1_000, None), Some(config.cap));
    }

    fn without_jitter(max_retries: u32) -> RetryConfig {
        RetryConfig { max_retries, jitter: Jitter::None, ..RetryConfig::default() }
    }
}
