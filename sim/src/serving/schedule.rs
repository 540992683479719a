//! Deciding what the next step consists of, and for how long that stays so.

use connector::Timestamp;

use super::{
    Engine, Policy, Progress, ProgressKind, SequenceKey,
    clock::Work,
    sequence::{Decoding, Own, State},
};
use crate::step_time::{CONTEXT_UNITS, Growth, Line, Load, StepTime};

/// Most of those who wait that are looked at to foresee a step.
const MOST_FORESEEN: usize = 4;

/// Steps in which the batch stays as it is.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) start: Work,
    pub(super) line: Line,
    /// How many steps, at least one.
    pub(super) steps: u64,
    /// When they are done.
    pub(super) end: Work,
    /// No token comes before this: the end, or later if nobody makes a first or last token then.
    pub(super) quiet_until: Work,
    /// A sequence was preempted for the first step, so nobody may join it.
    closed: bool,
    /// It ends before anybody makes a first or last token, for somebody to join or leave.
    is_cut: bool,
    /// Steps whose gaps are recorded.
    pub(super) noted: u64,
    /// When the last of those ended, if they were recorded before the end of the stretch.
    pub(super) noted_at: Option<Timestamp>,
    /// Steps whose tokens were told to those who watch.
    pub(super) told: u64,
}

impl Stretch {
    /// Whole steps done when this much work is.
    pub(super) fn steps_done(&self, work: Work) -> u64 {
        let reached = work - self.start;
        let begun = self.line.steps_until(reached).min(self.steps);
        if self.line.time(begun) > reached { begun - 1 } else { begun }
    }
}

/// A piece of a prompt in the present step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) key: SequenceKey,
    /// Tokens in the cache before the step.
    pub(super) done: u32,
    /// Tokens processed in the step.
    pub(super) tokens: u32,
    /// Tokens to be processed in all.
    pub(super) total: u32,
}

impl Chunk {
    fn completes(&self) -> bool {
        self.done + self.tokens == self.total
    }
}

/// How a stretch begins.
#[derive(Clone, Copy, Debug)]
struct Opening {
    start: Work,
    /// See [`Stretch::closed`].
    closed: bool,
    /// Somebody may join the next step although nobody leaves.
    brief: bool,
    /// See [`Stretch::noted_at`].
    noted_at: Option<Timestamp>,
}

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
    /// A step begins: whoever is in the batch gets its blocks, or somebody loses them; then whoever
    /// fits joins.
    pub(super) fn begin_step(&mut self, start: Work) {
        let closed = self.make_room(start);
        let brief = closed || self.admit(start);
        self.plan(Opening { start, closed, brief, noted_at: None });
    }

    /// Somebody came while a stretch is under way: the first step that can take them ends it.
    pub(super) fn let_join(&mut self, work: Work) {
        let full = self.running() >= self.shape.max_sequences;
        // A piece of a prompt that stays in the batch has taken all of the budget.
        let spent = self.chunks.last().is_some_and(|chunk| !chunk.completes());
        if full || spent || !self.may_fit() {
            return;
        }
        let Some(stretch) = &self.stretch else { return };
        let (start, closed, noted_at) = (stretch.start, stretch.closed, stretch.noted_at);
        if work == start && !closed {
            let brief = self.admit(start);
            self.plan(Opening { start, closed, brief, noted_at });
        } else {
            self.cut(work);
            let quiet = self.quiet_after_join();
            if let Some(stretch) = self.stretch.as_mut().filter(|stretch| stretch.is_cut) {
                stretch.quiet_until = stretch.end + i128::from(quiet);
            }
        }
    }

    /// Ends the stretch at the first boundary after its start at or after this much work.
    pub(super) fn cut(&mut self, work: Work) {
        let Some(stretch) = &mut self.stretch else { return };
        let steps = stretch.line.steps_until(work - stretch.start).max(1);
        if steps < stretch.steps {
            stretch.steps = steps;
            stretch.end = stretch.start + stretch.line.time(steps);
            stretch.is_cut = true;
        }
        if stretch.is_cut {
            stretch.quiet_until = stretch.end;
        }
    }

    /// Ticks that the step after the cut will take if all who wait can join it: no token comes
    /// before. Zero where that is not certain.
    ///
    /// This spares whoever drives the engine to wake it at a boundary where nothing is to be told.
    fn quiet_after_join(&self) -> i64 {
        let Some(stretch) = self.stretch.as_ref().filter(|_| self.abandoned.is_empty()) else {
            return 0;
        };
        let (mut load, growth) = self.load();
        load = load.after(&growth, stretch.steps);
        let mut budget = self.limits.token_budget - self.decode_tokens();
        let mut needed = self.taken_at_most(stretch.steps + 1);
        for key in self.waiting.first(MOST_FORESEEN) {
            let Some(sequence) = self.sequences.get(key) else { return 0 };
            if sequence.cached.ids.is_some() || sequence.cached.own.is_some() || budget == 0 {
                return 0;
            }
            let total = sequence.total();
            let tokens = total.min(budget);
            load.add_chunk(0, tokens);
            load.sampled += u32::from(tokens == total);
            budget -= tokens;
            needed += self.shape.prompt_blocks(total, total);
        }
        let room = self.decoders.count + load.prefills <= self.shape.max_sequences;
        let foreseen = self.waiting.len() == load.prefills as usize;
        if room && foreseen && self.chunks.is_empty() && needed <= self.memory.free() {
            self.time.line(&load, &Growth::default()).first
        } else {
            0
        }
    }

    /// `false` if whoever is next in line cannot be admitted before somebody leaves.
    fn may_fit(&mut self) -> bool {
        let Some(key) = self.waiting.peek(&self.sequences) else { return false };
        if self.memory.is_caching() && self.sequences[key].cached.ids.is_some() {
            return true;
        }
        let total = self.sequences[key].total();
        let needed = if self.limits.reserve_prompt { self.shape.blocks(total) } else { 1 };
        needed <= self.memory.free()
    }

    /// Gives those in the batch the blocks of this step. Returns whether somebody was preempted.
    fn make_room(&mut self, start: Work) -> bool {
        if self.running() == 0 {
            return false;
        }
        self.continue_prompt();
        let decoding = self.decoders.phases.blocks(1);
        let prompt = self.chunks.last().map_or(0, |chunk| self.chunk_takes(chunk));
        if decoding + prompt <= self.memory.free() {
            self.memory.take(decoding);
            self.ahead = decoding;
            self.hold_chunk(prompt);
            return false;
        }
        self.make_room_by_preempting(self.wall(start));
        true
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

    fn held(&self, key: SequenceKey) -> u64 {
        match self.sequences[key].state {
            State::Waiting => 0,
            State::Prefilling { held, .. } => held,
            State::Decoding(decoding) => {
                self.shape.blocks_at(decoding.position(self.step, &self.shape))
            }
        }
    }

    fn decode_tokens(&self) -> u32 {
        self.decoders.count * self.shape.tokens_per_decode
    }

    /// Lets whoever fits join the step that begins. Returns whether somebody who does not might fit
    /// in the next one although nobody leaves.
    fn admit(&mut self, start: Work) -> bool {
        if self.waiting.len() == 0 {
            return false;
        }
        let chunks: u32 = self.chunks.iter().map(|chunk| chunk.tokens).sum();
        let mut budget = self.limits.token_budget - self.decode_tokens() - chunks;
        while budget > 0 && self.running() < self.shape.max_sequences {
            let Some(key) = self.waiting.peek(&self.sequences) else { return false };
            let hit = self.look_up(key);
            let Some(chunk) = self.join(key, hit, budget) else {
                // What it would find may be overwritten, and without it the first piece is shorter.
                return hit.free > 0 && !self.limits.reserve_prompt;
            };
            self.waiting.pop();
            budget -= chunk.tokens;
            self.chunks.push(chunk);
            let (id, at) = (self.sequences[key].id, self.wall(start));
            self.news.push(Progress { at, id, kind: ProgressKind::Scheduled });
        }
        false
    }

    /// The first piece of a job, if there are blocks for it.
    fn join(&mut self, key: SequenceKey, hit: Hit, budget: u32) -> Option<Chunk> {
        let total = self.sequences[key].total();
        let found = hit.shared_blocks + hit.own_blocks;
        let done = (found * u64::from(self.limits.block_tokens)).min(u64::from(total - 1)) as u32;
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
        self.count_hit(key, hit, done);
        self.joined += 1;
        let sequence = &mut self.sequences[key];
        sequence.joined = self.joined;
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

    fn count_hit(&mut self, key: SequenceKey, hit: Hit, done: u32) {
        self.tally.tokens_found += u64::from(done);
        let sequence = &self.sequences[key];
        if let Some(ids) = sequence.cached.ids.as_ref().filter(|_| sequence.joined == 0) {
            self.tally.content_asked += ids.len() as u64;
            self.tally.content_found += u64::from(hit.ids);
        }
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

    /// Takes a sequence out of the batch and puts it back in line.
    fn preempt(&mut self, key: SequenceKey, at: Timestamp, last_token: Timestamp) {
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
        if let Some(stretch) = &mut self.stretch {
            stretch.quiet_until = stretch.end;
        }
    }

    fn forget(&mut self, key: SequenceKey) {
        let sequence = self.sequences.remove(key).expect("it was just there");
        if let Some(own) = sequence.cached.own {
            self.memory.forget_own(own.run);
        }
    }

    /// Ends the present stay of a sequence in the batch; returns the blocks that it held and the
    /// tokens that it had in the cache.
    fn leave_batch(&mut self, key: SequenceKey, last_token: Timestamp) -> (u64, u32) {
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

    /// Finds out for how long the batch stays as it is now.
    fn plan(&mut self, opening: Opening) {
        if self.running() == 0 {
            self.stretch = None;
            return;
        }
        let (load, growth) = self.load();
        let line = self.time.line(&load, &growth);
        debug_assert!(line.first > 0 && line.steps > 0);
        let Opening { start, closed, brief, noted_at } = opening;
        let steps = if brief { 1 } else { self.same_batch().min(line.steps) };
        let steps = self.within_memory(steps);
        self.tally.stretches += 1;
        self.stretch = Some(Stretch {
            start,
            line,
            steps,
            end: start + line.time(steps),
            quiet_until: start + line.time(steps),
            closed,
            is_cut: false,
            noted: 0,
            noted_at,
            told: 0,
        });
    }

    fn load(&self) -> (Load, Growth) {
        let units = CONTEXT_UNITS / u64::from(self.shape.pace.scale);
        let mut load = Load {
            decodes: self.decoders.count,
            decode_tokens: self.decode_tokens(),
            context: self.decoders.context * units,
            sampled: self.decoders.count,
            ..Load::default()
        };
        let mut growth = Growth {
            context: u64::from(self.decoders.count) * u64::from(self.shape.pace.stride) * units,
            ..Growth::default()
        };
        for chunk in &self.chunks {
            load.add_chunk(u64::from(chunk.done), chunk.tokens);
            if chunk.completes() {
                load.sampled += 1;
            } else {
                growth.prefill_context = u64::from(chunk.tokens);
                growth.prefill_pairs = u64::from(chunk.tokens) * u64::from(chunk.tokens);
            }
        }
        (load, growth)
    }

    /// Steps until somebody's last or first token.
    fn same_batch(&self) -> u64 {
        let prompt = match self.chunks.as_slice() {
            [] => Line::LONGEST,
            [chunk] if !chunk.completes() => {
                u64::from((chunk.total - chunk.done - 1) / chunk.tokens)
            }
            _ => return 1,
        };
        match self.finishes.peek() {
            Some(std::cmp::Reverse((last, _, _))) => prompt.min(last - self.step),
            None => prompt,
        }
    }

    /// At most this many steps, and no more than there are blocks for.
    fn within_memory(&self, steps: u64) -> u64 {
        if self.taken_at_most(steps) <= self.memory.free() {
            return steps;
        }
        // The first step has its blocks; find the last that has.
        let (mut enough, mut too_many) = (1, steps + 1);
        while too_many - enough > 1 {
            let middle = enough + (too_many - enough) / 2;
            if self.taken(middle) <= self.memory.free() {
                enough = middle;
            } else {
                too_many = middle;
            }
        }
        enough
    }

    fn taken_at_most(&self, steps: u64) -> u64 {
        let decoding = self.decoders.phases.at_most(steps) - self.ahead;
        decoding.saturating_add(self.prompt_takes(steps))
    }

    /// Blocks that are taken in this many steps, beyond those taken for the first.
    pub(super) fn taken(&self, steps: u64) -> u64 {
        self.decoders.phases.blocks(steps) - self.ahead + self.prompt_takes(steps)
    }

    fn prompt_takes(&self, steps: u64) -> u64 {
        match self.chunks.last() {
            Some(chunk) if steps > 1 => {
                let done = u64::from(chunk.done) + steps * u64::from(chunk.tokens);
                let done = done.min(u64::from(chunk.total)) as u32;
                self.shape.blocks(done).saturating_sub(self.held(chunk.key))
            }
            Some(_) | None => 0,
        }
    }

    /// A sequence whose prompt is done makes tokens from now on.
    pub(super) fn decode(&mut self, key: SequenceKey, context: u32) {
        let decoding = Decoding { since: self.step, context };
        let sequence = &mut self.sequences[key];
        sequence.state = State::Decoding(decoding);
        let last = self.step + self.shape.pace.steps(sequence.output - sequence.made);
        self.finishes.push(std::cmp::Reverse((last, sequence.joined, key)));
        self.decoders.add(decoding, self.step, &self.shape);
    }
}

/// Whether this entry of the order of joining is of a sequence that is still in the batch.
fn is_in_batch(sequence: Option<&super::Sequence>, joined: u64) -> bool {
    sequence.is_some_and(|sequence| sequence.joined == joined && sequence.state != State::Waiting)
}
