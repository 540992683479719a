//! Leaving the batch before the last token, and giving back what was held.

use connector::Timestamp;

use super::{
    Engine, Progress, ProgressKind, SequenceKey,
    sequence::{Own, Sequence, State},
};

impl Engine {
    /// Takes a sequence out of the batch and puts it back in line.
    pub(super) fn preempt(&mut self, key: SequenceKey, at: Timestamp, last_token: Timestamp) {
        self.tally.preemptions += 1;
        let (held, computed) = self.leave_batch(key, last_token);
        self.give_back(key, held, computed);
        let id = self.sequences[key].id;
        self.news.push(Progress { at, id, kind: ProgressKind::Preempted });
        self.waiting.push_back_in(key, &self.sequences);
    }

    /// Everybody in the batch, last first, so that the first is next in line again.
    pub(super) fn preempt_all(&mut self, at: Timestamp, last_token: Timestamp) {
        let sequences = &self.sequences;
        let mut batch = std::mem::take(&mut self.order);
        batch.retain(|&(key, joined)| is_in_batch(sequences.get(key), joined));
        for (key, _) in batch.into_iter().rev() {
            if self.sequences[key].abandoned {
                self.drop_from_batch(key);
            } else {
                self.preempt(key, at, last_token);
            }
        }
        self.abandoned.clear();
        self.decoders_withdrawn = 0;
    }

    /// A sequence whose caller has gone leaves the batch.
    pub(super) fn drop_from_batch(&mut self, key: SequenceKey) {
        let (held, computed) = self.leave_batch(key, Timestamp::ZERO);
        self.give_back(key, held, computed);
        self.forget(key);
    }

    /// A job whose caller has gone leaves the line.
    pub(super) fn drop_waiting(&mut self, key: SequenceKey) {
        self.forget(key);
        self.waiting.forget_one(&self.sequences);
        self.foresee_nothing();
    }

    fn forget(&mut self, key: SequenceKey) {
        let sequence = self.sequences.remove(key).expect("it was just there");
        if let Some(own) = sequence.cached.own {
            self.memory.forget_own(own.run);
        }
    }

    /// Ends the present stay of a sequence in the batch; returns the blocks that it held and the
    /// tokens that it had in the cache.
    pub(super) fn leave_batch(&mut self, key: SequenceKey, last_token: Timestamp) -> (u64, u32) {
        let held = self.held(key);
        let (step, shape) = (self.step, self.shape);
        let sequence = &mut self.sequences[key];
        let computed = match sequence.state {
            State::Waiting => 0,
            State::Prefilling { done, .. } => {
                self.chunks.retain(|chunk| chunk.key != key);
                done
            }
            State::Decoding(decoding) => {
                let made = decoding.made(step, shape.pace);
                sequence.made += made;
                sequence.last_token = last_token;
                self.decoders.remove(decoding, step, &shape);
                decoding.context + made
            }
        };
        if sequence.watched {
            self.watched.retain(|&watched| watched != key);
        }
        sequence.state = State::Waiting;
        (held, computed)
    }

    /// Gives a sequence's blocks back, from the last to the first.
    fn give_back(&mut self, key: SequenceKey, held: u64, computed: u32) {
        let cached = &mut self.sequences[key].cached;
        let private = held - cached.blocks;
        let full = self.shape.full_blocks(computed).saturating_sub(cached.blocks).min(private);
        self.memory.give(private - full);
        let run = self.memory.give_own(full);
        cached.own = run.map(|run| Own { run, after: cached.held });
        self.let_go_shared(key);
    }

    /// Gives back what a finished sequence held; nobody will ask for its own part.
    pub(super) fn give_back_for_good(&mut self, key: SequenceKey, held: u64) {
        self.memory.give(held - self.sequences[key].cached.blocks);
        self.let_go_shared(key);
    }

    fn let_go_shared(&mut self, key: SequenceKey) {
        let cached = &mut self.sequences[key].cached;
        let held = std::mem::take(&mut cached.held) as usize;
        cached.blocks = 0;
        for &id in cached.ids.iter().flat_map(|ids| ids[..held].iter().rev()) {
            self.memory.let_go(id);
        }
    }
}

/// Whether this entry of the order of joining is of a sequence that is still in the batch.
pub(super) fn is_in_batch(sequence: Option<&Sequence>, joined: u64) -> bool {
    sequence.is_some_and(|sequence| sequence.joined == joined && sequence.state != State::Waiting)
}
