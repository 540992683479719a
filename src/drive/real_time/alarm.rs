//! Waking at an instant.
//!
//! A runtime's timer counts milliseconds. Linux has one that is set to the nanosecond, rings some tens of
//! microseconds late and is waited for beside sockets, by the same thread (`timerfd_create(2)`). Elsewhere
//! it is the runtime's.

pub(super) use by_system::Alarm;

#[cfg(target_os = "linux")]
mod by_system {
    use std::{
        io,
        os::fd::OwnedFd,
        time::{Duration, Instant},
    };

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{Interest, unix::AsyncFd};

    /// One timer, set anew whenever it is waited for with another instant.
    #[derive(Debug)]
    pub(in crate::drive::real_time) struct Alarm {
        timer: AsyncFd<OwnedFd>,
        set_to: Option<Instant>,
    }

    impl Alarm {
        /// An alarm that is not set.
        ///
        /// # Errors
        /// Where the system has no more timers or files to give.
        pub(in crate::drive::real_time) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(
                deprecated,
                reason = "what replaces it is unsafe code, for files that are not owned"
            )]
            let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
            Ok(Self { timer, set_to: None })
        }

        /// Waits until then; not at all if it is past. Safe to drop.
        pub(in crate::drive::real_time) async fn at(&mut self, instant: Instant) {
            loop {
                let left = instant.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return;
                }
                if self.set_to != Some(instant) {
                    self.set(left);
                    self.set_to = Some(instant);
                }
                let rung = self.timer.readable().await;
                rung.expect("the runtime lives while it is waited for").clear_ready();
                // Be it for an instant before: from now on it is silent until it is set again.
                self.set_to = None;
            }
        }

        fn set(&self, left: Duration) {
            let never_again = Timespec { tv_sec: 0, tv_nsec: 0 };
            let left = Timespec::try_from(left).expect("no instant is so far away");
            let once = Itimerspec { it_interval: never_again, it_value: left };
            timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &once)
                .expect("what is set is a timer, and the time is one");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod by_system {
    use std::{io, time::Instant};

    /// The runtime's timer, a millisecond late at most times.
    #[derive(Debug)]
    pub(in crate::drive::real_time) struct Alarm;

    impl Alarm {
        /// An alarm that is not set.
        ///
        /// # Errors
        /// Never, here.
        pub(in crate::drive::real_time) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Waits until then; not at all if it is past. Safe to drop.
        pub(in crate::drive::real_time) async fn at(&mut self, instant: Instant) {
            tokio::time::sleep_until(instant.into()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Alarm;

    #[tokio::test]
    async fn it_never_rings_early_and_rings_again_for_each_instant() {
        let mut alarm = Alarm::new().unwrap();
        for us in [0, 1, 300, 2_500, 300] {
            let instant = Instant::now() + Duration::from_micros(us);
            alarm.at(instant).await;
            assert!(Instant::now() >= instant, "{us} us");
        }
    }

    #[tokio::test]
    async fn one_that_was_given_up_does_not_ring_for_the_next() {
        let mut alarm = Alarm::new().unwrap();
        let soon = Instant::now() + Duration::from_millis(2);
        let given_up = tokio::time::timeout(Duration::ZERO, alarm.at(soon)).await;
        assert!(given_up.is_err(), "2 ms are not over");
        let later = soon + Duration::from_millis(20);
        alarm.at(later).await;
        assert!(Instant::now() >= later);
        alarm.at(soon).await;
    }
}
