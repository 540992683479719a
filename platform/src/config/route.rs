use connector::{BasisPoints, ModelId, PoolId};

/// How candidates (model x pool) are ranked. Local pools come after all others whatever the policy.
#[derive(Clone, Debug)]
pub enum RouterConfig {
    /// A fixed list of candidates per class, in the order of [`ClassId`](connector::ClassId).
    Static(Vec<Vec<Candidate>>),
    /// Lowest price for the expected time first.
    Cheapest,
    /// Shortest expected end-to-end time first, from what was measured on each cable.
    Fastest,
    /// Any, with equal chances.
    Random,
    /// One after the other.
    RoundRobin,
    /// One after the other, each as often as its weight says, spread evenly (nginx's smooth weighted
    /// round robin). Pools that are not named have weight 0: they are fallbacks only.
    Weighted(Vec<PoolWeight>),
    /// Fewest requests (under way and in line) per place.
    LeastLoaded,
    /// The better of two drawn at random.
    PowerOfTwo(Measure),
    /// Prompts that begin alike go to the same pool, within a bound on its load.
    PrefixAffine(PrefixConfig),
    /// Latency-sensitive: dedicated pools; models below 8 GiB: preemptible ones; others: standard
    /// ones. Within the kind, and behind it, the cheapest first.
    Tiered,
    /// The cheapest that is predicted to keep the covenant.
    Covenant(CovenantRouting),
}

impl RouterConfig {
    /// Stable name, as in scenarios.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::Cheapest => "cheapest",
            Self::Fastest => "fastest",
            Self::Random => "random",
            Self::RoundRobin => "round_robin",
            Self::Weighted(_) => "weighted",
            Self::LeastLoaded => "least_loaded",
            Self::PowerOfTwo(_) => "power_of_two",
            Self::PrefixAffine(_) => "prefix_affine",
            Self::Tiered => "tiered",
            Self::Covenant(_) => "covenant",
        }
    }
}

/// A model on a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The model.
    pub model: ModelId,
    /// The pool.
    pub pool: PoolId,
}

/// How often a pool is chosen, relative to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolWeight {
    /// The pool.
    pub pool: PoolId,
    /// 0 to 1,000,000.
    pub weight: u32,
}

/// What makes one of two better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// Fewer requests per place (Mitzenmacher 2001).
    Load,
    /// Less predicted time times requests per place, the time as a moving average that jumps up at
    /// once and comes down slowly (peak EWMA, as in Finagle and linkerd). The default.
    #[default]
    Latency,
}

/// How prompts are kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixConfig {
    /// Blocks at the beginning of a prompt that decide, 1 to 64.
    pub blocks: u32,
    /// Highest load of a pool relative to the mean of all; at least 100%.
    pub load_factor: BasisPoints,
}

impl Default for PrefixConfig {
    /// 2 blocks, at most 125 % of the mean load (the bound that Google and Vimeo published).
    fn default() -> Self {
        Self { blocks: 2, load_factor: BasisPoints::from_percent(125) }
    }
}

/// What it takes to trust a pool with a covenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CovenantRouting {
    /// The quantile of the predicted times that must be within the targets, 50% to 99.9%.
    pub quantile: BasisPoints,
    /// Room that a prediction must leave, as a share of the target, 0% to 90%.
    pub margin: BasisPoints,
}

impl Default for CovenantRouting {
    /// p95, with no room to spare.
    fn default() -> Self {
        Self { quantile: BasisPoints::from_percent(95), margin: BasisPoints::ZERO }
    }
}
