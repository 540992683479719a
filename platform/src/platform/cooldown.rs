//! Pools that said that asking is of no use for now.
//!
//! A rate limit with a time to wait, or an account without credit, concerns everybody: asking again
//! for the next request would only be refused again, and some providers lengthen the wait of those
//! who do not listen. So the cable pauses. Whoever may wait in line for that long does, and goes when
//! the pause is over; everybody else goes elsewhere. What runs there goes on.

use connector::{Duration, ErrorKind, Timestamp};

use super::Platform;
use crate::timers::Pause;

impl Platform {
    /// A call on this cable failed: all of it pauses, if the failure says so.
    pub(super) fn heed_failure(&mut self, now: Timestamp, cable: usize, kind: ErrorKind) {
        let pause = if kind == ErrorKind::CreditExhausted {
            self.cooldown.credit
        } else {
            kind.retry_after().unwrap_or_default().min(self.cooldown.longest)
        };
        let until = now + pause;
        if pause > Duration::ZERO && until > self.cables[cable].paused_until {
            self.cables[cable].paused_until = until;
            self.cables[cable].statistics.cooldowns += 1;
            self.timers.pause(until, Pause::Cooldown(cable));
        }
    }
}
