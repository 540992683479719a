//! A job on its way through an engine.

use std::sync::Arc;

use connector::Timestamp;

use super::{
    Shape,
    phases::{Pace, Phases},
    runs::RunKey,
};

/// A job and how far it has come.
#[derive(Debug)]
pub(super) struct Sequence {
    /// The caller's name for it.
    pub(super) id: u64,
    pub(super) prompt: u32,
    pub(super) output: u32,
    /// Order of importance, 0 first.
    pub(super) rank: u8,
    /// Order of arrival.
    pub(super) arrival: u64,
    /// Order in which it joined the batch, for the last time.
    pub(super) joined: u64,
    /// Tokens made before the present stay in the batch.
    pub(super) made: u32,
    /// Tokens that are in the cache when it joins the batch, because they were computed elsewhere.
    pub(super) restored: u32,
    pub(super) state: State,
    pub(super) cached: Cached,
    /// When the last token came, where that is not the last boundary.
    pub(super) last_token: Timestamp,
    pub(super) watched: bool,
    /// Nobody waits for it any more; it leaves at the next boundary.
    pub(super) abandoned: bool,
    /// It goes on elsewhere.
    pub(super) withdrawn: bool,
}

/// Where a sequence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    /// Its prompt is being processed.
    Prefilling {
        /// Tokens in the cache.
        done: u32,
        /// KV blocks held.
        held: u64,
    },
    Decoding(Decoding),
}

/// A sequence that makes a token per step, or as many as its pace says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decoding {
    /// The first step in which it does.
    pub(super) since: u64,
    /// Tokens in the cache before that step.
    pub(super) context: u32,
}

/// The part of a sequence's KV blocks that others may use too, or it may find again.
#[derive(Debug, Default)]
pub(super) struct Cached {
    /// Hash ids of the prompt's blocks.
    pub(super) ids: Option<Arc<[u64]>>,
    /// How many of them, from the first, the sequence holds.
    pub(super) held: u32,
    /// KV blocks of those.
    pub(super) blocks: u64,
    /// What it computes from here on is a copy of what is in memory already.
    pub(super) copying: bool,
    /// What it had computed beyond the shared part before it was preempted.
    pub(super) own: Option<Own>,
}

/// What a preempted sequence had computed by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) run: RunKey,
    /// It follows after so many shared blocks.
    pub(super) after: u32,
}

impl Sequence {
    /// Tokens to be in the cache before the next one can be made.
    pub(super) fn total(&self) -> u32 {
        self.prompt + self.made
    }

    /// Order in which it is taken out of the batch for want of blocks: the least important first,
    /// the last arrived first among equals.
    pub(super) fn expendable(&self) -> (u8, u64) {
        (self.rank, self.arrival)
    }
}

impl Decoding {
    /// Tokens made before this step.
    pub(super) fn made(&self, step: u64, pace: Pace) -> u32 {
        pace.tokens(step - self.since) as u32
    }

    /// Place in the turning frame before this step; whole turns are KV blocks held.
    pub(super) fn position(&self, step: u64, shape: &Shape) -> u64 {
        shape.first_position(self.context) + (step - self.since) * u64::from(shape.pace.stride)
    }

    /// Tokens in the cache before this step, in units of the engine's pace.
    pub(super) fn context_units(&self, step: u64, pace: Pace) -> u64 {
        u64::from(self.context) * u64::from(pace.scale)
            + (step - self.since) * u64::from(pace.stride)
    }
}

/// All sequences that decode, together.
#[derive(Debug)]
pub(super) struct Decoders {
    pub(super) count: u32,
    /// Tokens in the cache, in units of the engine's pace.
    pub(super) context: u64,
    pub(super) phases: Phases,
}

impl Decoders {
    pub(super) fn new(shape: &Shape) -> Self {
        Self { count: 0, context: 0, phases: Phases::new(shape.block_tokens, shape.pace) }
    }

    pub(super) fn add(&mut self, decoding: Decoding, step: u64, shape: &Shape) {
        self.count += 1;
        self.context += decoding.context_units(step, shape.pace);
        self.phases.add(decoding.position(step, shape));
    }

    pub(super) fn remove(&mut self, decoding: Decoding, step: u64, shape: &Shape) {
        self.count -= 1;
        self.context -= decoding.context_units(step, shape.pace);
        self.phases.remove(decoding.position(step, shape));
    }

    pub(super) fn advance(&mut self, steps: u64, pace: Pace) {
        self.context += u64::from(self.count) * u64::from(pace.stride) * steps;
        self.phases.advance(steps);
    }
}
