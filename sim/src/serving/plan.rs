//! For how long the batch stays as it is.

use std::cmp::Reverse;

use connector::Timestamp;

use super::{
    Engine, SequenceKey,
    clock::Work,
    sequence::{Decoding, State},
};
use crate::step_time::{CONTEXT_UNITS, Growth, Line, Load, StepTime};

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
    pub(super) closed: bool,
    /// It ends before anybody makes a first or last token, for somebody to join or leave.
    pub(super) is_cut: bool,
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
    pub(super) fn completes(&self) -> bool {
        self.done + self.tokens == self.total
    }
}

/// How a stretch begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) start: Work,
    /// See [`Stretch::closed`].
    pub(super) closed: bool,
    /// Somebody may join the next step although nobody leaves.
    pub(super) brief: bool,
    /// See [`Stretch::noted_at`].
    pub(super) noted_at: Option<Timestamp>,
}

impl Engine {
    /// Finds out for how long the batch stays as it is now.
    pub(super) fn plan(&mut self, opening: Opening) {
        if self.running() == 0 {
            self.stretch = None;
            return;
        }
        let (load, growth) = self.load();
        let line = self.time.line(&load, &growth);
        debug_assert!(line.first > 0 && line.steps > 0);
        let Opening { start, closed, brief, noted_at } = opening;
        // Whoever is to leave at the next boundary does, also if somebody joined since.
        let steps =
            if brief || !self.abandoned.is_empty() { 1 } else { self.same_batch().min(line.steps) };
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

    pub(super) fn load(&self) -> (Load, Growth) {
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
            Some(Reverse((last, _, _))) => prompt.min(last - self.step),
            None => prompt,
        }
    }

    /// At most this many steps, and no more than there are blocks for.
    fn within_memory(&self, steps: u64) -> u64 {
        if self.taken_at_most(steps) <= self.memory.free() {
            return steps;
        }
        let free = self.memory.free() + self.ahead;
        if let Some(most) =
            self.decoders.phases.steps_within(free).filter(|_| self.chunks.is_empty())
        {
            return steps.min(most);
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

    pub(super) fn taken_at_most(&self, steps: u64) -> u64 {
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
        self.finishes.push(Reverse((last, sequence.joined, key)));
        self.decoders.add(decoding, self.step, &self.shape);
    }
}
