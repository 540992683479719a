//! Leaving for good, or to go on elsewhere, in the plain way.

use connector::Timestamp;

use super::{Reference, Seq, made_in};
use crate::serving::Carried;

impl Reference {
    pub(in crate::serving) fn cancel(&mut self, now: Timestamp, id: u64) {
        self.advance(now);
        if self.running.iter().any(|seq| seq.job.id == id) && !self.abandoned.contains(&id) {
            self.abandoned.push(id);
        }
        self.waiting.retain(|seq| seq.job.id != id);
        self.welcome(now);
    }

    /// Takes a sequence out; the step under way makes a token for nobody.
    pub(in crate::serving) fn withdraw(&mut self, now: Timestamp, id: u64) -> Option<Carried> {
        self.advance(now);
        let mut all = self.waiting.iter().chain(&self.running);
        let seq = all.find(|seq| seq.job.id == id && !self.abandoned.contains(&id))?;
        let carried = seq.carried(&self.limits);
        self.withdrawn.push(id);
        self.cancel(now, id);
        Some(carried)
    }
}

impl Seq {
    /// How far it is.
    fn carried(&self, limits: &super::Limits) -> Carried {
        let running = self.done + made_in(limits, self.decode_steps) as u32;
        let computed = if self.held.blocks.is_empty() { self.restored } else { running };
        Carried { made: self.made, computed, last_token: self.last_token }
    }
}
