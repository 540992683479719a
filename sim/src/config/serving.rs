//! How cards serve: the settings of the engine that every model on a card runs in.

use connector::BasisPoints;

use super::StackEfficiency;
use crate::serving::{Limits, Policy, Speculation};

/// Settings of the serving engines of a pool; the defaults are those of vLLM, where it has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServingConfig {
    /// Sequences of one model in a card's batch at once, at least 1; the rest wait.
    pub max_sequences: u32,
    /// Tokens that a step puts through a model, at least 1.
    pub token_budget: u32,
    /// Tokens in a block of the KV cache, a power of two up to 1,024.
    pub block_tokens: u32,
    /// How large the KV cache is.
    pub kv_cache: KvCache,
    /// Whether a prompt is admitted only if all of it fits.
    pub reserve_prompt: bool,
    /// Whether prompts that begin alike share what was computed.
    pub prefix_caching: bool,
    /// Tokens that one id of [`Content::Blocks`](connector::Content::Blocks) stands for, a multiple
    /// of `block_tokens`.
    pub content_tokens: u32,
    /// Who is admitted first.
    pub policy: Policy,
    /// Cards that work as one, at least 1.
    pub tensor_parallel: u32,
    /// Speculative decoding.
    pub speculation: Option<Speculation>,
    /// What the serving stack makes of the card. Models whose timing is stated outright take no
    /// notice.
    pub efficiency: StackEfficiency,
}

/// How large a KV cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvCache {
    /// What this share of the card's memory leaves beside the weights. Endless for a model that does
    /// not say how much a token takes.
    Share(BasisPoints),
    /// So many tokens.
    Tokens(u64),
    /// Never full.
    Endless,
}

impl Default for ServingConfig {
    fn default() -> Self {
        let Limits {
            max_sequences,
            token_budget,
            block_tokens,
            kv_blocks: _,
            reserve_prompt,
            prefix_caching,
            content_tokens,
            policy,
            speculation,
        } = Limits::default();
        Self {
            max_sequences,
            token_budget,
            block_tokens,
            kv_cache: KvCache::Share(BasisPoints::from_percent(90)),
            reserve_prompt,
            prefix_caching,
            content_tokens,
            policy,
            tensor_parallel: 1,
            speculation,
            efficiency: StackEfficiency::Datasheet,
        }
    }
}

/// What a model takes of a card's memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Footprint {
    pub(crate) weight_bytes: f64,
    /// `None`: not stated.
    pub(crate) kv_bytes_per_token: Option<f64>,
}

impl ServingConfig {
    /// The limits of a model's engine on cards with this much memory together.
    pub(crate) fn limits(&self, memory_bytes: f64, footprint: Footprint) -> Limits {
        Limits {
            max_sequences: self.max_sequences,
            token_budget: self.token_budget,
            block_tokens: self.block_tokens,
            kv_blocks: self.kv_blocks(memory_bytes, footprint),
            reserve_prompt: self.reserve_prompt,
            prefix_caching: self.prefix_caching,
            content_tokens: self.content_tokens,
            policy: self.policy,
            speculation: self.speculation,
        }
    }

    /// At least one block: a model that leaves no room refuses every request as too long.
    fn kv_blocks(&self, memory_bytes: f64, footprint: Footprint) -> u64 {
        let blocks = match (self.kv_cache, footprint.kv_bytes_per_token) {
            (KvCache::Endless, _) | (KvCache::Share(_), None) => Limits::ENDLESS,
            (KvCache::Tokens(tokens), _) => tokens / u64::from(self.block_tokens),
            (KvCache::Share(share), Some(per_token)) => {
                let left = memory_bytes * share.as_ratio() - footprint.weight_bytes;
                (left.max(0.0) / (per_token * f64::from(self.block_tokens))) as u64
            }
        };
        blocks.clamp(1, Limits::ENDLESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: f64 = 1_073_741_824.0;
    /// Llama-3.1-8B at 16 bit: 16.06 GB, 131,072 bytes per token.
    const LLAMA: Footprint =
        Footprint { weight_bytes: 16.06e9, kv_bytes_per_token: Some(131_072.0) };

    #[test]
    fn the_cache_is_what_the_weights_leave() {
        let blocks = ServingConfig::default().limits(24.0 * GIB, LLAMA).kv_blocks;
        let expected = (24.0 * GIB * 0.9 - 16.06e9) / (131_072.0 * 16.0);
        assert_eq!(blocks, expected as u64);
    }

    #[test]
    fn a_stated_cache_is_whole_blocks_and_never_none() {
        let cache = |kv_cache| ServingConfig { kv_cache, ..ServingConfig::default() };
        let blocks = |kv_cache| cache(kv_cache).limits(GIB, LLAMA).kv_blocks;
        assert_eq!(blocks(KvCache::Tokens(41_408)), 2_588);
        assert_eq!(blocks(KvCache::Tokens(3)), 1);
        assert_eq!(blocks(KvCache::Share(BasisPoints::from_percent(90))), 1, "no room at all");
        assert_eq!(blocks(KvCache::Endless), Limits::ENDLESS);
    }
}
