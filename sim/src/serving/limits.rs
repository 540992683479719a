//! What an engine may do at once.

use connector::Tokens;

use super::phases::Pace;
use crate::step_time::CONTEXT_UNITS;

/// Settings of a serving engine, named as in vLLM where it has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Sequences in the batch (`max_num_seqs`), at least 1.
    pub max_sequences: u32,
    /// Tokens that a step puts through the model (`max_num_batched_tokens`), at least 1. Sequences
    /// that decode come first; prompts are processed in pieces of what is left (chunked prefill).
    pub token_budget: u32,
    /// Tokens in a block of the KV cache (`block_size`), a power of two up to 1,024.
    pub block_tokens: u32,
    /// Blocks in the KV cache (`num_gpu_blocks`), at least 1; [`Limits::ENDLESS`] for no limit.
    pub kv_blocks: u64,
    /// Whether a prompt is admitted only if all of it fits in the free blocks
    /// (`scheduler_reserve_full_isl`), or if its first piece does.
    pub reserve_prompt: bool,
    /// Whether blocks keep what was computed into them until they are overwritten
    /// (`enable_prefix_caching`).
    pub prefix_caching: bool,
    /// Tokens that one hash id of a prompt stands for, a multiple of `block_tokens`. Mooncake's
    /// traces: 512.
    pub content_tokens: u32,
    /// Who is admitted first, and who is preempted first.
    pub policy: Policy,
    /// Speculative decoding.
    pub speculation: Option<Speculation>,
}

/// Who goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// First come, first served; the last that joined the batch is preempted.
    #[default]
    Fcfs,
    /// By rank, then by arrival; the least important is preempted, the last arrived among equals.
    Priority,
}

/// Speculative decoding: a small model drafts tokens that the large one verifies in one step
/// (Leviathan, Kalman, Matias, ICML 2023).
///
/// With acceptance rate `a` and `k` drafts, a step makes `(1 - a^(k+1)) / (1 - a)` tokens on
/// average. The engine advances every sequence by this mean, in 1/64 token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speculation {
    /// Tokens drafted per step, 1 to 16.
    pub drafts: u32,
    /// Probability that a draft is accepted, 0 to below 1.
    pub acceptance: f64,
}

impl Speculation {
    /// Tokens per step on average, rounded down to 1/64: at least 1, at most `drafts` + 1.
    pub fn tokens_per_step(&self) -> f64 {
        f64::from(self.pace().stride) / f64::from(self.pace().scale)
    }

    fn pace(self) -> Pace {
        let mut mean = 1.0;
        let mut all = 1.0;
        for _ in 0..self.drafts {
            all *= self.acceptance;
            mean += all;
        }
        let scale = CONTEXT_UNITS as u32;
        Pace { stride: ((mean * CONTEXT_UNITS as f64) as u32).max(scale), scale }
    }
}

impl Default for Limits {
    /// What vLLM does where nothing is said, with an endless cache.
    fn default() -> Self {
        Self {
            max_sequences: 256,
            token_budget: 2_048,
            block_tokens: 16,
            kv_blocks: Self::ENDLESS,
            reserve_prompt: true,
            prefix_caching: true,
            content_tokens: 512,
            policy: Policy::Fcfs,
            speculation: None,
        }
    }
}

impl Limits {
    /// More KV blocks than any run needs.
    pub const ENDLESS: u64 = 1 << 40;

    /// Whether a job of these lengths ever fits in the KV cache. One that does not must not be
    /// submitted: nobody could make room for it.
    pub fn hold(&self, prompt: Tokens, output: Tokens) -> bool {
        let drafts = self.speculation.map_or(0, |speculation| speculation.drafts);
        let lengths = [prompt.get().max(1), output.get().max(1), drafts];
        let tokens: u64 = lengths.into_iter().map(u64::from).sum();
        tokens <= self.kv_blocks.saturating_mul(u64::from(self.block_tokens))
    }

    /// The longest context that the KV cache holds.
    pub fn longest_context(&self) -> Tokens {
        let tokens = self.kv_blocks.saturating_mul(u64::from(self.block_tokens));
        Tokens::new(u32::try_from(tokens).unwrap_or(u32::MAX))
    }

    pub(super) fn shape(&self) -> Shape {
        let pace = self.speculation.map_or(Pace::PLAIN, Speculation::pace);
        let drafts = self.speculation.map_or(0, |speculation| speculation.drafts);
        Shape {
            block_tokens: self.block_tokens,
            block_shift: self.block_tokens.trailing_zeros(),
            turn_shift: (self.block_tokens * pace.scale).trailing_zeros(),
            pace,
            tokens_per_decode: drafts + 1,
            spare: ((drafts + 1) * pace.scale - pace.stride) / pace.scale,
            max_sequences: self.max_sequences.min((self.token_budget / (drafts + 1)).max(1)),
        }
    }
}

/// What follows from the limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) block_tokens: u32,
    block_shift: u32,
    turn_shift: u32,
    pub(super) pace: Pace,
    /// Tokens that a sequence that decodes puts through the model.
    pub(super) tokens_per_decode: u32,
    /// Slots beyond its context that a sequence holds for drafts when it begins to decode.
    pub(super) spare: u32,
    /// Every sequence of the batch can decode within the budget.
    pub(super) max_sequences: u32,
}

impl Shape {
    /// KV blocks for so many tokens.
    #[inline]
    pub(super) fn blocks(&self, tokens: u32) -> u64 {
        (u64::from(tokens) + u64::from(self.block_tokens - 1)) >> self.block_shift
    }

    /// KV blocks that are full with so many tokens.
    #[inline]
    pub(super) fn full_blocks(&self, tokens: u32) -> u64 {
        u64::from(tokens) >> self.block_shift
    }

    /// KV blocks to hold when so many tokens of a prompt are done, of `total`.
    #[inline]
    pub(super) fn prompt_blocks(&self, done: u32, total: u32) -> u64 {
        self.blocks(if done == total { total + self.spare } else { done })
    }

    /// KV blocks held at a position of the turning frame.
    #[inline]
    pub(super) fn blocks_at(&self, position: u64) -> u64 {
        position >> self.turn_shift
    }

    /// Position of a sequence that begins to decode with this context: its blocks are those of a
    /// prompt that is done.
    #[inline]
    pub(super) fn first_position(&self, context: u32) -> u64 {
        let scale = u64::from(self.pace.scale);
        let slots = (u64::from(context) + u64::from(self.tokens_per_decode)) * scale;
        slots - u64::from(self.pace.stride) + u64::from(self.block_tokens - 1) * scale
    }
}
