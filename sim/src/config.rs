//! What a simulated provider consists of. Plain data, valid by the constructor's check
//! ([`Simulator::new`](crate::Simulator::new)); the scenario language fills it in.

mod check;
mod efficiency;
mod placement;
mod serving;

use connector::{
    BasisPoints, Duration, Mebibytes, ModelId, Money, OperationKind, PoolId, PoolKind, Tflops,
};

pub(crate) use self::serving::Footprint;
pub use self::{
    efficiency::{Efficiency, LongSteps, StackEfficiency},
    placement::Placement,
    serving::{KvCache, ServingConfig},
};

/// A provider: regions, the pools in them, the models that can be loaded, and what goes wrong.
#[derive(Clone, Debug, Default)]
pub struct ProviderConfig {
    /// Regions; pools refer to them by index.
    pub regions: Vec<RegionConfig>,
    /// Pools, in the order of [`PoolId`].
    pub pools: Vec<PoolConfig>,
    /// Models, in the order of [`ModelId`].
    pub models: Vec<ModelConfig>,
    /// Scripted faults.
    pub faults: Vec<FaultConfig>,
}

/// A region: one control plane in front of its pools.
#[derive(Clone, Debug)]
pub struct RegionConfig {
    /// Display name, unique.
    pub name: String,
    /// How the API in front of the pools behaves.
    pub control_plane: ControlPlane,
}

/// How an API behaves before any fault.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    /// Time from a question about an allocation to the answer.
    pub allocate: Latency,
    /// Time from a release to its confirmation. The share is free at once.
    pub release: Latency,
    /// Network time that an inference spends outside the card, spent before the first token.
    pub infer: Latency,
    /// Time of everything else (inspect, list, pools, cancel).
    pub inspect: Latency,
    /// Calls allowed per region, allocations and releases and everything else alike; inferences go
    /// to the cards directly and are not counted. `None`: unlimited.
    pub rate_limit: Option<RateLimit>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls per second in the long run, at least 1.
    pub per_second: u32,
    /// Calls at once after a pause, at least 1.
    pub burst: u32,
}

/// A distribution of latencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// Always this.
    Fixed(Duration),
    /// Uniform between two bounds.
    Uniform {
        /// Least.
        min: Duration,
        /// Most.
        max: Duration,
    },
    /// Exponential.
    Exponential {
        /// Mean.
        mean: Duration,
    },
    /// Lognormal by two quantiles, as dashboards show them.
    LogNormal {
        /// 50th percentile, above zero.
        p50: Duration,
        /// 95th percentile, at least the median.
        p95: Duration,
    },
}

/// Cards sold together.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Display name, unique.
    pub name: String,
    /// Index into [`ProviderConfig::regions`].
    pub region: usize,
    /// How it is sold.
    pub kind: PoolKind,
    /// The card.
    pub gpu: GpuSpec,
    /// Number of cards, or of groups of cards that work as one (tensor parallelism), at least 1.
    pub count: u32,
    /// Shares per card (HostedAI: 1 to 10). Also bounds what may be promised of a card's memory and
    /// compute to shares that accept overcommit: `sharing_ratio` times the card.
    pub sharing_ratio: u32,
    /// Price of one share for an hour.
    pub price_per_slot_hour: Money,
    /// Which card a new share goes to.
    pub placement: Placement,
    /// How the cards serve.
    pub serving: ServingConfig,
    /// How fast weights come onto a card, bytes per second. `None`: they are always there.
    pub weight_load_bandwidth: Option<f64>,
    /// How long a share that is taken away for a higher priority stays. `None`: nothing is taken.
    pub preemption_grace: Option<Duration>,
}

impl PoolConfig {
    /// Memory of a card, or of the group of cards that works as one.
    pub fn vram(&self) -> Mebibytes {
        Mebibytes::new(self.gpu.vram.get() * u64::from(self.serving.tensor_parallel))
    }

    /// Compute of a card, or of the group of cards that works as one, at 16 bit.
    pub fn tflops(&self) -> Tflops {
        let one = self.gpu.tflops_16bit.as_gflops();
        Tflops::from_gflops(one * u64::from(self.serving.tensor_parallel))
    }
}

/// A card's datasheet.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuSpec {
    /// Display name, such as `H100`.
    pub name: String,
    /// Device memory.
    pub vram: Mebibytes,
    /// Dense peak at 16 bit (no sparsity).
    pub tflops_16bit: Tflops,
    /// Dense peak at 8 bit; the 16-bit figure where the card has no faster path.
    pub tflops_8bit: Tflops,
    /// Device memory bandwidth, bytes per second.
    pub memory_bandwidth: f64,
    /// Bandwidth to the other cards of a group, bytes per second and direction.
    pub link_bandwidth: f64,
}

/// A model that can be loaded, and how long it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Display name, unique.
    pub name: String,
    /// How its work becomes time.
    pub timing: Timing,
}

/// How a model's work becomes time on a card.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    /// From the model's shape and the card's datasheet.
    Roofline(ModelShape),
    /// Stated outright, the same on every card.
    Linear(LinearTiming),
}

/// What the roofline needs to know of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelShape {
    /// Parameters in total: what is loaded.
    pub parameters: f64,
    /// Parameters used per token: fewer than all for a mixture of experts.
    pub active_parameters: f64,
    /// Tokens of the vocabulary: the table of embeddings is looked up only, and the output layer is
    /// computed for tokens that are sampled only. 0: both count as any other parameters.
    pub vocabulary: u32,
    /// Whether the output layer is the table of embeddings.
    pub tied_embeddings: bool,
    /// Bits per weight: 16, 8 or 4.
    pub weight_bits: u32,
    /// Bits per number in the KV cache: 16 or 8.
    pub kv_bits: u32,
    /// Transformer layers.
    pub layers: u32,
    /// Attention heads per layer.
    pub heads: u32,
    /// Key/value heads per layer.
    pub kv_heads: u32,
    /// Width of a head.
    pub head_dim: u32,
    /// Width of the residual stream: what cards of a group exchange per token.
    pub hidden: u32,
}

/// Iteration time as a linear function of what is in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct LinearTiming {
    /// Every iteration.
    pub base: Duration,
    /// Per sequence in the batch.
    pub per_sequence: Duration,
    /// Per prompt token processed.
    pub per_prompt_token: Duration,
    /// Per token of context held in the batch, in seconds (it is often below a nanosecond).
    pub per_context_token_s: f64,
    /// Bytes of weights to load onto a card.
    pub weight_bytes: f64,
}

/// Something that goes wrong on a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultConfig {
    /// When it begins, after the start of the run.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// Where; `None`: everywhere.
    pub pool: Option<PoolId>,
    /// What.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Calls fail with [`Unavailable`](connector::ErrorKind::Unavailable) at random.
    Errors {
        /// Share of calls that fail.
        rate: BasisPoints,
        /// Which calls; `None`: all kinds.
        operation: Option<OperationKind>,
    },
    /// Answers come later.
    Latency {
        /// Added to every answer.
        add: Duration,
        /// Which calls; `None`: all kinds.
        operation: Option<OperationKind>,
    },
    /// Nothing answers: every call fails at once, shares stay held, inferences in flight are lost.
    Outage,
    /// Cards fall off the bus: what runs on them fails, the shares on them are gone.
    GpuLoss {
        /// How many cards, in order of numbering from the last.
        count: u32,
    },
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A pool without cards.
    #[error("pool `{pool}` has no GPUs")]
    NoGpus {
        /// The pool's name.
        pool: String,
    },
    /// A pool whose cards have no shares, or whose engines may do nothing.
    #[error("pool `{pool}`: {what} must be at least 1")]
    Zero {
        /// The pool's name.
        pool: String,
        /// Which setting.
        what: &'static str,
    },
    /// A pool whose stack reaches nothing of its cards, or not a number.
    #[error("pool `{pool}`: the efficiency's `{what}` must be a positive, finite number")]
    NoEfficiency {
        /// The pool's name.
        pool: String,
        /// Which share.
        what: &'static str,
    },
    /// A pool whose stack was not measured on its card.
    #[error("pool `{pool}`: no stack `{stack}` was measured on {card}")]
    NoSuchStack {
        /// The pool's name.
        pool: String,
        /// The stack asked for.
        stack: &'static str,
        /// The card's name.
        card: String,
    },
    /// A block of the KV cache that engines cannot work with.
    #[error("pool `{pool}`: blocks of {block_tokens} tokens and contents of {content_tokens}")]
    Blocks {
        /// The pool's name.
        pool: String,
        /// Tokens in a block: must be a power of two up to 1,024.
        block_tokens: u32,
        /// Tokens that a content id stands for: must be a multiple of that.
        content_tokens: u32,
    },
    /// A pool in a region that does not exist.
    #[error("pool `{pool}` is in region {region}, but there are {regions}")]
    NoSuchRegion {
        /// The pool's name.
        pool: String,
        /// The index asked for.
        region: usize,
        /// How many there are.
        regions: usize,
    },
    /// More than the simulator can number.
    #[error("{what}: {value} is more than {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many.
        value: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A fault on a pool that does not exist.
    #[error("fault {index} names pool {pool}, but there are {pools}")]
    NoSuchPool {
        /// Number of the fault.
        index: usize,
        /// The pool asked for.
        pool: PoolId,
        /// How many there are.
        pools: usize,
    },
    /// A model whose timing is not a positive, finite time.
    #[error("model {model}: {what} must be a positive, finite number")]
    NotPositive {
        /// Which model.
        model: ModelId,
        /// Which figure.
        what: &'static str,
    },
}
