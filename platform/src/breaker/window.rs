//! Results of the recent past, in constant memory, and whether they are too bad: a ring of calls, or
//! a ring of seconds.
//!
//! Adding a result takes constant time; a ring of seconds first clears those that have passed since,
//! at most as many as it has. Seconds are whole ones of the run's clock, so that a window of *n*
//! covers between *n* - 1 and *n* seconds.

use connector::{BasisPoints, Timestamp};

use crate::config::{RatesConfig, WindowConfig};

const NS_PER_SECOND: u64 = 1_000_000_000;
const EMPTY: u8 = 0;
const CALL: u8 = 1;
const FAILED: u8 = 2;
const SLOW: u8 = 4;

/// Results counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

impl Totals {
    pub(super) fn add(&mut self, failed: bool, slow: bool) {
        self.calls = self.calls.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(failed));
        self.slow = self.slow.saturating_add(u32::from(slow));
    }

    /// What was counted goes, what was not comes.
    #[inline]
    fn exchange(&mut self, old: Self, new: Self) {
        self.calls = self.calls + new.calls - old.calls;
        self.failed = self.failed + new.failed - old.failed;
        self.slow = self.slow + new.slow - old.slow;
    }

    fn subtract(&mut self, old: Self) {
        self.calls = self.calls.saturating_sub(old.calls);
        self.failed = self.failed.saturating_sub(old.failed);
        self.slow = self.slow.saturating_sub(old.slow);
    }
}

#[derive(Debug)]
pub(super) struct Window {
    thresholds: Thresholds,
    totals: Totals,
    ring: Ring,
}

/// From which share on results are too bad.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    /// Results before there is any decision.
    pub(super) decisive_calls: u32,
    failure_rate: BasisPoints,
    slow_rate: BasisPoints,
}

impl Thresholds {
    pub(super) fn new(rates: &RatesConfig) -> Self {
        Self {
            decisive_calls: rates.decisive_calls(),
            failure_rate: rates.failure_rate,
            slow_rate: rates.slow_rate,
        }
    }

    /// Whether these results are too bad, however few they are.
    #[inline]
    pub(super) fn reached(&self, Totals { calls, failed, slow }: Totals) -> bool {
        let share = |part: u32, rate: BasisPoints| {
            u64::from(part) * u64::from(BasisPoints::ONE.get())
                >= u64::from(rate.get()) * u64::from(calls)
        };
        share(failed, self.failure_rate) || share(slow, self.slow_rate)
    }
}

#[derive(Debug)]
enum Ring {
    /// Those from `next` on are the oldest once it is full; until then they are empty.
    Calls { results: Box<[u8]>, next: usize },
    /// The bucket at `current` is of the second that ends with `ends`, those before it of earlier
    /// ones.
    Seconds { buckets: Box<[Totals]>, current: usize, ends: u64 },
}

impl Window {
    pub(super) fn new(rates: &RatesConfig) -> Self {
        let ring = match rates.window {
            WindowConfig::Calls(calls) => {
                Ring::Calls { results: vec![EMPTY; calls as usize].into(), next: 0 }
            }
            WindowConfig::Seconds(seconds) => Ring::Seconds {
                buckets: vec![Totals::default(); seconds as usize].into(),
                current: 0,
                ends: NS_PER_SECOND,
            },
        };
        Self { thresholds: Thresholds::new(rates), totals: Totals::default(), ring }
    }

    pub(super) const fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// What is in the window as of the last result.
    pub(super) const fn totals(&self) -> Totals {
        self.totals
    }

    /// Whether what is in the window decides, and is too bad.
    #[inline]
    pub(super) fn is_reached(&self) -> bool {
        self.totals.calls >= self.thresholds.decisive_calls && self.thresholds.reached(self.totals)
    }

    pub(super) fn clear(&mut self) {
        self.totals = Totals::default();
        match &mut self.ring {
            Ring::Calls { results, .. } => results.fill(EMPTY),
            Ring::Seconds { buckets, .. } => buckets.fill(Totals::default()),
        }
    }

    #[inline]
    pub(super) fn add(&mut self, now: Timestamp, failed: bool, slow: bool) {
        match &mut self.ring {
            Ring::Calls { results, next } => {
                let newest = pack(failed, slow);
                let oldest = std::mem::replace(&mut results[*next], newest);
                self.totals.exchange(unpack(oldest), unpack(newest));
                *next = if *next + 1 == results.len() { 0 } else { *next + 1 };
            }
            Ring::Seconds { buckets, current, ends } => {
                let now = now.as_nanos();
                if now >= *ends {
                    let seconds = (now - *ends) / NS_PER_SECOND + 1;
                    pass(&mut self.totals, buckets, current, seconds);
                    *ends = ends.saturating_add(seconds.saturating_mul(NS_PER_SECOND));
                }
                buckets[*current].add(failed, slow);
                self.totals.add(failed, slow);
            }
        }
    }
}

/// So many seconds have passed: their buckets are empty.
#[cold]
fn pass(totals: &mut Totals, buckets: &mut [Totals], current: &mut usize, seconds: u64) {
    for _ in 0..seconds.min(buckets.len() as u64) {
        *current = if *current + 1 == buckets.len() { 0 } else { *current + 1 };
        totals.subtract(std::mem::take(&mut buckets[*current]));
    }
}

/// A result in a byte. [`EMPTY`] is none.
const fn pack(failed: bool, slow: bool) -> u8 {
    CALL | (failed as u8 * FAILED) | (slow as u8 * SLOW)
}

const fn unpack(result: u8) -> Totals {
    Totals {
        calls: (result & CALL) as u32,
        failed: ((result & FAILED) >> 1) as u32,
        slow: ((result & SLOW) >> 2) as u32,
    }
}

#[cfg(test)]
mod tests {
    use connector::Duration;

    use super::*;
    use crate::config::{WINDOW_CALLS_MAX, WINDOW_SECONDS_MAX};

    #[test]
    fn a_window_of_calls_holds_the_last_ones_however_old() {
        let mut window = window(WindowConfig::Calls(3));
        for (hour, failed) in [true, true, false, false].into_iter().enumerate() {
            window.add(at(hour as u64 * 3_600), failed, !failed);
        }
        assert_eq!(window.totals(), Totals { calls: 3, failed: 1, slow: 2 });
        window.clear();
        assert_eq!(window.totals(), Totals::default());
        window.add(at(0), true, true);
        assert_eq!(window.totals(), Totals { calls: 1, failed: 1, slow: 1 });
    }

    #[test]
    fn a_window_of_seconds_forgets_what_is_as_many_seconds_old() {
        let mut window = window(WindowConfig::Seconds(2));
        window.add(at(0), true, false);
        window.add(at(1), false, true);
        assert_eq!(window.totals(), Totals { calls: 2, failed: 1, slow: 1 });
        window.add(at(2), false, false);
        assert_eq!(window.totals(), Totals { calls: 2, failed: 0, slow: 1 });
        window.add(at(1_000_000), false, false);
        assert_eq!(window.totals(), Totals { calls: 1, failed: 0, slow: 0 });
    }

    #[test]
    fn the_longest_windows_hold_no_more_than_they_say() {
        let mut calls = window(WindowConfig::Calls(WINDOW_CALLS_MAX));
        (0..WINDOW_CALLS_MAX + 10).for_each(|_| calls.add(at(0), true, false));
        assert_eq!(calls.totals().calls, WINDOW_CALLS_MAX);
        let mut seconds = window(WindowConfig::Seconds(WINDOW_SECONDS_MAX));
        (0..2 * u64::from(WINDOW_SECONDS_MAX))
            .for_each(|second| seconds.add(at(second), true, true));
        assert_eq!(seconds.totals().slow, WINDOW_SECONDS_MAX);
    }

    fn window(window: WindowConfig) -> Window {
        Window::new(&RatesConfig { window, ..RatesConfig::default() })
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }
}
