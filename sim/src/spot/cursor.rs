//! Where a run is in a trace of cards.

use connector::{Duration, Timestamp};

use crate::config::Levels;

/// See the module text.
#[derive(Debug)]
pub(crate) struct Cursor {
    levels: Levels,
    /// The step that comes next.
    next: usize,
    /// How often the trace was begun anew, as time.
    rounds: Duration,
}

impl Cursor {
    /// At the step that holds when the run begins.
    pub(super) fn new(levels: Levels) -> Self {
        let next = levels.step_at(levels.start);
        Self { levels, next, rounds: Duration::ZERO }
    }

    /// When the next change is, if there is one. What holds at the start of the run is a change then.
    pub(crate) fn due(&mut self) -> Option<Timestamp> {
        if self.next == self.levels.steps.len() {
            if !self.levels.repeats {
                return None;
            }
            self.next = 0;
            self.rounds += self.levels.length;
        }
        let (from, _) = self.levels.steps[self.next];
        let after_start = (self.rounds + from).saturating_sub(self.levels.start);
        Some(Timestamp::ZERO + after_start)
    }

    /// How many cards there are from the next change on, which is now.
    pub(crate) fn take(&mut self) -> u32 {
        let (_, cards) = self.levels.steps[self.next];
        self.next += 1;
        cards
    }
}
