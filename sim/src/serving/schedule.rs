//! When steps begin, and which one somebody who comes or goes can take part in.

use connector::Timestamp;

use super::{Engine, clock::Work, plan::Opening};
use crate::step_time::{Growth, StepTime};

/// Most of those who wait that are looked at to foresee a step.
const MOST_FORESEEN: usize = 4;

impl Engine {
    /// A step begins: whoever is in the batch gets its blocks, or somebody loses them; then whoever
    /// fits joins.
    pub(super) fn begin_step(&mut self, start: Work) {
        let closed = self.make_room(start);
        let brief = closed || self.admit(self.wall(start));
        self.plan(Opening { start, closed, brief, noted_at: None });
    }

    /// Somebody came while a stretch is under way: the first step that can take them ends it.
    pub(super) fn let_join(&mut self, now: Timestamp) {
        let work = self.clock.work_at(now);
        let full = self.running() >= self.shape.max_sequences;
        // A piece of a prompt that stays in the batch has taken all of the budget.
        let spent = self.chunks.last().is_some_and(|chunk| !chunk.completes());
        if full || spent {
            return;
        }
        let Some(stretch) = &self.stretch else { return };
        let (start, closed, noted_at) = (stretch.start, stretch.closed, stretch.noted_at);
        let joins_present = work == start && !closed;
        if !self.may_fit(joins_present) {
            self.foresee_nothing();
            return;
        }
        if joins_present {
            let brief = self.admit(now);
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

    /// Who joins the next step is not certain any more: somebody left the line, or came in front of those
    /// who were to join and does not fit.
    pub(super) fn foresee_nothing(&mut self) {
        if let Some(stretch) = &mut self.stretch {
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
            let found = sequence.cached.ids.is_some() || sequence.cached.own.is_some();
            if found || sequence.restored > 0 || budget == 0 {
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

    /// `false` if whoever is next in line cannot be admitted before somebody leaves: there are too few
    /// blocks even for the first piece of its prompt, and they only get fewer.
    fn may_fit(&mut self, joins_present: bool) -> bool {
        let Some(key) = self.waiting.peek(&self.sequences) else { return false };
        let sequence = &self.sequences[key];
        if self.memory.is_caching() && sequence.cached.ids.is_some() {
            return true;
        }
        let total = sequence.total();
        let needed = if self.limits.reserve_prompt {
            self.shape.blocks(total)
        } else {
            let restored = sequence.restored.min(total - 1);
            let first = total.min(restored + self.least_budget(joins_present));
            self.shape.blocks(first).max(1)
        };
        needed <= self.memory.free()
    }

    /// What those in the batch leave of the budget of the next step, or of the present one if that can
    /// still be joined and has less.
    fn least_budget(&self, joins_present: bool) -> u32 {
        let budget = self.limits.token_budget;
        let prompts = self.chunks.len() as u32 * self.shape.tokens_per_decode;
        let next = budget.saturating_sub(self.decode_tokens() + prompts);
        if !joins_present {
            return next;
        }
        let chunks: u32 = self.chunks.iter().map(|chunk| chunk.tokens).sum();
        next.min(budget.saturating_sub(self.decode_tokens() + chunks))
    }
}
