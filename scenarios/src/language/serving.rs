//! How cards serve.

use std::str::FromStr;

use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Either, Optional, Quantity, Time, TokenCount, Whole};
use crate::document::Node;

/// Settings of the serving engine that every model on a card runs in, named as in vLLM where it has
/// them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServingSpec {
    /// Sequences of one model in a card's batch at once, 1 to 4,096; the rest wait. Default: 256.
    pub(crate) max_sequences: Optional<Whole<1, 4_096>>,
    /// Tokens that a step puts through a model; prompts are processed in pieces of what those that
    /// decode leave of it. Default: 2048.
    pub(crate) token_budget: Optional<TokenCount>,
    /// Tokens in a block of the KV cache, a power of two up to 1,024. Default: 16.
    pub(crate) block_tokens: Optional<Whole<1, 1_024>>,
    /// How large the KV cache is: a number of tokens, `endless`, or the share of a card's memory
    /// that weights and cache take together. Default: 90%.
    pub(crate) kv_cache: Optional<Quantity<KvCacheSpec>>,
    /// Whether a prompt is admitted only if all of it fits in the free blocks, or if its first piece
    /// does. Default: true.
    pub(crate) reserve_prompt: Optional<bool>,
    /// Whether blocks keep what was computed into them until they are needed, for prompts that begin
    /// alike and sequences that were preempted. Default: true.
    pub(crate) prefix_caching: Optional<bool>,
    /// Tokens that one hash id of a trace stands for, a multiple of `block_tokens`. Default: 512,
    /// which is Mooncake's.
    pub(crate) content_tokens: Optional<TokenCount>,
    /// Who is admitted first. Default: `fcfs`.
    pub(crate) policy: Optional<PolicySpec>,
    /// Cards that work as one; `count` must be a multiple of it. A group counts as one card
    /// everywhere else. Default: 1.
    pub(crate) tensor_parallel: Optional<Whole<1, 64>>,
    /// Speculative decoding. Default: none.
    pub(crate) speculation: Optional<SpeculationSpec>,
    /// What the serving stack makes of the card: the name of a stack that was measured on it, or
    /// stated outright. Default: all that the datasheet promises, which no stack does.
    pub(crate) efficiency: Optional<Either<String, EfficiencySpec>>,
}

/// How far a serving stack stays from the datasheet. Shares that are left out are 100%, times zero.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EfficiencySpec {
    /// Share of the peak that linear layers reach.
    pub(crate) compute: Optional<Quantity<BasisPoints>>,
    /// Share of the memory's bandwidth at which weights are read.
    pub(crate) memory: Optional<Quantity<BasisPoints>>,
    /// Share of the 16-bit peak that attention reaches.
    pub(crate) attention: Optional<Quantity<BasisPoints>>,
    /// Share of the memory's bandwidth at which the KV cache is read.
    pub(crate) kv_cache: Optional<Quantity<BasisPoints>>,
    /// Share of the link's bandwidth that collectives reach, up to 200%.
    pub(crate) link: Optional<Quantity<BasisPoints>>,
    /// Where collectives of many tokens are slower per token. Default: nowhere.
    pub(crate) long_steps: Optional<LongStepsSpec>,
    /// Scheduling and launching, every step.
    pub(crate) per_step: Optional<Time>,
    /// Sampling and bookkeeping, per sequence that gets a token.
    pub(crate) per_sequence: Optional<Time>,
    /// The least that a step with a prompt in it takes.
    pub(crate) prompt_step: Optional<Time>,
    /// Latency of one all-reduce, of which a group of cards does two per layer.
    pub(crate) exchange: Optional<Time>,
    /// From a request's arrival at the server to the engine.
    pub(crate) front_end: Optional<Time>,
}

/// Steps whose collectives are slower with the tokens beyond a number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LongStepsSpec {
    /// The number, 1 to 1,048,576.
    pub(crate) tokens: Node<Whole<1, 1_048_576>>,
    /// Share of the link's bandwidth that collectives reach with the tokens beyond it, at most `link`.
    pub(crate) link: Node<Quantity<BasisPoints>>,
}

/// Who is admitted first, and who is preempted first when blocks run out.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PolicySpec {
    /// First come, first served; the last that joined is preempted.
    Fcfs,
    /// By the tenant's priority, then by arrival; the least important is preempted.
    Priority,
}

/// A small model drafts tokens that the large one verifies in one step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpeculationSpec {
    /// Tokens drafted per step, 1 to 16.
    pub(crate) drafts: Node<Whole<1, 16>>,
    /// Probability that a draft is accepted, below 100%.
    pub(crate) acceptance: Node<Quantity<BasisPoints>>,
}

/// The size of a KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KvCacheSpec(pub(crate) sim::config::KvCache);

impl FromStr for KvCacheSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use sim::config::KvCache;
        const MOST_TOKENS: u64 = 1_000_000_000_000;
        if text == "endless" {
            return Ok(Self(KvCache::Endless));
        }
        if let Some(tokens) = text.parse().ok().filter(|tokens| (1..=MOST_TOKENS).contains(tokens))
        {
            return Ok(Self(KvCache::Tokens(tokens)));
        }
        let share = text.parse::<BasisPoints>().ok().filter(|_| text.ends_with('%'));
        match share.filter(|share| *share > BasisPoints::ZERO && *share <= BasisPoints::ONE) {
            Some(share) => Ok(Self(KvCache::Share(share))),
            None => Err(format!(
                "`{}` is not the size of a KV cache: expected a number of tokens, a share of the \
                 memory such as `90%`, or `endless`",
                crate::document::shorten(text)
            )),
        }
    }
}
