//! How the platform is set up. Plain data with the founding defaults; the scenario language fills
//! it in.

mod admission;
mod breaker;
mod budget;
mod check;
mod classifier;
mod cooldown;
mod ejection;
mod error;
mod hedging;
mod leases;
mod limit;
mod line;
mod retry;
mod route;
mod tier;
mod timeouts;

use connector::{
    BasisPoints, Duration, Mebibytes, Money, PoolId, PoolKind, Priority, Requirements, Tflops,
    TierId, Tokens,
};

pub use admission::{
    AdmissionConfig, QuotaConfig, RequestRate, SHED_RULES_MAX, ShedRule, ShedWhom, Threshold,
};
pub use breaker::{
    BreakerConfig, BreakerMode, ErrorKinds, HalfOpenThen, ProbeRenewal, RampUp, RatesConfig,
    SlowCall, WINDOW_CALLS_MAX, WINDOW_SECONDS_MAX, WindowConfig,
};
pub use budget::BudgetConfig;
pub use classifier::{ClassConfig, ClassifierConfig, ClassifyMethod, ModelClassifierConfig};
pub use cooldown::CooldownConfig;
pub use ejection::EjectionConfig;
pub use error::ConfigError;
pub use hedging::{HedgeAfter, HedgeMeasure, HedgingConfig};
pub use leases::{BATCH_MAX, BatchingConfig, ForecastConfig, ForecastMethod, LeaseConfig, MinWarm};
pub use limit::{LimitConfig, LimitRule};
pub use line::{CodelConfig, Discipline, Drops};
pub use retry::{Jitter, MidStream, RetryConfig};
pub use route::{Candidate, CovenantRouting, Measure, PoolWeight, PrefixConfig, RouterConfig};
pub use tier::TierConfig;
pub use timeouts::{Abandon, Timeouts};

use crate::covenant::Terms;

/// Everything the platform is told before a run.
#[derive(Clone, Debug)]
pub struct PlatformConfig {
    /// Models, in the order of [`ModelId`](connector::ModelId).
    pub models: Vec<ModelTerms>,
    /// Cables, in the order of [`CableId`](connector::CableId): one per pool the platform may use.
    pub cables: Vec<CableConfig>,
    /// Tenants, in the order of [`TenantId`](connector::TenantId).
    pub tenants: Vec<TenantConfig>,
    /// Tiers of tenants, in the order of [`TierId`]; may be empty.
    pub tiers: Vec<TierConfig>,
    /// How requests are put into classes.
    pub classifier: ClassifierConfig,
    /// Who is let in.
    pub admission: AdmissionConfig,
    /// Where each class goes.
    pub router: RouterConfig,
    /// When and how often a failed call is tried again.
    pub retry: RetryConfig,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// How long a pool is left alone that asks for it or is out of credit.
    pub cooldown: CooldownConfig,
    /// When the first choice fails.
    pub fallback: FallbackConfig,
    /// When a request that takes long is sent a second time; `None`: never.
    pub hedging: Option<HedgingConfig>,
    /// When a pool is left out because it does worse than its peers. `None`: never.
    pub ejection: Option<EjectionConfig>,
    /// Whether shares on overcommitted cards are acceptable.
    pub overcommit: bool,
    /// What is held beyond a strike, ahead of strikes, and looked for.
    pub leases: LeaseConfig,
    /// Seed of the platform's own randomness (backoff jitter).
    pub seed: u64,
}

/// What a model needs and whom it may be sold to.
#[derive(Clone, Debug)]
pub struct ModelTerms {
    /// Display name.
    pub name: String,
    /// What an allocation for it asks for.
    pub requirements: Requirements,
    /// Longest answer; longer requests are cut to it. `None`: no limit.
    pub max_tokens: Option<Tokens>,
    /// The kind of pool it belongs to by default.
    pub pool_kind: PoolKind,
    /// Whether its shares may be taken away for a higher priority.
    pub preemptible: bool,
}

/// The line to one pool.
#[derive(Clone, Debug)]
pub struct CableConfig {
    /// The pool.
    pub pool: PoolId,
    /// The pool's display name.
    pub name: String,
    /// How the pool is sold.
    pub kind: PoolKind,
    /// Price of one share for an hour.
    pub price_per_slot_hour: Money,
    /// Memory of one of its cards: models that need more never go there.
    pub card_vram: Mebibytes,
    /// Compute of one of its cards: covenants that ask for more never go there.
    pub card_tflops: Tflops,
    /// How fast each model runs on an idle card of the pool, in the order of [`ModelId`](connector::ModelId); what
    /// ranking by expected time starts from before anything was measured.
    pub paces: Vec<Pace>,
    /// Strikes at once; further ones queue. `None`: no limit of our own.
    pub max_in_flight: Option<u32>,
    /// Strikes that may wait in line; 0 refuses at once.
    pub queue: u32,
    /// Who of them is next.
    pub discipline: Discipline,
    /// When the line is shortened because it is never short any more; `None`: never.
    pub codel: Option<CodelConfig>,
    /// When to stop asking a failing pool.
    pub breaker: BreakerConfig,
    /// How many strikes at once the pool does well with, where that is found out; never more than
    /// `max_in_flight`. `None`: as many as that.
    pub limit: Option<LimitConfig>,
}

/// How fast a model runs on an idle card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Time per prompt token.
    pub per_prompt_token: Duration,
    /// Time per output token.
    pub per_output_token: Duration,
}

/// A customer of the platform.
#[derive(Clone, Debug, Default)]
pub struct TenantConfig {
    /// Display name, unique.
    pub name: String,
    /// Rank of its allocations when a pool is full, and of its requests where lines go by rank.
    pub priority: Priority,
    /// Its part of lines that are fair by weight, relative to the other tenants, at least 1.
    /// `None`: as its tier says, or else 1.
    pub weight: Option<u32>,
    /// What it may use; where this states nothing, what its tier states.
    pub quota: QuotaConfig,
    /// Its tier; `None`: none.
    pub tier: Option<TierId>,
    /// What it is promised; where this states nothing, what its tier states.
    pub terms: Terms,
}

/// The chain behind the first choice: other pools within the ceiling, then the local engine, then a
/// clear error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FallbackConfig {
    /// Whether other pools are tried at all.
    pub enabled: bool,
    /// Highest price of a fallback pool, as a share of the first choice's price.
    pub cost_ceiling: BasisPoints,
}

impl Default for FallbackConfig {
    /// Enabled, up to twice the first choice's price.
    fn default() -> Self {
        Self { enabled: true, cost_ceiling: BasisPoints::from_percent(200) }
    }
}
