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

use crate::{
    config::{GpuSpec, ModelConfig, ModelShape, Timing},
    step_time::{BatchTime, CONTEXT_UNITS, Growth, Linear, Load, Roofline, StepTime, TICKS_PER_NS},
};

/// How one model runs on one card.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) time: BatchTime,
    /// Bytes to bring onto a card before the model can run there.
    pub(crate) weight_bytes: f64,
    pub(crate) kv_bytes_per_token: Option<f64>,
}

impl Server {
    pub(crate) fn new(model: &ModelConfig, gpu: &GpuSpec) -> Self {
        match &model.timing {
            Timing::Roofline(shape) => Self::roofline(shape, gpu),
            Timing::Linear(linear) => Self {
                time: BatchTime::Linear(Linear::new(
                    linear.base.as_nanos() as f64,
                    linear.per_sequence.as_nanos() as f64,
                    linear.per_prompt_token.as_nanos() as f64,
                    linear.per_context_token_s * 1e9,
                )),
                weight_bytes: linear.weight_bytes,
                kv_bytes_per_token: None,
            },
        }
    }

    fn roofline(shape: &ModelShape, gpu: &GpuSpec) -> Self {
        let peak = if shape.weight_bits == 8 { gpu.tflops_8bit } else { gpu.tflops_16bit };
        let per_token = 2.0 * shape.active_parameters / peak.as_flops() * 1e9;
        let weight_bytes = shape.parameters * f64::from(shape.weight_bits) / 8.0;
        let rule = Roofline {
            per_token,
            weights: weight_bytes / gpu.memory_bandwidth * 1e9,
            per_context_token: shape.kv_bytes_per_token() / gpu.memory_bandwidth * 1e9,
        };
        let kv_bytes_per_token = Some(shape.kv_bytes_per_token());
        Self { time: BatchTime::Roofline(rule), weight_bytes, kv_bytes_per_token }
    }

    /// Nanoseconds of a step.
    fn step_ns(&self, load: &Load) -> f64 {
        self.time.line(load, &Growth::default()).first as f64 / TICKS_PER_NS as f64
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
    const CHUNK: u32 = 512;
    const CONTEXT: u64 = 1024;
    let server = Server::new(model, gpu);
    let mut prompt = Load { sampled: 1, ..Load::default() };
    prompt.add_chunk(0, CHUNK);
    let decode = Load {
        decodes: 1,
        decode_tokens: 1,
        context: CONTEXT * CONTEXT_UNITS,
        sampled: 1,
        ..Load::default()
    };
    Pace {
        per_prompt_token: Duration::from_nanos((server.step_ns(&prompt) / f64::from(CHUNK)) as u64),
        per_output_token: Duration::from_nanos(server.step_ns(&decode) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
}
