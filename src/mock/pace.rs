//! Virtual time at a speed.

use std::time::Instant;

use connector::{Duration, Timestamp};

/// Maps the wall clock to virtual time and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    started: Instant,
    speed: f64,
}

impl Pace {
    /// Virtual time starts now.
    ///
    /// # Errors
    /// A speed that is not a positive, finite number.
    pub(super) fn start(speed: f64) -> anyhow::Result<Self> {
        anyhow::ensure!(
            speed.is_finite() && speed > 0.0,
            "speed {speed} is not a positive, finite number"
        );
        Ok(Self { started: Instant::now(), speed })
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::ZERO + Duration::from(self.started.elapsed()).scale(self.speed)
    }

    /// The wall-clock instant of a virtual one; `None` beyond what the clock can hold.
    pub(super) fn instant(&self, at: Timestamp) -> Option<Instant> {
        let virtual_time = at.since(Timestamp::ZERO);
        // Rounded up: waking a nanosecond too early would mean to wake again at once.
        let real = self.real(virtual_time) + Duration::from_nanos(1);
        self.started.checked_add(real.to_std())
    }

    /// How much virtual time passes meanwhile, at least a nanosecond.
    pub(super) fn virtual_time(&self, real: Duration) -> Duration {
        real.scale(self.speed).max(Duration::from_nanos(1))
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
        assert_eq!(pace.virtual_time(Duration::from_millis(500)), Duration::from_secs(5));
        let at = Timestamp::ZERO + Duration::from_secs(5);
        let wait = pace.instant(at).unwrap() - pace.started;
        assert_eq!(wait, std::time::Duration::from_nanos(500_000_001));
    }

    #[test]
    fn a_speed_that_goes_nowhere_is_refused() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            Pace::start(speed).unwrap_err();
        }
    }
}
