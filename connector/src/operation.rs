use std::{fmt, sync::Arc};

use crate::{
    AllocationId, BasisPoints, Duration, Mebibytes, ModelId, PoolId, TenantId, Tflops, Ticket,
    Tokens,
};

/// What a provider can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Hold a share of a GPU. Answered by [`Reply::Granted`](crate::Reply::Granted).
    Allocate(Allocate),
    /// Run one inference on a held share. Answered by
    /// [`Reply::Generated`](crate::Reply::Generated).
    Infer(Infer),
    /// Stop one inference in flight; its own ticket is then answered with
    /// [`Conflict`](crate::ErrorKind::Conflict) unless it had finished already.
    Cancel {
        /// The ticket of the inference.
        inference: Ticket,
    },
    /// Give a share back. Answered by [`Reply::Released`](crate::Reply::Released); a second
    /// release of the same share is answered with [`NotFound`](crate::ErrorKind::NotFound).
    Release {
        /// The share.
        allocation: AllocationId,
    },
    /// Look at one share. Answered by [`Reply::Inspected`](crate::Reply::Inspected).
    Inspect {
        /// The share.
        allocation: AllocationId,
    },
    /// List the shares that the provider thinks we hold in a pool.
    List {
        /// The pool.
        pool: PoolId,
    },
    /// List the pools on offer.
    Pools,
}

impl Operation {
    /// The kind of operation, without its arguments.
    pub const fn kind(&self) -> OperationKind {
        match self {
            Self::Allocate(_) => OperationKind::Allocate,
            Self::Infer(_) => OperationKind::Infer,
            Self::Cancel { .. } => OperationKind::Cancel,
            Self::Release { .. } => OperationKind::Release,
            Self::Inspect { .. } => OperationKind::Inspect,
            Self::List { .. } => OperationKind::List,
            Self::Pools => OperationKind::Pools,
        }
    }
}

/// The kinds of [`Operation`], for latency tables, rate limits, faults and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationKind {
    /// [`Operation::Allocate`]
    Allocate,
    /// [`Operation::Infer`]
    Infer,
    /// [`Operation::Cancel`]
    Cancel,
    /// [`Operation::Release`]
    Release,
    /// [`Operation::Inspect`]
    Inspect,
    /// [`Operation::List`]
    List,
    /// [`Operation::Pools`]
    Pools,
}

impl OperationKind {
    /// Every kind, in the order of declaration; `kind as usize` indexes tables of this length.
    pub const ALL: [Self; 7] = [
        Self::Allocate,
        Self::Infer,
        Self::Cancel,
        Self::Release,
        Self::Inspect,
        Self::List,
        Self::Pools,
    ];

    /// Stable name for tables, files and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allocate => "allocate",
            Self::Infer => "infer",
            Self::Cancel => "cancel",
            Self::Release => "release",
            Self::Inspect => "inspect",
            Self::List => "list",
            Self::Pools => "pools",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an allocation needs of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Compute, in TFLOPS of the precision the model runs in.
    pub tflops: Tflops,
    /// Device memory for weights, KV cache and workspace.
    pub vram: Mebibytes,
}

/// The question "may we hold a share of a GPU?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocate {
    /// Where.
    pub pool: PoolId,
    /// The model that will be served; decides what must be loaded on the card.
    pub model: ModelId,
    /// What is needed of the card.
    pub requirements: Requirements,
    /// Whether the share may be placed on a card whose promises already exceed its physical size.
    pub overcommit: bool,
    /// Whether the share may be taken away for a higher priority.
    pub preemptible: bool,
    /// Who goes first when the pool is full.
    pub priority: Priority,
    /// On whose behalf; metadata for the provider.
    pub tenant: TenantId,
}

/// HostedAI's `security_level`: how strictly those who share a card are kept apart. The names are
/// documented, what follows from them is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityLevel {
    /// Others' memory stays on the card until the room is needed; may overlap. The default.
    #[default]
    Low,
    /// Others' memory stays on the card until the room is needed; one computes at a time.
    Medium,
    /// Others' memory leaves the card at every change.
    High,
}

impl SecurityLevel {
    /// All of them, the weakest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The level of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// Rank of an allocation from 0 (first to go) to 9; only a strictly higher rank preempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// The highest rank.
    pub const MAX: Self = Self(9);

    /// A rank, or `None` above 9.
    pub const fn new(rank: u8) -> Option<Self> {
        if rank <= Self::MAX.0 { Some(Self(rank)) } else { None }
    }

    /// The rank as a number, 0 to 9.
    pub const fn rank(self) -> u8 {
        self.0
    }
}

/// The question "answer this prompt".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Infer {
    /// The share to run on. Several inferences may run on one share at once.
    pub allocation: AllocationId,
    /// What is asked.
    pub prompt: Prompt,
    /// How many tokens to generate. Replayed traffic states the length that was really generated,
    /// and simulated generation does not stop early.
    pub max_tokens: Tokens,
    /// Sampling temperature, passed on to live endpoints.
    pub temperature: Temperature,
    /// Whether the caller wants [`FirstToken`](crate::EventKind::FirstToken).
    pub stream: bool,
    /// How often the caller wants [`Progress`](crate::EventKind::Progress), where the far side can
    /// tell; [`Duration::ZERO`]: whenever there is more, [`Duration::MAX`]: only before a failure.
    /// `None`: never.
    pub progress: Option<Duration>,
}

/// A prompt: always its length, and what is known of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Length in tokens.
    pub tokens: Tokens,
    /// What it says, as far as that is known.
    pub content: Content,
}

/// What is known of a prompt beyond its length. Most traces carry lengths only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Nothing. A live adapter makes up filler of the stated length; a simulated one takes the
    /// prompt to be unlike any other.
    #[default]
    Unknown,
    /// The words themselves.
    Text(Arc<str>),
    /// One id per block of tokens (Mooncake's traces: 512), the last block perhaps shorter. Prompts
    /// that begin with equal ids begin with equal tokens, which a prefix cache can use. A live
    /// adapter makes up filler.
    Blocks(Arc<[u64]>),
}

impl Content {
    /// The words, where there are any.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Unknown | Self::Blocks(_) => None,
        }
    }
}

impl Prompt {
    /// A prompt known by length only.
    pub const fn of_length(tokens: Tokens) -> Self {
        Self { tokens, content: Content::Unknown }
    }
}

/// Sampling temperature in hundredths, 0.00 to 2.00; 0.70 unless the caller says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Temperature(BasisPoints);

impl Temperature {
    /// A temperature, or `None` above 2.00.
    pub fn new(value: BasisPoints) -> Option<Self> {
        (value <= BasisPoints::from_percent(200)).then_some(Self(value))
    }

    /// The value as the wire carries it.
    pub fn as_f64(self) -> f64 {
        self.0.as_ratio()
    }
}

impl Default for Temperature {
    fn default() -> Self {
        Self(BasisPoints::from_percent(70))
    }
}

/// How a pool is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PoolKind {
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

impl PoolKind {
    /// Every kind, cheapest promise first.
    pub const ALL: [Self; 5] =
        [Self::Preemptible, Self::Standard, Self::Premium, Self::Dedicated, Self::Local];

    /// Stable name for scenarios, tables and the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Premium => "premium",
            Self::Preemptible => "preemptible",
            Self::Dedicated => "dedicated",
            Self::Local => "local",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for PoolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
