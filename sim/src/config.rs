//! What a simulated provider consists of. Plain data, valid by the constructor's check
//! ([`Simulator::new`](crate::Simulator::new)); the scenario language fills it in.

mod autoscale;
mod capacity;
mod check;
mod control_plane;
mod efficiency;
mod fault;
mod placement;
mod preemption;
mod price;
mod serving;
mod sharing;

use connector::{
    BasisPoints, Duration, Mebibytes, ModelId, Money, PoolId, PoolKind, SecurityLevel, Tflops,
};

pub(crate) use self::serving::Footprint;
pub use self::{
    autoscale::{AutoscaleConfig, Behaviour, Change, Most, Schedule, Target},
    capacity::{
        CapacityConfig, CommonFailures, FailuresConfig, Levels, NodeFailures, Reclaim, Spells,
        SpotConfig, Supply,
    },
    control_plane::{ControlPlane, FailureRates, Latency, OperationRates, Quirks, RateLimit},
    efficiency::{Efficiency, LongSteps, StackEfficiency},
    fault::{Direction, FaultConfig, FaultKind},
    placement::Placement,
    preemption::{KeptProgress, PreemptionConfig, RequeueConfig, VictimRule},
    price::PriceChange,
    serving::{KvCache, ServingConfig},
    sharing::{HostFull, NeighbourConfig, PagingConfig, QuantumBegins, SharingConfig, TurnsConfig},
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
    /// What it costs later, in order of time. What is charged is cut where the price changes.
    pub price_changes: Vec<PriceChange>,
    /// Which card a new share goes to.
    pub placement: Placement,
    /// How the cards serve.
    pub serving: ServingConfig,
    /// How fast weights come onto a card, bytes per second. `None`: they are always there.
    pub weight_load_bandwidth: Option<f64>,
    /// How shares are taken away for a higher priority. `None`: none is.
    pub preemption: Option<PreemptionConfig>,
    /// How those on a card share it, where the sharing ratio is above 1.
    pub sharing: SharingConfig,
    /// What our shares ask for: part of a card's time that each is guaranteed; none beyond what the
    /// sharing ratio guarantees, by default.
    pub guaranteed_share: BasisPoints,
    /// Whether our shares have priority at the next turn.
    pub vip: bool,
    /// Load of other customers: each takes one share of every card.
    pub neighbours: Vec<NeighbourConfig>,
    /// How its cards come and go by themselves. `None`: all of them are always there.
    pub autoscale: Option<AutoscaleConfig>,
    /// Cards that come and go by themselves.
    pub capacity: CapacityConfig,
}

impl PoolConfig {
    /// Shares of a card that are not taken by neighbours.
    pub fn open_slots(&self) -> u32 {
        self.sharing_ratio.saturating_sub(self.neighbours.len() as u32)
    }

    /// Shares of a card that can be promised: no more than can have what each is guaranteed.
    pub(crate) fn placeable_slots(&self) -> u32 {
        let each = |share: BasisPoints| share.get();
        let neighbours: u32 = self.neighbours.iter().map(|other| each(other.guaranteed)).sum();
        let left = BasisPoints::ONE.get().saturating_sub(neighbours);
        left.checked_div(each(self.guaranteed_share)).unwrap_or(u32::MAX).min(self.open_slots())
    }

    /// Memory that a card can promise: itself, and what can be paged out. `None`: any.
    pub(crate) fn promisable_vram(&self) -> Option<Mebibytes> {
        match &self.sharing {
            SharingConfig::Turns(turns) if turns.paging.host_full == HostFull::Refuse => {
                Some(self.vram() + turns.paging.host_memory?)
            }
            SharingConfig::Turns(_) | SharingConfig::Spatial { .. } | SharingConfig::Slices => None,
        }
    }

    /// How strictly those on a card are kept apart, where they take turns.
    pub(crate) fn security_level(&self) -> Option<SecurityLevel> {
        match &self.sharing {
            SharingConfig::Turns(turns) => Some(turns.isolation),
            SharingConfig::Spatial { .. } | SharingConfig::Slices => None,
        }
    }

    /// Memory that one share can have: all of the card unless it is cut into slices.
    pub fn share_vram(&self) -> Mebibytes {
        match self.sharing {
            SharingConfig::Slices => {
                Mebibytes::new(self.vram().get() / u64::from(self.sharing_ratio))
            }
            SharingConfig::Turns(_) | SharingConfig::Spatial { .. } => self.vram(),
        }
    }

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
    /// A pool that scales in a way that cannot be.
    #[error("pool `{pool}`: autoscaling: {what}")]
    Autoscale {
        /// The pool's name.
        pool: String,
        /// What would do.
        what: &'static str,
    },
    /// A price that changes at the start, or out of order.
    #[error("pool `{pool}`: the price changes at {at}, not after {before}")]
    PriceChange {
        /// The pool's name.
        pool: String,
        /// When.
        at: Duration,
        /// The change before it; zero: the start of the run.
        before: Duration,
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
    /// A share of calls that is more than all of them.
    #[error("region `{region}`: {rate} of all calls cannot be {what}: at most 100% can")]
    MoreThanAll {
        /// The region's name.
        region: String,
        /// Which share.
        what: &'static str,
        /// How many.
        rate: BasisPoints,
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
    /// A pool whose cards come and go in a way that cannot be.
    #[error("pool `{pool}`: {what}")]
    Capacity {
        /// The pool's name.
        pool: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Maintenance that waits for shares to leave until it is over.
    #[error("fault {index}: deadline and grace of a maintenance must be shorter than it lasts")]
    EndlessDrain {
        /// Number of the fault.
        index: usize,
    },
    /// Maintenance that takes no card.
    #[error("fault {index}: a rolling maintenance takes at least one card at a time")]
    NothingAtATime {
        /// Number of the fault.
        index: usize,
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
