//! Outlier ejection: a pool that does worse than its peers is left out for a while.
//!
//! # Problem
//!
//! A breaker knows its own pool only. Whether one failure in five is bad depends on what the others
//! do: if all of them fail as often, the cause is not the pool, and leaving pools out makes it worse.
//!
//! # Mechanism
//!
//! Results are counted in intervals. At the end of one, every pool with enough results is compared
//! with the *median of the others*: it is an outlier if its share of failures is higher by a margin,
//! or its time to the first token (against the stated pace) longer by a factor. The worst goes first,
//! for the base time x the times it was ejected in a row, and never so many that more than the
//! configured share of all pools are out. An interval without ejection takes one off that count.
//!
//! Envoy compares with mean minus 1.9 standard deviations. With few pools that never ejects anything:
//! a single outlier among *n* is at most (n - 1) / sqrt(n) standard deviations from the mean, below
//! 1.9 for up to five. The median of the others needs two of them.
//!
//! # Edges
//!
//! Nothing happens by time alone: intervals end with the first result after them, and a pool is back
//! when somebody asks after its time. Results of strikes that were under way when it was ejected are
//! dropped while it is out. Only an interval in which a pool could be compared takes one off.

use connector::Timestamp;

use crate::{config::EjectionConfig, limit::Took};

/// Peers that a comparison needs beside the pool itself.
const PEERS_LEAST: usize = 2;

#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    calls: u32,
    failed: u32,
    first_tokens: Took,
    /// Ejections in a row.
    times: u32,
    /// Back from then on.
    until: Timestamp,
}

/// The pools of a platform, compared with each other. See the module text.
#[derive(Debug)]
pub struct Ejector {
    config: EjectionConfig,
    pools: Vec<Pool>,
    ends: Timestamp,
    ejections: u64,
}

impl Ejector {
    /// So many pools, all of them in.
    pub fn new(config: EjectionConfig, pools: usize) -> Self {
        let ends = Timestamp::ZERO + config.interval;
        Self { config, pools: vec![Pool::default(); pools], ends, ejections: 0 }
    }

    /// Whether the pool of this index is left out now.
    pub fn is_out(&self, now: Timestamp, pool: usize) -> bool {
        now < self.pools[pool].until
    }

    /// Ejections so far.
    pub const fn ejections(&self) -> u64 {
        self.ejections
    }

    /// A strike on the pool of this index ended, with the time to its first token where it had one.
    pub fn record(&mut self, now: Timestamp, pool: usize, failed: bool, first_token: Option<Took>) {
        if now >= self.ends {
            self.compare(now);
        }
        if self.is_out(now, pool) {
            return;
        }
        let pool = &mut self.pools[pool];
        pool.calls = pool.calls.saturating_add(1);
        pool.failed = pool.failed.saturating_add(u32::from(failed));
        if let Some(took) = first_token {
            pool.first_tokens.measured += took.measured;
            pool.first_tokens.expected += took.expected;
        }
    }

    #[cold]
    fn compare(&mut self, now: Timestamp) {
        self.ends = now + self.config.interval;
        let out = (0..self.pools.len()).filter(|&pool| self.is_out(now, pool)).count();
        let room = (self.config.most.of(self.pools.len() as u64) as usize).saturating_sub(out);
        let mut worst: Vec<(f64, usize)> = (0..self.pools.len())
            .filter(|&pool| !self.is_out(now, pool))
            .filter_map(|pool| Some((self.excess(now, pool).filter(|&much| much >= 1.0)?, pool)))
            .collect();
        worst.sort_by(|(one, first), (other, second)| other.total_cmp(one).then(first.cmp(second)));
        worst.truncate(room);
        for index in 0..self.pools.len() {
            let ejected = worst.iter().any(|&(_, pool)| pool == index);
            let is_out = self.is_out(now, index);
            let pool = &mut self.pools[index];
            if ejected {
                pool.times = pool.times.saturating_add(1);
                let time = self.config.base * u64::from(pool.times);
                pool.until = now + time.min(self.config.longest.max(self.config.base));
                self.ejections += 1;
            } else if !is_out && pool.calls >= self.config.minimum_calls {
                pool.times = pool.times.saturating_sub(1);
            }
            *pool = Pool { times: pool.times, until: pool.until, ..Pool::default() };
        }
    }

    /// By how much a pool is worse than its peers, in parts of what is tolerated; `None` if it cannot
    /// be compared.
    fn excess(&self, now: Timestamp, pool: usize) -> Option<f64> {
        let comparable = |index: usize| {
            self.pools[index].calls >= self.config.minimum_calls && !self.is_out(now, index)
        };
        if !comparable(pool) {
            return None;
        }
        let peers = || (0..self.pools.len()).filter(|&peer| peer != pool && comparable(peer));
        if peers().count() < PEERS_LEAST {
            return None;
        }
        let failures = median(peers().map(|peer| self.pools[peer].failure_rate()));
        let more = self.pools[pool].failure_rate() - failures?;
        let failing = more / self.config.failure_margin.as_ratio();
        let paces = median(peers().filter_map(|peer| self.pools[peer].slowdown()));
        let slow = self.pools[pool]
            .slowdown()
            .zip(paces)
            .map(|(slowdown, of_peers)| slowdown / (of_peers * self.config.slowness.as_ratio()));
        Some(failing.max(slow.unwrap_or(0.0)))
    }
}

impl Pool {
    fn failure_rate(&self) -> f64 {
        f64::from(self.failed) / f64::from(self.calls)
    }

    fn slowdown(&self) -> Option<f64> {
        let Took { measured, expected } = self.first_tokens;
        (expected > 0.0).then(|| measured / expected)
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => None,
        number if number % 2 == 1 => Some(values[half]),
        _ => Some(f64::midpoint(values[half - 1], values[half])),
    }
}

#[cfg(test)]
mod tests {
    use connector::{BasisPoints, Duration};

    use super::*;

    #[test]
    fn a_pool_that_fails_more_than_its_peers_is_out_for_longer_each_time() {
        let mut pools = ejector(4);
        let mut now = 0;
        for out in [30, 60, 90] {
            interval(&mut pools, now, |pool| if pool == 2 { 30 } else { 5 });
            now += 11;
            interval(&mut pools, now, |_| 0);
            assert!(pools.is_out(at(now + out - 1), 2), "{out} s");
            assert!(!pools.is_out(at(now + out), 2));
            assert!((0..4).all(|pool| pool == 2 || !pools.is_out(at(now), pool)));
            now += out + 11;
        }
        assert_eq!(pools.ejections(), 3);
    }

    #[test]
    fn when_all_fail_alike_nobody_is_out() {
        let mut pools = ejector(4);
        (0..20).for_each(|round| interval(&mut pools, round * 11, |_| 60));
        assert_eq!(pools.ejections(), 0);
    }

    #[test]
    fn never_more_than_the_share_are_out_the_worst_first() {
        let mut pools = ejector(5);
        (0..20).for_each(|round| {
            interval(&mut pools, round * 11, |pool| [0, 40, 60, 50, 0][pool]);
            let out = (0..5).filter(|&pool| pools.is_out(at(round * 11), pool)).count();
            assert!(out <= 2, "{out} of 5");
        });
        let mut pools = ejector(5);
        interval(&mut pools, 0, |pool| [0, 30, 90, 0, 0][pool]);
        interval(&mut pools, 11, |_| 0);
        assert!(pools.is_out(at(11), 2) && pools.is_out(at(11), 1));
    }

    #[test]
    fn a_pool_that_is_much_slower_than_its_peers_is_an_outlier_and_two_alone_are_none() {
        let slow = |pool| if pool == 0 { 4_000 } else { 1_000 };
        for (number, out) in [(3, true), (2, false)] {
            let config = EjectionConfig { most: BasisPoints::ONE, ..EjectionConfig::default() };
            let mut pools = Ejector::new(config, number);
            for second in [1, 12] {
                for pool in (0..number).flat_map(|pool| [pool; 30]) {
                    let took = Took::new(Duration::from_millis(slow(pool)), 1e9);
                    pools.record(at(second), pool, false, Some(took));
                }
            }
            assert_eq!(pools.is_out(at(12), 0), out);
        }
    }

    #[test]
    fn too_few_results_say_nothing() {
        let mut pools = ejector(4);
        for second in 0..200 {
            (0..4).for_each(|pool| pools.record(at(second * 11), pool, pool == 0, None));
        }
        assert_eq!(pools.ejections(), 0);
    }

    fn ejector(pools: usize) -> Ejector {
        Ejector::new(EjectionConfig::default(), pools)
    }

    /// A hundred results of each pool, so many of them failures.
    fn interval(pools: &mut Ejector, now: u64, failures: impl Fn(usize) -> u32) {
        for pool in 0..pools.pools.len() {
            (0..100).for_each(|call| pools.record(at(now), pool, call < failures(pool), None));
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }
}
