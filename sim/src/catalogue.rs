//! Published cards and models.
//!
//! Cards: dense peaks without sparsity, memory, bandwidth and links from NVIDIA's datasheets (A10G as
//! Amazon EC2 G5 sells it; A100 and H100 in SXM form; H200 SXM; B200 in HGX B200; RTX PRO 6000
//! Blackwell Server Edition). A100 and A10G have no 8-bit floating-point path, so 8-bit weights
//! compute at the 16-bit peak there.
//!
//! Models: shapes from the configuration files that the makers publish with the weights; what an
//! allocation asks for is the founding table of the product. Where that table gives less memory
//! than 16-bit weights take, the weights are taken as quantised: 4 bit up to 32B, 8 bit at 70B.

mod fitted;

use connector::{Mebibytes, PoolKind, Requirements, Tflops, Tokens};

pub use self::fitted::{Fitted, FittedErrors, fitted, stacks};
use crate::config::{GpuSpec, ModelConfig, ModelShape, Timing};

struct Card {
    name: &'static str,
    vram_gib: u64,
    tflops_16bit: u64,
    tflops_8bit: u64,
    bandwidth_gb_s: f64,
    /// Per direction: the cards' own link where they have one, else the bus.
    link_gb_s: f64,
}

const CARDS: [Card; 9] = [
    Card::new("A10G", 24, 70, 70, 600.0, 32.0),
    Card::new("L4", 24, 121, 242, 300.0, 32.0),
    Card::new("L40S", 48, 362, 733, 864.0, 32.0),
    Card::new("A100-40", 40, 312, 312, 1_555.0, 300.0),
    Card::new("A100-80", 80, 312, 312, 2_039.0, 300.0),
    Card::new("H100", 80, 989, 1_979, 3_350.0, 450.0),
    Card::new("H200", 141, 989, 1_979, 4_800.0, 450.0),
    Card::new("B200", 180, 2_250, 4_500, 8_000.0, 900.0),
    Card::new("RTX PRO 6000", 96, 504, 1_008, 1_597.0, 64.0),
];

impl Card {
    const fn new(
        name: &'static str,
        vram_gib: u64,
        tflops_16bit: u64,
        tflops_8bit: u64,
        bandwidth_gb_s: f64,
        link_gb_s: f64,
    ) -> Self {
        Self { name, vram_gib, tflops_16bit, tflops_8bit, bandwidth_gb_s, link_gb_s }
    }
}

/// A model as the catalogue knows it: how it runs, and what an allocation for it asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogueModel {
    /// Name and timing.
    pub config: ModelConfig,
    /// What an allocation asks for.
    pub requirements: Requirements,
    /// Longest answer sold; `None`: no limit.
    pub max_tokens: Option<Tokens>,
    /// The kind of pool it belongs to.
    pub pool_kind: PoolKind,
    /// Whether its shares may be taken away.
    pub preemptible: bool,
}

/// The names of the cards, as listed.
pub fn gpu_names() -> impl Iterator<Item = &'static str> {
    CARDS.iter().map(|card| card.name)
}

/// The card of this name, in upper or lower case.
pub fn gpu(name: &str) -> Option<GpuSpec> {
    let card = CARDS.iter().find(|card| card.name.eq_ignore_ascii_case(name))?;
    Some(GpuSpec {
        name: card.name.to_owned(),
        vram: Mebibytes::from_gib(card.vram_gib),
        tflops_16bit: Tflops::new(card.tflops_16bit),
        tflops_8bit: Tflops::new(card.tflops_8bit),
        memory_bandwidth: card.bandwidth_gb_s * 1e9,
        link_bandwidth: card.link_gb_s * 1e9,
    })
}

/// The names of the models, smallest first.
pub fn model_names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|entry| entry.name)
}

/// The model of this name, in upper or lower case; `qwen-70b` is the 70B class, Qwen-72B.
pub fn model(name: &str) -> Option<CatalogueModel> {
    let name = if name.eq_ignore_ascii_case("qwen-70b") { "qwen-72b" } else { name };
    MODELS.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)).map(ModelEntry::describe)
}

struct ModelEntry {
    name: &'static str,
    /// Billions in total, billions used per token.
    parameters: (f64, f64),
    weight_bits: u32,
    /// Layers, heads, key/value heads, head width.
    attention: (u32, u32, u32, u32),
    hidden: u32,
    /// Tokens, and whether the output layer is the table of embeddings.
    vocabulary: (u32, bool),
    vram_mib: u64,
    tflops: u64,
    max_tokens: Option<u32>,
    pool_kind: PoolKind,
    preemptible: bool,
}

impl ModelEntry {
    fn describe(&self) -> CatalogueModel {
        let (layers, heads, kv_heads, head_dim) = self.attention;
        CatalogueModel {
            config: ModelConfig {
                name: self.name.to_owned(),
                timing: Timing::Roofline(ModelShape {
                    parameters: self.parameters.0 * 1e9,
                    active_parameters: self.parameters.1 * 1e9,
                    vocabulary: self.vocabulary.0,
                    tied_embeddings: self.vocabulary.1,
                    weight_bits: self.weight_bits,
                    kv_bits: 16,
                    layers,
                    heads,
                    kv_heads,
                    head_dim,
                    hidden: self.hidden,
                }),
            },
            requirements: Requirements {
                tflops: Tflops::new(self.tflops),
                vram: Mebibytes::new(self.vram_mib),
            },
            max_tokens: self.max_tokens.map(Tokens::new),
            pool_kind: self.pool_kind,
            preemptible: self.preemptible,
        }
    }
}

const MODELS: [ModelEntry; 9] = [
    ModelEntry {
        name: "gemma-270m",
        parameters: (0.268, 0.268),
        weight_bits: 16,
        attention: (18, 4, 1, 256),
        hidden: 640,
        vocabulary: (262_144, true),
        vram_mib: 2_048,
        tflops: 5,
        max_tokens: Some(256),
        pool_kind: PoolKind::Standard,
        preemptible: true,
    },
    ModelEntry {
        name: "gemma-2b",
        parameters: (2.51, 2.51),
        weight_bits: 4,
        attention: (18, 8, 1, 256),
        hidden: 2048,
        vocabulary: (256_000, true),
        vram_mib: 2_048,
        tflops: 5,
        max_tokens: Some(500),
        pool_kind: PoolKind::Standard,
        preemptible: true,
    },
    ModelEntry {
        name: "mistral-7b",
        parameters: (7.24, 7.24),
        weight_bits: 4,
        attention: (32, 32, 8, 128),
        hidden: 4096,
        vocabulary: (32_768, false),
        vram_mib: 6_144,
        tflops: 10,
        max_tokens: None,
        pool_kind: PoolKind::Standard,
        preemptible: true,
    },
    ModelEntry {
        name: "llama-3-8b",
        parameters: (8.03, 8.03),
        weight_bits: 16,
        attention: (32, 32, 8, 128),
        hidden: 4096,
        vocabulary: (128_256, false),
        vram_mib: 20_480,
        tflops: 20,
        max_tokens: None,
        pool_kind: PoolKind::Standard,
        preemptible: true,
    },
    ModelEntry {
        name: "qwen-14b",
        parameters: (14.8, 14.8),
        weight_bits: 4,
        attention: (48, 40, 8, 128),
        hidden: 5120,
        vocabulary: (152_064, false),
        vram_mib: 14_336,
        tflops: 20,
        max_tokens: None,
        pool_kind: PoolKind::Premium,
        preemptible: false,
    },
    ModelEntry {
        name: "qwen-30b",
        parameters: (30.5, 3.3),
        weight_bits: 4,
        attention: (48, 32, 4, 128),
        hidden: 2048,
        vocabulary: (151_936, false),
        vram_mib: 20_480,
        tflops: 30,
        max_tokens: Some(1_024),
        pool_kind: PoolKind::Premium,
        preemptible: false,
    },
    ModelEntry {
        name: "qwen-32b",
        parameters: (32.8, 32.8),
        weight_bits: 4,
        attention: (64, 64, 8, 128),
        hidden: 5120,
        vocabulary: (152_064, false),
        vram_mib: 32_768,
        tflops: 40,
        max_tokens: None,
        pool_kind: PoolKind::Premium,
        preemptible: false,
    },
    ModelEntry {
        name: "llama-3-70b",
        parameters: (70.6, 70.6),
        weight_bits: 8,
        attention: (80, 64, 8, 128),
        hidden: 8192,
        vocabulary: (128_256, false),
        vram_mib: 81_920,
        tflops: 100,
        max_tokens: None,
        pool_kind: PoolKind::Dedicated,
        preemptible: false,
    },
    ModelEntry {
        name: "qwen-72b",
        parameters: (72.7, 72.7),
        weight_bits: 8,
        attention: (80, 64, 8, 128),
        hidden: 8192,
        vocabulary: (152_064, false),
        vram_mib: 81_920,
        tflops: 100,
        max_tokens: None,
        pool_kind: PoolKind::Dedicated,
        preemptible: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_founding_table_is_met() {
        let asked = |name: &str| {
            let model = model(name).expect("in the catalogue");
            let Requirements { tflops, vram } = model.requirements;
            (vram, tflops, model.max_tokens, model.pool_kind, model.preemptible)
        };
        let tokens = |n| Some(Tokens::new(n));
        let (mib, gib, tf) = (Mebibytes::new, Mebibytes::from_gib, Tflops::new);
        assert_eq!(asked("gemma-270m"), (mib(2048), tf(5), tokens(256), PoolKind::Standard, true));
        assert_eq!(asked("Gemma-2B"), (gib(2), tf(5), tokens(500), PoolKind::Standard, true));
        assert_eq!(asked("mistral-7b"), (gib(6), tf(10), None, PoolKind::Standard, true));
        assert_eq!(asked("qwen-14b"), (gib(14), tf(20), None, PoolKind::Premium, false));
        assert_eq!(
            asked("qwen-30b"),
            (mib(20_480), tf(30), tokens(1024), PoolKind::Premium, false)
        );
        assert_eq!(asked("qwen-32b"), (gib(32), tf(40), None, PoolKind::Premium, false));
        assert_eq!(asked("qwen-70b"), (gib(80), tf(100), None, PoolKind::Dedicated, false));
    }

    #[test]
    fn every_models_weights_fit_what_its_allocation_asks_for() {
        for entry in &MODELS {
            let weights = entry.parameters.0 * 1e9 * f64::from(entry.weight_bits) / 8.0;
            let asked = Mebibytes::new(entry.vram_mib).as_bytes() as f64;
            assert!(weights < asked, "{}: {weights} bytes in {asked}", entry.name);
        }
    }

    #[test]
    fn cards_are_found_in_any_case() {
        assert_eq!(gpu("rtx pro 6000").map(|card| card.vram), Some(Mebibytes::from_gib(96)));
        assert_eq!(gpu_names().filter_map(gpu).count(), CARDS.len());
        assert!(gpu("H100 PCIe").is_none());
    }
}
