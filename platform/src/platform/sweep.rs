//! Sweeps: every pool on which anything goes on is asked now and then what it holds for us.
//!
//! # Problem
//!
//! Lists after ambiguous answers find what an allocation left behind, if the list shows it. A list
//! that is behind does not, and a grant may be lost without any failure that we see (a restart, an
//! answer of another platform's). What nobody knows of is paid for until somebody asks.
//!
//! # Mechanism
//!
//! A sweep is a round of reconciliation that nothing in particular gave rise to. A cable is swept
//! twice after the last share was asked for there (the second list shows what the first, being
//! behind, may not have), and then no more: where nothing is asked for nothing can be left behind,
//! and a platform at rest asks nobody. A drain sweeps once more whatever was not yet.

use connector::Timestamp;

use super::Platform;
use crate::timers::Pause;

/// Sweeps of a cable after the last share was asked for there.
const SWEEPS: u8 = 2;

impl Platform {
    /// A share is asked for: what it leaves behind is to be found.
    #[inline]
    pub(super) fn will_sweep(&mut self, now: Timestamp, cable: usize) {
        let Some(every) = self.lease_config.sweep else {
            return;
        };
        self.cables[cable].shelves.sweeps = SWEEPS;
        if self.sweep_due.is_none() && !self.draining {
            self.sweep_due = Some(self.timers.pause(now + every, Pause::Sweep));
        }
    }

    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.sweep_due = None;
        if self.draining {
            return;
        }
        let mut more = false;
        for index in 0..self.cables.len() {
            let cable = &mut self.cables[index];
            if cable.shelves.sweeps > 0 {
                cable.shelves.sweeps -= 1;
                cable.statistics.sweeps += 1;
                more |= cable.shelves.sweeps > 0;
                self.doubt(now, index);
            }
        }
        if let Some(every) = self.lease_config.sweep.filter(|_| more) {
            self.sweep_due = Some(self.timers.pause(now + every, Pause::Sweep));
        }
    }

    /// What was not swept since something went on there is swept now, for the last time.
    pub(super) fn sweep_at_last(&mut self, now: Timestamp) {
        for index in 0..self.cables.len() {
            if std::mem::take(&mut self.cables[index].shelves.sweeps) > 0 {
                self.cables[index].statistics.sweeps += 1;
                self.doubt(now, index);
            }
        }
    }
}
