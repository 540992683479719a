//! How models run on the cards of a pool: step times, footprints, limits.
//!
//! The time of a step comes from the card's datasheet and the model's shape, by the roofline of
//! [`step_time`](crate::step_time), corrected by what the serving stack reaches of it where that is
//! known; or it is stated outright. Both are per group of cards where cards work as one.

use connector::Duration;

use crate::{
    catalogue,
    config::{
        Efficiency, Footprint, GpuSpec, LinearTiming, LongSteps, ModelConfig, ModelShape,
        PoolConfig, StackEfficiency, Timing,
    },
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
    /// From a request's arrival to the engine.
    pub(crate) front_end: Duration,
}

impl Server {
    pub(crate) fn new(model: &ModelConfig, pool: &PoolConfig) -> Self {
        let mut front_end = Duration::ZERO;
        let (time, footprint) = match &model.timing {
            Timing::Roofline(shape) => {
                let efficiency = efficiency(shape, pool);
                front_end = efficiency.map_or(front_end, |reached| reached.front_end);
                let cards = pool.serving.tensor_parallel;
                let time = roofline(shape, &pool.gpu, cards, efficiency.as_ref());
                (BatchTime::Roofline(time), shape.footprint())
            }
            Timing::Linear(linear) => (stated(linear), linear.footprint()),
        };
        let limits = pool.serving.limits(pool.share_vram().as_bytes() as f64, footprint);
        Self { time, footprint, limits, front_end }
    }

    /// Nanoseconds of a step.
    fn step_ns(&self, load: &Load) -> f64 {
        self.time.line(load, &Growth::default()).first as f64 / TICKS_PER_NS as f64
    }
}

fn efficiency(shape: &ModelShape, pool: &PoolConfig) -> Option<Efficiency> {
    match pool.serving.efficiency {
        StackEfficiency::Datasheet => None,
        StackEfficiency::Stated(efficiency) => Some(efficiency),
        StackEfficiency::Fitted(stack) => {
            catalogue::fitted(&pool.gpu.name, stack, shape).map(|fitted| fitted.efficiency)
        }
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

/// The time of a step on cards that work as one: of their datasheet, or of a stack that does not reach
/// it.
pub fn roofline(
    shape: &ModelShape,
    gpu: &GpuSpec,
    cards: u32,
    efficiency: Option<&Efficiency>,
) -> Roofline {
    let roofs = if efficiency.is_some() { Roofs::Two } else { Roofs::One };
    let reached = efficiency.copied().unwrap_or_default();
    let group = f64::from(cards);
    let linear = if shape.weight_bits == 8 { gpu.tflops_8bit } else { gpu.tflops_16bit };
    let per_second = |amount: f64, rate: f64, share: f64| amount / (rate * share * group) * 1e9;
    let collectives = if cards > 1 { 2.0 * f64::from(shape.layers) } else { 0.0 };
    let ns = |duration: Duration| duration.as_nanos() as f64;
    let exchanged = |share| shape.exchanged_bytes(group) / (gpu.link_bandwidth * share) * 1e9;
    let per_token_exchanged = exchanged(reached.link);
    let beyond = |long: LongSteps| exchanged(long.link.min(reached.link)) - per_token_exchanged;
    let costs = RooflineCosts {
        per_step: ns(reached.per_step) + collectives * ns(reached.exchange),
        per_sampled: ns(reached.per_sequence),
        output_layer: per_second(
            2.0 * shape.output_parameters(),
            linear.as_flops(),
            reached.compute,
        ),
        per_token: per_second(2.0 * shape.layer_parameters(), linear.as_flops(), reached.compute),
        weights: per_second(shape.read_bytes(), gpu.memory_bandwidth, reached.memory),
        per_pair: per_second(
            shape.flops_per_pair(),
            gpu.tflops_16bit.as_flops(),
            reached.attention,
        ),
        per_context_token: per_second(
            shape.kv_bytes_per_token(),
            gpu.memory_bandwidth,
            reached.kv_cache,
        ),
        per_token_exchanged,
        long_step: reached.long_steps.map_or(0, |long| long.tokens),
        per_token_beyond: reached.long_steps.map_or(0.0, beyond),
        prompt_step: ns(reached.prompt_step),
    };
    Roofline::new(costs, roofs)
}

impl LinearTiming {
    fn footprint(&self) -> Footprint {
        Footprint { weight_bytes: self.weight_bytes, kv_bytes_per_token: None }
    }
}

impl ModelShape {
    /// Bytes of KV cache per token: keys and values of every layer.
    pub fn kv_bytes_per_token(&self) -> f64 {
        let numbers =
            2.0 * f64::from(self.layers) * f64::from(self.kv_heads) * f64::from(self.head_dim);
        numbers * f64::from(self.kv_bits) / 8.0
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

    /// Parameters of the output layer, used for tokens that are sampled.
    fn output_parameters(&self) -> f64 {
        f64::from(self.vocabulary) * f64::from(self.hidden)
    }

    /// Parameters used for every token: the active ones but embeddings and output layer.
    pub fn layer_parameters(&self) -> f64 {
        let tables = if self.tied_embeddings { 1.0 } else { 2.0 };
        self.active_parameters - tables * self.output_parameters()
    }

    /// Bytes of weights that a step reads: all but a table of embeddings that is looked up only.
    fn read_bytes(&self) -> f64 {
        let looked_up = if self.tied_embeddings { 0.0 } else { self.output_parameters() };
        (self.parameters - looked_up) * f64::from(self.weight_bits) / 8.0
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
            price_changes: Vec::new(),
            placement: Placement::FirstFit,
            serving: ServingConfig::default(),
            weight_load_bandwidth: None,
            preemption: None,
            sharing: crate::config::SharingConfig::Spatial { interference: 0.0, by_compute: false },
            guaranteed_share: connector::BasisPoints::ZERO,
            vip: false,
            neighbours: Vec::new(),
            autoscale: None,
            capacity: crate::config::CapacityConfig::default(),
        }
    }

    fn llama() -> ModelConfig {
        catalogue::model("llama-3-8b").expect("in the catalogue").config
    }

    /// Llama-3-8B at 16 bit on an H100, by hand from the datasheet. Its embeddings and its output layer
    /// are 128,256 x 4,096 = 0.5253e9 parameters each. Without the former 15.01 GB are read, 4.480 ms at
    /// 3.35 TB/s. Without both 2 x 6.979e9 FLOP at 989 TFLOPS are 14.11 us per prompt token, and its
    /// 2,048 x 2,049 / 2 pairs at 4 x 32 x 32 x 128 FLOP are another 1.112 ms.
    #[test]
    fn the_roofline_is_the_datasheets_arithmetic() {
        let server = Server::new(&llama(), &pool("H100"));
        let decode = Load { decodes: 1, decode_tokens: 1, sampled: 1, ..Load::default() };
        assert!((server.step_ns(&decode) / 4.480_4e6 - 1.0).abs() < 1e-3);
        let mut prompt = Load { sampled: 1, ..Load::default() };
        prompt.add_chunk(0, 2_048);
        let expected = 2_048.0 * 14_114.0 + 1.112_3e6 + 1_062.0;
        assert!((server.step_ns(&prompt) / expected - 1.0).abs() < 1e-3);
    }

    /// What a stack reaches slows each part down by itself, and its times come on top.
    #[test]
    fn a_stack_takes_longer_than_the_datasheet_by_what_it_does_not_reach() {
        let mut stated = pool("H100");
        stated.serving.efficiency = StackEfficiency::Stated(Efficiency {
            memory: 0.5,
            per_step: Duration::from_millis(2),
            per_sequence: Duration::from_micros(100),
            prompt_step: Duration::from_millis(50),
            front_end: Duration::from_millis(7),
            ..Efficiency::default()
        });
        let server = Server::new(&llama(), &stated);
        assert_eq!(server.front_end, Duration::from_millis(7));
        let decode = Load { decodes: 1, decode_tokens: 1, sampled: 1, ..Load::default() };
        let expected = 2.0 * 4.480_4e6 + 2e6 + 1e5;
        assert!((server.step_ns(&decode) / expected - 1.0).abs() < 1e-3);
        let mut prompt = Load { sampled: 1, ..Load::default() };
        prompt.add_chunk(0, 16);
        assert!((server.step_ns(&prompt) - 50e6).abs() < 1.0);
    }

    /// Two all-reduces per layer of a card's share: 32 x 2 x 4096 x 2 bytes x 2 x 3/4 per token on four
    /// cards, at 450 GB/s.
    #[test]
    fn collectives_of_long_steps_are_slower_with_the_tokens_beyond() {
        let with = |long_steps| {
            let reached = Efficiency { long_steps, ..Efficiency::default() };
            let gpu = catalogue::gpu("H100").expect("known");
            let Timing::Roofline(shape) = &llama().timing else { panic!("a shape") };
            let rule = roofline(shape, &gpu, 4, Some(&reached));
            move |tokens| {
                let mut load = Load::default();
                load.add_chunk(0, tokens);
                rule.line(&load, &Growth::default()).first as f64 / TICKS_PER_NS as f64
            }
        };
        let (plain, slower) = (with(None), with(Some(LongSteps { tokens: 1_000, link: 0.1 })));
        assert!((slower(1_000) - plain(1_000)).abs() < 1.0);
        let per_token = 32.0 * 2.0 * 4_096.0 * 2.0 * 1.5 / 450e9 * 1e9;
        let more = slower(3_000) - plain(3_000);
        assert!((more / (2_000.0 * per_token * 9.0) - 1.0).abs() < 1e-3, "{more}");
    }

    #[test]
    fn a_decode_is_bound_by_memory_until_the_batch_is_large() {
        let server = Server::new(&llama(), &pool("H100"));
        let ns = |n| server.step_ns(&Load { decodes: n, decode_tokens: n, ..Load::default() });
        assert!((ns(1) / ns(64) - 1.0).abs() < 1e-3);
        assert!(ns(512) > ns(64));
    }
}
