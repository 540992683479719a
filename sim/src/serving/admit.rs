//! Joining the batch, and finding what is in memory already.

use connector::{Timestamp, Tokens};

use super::{
    Engine, Progress, ProgressKind, SequenceKey, leave::is_in_batch, plan::Chunk, sequence::State,
};

/// What a job would find in memory.
#[derive(Clone, Copy, Debug, Default)]
struct Hit {
    /// Hash ids of its prompt.
    ids: u32,
    /// KV blocks of those.
    shared_blocks: u64,
    /// KV blocks of what it had computed before.
    own_blocks: u64,
    /// How many of all of them are free now.
    free: u64,
}

impl Engine {
    /// Lets whoever fits join the step that begins. Returns whether somebody who does not might fit
    /// in the next one although nobody leaves.
    pub(super) fn admit(&mut self, at: Timestamp) -> bool {
        if self.waiting.len() == 0 {
            return false;
        }
        let chunks: u32 = self.chunks.iter().map(|chunk| chunk.tokens).sum();
        let mut budget = self.limits.token_budget - self.decode_tokens() - chunks;
        while budget > 0 && self.running() < self.shape.max_sequences {
            let Some(key) = self.waiting.peek(&self.sequences) else { return false };
            let hit = self.look_up(key);
            let Some(chunk) = self.join(at, key, hit, budget) else {
                // What it would find may be overwritten, and without it the first piece is shorter.
                return hit.free > 0 && !self.limits.reserve_prompt;
            };
            self.waiting.pop();
            budget -= chunk.tokens;
            self.chunks.push(chunk);
        }
        false
    }

    /// The first piece of a job, if there are blocks for it.
    fn join(&mut self, at: Timestamp, key: SequenceKey, hit: Hit, budget: u32) -> Option<Chunk> {
        let total = self.sequences[key].total();
        let found = hit.shared_blocks + hit.own_blocks;
        let found_tokens =
            (found * u64::from(self.limits.block_tokens)).min(u64::from(total - 1)) as u32;
        let done = found_tokens.max(self.sequences[key].restored.min(total - 1));
        let tokens = (total - done).min(budget);
        let held = self.shape.prompt_blocks(done + tokens, total).max(found);
        let needed = if self.limits.reserve_prompt {
            self.shape.prompt_blocks(total, total).max(found)
        } else {
            held
        };
        if needed - found + hit.free > self.memory.free() {
            return None;
        }
        self.take_found(key, hit);
        self.memory.take(held - found);
        self.count_hit(key, hit, found_tokens);
        self.tell_joined(at, key, found_tokens);
        self.joined += 1;
        let sequence = &mut self.sequences[key];
        sequence.joined = self.joined;
        sequence.restored = 0;
        sequence.state = State::Prefilling { done, held };
        if sequence.watched {
            self.watched.push(key);
        }
        self.remember_order(key);
        self.publish(key, done + tokens);
        Some(Chunk { key, done, tokens, total })
    }

    fn remember_order(&mut self, key: SequenceKey) {
        if self.order.len() > 2 * self.running() as usize + 64 {
            let sequences = &self.sequences;
            let mut order = std::mem::take(&mut self.order);
            order.retain(|&(key, joined)| is_in_batch(sequences.get(key), joined));
            self.order = order;
        }
        self.order.push((key, self.joined));
    }

    fn look_up(&self, key: SequenceKey) -> Hit {
        let mut hit = Hit::default();
        if !self.memory.is_caching() {
            return hit;
        }
        let sequence = &self.sequences[key];
        for (index, &id) in sequence.cached.ids.iter().flat_map(|ids| ids.iter()).enumerate() {
            let Some(free) = self.memory.find(id) else { break };
            hit.ids += 1;
            hit.free += free;
            hit.shared_blocks += u64::from(self.content_blocks(sequence.prompt, index));
        }
        if let Some(own) = sequence.cached.own.filter(|own| own.after == hit.ids) {
            hit.own_blocks = self.memory.own_left(own.run);
            hit.free += hit.own_blocks;
        }
        hit
    }

    /// Full KV blocks of one hash id's tokens: fewer for the last of a prompt.
    fn content_blocks(&self, prompt: u32, index: usize) -> u32 {
        let before = index as u32 * self.limits.content_tokens;
        let tokens = prompt.saturating_sub(before).min(self.limits.content_tokens);
        self.shape.full_blocks(tokens) as u32
    }

    fn take_found(&mut self, key: SequenceKey, hit: Hit) {
        let cached = &mut self.sequences[key].cached;
        if let Some(own) = cached.own.take() {
            if hit.own_blocks > 0 {
                self.memory.hold_own(own.run);
            } else {
                self.memory.forget_own(own.run);
            }
        }
        cached.held = hit.ids;
        cached.blocks = hit.shared_blocks;
        cached.copying = false;
        for &id in cached.ids.iter().flat_map(|ids| ids.iter()).take(hit.ids as usize) {
            self.memory.hold(id);
        }
    }

    fn count_hit(&mut self, key: SequenceKey, hit: Hit, tokens: u32) {
        self.tally.tokens_found += u64::from(tokens);
        let sequence = &self.sequences[key];
        if let Some(ids) = sequence.cached.ids.as_ref().filter(|_| sequence.joined == 0) {
            self.tally.content_asked += ids.len() as u64;
            self.tally.content_found += u64::from(hit.ids);
        }
    }

    /// What is found later is what the job computed itself, or is there because it waited.
    fn tell_joined(&mut self, at: Timestamp, key: SequenceKey, found: u32) {
        let sequence = &self.sequences[key];
        let is_new = sequence.joined == 0 && sequence.made == 0 && sequence.restored == 0;
        let tells = is_new && self.memory.is_caching();
        let kind = ProgressKind::Scheduled { found: tells.then(|| Tokens::new(found)) };
        self.news.push(Progress { at, id: sequence.id, kind });
    }

    /// A sequence has, or will have by the end of the step, so many tokens in the cache: whole blocks
    /// of its prompt can be found from now on.
    pub(super) fn publish(&mut self, key: SequenceKey, done: u32) {
        if self.sequences[key].cached.ids.is_none() {
            return;
        }
        let prompt = self.sequences[key].prompt;
        loop {
            let cached = &self.sequences[key].cached;
            let ids = cached.ids.as_ref().expect("just seen");
            let Some(&id) = ids.get(cached.held as usize).filter(|_| !cached.copying) else {
                return;
            };
            let end = (cached.held + 1).saturating_mul(self.limits.content_tokens).min(prompt);
            if done < end {
                return;
            }
            let blocks = self.content_blocks(prompt, cached.held as usize);
            let kept = blocks > 0 && self.memory.register(id, blocks);
            let cached = &mut self.sequences[key].cached;
            if kept {
                cached.held += 1;
                cached.blocks += u64::from(blocks);
            } else {
                cached.copying = true;
            }
        }
    }
}
