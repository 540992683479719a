//! How long one iteration of a model's batch takes on a card.
//!
//! An iteration reads the weights once and advances every sequence by one token; prompts are
//! processed in chunks beside the decodes. With `n` sequences, `p` prompt tokens and a total
//! context of `c` tokens in the batch,
//!
//! ```text
//! t(n, p, c) = max(a0 + a1 n + a2 p + a3 c,  b0 + b1 c)
//! ```
//!
//! *Roofline* (Williams, Waterman, Patterson, CACM 2009): the left side is compute,
//! `2 P_active (n + p) / FLOPS`; the right side is memory, `(weights + kv c) / bandwidth`. Both are
//! datasheet peaks, so the time is a lower bound. A mixture of experts computes with its active
//! parameters but is taken to read all weights, which holds for all but the smallest batches.
//! *Linear*: only the left side, as stated.

use connector::Duration;

use crate::config::{GpuSpec, ModelConfig, ModelShape, Timing};

/// Coefficients of the iteration time of one model on one card, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct IterationCost {
    base: f64,
    per_sequence: f64,
    per_prompt_token: f64,
    per_context_token: f64,
    memory_base: f64,
    memory_per_context_token: f64,
    /// Bytes to bring onto a card before the model can run there.
    pub(crate) weight_bytes: f64,
}

impl IterationCost {
    pub(crate) fn new(model: &ModelConfig, gpu: &GpuSpec) -> Self {
        match &model.timing {
            Timing::Roofline(shape) => Self::roofline(shape, gpu),
            Timing::Linear(linear) => Self {
                base: linear.base.as_nanos() as f64,
                per_sequence: linear.per_sequence.as_nanos() as f64,
                per_prompt_token: linear.per_prompt_token.as_nanos() as f64,
                per_context_token: linear.per_context_token_s * 1e9,
                memory_base: 0.0,
                memory_per_context_token: 0.0,
                weight_bytes: linear.weight_bytes,
            },
        }
    }

    fn roofline(shape: &ModelShape, gpu: &GpuSpec) -> Self {
        let peak = if shape.weight_bits == 8 { gpu.tflops_8bit } else { gpu.tflops_16bit };
        let per_token = 2.0 * shape.active_parameters / peak.as_flops() * 1e9;
        let weight_bytes = shape.parameters * f64::from(shape.weight_bits) / 8.0;
        Self {
            base: 0.0,
            per_sequence: per_token,
            per_prompt_token: per_token,
            per_context_token: 0.0,
            memory_base: weight_bytes / gpu.memory_bandwidth * 1e9,
            memory_per_context_token: shape.kv_bytes_per_token() / gpu.memory_bandwidth * 1e9,
            weight_bytes,
        }
    }

    /// Time of one iteration in nanoseconds.
    pub(crate) fn iteration_ns(&self, sequences: u32, prompt_tokens: f64, context: f64) -> f64 {
        let compute = self.base
            + self.per_sequence * f64::from(sequences)
            + self.per_prompt_token * prompt_tokens
            + self.per_context_token * context;
        let memory = self.memory_base + self.memory_per_context_token * context;
        compute.max(memory)
    }
}

impl ModelShape {
    /// Bytes of KV cache per token: keys and values of every layer at 16 bit.
    pub fn kv_bytes_per_token(&self) -> f64 {
        2.0 * 2.0 * f64::from(self.layers) * f64::from(self.kv_heads) * f64::from(self.head_dim)
    }
}

/// How fast a model runs alone on an idle card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Time per prompt token, in chunks of 512.
    pub per_prompt_token: Duration,
    /// Time per output token at a context of 1,024 tokens.
    pub per_output_token: Duration,
}

/// The pace of a model on a card, for ranking candidates before anything was measured.
pub fn pace(model: &ModelConfig, gpu: &GpuSpec) -> Pace {
    const CHUNK: f64 = 512.0;
    const CONTEXT: f64 = 1024.0;
    let cost = IterationCost::new(model, gpu);
    Pace {
        per_prompt_token: Duration::from_nanos((cost.iteration_ns(0, CHUNK, CHUNK) / CHUNK) as u64),
        per_output_token: Duration::from_nanos(cost.iteration_ns(1, 0.0, CONTEXT) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    /// Llama-3-8B at 16 bit on an H100, by hand from the datasheet: 16.06 GB at 3.35 TB/s is
    /// 4.794 ms per token; 2 x 8.03e9 FLOP at 989 TFLOPS is 16.24 us per prompt token.
    #[test]
    fn the_roofline_is_the_datasheets_arithmetic() {
        let model = catalogue::model("llama-3-8b").expect("in the catalogue");
        let gpu = catalogue::gpu("H100").expect("in the catalogue");
        let cost = IterationCost::new(&model.config, &gpu);
        assert!((cost.iteration_ns(1, 0.0, 0.0) / 4.794e6 - 1.0).abs() < 1e-3);
        assert!((cost.iteration_ns(0, 2048.0, 0.0) / (2048.0 * 16_239.0) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn a_decode_is_bound_by_memory_until_the_batch_is_large() {
        let model = catalogue::model("llama-3-8b").expect("in the catalogue");
        let gpu = catalogue::gpu("H100").expect("in the catalogue");
        let cost = IterationCost::new(&model.config, &gpu);
        let ns = |sequences| cost.iteration_ns(sequences, 0.0, 0.0);
        assert!((ns(1) - ns(64)).abs() < f64::EPSILON);
        assert!(ns(512) > ns(64));
    }
}
