//! Blocks for those in the batch, from the least important if need be.

use connector::Timestamp;

use super::{
    Engine, Policy, SequenceKey, clock::Work, leave::is_in_batch, plan::Chunk, sequence::State,
};

impl Engine {
    /// Gives those in the batch the blocks of this step. Returns whether somebody was preempted.
    ///
    /// Where blocks are all alike and the last that joined is preempted, serving everybody in order
    /// comes to this: the last leave until what the others take is there.
    pub(super) fn make_room(&mut self, start: Work) -> bool {
        let mut preempted = false;
        while self.running() > 0 {
            self.continue_prompt();
            let decoding = self.decoders.phases.blocks(1);
            let prompt = self.chunks.last().map_or(0, |chunk| self.chunk_takes(chunk));
            if decoding + prompt <= self.memory.free() {
                self.memory.take(decoding);
                self.ahead = decoding;
                self.hold_chunk(prompt);
                return preempted;
            }
            let at = self.wall(start);
            if self.limits.policy != Policy::Fcfs || self.memory.is_caching() {
                self.make_room_by_preempting(at);
                return true;
            }
            let victim = self.victim().expect("somebody is in the batch");
            self.preempt(victim, at, at);
            preempted = true;
        }
        preempted
    }

    /// There are too few blocks: everybody in order takes what it needs, from the least important if
    /// need be, who may have taken its own already.
    fn make_room_by_preempting(&mut self, at: Timestamp) {
        let sequences = &self.sequences;
        self.order.retain(|&(key, joined)| is_in_batch(sequences.get(key), joined));
        let mut served: Vec<(SequenceKey, u64)> = Vec::new();
        for (key, _) in self.order.clone() {
            while let Some(takes) = self.takes(key).filter(|takes| *takes > self.memory.free()) {
                let victim = self.victim().expect("a job that fits alone needs no other's blocks");
                debug_assert!(takes > 0);
                if let Some(index) = served.iter().position(|(served, _)| *served == victim) {
                    self.memory.give(served.remove(index).1);
                }
                self.preempt(victim, at, at);
                self.continue_prompt();
            }
            match self.sequences[key].state {
                State::Waiting => {}
                State::Prefilling { .. } => self.hold_chunk(self.takes(key).unwrap_or(0)),
                State::Decoding(_) => {
                    let takes = self.takes(key).unwrap_or(0);
                    self.memory.take(takes);
                    served.push((key, takes));
                }
            }
        }
        self.ahead = served.into_iter().map(|(_, takes)| takes).sum();
    }

    /// Blocks that somebody in the batch takes in this step; `None` for others.
    fn takes(&self, key: SequenceKey) -> Option<u64> {
        match self.sequences[key].state {
            State::Waiting => None,
            State::Prefilling { .. } => self.chunks.last().map(|chunk| self.chunk_takes(chunk)),
            State::Decoding(decoding) => {
                let before = self.shape.blocks_at(decoding.position(self.step, &self.shape));
                let after = self.shape.blocks_at(decoding.position(self.step + 1, &self.shape));
                Some(after - before)
            }
        }
    }

    /// The piece of the prompt under way that fits in this step's budget.
    fn continue_prompt(&mut self) {
        let budget = self.limits.token_budget - self.decode_tokens();
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.tokens = (chunk.total - chunk.done).min(budget);
        }
    }

    /// The prompt under way takes so many blocks, and what it will have computed may be found.
    fn hold_chunk(&mut self, takes: u64) {
        let Some(&chunk) = self.chunks.last() else { return };
        self.memory.take(takes);
        let held = self.held(chunk.key) + takes;
        self.sequences[chunk.key].state = State::Prefilling { done: chunk.done, held };
        self.publish(chunk.key, chunk.done + chunk.tokens);
    }

    fn chunk_takes(&self, chunk: &Chunk) -> u64 {
        let blocks = self.shape.prompt_blocks(chunk.done + chunk.tokens, chunk.total);
        blocks.saturating_sub(self.held(chunk.key))
    }

    pub(super) fn held(&self, key: SequenceKey) -> u64 {
        match self.sequences[key].state {
            State::Waiting => 0,
            State::Prefilling { held, .. } => held,
            State::Decoding(decoding) => {
                self.shape.blocks_at(decoding.position(self.step, &self.shape))
            }
        }
    }

    pub(super) fn decode_tokens(&self) -> u32 {
        self.decoders.count * self.shape.tokens_per_decode
    }

    /// Who loses its blocks next.
    fn victim(&mut self) -> Option<SequenceKey> {
        let sequences = &self.sequences;
        match self.limits.policy {
            Policy::Fcfs => loop {
                let (key, joined) = self.order.pop()?;
                if is_in_batch(sequences.get(key), joined) {
                    return Some(key);
                }
            },
            Policy::Priority => {
                let alive = self
                    .order
                    .iter()
                    .filter(|(key, joined)| is_in_batch(sequences.get(*key), *joined));
                alive.map(|&(key, _)| key).max_by_key(|&key| sequences[key].expendable())
            }
        }
    }
}
