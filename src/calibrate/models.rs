//! Shapes of the models that measurements are published of: the catalogue's where it has them, and else
//! from the configuration files that the makers publish with the weights.

use sim::{
    catalogue,
    config::{ModelShape, Timing},
};

/// What a table's name of a model contains, in lower case; its name here; its name in the catalogue.
const IN_CATALOGUE: [(&str, &str, &str); 6] = [
    ("llama-3.1-8b", "Llama-3.1-8B", "llama-3-8b"),
    ("llama-3-8b", "Llama-3-8B", "llama-3-8b"),
    ("llama-3.1-70b", "Llama-3.1-70B", "llama-3-70b"),
    ("llama-3.3-70b", "Llama-3.3-70B", "llama-3-70b"),
    ("llama-3-70b", "Llama-3-70B", "llama-3-70b"),
    ("qwen3-30b-a3b", "Qwen3-30B-A3B", "qwen-30b"),
];

/// A model that the catalogue does not have.
struct Known {
    pattern: &'static str,
    name: &'static str,
    /// Billions in total, billions used per token.
    parameters: (f64, f64),
    /// Layers, heads, key/value heads, head width.
    attention: (u32, u32, u32, u32),
    hidden: u32,
    /// Tokens, and whether the output layer is the table of embeddings.
    vocabulary: (u32, bool),
}

const KNOWN: [Known; 9] = [
    Known {
        pattern: "llama-3.1-405b",
        name: "Llama-3.1-405B",
        parameters: (405.9, 405.9),
        attention: (126, 128, 8, 128),
        hidden: 16_384,
        vocabulary: (128_256, false),
    },
    Known {
        pattern: "llama2-70b",
        name: "Llama-2-70B",
        parameters: (69.0, 69.0),
        attention: (80, 64, 8, 128),
        hidden: 8_192,
        vocabulary: (32_000, false),
    },
    Known {
        pattern: "llama-2-7b",
        name: "Llama-2-7B",
        parameters: (6.74, 6.74),
        attention: (32, 32, 32, 128),
        hidden: 4_096,
        vocabulary: (32_000, false),
    },
    Known {
        pattern: "bloom-176b",
        name: "BLOOM-176B",
        parameters: (176.2, 176.2),
        attention: (70, 112, 112, 128),
        hidden: 14_336,
        vocabulary: (250_880, true),
    },
    Known {
        pattern: "mixtral-8x7b",
        name: "Mixtral-8x7B",
        parameters: (46.7, 12.9),
        attention: (32, 32, 8, 128),
        hidden: 4_096,
        vocabulary: (32_000, false),
    },
    Known {
        pattern: "qwen3-235b-a22b",
        name: "Qwen3-235B-A22B",
        parameters: (235.1, 22.2),
        attention: (94, 64, 4, 128),
        hidden: 4_096,
        vocabulary: (151_936, false),
    },
    Known {
        pattern: "qwen3-32b",
        name: "Qwen3-32B",
        parameters: (32.8, 32.8),
        attention: (64, 64, 8, 128),
        hidden: 5_120,
        vocabulary: (151_936, false),
    },
    Known {
        pattern: "qwen3-14b",
        name: "Qwen3-14B",
        parameters: (14.8, 14.8),
        attention: (40, 40, 8, 128),
        hidden: 5_120,
        vocabulary: (151_936, false),
    },
    Known {
        pattern: "qwen3-8b",
        name: "Qwen3-8B",
        parameters: (8.19, 8.19),
        attention: (36, 32, 8, 128),
        hidden: 4_096,
        vocabulary: (151_936, false),
    },
];

/// The model that a table means by this name, with weights and KV cache of so many bits.
pub(super) fn find(
    name: &str,
    weight_bits: u32,
    kv_bits: u32,
) -> Option<(&'static str, ModelShape)> {
    let name = name.to_ascii_lowercase();
    let catalogued = IN_CATALOGUE.iter().find(|(pattern, ..)| name.contains(pattern));
    let (name, shape) = if let Some(&(_, name, catalogued)) = catalogued {
        (name, in_catalogue(catalogued)?)
    } else {
        let known = KNOWN.iter().find(|known| name.contains(known.pattern))?;
        (known.name, known.shape())
    };
    Some((name, ModelShape { weight_bits, kv_bits, ..shape }))
}

fn in_catalogue(name: &str) -> Option<ModelShape> {
    match catalogue::model(name)?.config.timing {
        Timing::Roofline(shape) => Some(shape),
        Timing::Linear(_) => None,
    }
}

impl Known {
    fn shape(&self) -> ModelShape {
        let (layers, heads, kv_heads, head_dim) = self.attention;
        ModelShape {
            parameters: self.parameters.0 * 1e9,
            active_parameters: self.parameters.1 * 1e9,
            vocabulary: self.vocabulary.0,
            tied_embeddings: self.vocabulary.1,
            weight_bits: 16,
            kv_bits: 16,
            layers,
            heads,
            kv_heads,
            head_dim,
            hidden: self.hidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_that_the_catalogue_should_have_is_there() {
        for (pattern, name, _) in IN_CATALOGUE {
            assert_eq!(find(pattern, 8, 16).map(|(name, _)| name), Some(name));
        }
    }

    #[test]
    fn a_model_is_found_by_what_its_name_contains_with_the_bits_asked_for() {
        let (name, shape) = find("meta-llama/Llama-3.1-70B-Instruct", 8, 8).expect("known");
        assert_eq!((name, shape.weight_bits, shape.kv_bits), ("Llama-3.1-70B", 8, 8));
        assert!(find("somebody/else", 16, 16).is_none());
    }
}
