use connector::{BasisPoints, Mebibytes, Money, Tflops};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    AutoscaleSpec, ControlPlaneSpec, Either, FailuresOfCardsSpec, List, MaintenanceSpec,
    NeighbourSpec, Optional, Positive, PreemptionSpec, Quantity, ServingSpec, SharingSpec,
    SpotSpec, Time, TokenCount, WeightLoad, Whole,
};
use crate::{document::Node, rate::Bandwidth};

/// Whose GPUs they are: regions and the pools in them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderSpec {
    /// Regions, each with a control plane of its own. Default: one region `default`.
    pub(crate) regions: Optional<List<RegionSpec>>,
    /// Pools of GPUs, at least one.
    pub(crate) pools: Node<List<PoolSpec>>,
}

/// A region: one API in front of its pools.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegionSpec {
    /// Name, unique.
    pub(crate) name: Node<String>,
    /// How the API behaves before any fault. Default: every default of its keys.
    pub(crate) control_plane: Optional<ControlPlaneSpec>,
}

/// Cards sold together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolSpec {
    /// Name, unique.
    pub(crate) name: Node<String>,
    /// Name of its region. Default: the first one.
    pub(crate) region: Optional<String>,
    /// How it is sold. Default: standard.
    pub(crate) kind: Optional<PoolKindSpec>,
    /// The card: a name from the catalogue, or its datasheet.
    pub(crate) gpu: Node<Either<String, GpuSpecification>>,
    /// Number of cards, 1 to 100,000.
    #[schemars(range(min = 1))]
    pub(crate) count: Node<Whole<1, 100_000>>,
    /// Shares per card, 1 to 10. Default: 1.
    pub(crate) sharing_ratio: Optional<Whole<1, 10>>,
    /// Price of one share for an hour. Default: 0.
    pub(crate) price_per_slot_hour: Optional<Quantity<Money>>,
    /// Price of a whole card for an hour, of which a share costs its part; instead of
    /// `price_per_slot_hour`.
    pub(crate) price_per_card_hour: Optional<Quantity<Money>>,
    /// What a share costs later, in order of time. Default: the price stays.
    pub(crate) price_changes: Optional<List<PriceChangeSpec>>,
    /// Which card a new share goes to. Default: `least_loaded`.
    pub(crate) placement: Optional<PlacementSpec>,
    /// How those on a card share it, where `sharing_ratio` is above 1. Default: in turns of 30s.
    pub(crate) sharing: Optional<SharingSpec>,
    /// Part of a card's time that each of our shares is guaranteed, beyond what the sharing ratio
    /// guarantees. Default: 0%.
    pub(crate) guaranteed_share: Optional<Quantity<BasisPoints>>,
    /// Whether our shares have priority at the next turn. Default: false.
    pub(crate) vip: Optional<bool>,
    /// Load of other customers: each takes one share of every card. Default: none.
    pub(crate) neighbours: Optional<List<NeighbourSpec>>,
    /// How its cards serve. Default: every default of its keys.
    pub(crate) serving: Optional<ServingSpec>,
    /// How fast weights come onto a card; `instant`: they are always there. Default: 4 GiB/s.
    pub(crate) weight_load_bandwidth: Optional<Quantity<WeightLoad>>,
    /// Whether shares may be taken away for a higher priority. Default: a grace of 30s for pools of
    /// kind `preemptible`, never for others.
    pub(crate) preemption: Optional<PreemptionSpec>,
    /// How its cards come and go by themselves. Default: all of them are always there.
    pub(crate) autoscale: Optional<AutoscaleSpec>,
    /// Capacity that the provider takes back when it needs it. Default: it does not.
    pub(crate) spot: Optional<SpotSpec>,
    /// Hardware that fails without notice. Default: it does not.
    pub(crate) failures: Optional<FailuresOfCardsSpec>,
    /// Base address of the pool for live runs.
    pub(crate) endpoint: Optional<String>,
    /// What is spoken there. Default: `harpoon_v1`.
    pub(crate) dialect: Optional<DialectSpec>,
}

/// A price that the provider asks from an instant on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceChangeSpec {
    /// Since the start of the run, above zero.
    pub(crate) at: Node<Time>,
    /// Price of one share for an hour from then on.
    pub(crate) price_per_slot_hour: Node<Quantity<Money>>,
}

/// What is spoken at an endpoint.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DialectSpec {
    /// Shares and inferences, as `harpoon mock` serves them.
    HarpoonV1,
    /// Shares for a stated time, by what a covenant needs: the founding documents' second API.
    CovenantV1,
    /// Chat completions without shares, as vLLM, llama.cpp and MLX serve them.
    Openai,
    /// HostedAI's own API.
    Gpuaas,
}

/// How a pool is sold.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PoolKindSpec {
    /// Shared cards.
    Standard,
    /// Shared cards with a smaller sharing ratio and a higher price.
    Premium,
    /// Cheap shares that may be taken away.
    Preemptible,
    /// Whole cards.
    Dedicated,
    /// The operator's own engine: the last resort of the fallback chain.
    Local,
}

/// Which card a new share goes to, among those with room.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlacementSpec {
    /// The card with fewest shares held.
    LeastLoaded,
    /// The first card with room.
    FirstFit,
    /// In turn.
    RoundRobin,
    /// Any, evenly.
    Random,
    /// The less loaded of two drawn evenly.
    PowerOfTwo,
    /// The card that will have least left, over slots, memory and compute.
    BestFit,
    /// The card that will have most left.
    WorstFit,
    /// The card whose room, as a vector, has the smallest product with what is asked.
    DotProduct,
    /// Cards in use before idle ones, the fullest first.
    GpuPacking,
    /// Cards that hold only shares for the same model, the fullest first; then mixed, idle, others.
    GpuClustering,
    /// The card where free slots that usual shares cannot use fall most (fragmentation gradient
    /// descent).
    Fgd,
}

/// A card's datasheet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GpuSpecification {
    /// Display name.
    pub(crate) name: Node<String>,
    /// Device memory.
    pub(crate) vram: Node<Quantity<Mebibytes>>,
    /// Dense peak at 16 bit.
    pub(crate) tflops_16bit: Node<Quantity<Tflops>>,
    /// Dense peak at 8 bit. Default: the 16-bit figure.
    pub(crate) tflops_8bit: Optional<Quantity<Tflops>>,
    /// Device memory bandwidth.
    pub(crate) memory_bandwidth: Node<Quantity<Bandwidth>>,
    /// Bandwidth to other cards, per direction, for tensor parallelism. Default: 32 GB/s, which is
    /// PCI Express 4.0.
    pub(crate) link_bandwidth: Optional<Quantity<Bandwidth>>,
}

/// A model of your own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelSpec {
    /// Name, unique. Keys left out are taken from the catalogue's model of this name, if there is
    /// one.
    pub(crate) name: Node<String>,
    /// What an allocation asks for. Must be given unless the catalogue knows the name.
    pub(crate) requirements: Optional<RequirementsSpec>,
    /// Longest answer; longer requests are cut. Default: no limit.
    pub(crate) max_tokens: Optional<TokenCount>,
    /// The kind of pool it belongs to. Default: standard.
    pub(crate) pool: Optional<PoolKindSpec>,
    /// Whether its shares may be taken away. Default: true.
    pub(crate) preemptible: Optional<bool>,
    /// How its work becomes time. Must be given unless the catalogue knows the name.
    pub(crate) timing: Optional<TimingSpec>,
}

/// What an allocation needs of a card.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequirementsSpec {
    /// Compute.
    pub(crate) tflops: Node<Quantity<Tflops>>,
    /// Memory for weights, KV cache and workspace.
    pub(crate) vram: Node<Quantity<Mebibytes>>,
}

/// A model's shape.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RooflineSpec {
    /// Parameters in total, in billions.
    pub(crate) parameters_billion: Node<Positive<6>>,
    /// Parameters used per token, in billions. Default: all of them.
    pub(crate) active_parameters_billion: Optional<Positive<6>>,
    /// Tokens of the vocabulary: embeddings are looked up only, and the output layer is computed
    /// for sampled tokens only. Default: 0, every parameter is used for every token.
    pub(crate) vocabulary: Optional<Whole<0, 10_000_000>>,
    /// Whether the output layer is the table of embeddings. Default: false.
    pub(crate) tied_embeddings: Optional<bool>,
    /// Bits per weight: 16, 8 or 4. Default: 16.
    pub(crate) weight_bits: Optional<Whole<4, 16>>,
    /// Bits per number in the KV cache: 16 or 8. Default: 16.
    pub(crate) kv_bits: Optional<Whole<4, 16>>,
    /// Transformer layers.
    pub(crate) layers: Node<Whole<1, 10_000>>,
    /// Attention heads per layer. Default: `kv_heads`.
    pub(crate) heads: Optional<Whole<1, 10_000>>,
    /// Key/value heads per layer.
    pub(crate) kv_heads: Node<Whole<1, 10_000>>,
    /// Width of a head.
    pub(crate) head_dim: Node<Whole<1, 100_000>>,
    /// Width of the residual stream, which cards that work as one exchange. Default: `heads` x
    /// `head_dim`.
    pub(crate) hidden: Optional<Whole<1, 1_000_000>>,
}

/// How a model's work becomes time on a card.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum TimingSpec {
    /// From the model's shape and the card's datasheet.
    Roofline(Box<RooflineSpec>),
    /// Stated outright, the same on every card.
    Linear {
        /// Every iteration; above zero.
        base: Node<Time>,
        /// Per sequence in the batch. Default: 0s.
        per_sequence: Optional<Time>,
        /// Per prompt token processed. Default: 0s.
        per_prompt_token: Optional<Time>,
        /// Nanoseconds per token of context held in the batch. Default: 0.
        per_context_token_ns: Optional<Positive<9>>,
        /// Weights to load onto a card. Default: 0 MiB.
        weights: Optional<Quantity<Mebibytes>>,
    },
}

/// Something that goes wrong on a schedule: exactly one of `outage`, `errors`, `latency`,
/// `brownout`, `partition`, `gpu_loss`, `maintenance`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultSpec {
    /// When it begins, after the start of the run.
    pub(crate) at: Node<Time>,
    /// How long it lasts; above zero.
    pub(crate) lasts: Node<Time>,
    /// Name of the pool. Default: all pools.
    pub(crate) pool: Optional<String>,
    /// Nothing answers: every call fails at once, inferences in flight are lost.
    pub(crate) outage: Optional<OutageSpec>,
    /// Calls fail at random.
    pub(crate) errors: Optional<ErrorsSpec>,
    /// Answers come later.
    pub(crate) latency: Optional<SlowSpec>,
    /// The API is not well: slower by a factor, and failing now and then.
    pub(crate) brownout: Optional<BrownoutSpec>,
    /// The network is cut: what is lost on the way ends in a time-out, what runs goes on.
    pub(crate) partition: Optional<PartitionSpec>,
    /// Cards fall off the bus: what runs on them fails, the shares on them are gone.
    pub(crate) gpu_loss: Optional<GpuLossSpec>,
    /// Cards are taken out of service: they take nobody new, and who is there at the deadline has
    /// notice.
    pub(crate) maintenance: Optional<MaintenanceSpec>,
}

/// An outage has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutageSpec {}

/// Calls fail at random.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorsSpec {
    /// Share of calls that fail, up to 100%.
    pub(crate) rate: Node<Quantity<BasisPoints>>,
    /// Which calls. Default: all.
    pub(crate) operation: Optional<OperationSpec>,
}

/// Answers come later.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowSpec {
    /// Added to every answer.
    pub(crate) add: Node<Time>,
    /// Which calls. Default: all.
    pub(crate) operation: Optional<OperationSpec>,
}

/// An API that is not well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BrownoutSpec {
    /// What latencies are multiplied by, at least 100%.
    pub(crate) slowdown: Node<Quantity<BasisPoints>>,
    /// Share of calls that fail, up to 100%. Default: 0%.
    pub(crate) errors: Optional<Quantity<BasisPoints>>,
}

/// A cut through the network.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartitionSpec {
    /// What is lost. Default: both.
    pub(crate) direction: Optional<DirectionSpec>,
}

/// Which way of the network is cut.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DirectionSpec {
    /// Calls do not reach the provider.
    Request,
    /// Calls are acted on, but their answers do not come back.
    Answer,
    /// Neither.
    Both,
}

/// Cards fall off the bus.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GpuLossSpec {
    /// How many cards, at least 1.
    pub(crate) count: Node<Whole<1, 100_000>>,
}

/// A kind of call to a provider.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OperationSpec {
    /// Hold a share of a GPU.
    Allocate,
    /// Run one inference.
    Infer,
    /// Stop an inference.
    Cancel,
    /// Give a share back.
    Release,
    /// Look at one share.
    Inspect,
    /// List the shares held.
    List,
    /// List the pools on offer.
    Pools,
}
