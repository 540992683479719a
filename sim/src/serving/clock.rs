//! Wall time and the time that the card has worked for this engine.

use connector::Timestamp;

use crate::step_time::TICKS_PER_NS;

/// Ticks of work since the engine was made.
pub(super) type Work = i128;

/// Relates wall time to work done, at a speed that is constant since `wall`.
///
/// The speed is a whole number of ticks per nanosecond, so the work done by any instant is exact and
/// changing the speed to what it was changes nothing.
#[derive(Debug)]
pub(super) struct Clock {
    wall: Timestamp,
    work: Work,
    /// Ticks per nanosecond of wall time; 0 while the card is not ours.
    speed: i64,
}

impl Clock {
    /// A clock that stands still.
    pub(super) fn stopped() -> Self {
        Self { wall: Timestamp::ZERO, work: 0, speed: 0 }
    }

    pub(super) fn is_running(&self) -> bool {
        self.speed > 0
    }

    /// Work done by this instant, which is not before the last change of speed.
    #[inline]
    pub(super) fn work_at(&self, now: Timestamp) -> Work {
        self.work + i128::from(now.since(self.wall).as_nanos()) * i128::from(self.speed)
    }

    /// The first nanosecond by which this much work is done, at the present speed; `None` while the
    /// clock stands still.
    #[inline]
    pub(super) fn wall_at(&self, work: Work) -> Option<Timestamp> {
        let left = (work - self.work).max(0) as u128;
        let ns = match self.speed {
            0 if left > 0 => return None,
            0 => 0,
            TICKS_PER_NS => (left + (TICKS_PER_NS - 1) as u128) / TICKS_PER_NS as u128,
            speed => match u64::try_from(left) {
                Ok(left) => u128::from(left.div_ceil(speed as u64)),
                Err(_) => left.div_ceil(speed as u128),
            },
        };
        let ns = u64::try_from(ns).unwrap_or(u64::MAX);
        Some(Timestamp::from_nanos(self.wall.as_nanos().saturating_add(ns)))
    }

    /// Nanoseconds of wall time that these ticks take at the present speed, rounded to the nearest.
    #[inline]
    pub(super) fn wall_ns(&self, ticks: i64) -> u64 {
        match self.speed {
            TICKS_PER_NS => (ticks + TICKS_PER_NS / 2) as u64 / TICKS_PER_NS as u64,
            speed => ((ticks + speed / 2) / speed.max(1)) as u64,
        }
    }

    /// From `now` on, the card works at this fraction of its speed.
    pub(super) fn set_speed(&mut self, now: Timestamp, fraction: f64) {
        self.work = self.work_at(now);
        self.wall = now;
        self.speed = (fraction * TICKS_PER_NS as f64 + 0.5) as i64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(ns: u64) -> Timestamp {
        Timestamp::from_nanos(ns)
    }

    #[test]
    fn work_and_wall_time_are_inverse_at_any_speed() {
        for fraction in [1.0, 0.5, 1.0 / 3.0, 0.1, 2.5] {
            let mut clock = Clock::stopped();
            clock.set_speed(ns(7), fraction);
            for t in 8..200 {
                let work = clock.work_at(ns(t));
                assert_eq!(clock.wall_at(work), Some(ns(t)));
                assert_eq!(clock.wall_at(work + 1), Some(ns(t + 1)));
                assert!(clock.wall_at(work - 1) <= Some(ns(t)));
            }
        }
    }

    #[test]
    fn setting_the_same_speed_again_changes_nothing() {
        let mut clock = Clock::stopped();
        clock.set_speed(ns(0), 0.3);
        let before = (clock.work_at(ns(1000)), clock.wall_at(123_456_789));
        clock.set_speed(ns(77), 0.3);
        assert_eq!(clock.work_at(ns(1000)), before.0);
        assert_eq!(clock.wall_at(123_456_789), before.1);
    }

    #[test]
    fn a_stopped_clock_gets_nowhere() {
        let mut clock = Clock::stopped();
        clock.set_speed(ns(10), 1.0);
        clock.set_speed(ns(20), 0.0);
        assert_eq!(clock.work_at(ns(1_000_000)), i128::from(10 * TICKS_PER_NS));
        assert_eq!(clock.wall_at(i128::from(11 * TICKS_PER_NS)), None);
    }
}
