//! How models run on the cards of a pool: step times, footprints, limits.
//!
//! The time of a step comes from the card's datasheet and the model's shape, by the roofline of
//! [`step_time`](crate::step_time), or is stated outright. Both are per group of cards where cards
//! work as one.

use connector::Duration;

use crate::{
    config::{Footprint, LinearTiming, ModelConfig, ModelShape, PoolConfig, Timing},
    serving::Limits,
    step_time::{
        BatchTime, CONTEXT_UNITS, Growth, Linear, Load, Roofline, RooflineCosts, Roofs, StepTime,
        TICKS_PER_NS,
    },
};

/// How one model runs on one card.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) time: BatchTime,
    pub(crate) footprint: Footprint,
    pub(crate) limits: Limits,
}

impl Server {
    pub(crate) fn new(model: &ModelConfig, pool: &PoolConfig) -> Self {
        let (time, footprint) = match &model.timing {
            Timing::Roofline(shape) => roofline(shape, pool),
            Timing::Linear(linear) => (stated(linear), linear.footprint()),
        };
        let limits = pool.serving.limits(pool.vram().as_bytes() as f64, footprint);
        Self { time, footprint, limits }
    }

    /// Nanoseconds of a step.
    fn step_ns(&self, load: &Load) -> f64 {
        self.time.line(load, &Growth::default()).first as f64 / TICKS_PER_NS as f64
    }
}

fn stated(linear: &LinearTiming) -> BatchTime {
    BatchTime::Linear(Linear::new(
        linear.base.as_nanos() as f64,
        linear.per_sequence.as_nanos() as f64,
        linear.per_prompt_token.as_nanos() as f64,
        linear.per_context_token_s * 1e9,
    ))
}

/// From the datasheet: everything at its peak, nothing on top.
fn roofline(shape: &ModelShape, pool: &PoolConfig) -> (BatchTime, Footprint) {
    let gpu = &pool.gpu;
    let cards = f64::from(pool.serving.tensor_parallel);
    let linear = if shape.weight_bits == 8 { gpu.tflops_8bit } else { gpu.tflops_16bit };
    let footprint = shape.footprint();
    let per_second = |amount: f64, rate: f64| amount / (rate * cards) * 1e9;
    let costs = RooflineCosts {
        per_token: per_second(2.0 * shape.active_parameters, linear.as_flops()),
        weights: per_second(footprint.weight_bytes, gpu.memory_bandwidth),
        per_pair: per_second(shape.flops_per_pair(), gpu.tflops_16bit.as_flops()),
        per_context_token: per_second(shape.kv_bytes_per_token(), gpu.memory_bandwidth),
        per_token_exchanged: shape.exchanged_bytes(cards) / gpu.link_bandwidth * 1e9,
        ..RooflineCosts::default()
    };
    (BatchTime::Roofline(Roofline::new(costs, Roofs::One)), footprint)
}

impl LinearTiming {
    fn footprint(&self) -> Footprint {
        Footprint { weight_bytes: self.weight_bytes, kv_bytes_per_token: None }
    }
}

impl ModelShape {
    /// Bytes of KV cache per token: keys and values of every layer at 16 bit.
    pub fn kv_bytes_per_token(&self) -> f64 {
        2.0 * 2.0 * f64::from(self.layers) * f64::from(self.kv_heads) * f64::from(self.head_dim)
    }

    /// Floating-point operations of attention per pair of tokens: scores and weighted values.
    pub fn flops_per_pair(&self) -> f64 {
        4.0 * f64::from(self.layers) * f64::from(self.heads) * f64::from(self.head_dim)
    }

    /// Bytes that each card of a group sends per token: two ring all-reduces per layer of activations
    /// at 16 bit, each of which moves `2 (cards - 1) / cards` of them.
    pub fn exchanged_bytes(&self, cards: f64) -> f64 {
        let activations = 2.0 * f64::from(self.hidden);
        2.0 * f64::from(self.layers) * activations * 2.0 * (cards - 1.0) / cards
    }

    /// Bytes of the weights.
    pub fn weight_bytes(&self) -> f64 {
        self.parameters * f64::from(self.weight_bits) / 8.0
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            weight_bytes: self.weight_bytes(),
            kv_bytes_per_token: Some(self.kv_bytes_per_token()),
        }
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

/// The pace of a model on a card of a pool, for ranking candidates before anything was measured.
pub fn pace(model: &ModelConfig, pool: &PoolConfig) -> Pace {
    const CHUNK: u32 = 512;
    const CONTEXT: u64 = 1024;
    let server = Server::new(model, pool);
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
    use connector::{Money, PoolKind};

    use super::*;
    use crate::{
        catalogue,
        config::{Placement, ServingConfig},
    };

    fn pool(gpu: &str) -> PoolConfig {
        PoolConfig {
            name: "pool".to_owned(),
            region: 0,
            kind: PoolKind::Dedicated,
            gpu: catalogue::gpu(gpu).expect("in the catalogue"),
            count: 1,
            sharing_ratio: 1,
            price_per_slot_hour: Money::ZERO,
            placement: Placement::FirstFit,
            serving: ServingConfig::default(),
            weight_load_bandwidth: None,
            preemption_grace: None,
        }
    }

    fn llama() -> ModelConfig {
        catalogue::model("llama-3-8b").expect("in the catalogue").config
    }

    /// Llama-3-8B at 16 bit on an H100, by hand from the datasheet: 16.06 GB at 3.35 TB/s is
    /// 4.794 ms per token; 2 x 8.03e9 FLOP at 989 TFLOPS is 16.24 us per prompt token, and its
    /// 2,048 x 2,049 / 2 pairs at 4 x 32 x 32 x 128 FLOP are another 1.112 ms.
    #[test]
    fn the_roofline_is_the_datasheets_arithmetic() {
        let server = Server::new(&llama(), &pool("H100"));
        let decode = Load { decodes: 1, decode_tokens: 1, sampled: 1, ..Load::default() };
        assert!((server.step_ns(&decode) / 4.794e6 - 1.0).abs() < 1e-3);
        let mut prompt = Load { sampled: 1, ..Load::default() };
        prompt.add_chunk(0, 2_048);
        let expected = 2_048.0 * 16_239.0 + 1.112_3e6;
        assert!((server.step_ns(&prompt) / expected - 1.0).abs() < 1e-3);
    }

    #[test]
    fn a_decode_is_bound_by_memory_until_the_batch_is_large() {
        let server = Server::new(&llama(), &pool("H100"));
        let ns = |n| server.step_ns(&Load { decodes: n, decode_tokens: n, ..Load::default() });
        assert!((ns(1) / ns(64) - 1.0).abs() < 1e-3);
        assert!(ns(512) > ns(64));
    }
}
