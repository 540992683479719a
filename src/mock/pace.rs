//! Virtual time at a speed.

use std::time::Instant;

use connector::{Duration, Timestamp};

/// Maps the wall clock to virtual time and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// When the speed was set last, by both clocks.
    since: (Instant, Timestamp),
    speed: f64,
}

impl Pace {
    /// Virtual time starts now.
    ///
    /// # Errors
    /// A speed that is not a positive, finite number.
    pub(super) fn start(speed: f64) -> anyhow::Result<Self> {
        let mut pace = Self { since: (Instant::now(), Timestamp::ZERO), speed: 1.0 };
        pace.set_speed(speed)?;
        Ok(pace)
    }

    /// From now on virtual time passes at this speed.
    ///
    /// # Errors
    /// A speed that is not a positive, finite number.
    pub(super) fn set_speed(&mut self, speed: f64) -> anyhow::Result<()> {
        anyhow::ensure!(
            speed.is_finite() && speed > 0.0,
            "speed {speed} is not a positive, finite number"
        );
        self.since = (Instant::now(), self.now());
        self.speed = speed;
        Ok(())
    }

    pub(super) const fn speed(&self) -> f64 {
        self.speed
    }

    pub(super) fn now(&self) -> Timestamp {
        let (wall, virtual_time) = self.since;
        virtual_time + Duration::from(wall.elapsed()).scale(self.speed)
    }

    /// The wall-clock instant of a virtual one; `None` beyond what the clock can hold.
    pub(super) fn instant(&self, at: Timestamp) -> Option<Instant> {
        let (wall, virtual_time) = self.since;
        // Rounded up: waking a nanosecond too early would mean to wake again at once.
        let real = self.real(at.since(virtual_time)) + Duration::from_nanos(1);
        wall.checked_add(real.to_std())
    }

    /// How much virtual time passes meanwhile.
    pub(super) fn virtual_time(&self, real: Duration) -> Duration {
        real.scale(self.speed)
    }

    /// A virtual length of time as a caller lives through it.
    pub(super) fn real(&self, virtual_time: Duration) -> Duration {
        virtual_time.scale(self.speed.recip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_the_speed_is_a_tenth_of_the_wait() {
        let pace = Pace::start(10.0).unwrap();
        assert_eq!(pace.real(Duration::from_secs(5)), Duration::from_millis(500));
        let (wall, virtual_time) = pace.since;
        let wait = pace.instant(virtual_time + Duration::from_secs(5)).unwrap() - wall;
        assert_eq!(wait, std::time::Duration::from_nanos(500_000_001));
    }

    #[test]
    fn virtual_time_goes_on_from_where_it_was_at_another_speed() {
        let mut pace = Pace::start(1e6).unwrap();
        let before = pace.now();
        pace.set_speed(1e-6).unwrap();
        let after = pace.now();
        assert!(after >= before && pace.since.1 <= after, "{before:?} {after:?}");
        assert_eq!(pace.real(Duration::from_nanos(1)), Duration::from_millis(1));
    }

    #[test]
    fn a_speed_that_goes_nowhere_is_refused() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            Pace::start(speed).unwrap_err();
        }
    }
}
