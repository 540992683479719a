//! Shapes of the models that measurements are published of, from the configuration files that their
//! makers publish with the weights.

use sim::config::ModelShape;

/// One model, as tables of measurements call it.
struct Known {
    /// What its name contains, in lower case.
    pattern: &'static str,
    name: &'static str,
    /// Billions in total, billions used per token.
    parameters: (f64, f64),
    /// Layers, heads, key/value heads, head width.
    attention: (u32, u32, u32, u32),
    hidden: u32,
    /// Tokens; the output layer is a table of its own in all of them but BLOOM.
    vocabulary: u32,
}

const KNOWN: [Known; 15] = [
    Known::new(
        "llama-3.1-405b",
        "Llama-3.1-405B",
        (405.9, 405.9),
        (126, 128, 8, 128),
        16_384,
        128_256,
    ),
    Known::new("llama-3.3-70b", "Llama-3.3-70B", (70.6, 70.6), (80, 64, 8, 128), 8_192, 128_256),
    Known::new("llama-3.1-70b", "Llama-3.1-70B", (70.6, 70.6), (80, 64, 8, 128), 8_192, 128_256),
    Known::new("llama-3.1-8b", "Llama-3.1-8B", (8.03, 8.03), (32, 32, 8, 128), 4_096, 128_256),
    Known::new("llama-3-70b", "Llama-3-70B", (70.6, 70.6), (80, 64, 8, 128), 8_192, 128_256),
    Known::new("llama-3-8b", "Llama-3-8B", (8.03, 8.03), (32, 32, 8, 128), 4_096, 128_256),
    Known::new("llama2-70b", "Llama-2-70B", (69.0, 69.0), (80, 64, 8, 128), 8_192, 32_000),
    Known::new("llama-2-7b", "Llama-2-7B", (6.74, 6.74), (32, 32, 32, 128), 4_096, 32_000),
    Known::new("bloom-176b", "BLOOM-176B", (176.2, 176.2), (70, 112, 112, 128), 14_336, 250_880),
    Known::new("mixtral-8x7b", "Mixtral-8x7B", (46.7, 12.9), (32, 32, 8, 128), 4_096, 32_000),
    Known::new(
        "qwen3-235b-a22b",
        "Qwen3-235B-A22B",
        (235.1, 22.2),
        (94, 64, 4, 128),
        4_096,
        151_936,
    ),
    Known::new("qwen3-30b-a3b", "Qwen3-30B-A3B", (30.5, 3.3), (48, 32, 4, 128), 2_048, 151_936),
    Known::new("qwen3-32b", "Qwen3-32B", (32.8, 32.8), (64, 64, 8, 128), 5_120, 151_936),
    Known::new("qwen3-14b", "Qwen3-14B", (14.8, 14.8), (40, 40, 8, 128), 5_120, 151_936),
    Known::new("qwen3-8b", "Qwen3-8B", (8.19, 8.19), (36, 32, 8, 128), 4_096, 151_936),
];

impl Known {
    const fn new(
        pattern: &'static str,
        name: &'static str,
        parameters: (f64, f64),
        attention: (u32, u32, u32, u32),
        hidden: u32,
        vocabulary: u32,
    ) -> Self {
        Self { pattern, name, parameters, attention, hidden, vocabulary }
    }
}

/// The model that a table means by this name, with weights and KV cache of so many bits.
pub(super) fn find(
    name: &str,
    weight_bits: u32,
    kv_bits: u32,
) -> Option<(&'static str, ModelShape)> {
    let name = name.to_ascii_lowercase();
    let known = KNOWN.iter().find(|known| name.contains(known.pattern))?;
    let (layers, heads, kv_heads, head_dim) = known.attention;
    let shape = ModelShape {
        parameters: known.parameters.0 * 1e9,
        active_parameters: known.parameters.1 * 1e9,
        vocabulary: known.vocabulary,
        tied_embeddings: known.name.starts_with("BLOOM"),
        weight_bits,
        kv_bits,
        layers,
        heads,
        kv_heads,
        head_dim,
        hidden: known.hidden,
    };
    Some((known.name, shape))
}
