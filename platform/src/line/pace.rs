//! How fast a line moves.
//!
//! # Problem
//!
//! Whether a newcomer will be served in time depends on how many are ahead and how fast they leave
//! for a place. The stated pace of a pool is a guess; what others do there, how long answers really
//! are and what is broken today is in the measured pace only.
//!
//! # Mechanism
//!
//! While somebody waits, each departure to a place is counted, with the time since the one before.
//! Counts and times go into a bin; with [`DEPARTURES`] in it, it becomes the last bin and a new one
//! begins. The pace is departures over time of both bins and of the time since the last departure, so
//! that a line that stopped is seen to have stopped before anybody leaves again.
//!
//! # Edges
//!
//! Nothing is known before [`ENOUGH`] departures: until then everybody may wait. While nobody waits
//! no time passes. Bins are counted in departures and not in seconds, because some pools serve a
//! thousand requests a second and some one a minute.

use connector::{Duration, Timestamp};

/// Departures that fill a bin.
const DEPARTURES: u32 = 32;
/// Departures that a pace can be told from.
const ENOUGH: u32 = 8;

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    departures: u32,
    time: Duration,
}

/// The measured pace of one line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinePace {
    last: Bin,
    open: Bin,
    /// Since when nobody has left for a place, while somebody waits.
    standing: Option<Timestamp>,
}

impl LinePace {
    /// Somebody joined a line that was empty.
    pub(crate) fn begins(&mut self, now: Timestamp) {
        self.standing = Some(now);
    }

    /// Somebody left for a place; `waiting` are left.
    pub(crate) fn departed(&mut self, now: Timestamp, waiting: u32) {
        let time = self.standing.map_or(Duration::ZERO, |since| now.since(since));
        self.open.departures += 1;
        self.open.time += time;
        if self.open.departures >= DEPARTURES {
            self.last = std::mem::take(&mut self.open);
        }
        self.standing = (waiting > 0).then_some(now);
    }

    /// The line is empty, whoever left it.
    pub(crate) fn ends(&mut self) {
        self.standing = None;
    }

    /// How long it takes until somebody with so many ahead is served; `None` if that is not known.
    pub(crate) fn wait(&self, now: Timestamp, ahead: u32) -> Option<Duration> {
        let departures = self.last.departures + self.open.departures;
        if departures < ENOUGH {
            return None;
        }
        let standing = self.standing.map_or(Duration::ZERO, |since| now.since(since));
        let time = u128::from((self.last.time + self.open.time + standing).as_nanos());
        let wait = time * (u128::from(ahead) + 1) / u128::from(departures);
        Some(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn nothing_is_known_before_enough_have_left() {
        let mut pace = LinePace::default();
        pace.begins(at(0));
        for n in 1..u64::from(ENOUGH) {
            pace.departed(at(n * 10), 5);
            assert_eq!(pace.wait(at(n * 10), 0), None);
        }
        pace.departed(at(80), 5);
        assert_eq!(pace.wait(at(80), 0), Some(Duration::from_millis(10)));
        assert_eq!(pace.wait(at(80), 9), Some(Duration::from_millis(100)));
    }

    #[test]
    fn the_pace_follows_a_change_within_two_bins() {
        let mut pace = LinePace::default();
        pace.begins(at(0));
        let mut now = 0;
        for gap in [10, 1] {
            for _ in 0..2 * DEPARTURES {
                now += gap;
                pace.departed(at(now), 1);
            }
        }
        assert_eq!(pace.wait(at(now), 0), Some(Duration::from_millis(1)));
    }

    #[test]
    fn a_line_that_stands_still_is_slow_before_anybody_leaves() {
        let mut pace = LinePace::default();
        pace.begins(at(0));
        for n in 1..=10 {
            pace.departed(at(n), 1);
        }
        assert_eq!(pace.wait(at(10), 0), Some(Duration::from_millis(1)));
        assert_eq!(pace.wait(at(110), 0), Some(Duration::from_millis(11)));
    }

    #[test]
    fn time_in_which_nobody_waits_does_not_count() {
        let mut pace = LinePace::default();
        for n in 0..10 {
            pace.begins(at(n * 1000));
            pace.departed(at(n * 1000 + 10), 0);
        }
        assert_eq!(pace.wait(at(60_000), 0), Some(Duration::from_millis(10)));
    }
}
