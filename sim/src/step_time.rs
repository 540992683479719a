//! How long one step of a serving engine's batch takes, and how that changes while the batch does
//! not.
//!
//! # The seam
//!
//! An engine describes a step by what it computes ([`Load`]) and by how much of it the next step
//! will have more ([`Growth`]): while nobody joins or leaves, the only things that grow are the
//! contexts of the sequences that decode and the part of a long prompt that is done already.
//! A [`StepTime`] answers with a [`Line`]: the time of this step, how much each following one takes
//! longer, and for how many steps that is exact. A roofline's line ends where compute and memory
//! cross, a table's at its next knot, and a rule that is not affine at all answers for one step.
//!
//! # Units
//!
//! Time is counted in ticks of 2^-20 ns ([`TICKS_PER_NS`]) and contexts in 1/64 token
//! ([`CONTEXT_UNITS`]), both integers: the sum of an affine stretch is then exact, so jumping over it
//! and stepping through it end at the same tick.

mod line;
mod linear;
mod roofline;
mod table;

use std::sync::Arc;

pub use self::{
    line::Line,
    linear::Linear,
    roofline::{Roofline, RooflineCosts, Roofs},
    table::{AttentionPoint, Table, TableError},
};

/// Ticks per nanosecond.
pub const TICKS_PER_NS: i64 = 1 << 20;

/// Units of context per token. Speculative decoding advances a sequence by a fraction of a token per
/// step on average.
pub const CONTEXT_UNITS: u64 = 64;

/// What one step computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Sequences that decode.
    pub decodes: u32,
    /// Tokens that they put through the model: one each, and as many more as are drafted.
    pub decode_tokens: u32,
    /// What they have in the cache before the step, together, in 1/64 token.
    pub context: u64,
    /// Prompt tokens processed, over all prompts in the step.
    pub prefill_tokens: u32,
    /// Prompts in the step.
    pub prefills: u32,
    /// Tokens that those prompts have in the cache before the step, together.
    pub prefill_context: u64,
    /// Pairs of a prompt token and a token it attends to, itself included.
    pub prefill_pairs: u64,
    /// Sequences for which a token is sampled: those that decode and those whose prompt is done.
    pub sampled: u32,
}

impl Load {
    /// Adds a piece of a prompt that has `done` tokens in the cache already.
    pub fn add_chunk(&mut self, done: u64, chunk: u32) {
        let tokens = u64::from(chunk);
        self.prefill_tokens += chunk;
        self.prefills += 1;
        self.prefill_context += done;
        self.prefill_pairs += tokens * done + tokens * (tokens + 1) / 2;
    }

    /// Tokens that go through the model.
    pub fn tokens(&self) -> u32 {
        self.decode_tokens + self.prefill_tokens
    }
}

/// What the next step has more than this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Context of the sequences that decode, in 1/64 token.
    pub context: u64,
    /// Tokens of the one prompt that goes on being processed.
    pub prefill_context: u64,
    /// Pairs that this prompt has more.
    pub prefill_pairs: u64,
}

impl Load {
    /// The load `steps` steps later.
    #[must_use]
    pub fn after(&self, growth: &Growth, steps: u64) -> Self {
        Self {
            context: self.context + growth.context * steps,
            prefill_context: self.prefill_context + growth.prefill_context * steps,
            prefill_pairs: self.prefill_pairs + growth.prefill_pairs * steps,
            ..*self
        }
    }
}

/// A rule for the time of a step.
pub trait StepTime {
    /// The time of this step and of those after it. A step takes at least a nanosecond, and the line
    /// holds for at least one step.
    fn line(&self, load: &Load, growth: &Growth) -> Line;
}

/// The rules there are.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchTime {
    /// Stated outright.
    Linear(Linear),
    /// From a card's datasheet and a model's shape.
    Roofline(Roofline),
    /// From measured kernels.
    Table(Arc<Table>),
}

impl StepTime for BatchTime {
    #[inline]
    fn line(&self, load: &Load, growth: &Growth) -> Line {
        match self {
            Self::Linear(rule) => rule.line(load, growth),
            Self::Roofline(rule) => rule.line(load, growth),
            Self::Table(rule) => rule.line(load, growth),
        }
    }
}
