//! Results of the recent past, in constant memory: a ring of calls, or a ring of seconds.
//!
//! Adding a result takes constant time; a ring of seconds first clears those that have passed since,
//! at most as many as it has. Seconds are whole ones of the run's clock, so that a window of *n*
//! covers between *n* - 1 and *n* seconds.

use connector::Timestamp;

use crate::config::WindowConfig;

const NS_PER_SECOND: u64 = 1_000_000_000;
const FAILED: u8 = 1;
const SLOW: u8 = 2;

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

    fn subtract(&mut self, old: Self) {
        self.calls = self.calls.saturating_sub(old.calls);
        self.failed = self.failed.saturating_sub(old.failed);
        self.slow = self.slow.saturating_sub(old.slow);
    }
}

#[derive(Debug)]
pub(super) struct Window {
    totals: Totals,
    ring: Ring,
}

#[derive(Debug)]
enum Ring {
    /// One byte per result; those from `next` on are the oldest once it is full.
    Calls { results: Box<[u8]>, next: usize },
    /// The bucket at `current` is of this `second`, those before it of earlier ones.
    Seconds { buckets: Box<[Totals]>, current: usize, second: u64 },
}

impl Window {
    pub(super) fn new(config: WindowConfig) -> Self {
        let ring = match config {
            WindowConfig::Calls(calls) => {
                Ring::Calls { results: vec![0; calls as usize].into(), next: 0 }
            }
            WindowConfig::Seconds(seconds) => Ring::Seconds {
                buckets: vec![Totals::default(); seconds as usize].into(),
                current: 0,
                second: 0,
            },
        };
        Self { totals: Totals::default(), ring }
    }

    /// What is in the window as of the last result.
    pub(super) const fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) fn clear(&mut self) {
        self.totals = Totals::default();
        if let Ring::Seconds { buckets, .. } = &mut self.ring {
            buckets.fill(Totals::default());
        }
    }

    #[inline]
    pub(super) fn add(&mut self, now: Timestamp, failed: bool, slow: bool) {
        match &mut self.ring {
            Ring::Calls { results, next } => {
                if self.totals.calls as usize == results.len() {
                    self.totals.subtract(unpack(results[*next]));
                }
                results[*next] = pack(failed, slow);
                *next = if *next + 1 == results.len() { 0 } else { *next + 1 };
            }
            Ring::Seconds { buckets, current, second } => {
                let now = now.as_nanos() / NS_PER_SECOND;
                if now > *second {
                    pass(&mut self.totals, buckets, current, now - *second);
                    *second = now;
                }
                buckets[*current].add(failed, slow);
            }
        }
        self.totals.add(failed, slow);
    }
}

/// So many seconds have passed: their buckets are empty.
fn pass(totals: &mut Totals, buckets: &mut [Totals], current: &mut usize, seconds: u64) {
    for _ in 0..seconds.min(buckets.len() as u64) {
        *current = if *current + 1 == buckets.len() { 0 } else { *current + 1 };
        totals.subtract(std::mem::take(&mut buckets[*current]));
    }
}

const fn pack(failed: bool, slow: bool) -> u8 {
    (failed as u8 * FAILED) | (slow as u8 * SLOW)
}

const fn unpack(result: u8) -> Totals {
    Totals { calls: 1, failed: (result & FAILED) as u32, slow: ((result & SLOW) >> 1) as u32 }
}

#[cfg(test)]
mod tests {
    use connector::Duration;

    use super::*;
    use crate::config::{WINDOW_CALLS_MAX, WINDOW_SECONDS_MAX};

    #[test]
    fn a_window_of_calls_holds_the_last_ones_however_old() {
        let mut window = Window::new(WindowConfig::Calls(3));
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
        let mut window = Window::new(WindowConfig::Seconds(2));
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
        let mut calls = Window::new(WindowConfig::Calls(WINDOW_CALLS_MAX));
        (0..WINDOW_CALLS_MAX + 10).for_each(|_| calls.add(at(0), true, false));
        assert_eq!(calls.totals().calls, WINDOW_CALLS_MAX);
        let mut seconds = Window::new(WindowConfig::Seconds(WINDOW_SECONDS_MAX));
        (0..2 * u64::from(WINDOW_SECONDS_MAX))
            .for_each(|second| seconds.add(at(second), true, true));
        assert_eq!(seconds.totals().slow, WINDOW_SECONDS_MAX);
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }
}
