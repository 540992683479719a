use connector::{Mebibytes, ModelId, Money, PoolId, TierId};

/// Why a [`PlatformConfig`](super::PlatformConfig) was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A list that must not be empty is.
    #[error("there are no {what}")]
    Empty {
        /// What there is none of.
        what: &'static str,
    },
    /// A class that no model serves.
    #[error("class `{class}` has no models")]
    NoModels {
        /// The class's name.
        class: String,
    },
    /// A class with an empty list of candidates.
    #[error("class `{class}` has no candidates")]
    NoCandidates {
        /// The class's name.
        class: String,
    },
    /// More than the platform can number.
    #[error("{what}: {value} is more than {limit}")]
    TooMany {
        /// What there is too much of.
        what: String,
        /// How many.
        value: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Two things of the same name, or two cables to the same pool.
    #[error("there are two {what} `{name}`")]
    Duplicate {
        /// What there are two of.
        what: &'static str,
        /// Their name.
        name: String,
    },
    /// A setting that must be above zero is not.
    #[error("{what} must be at least {least}, not {value}")]
    TooSmall {
        /// Which setting, and of what.
        what: String,
        /// What it is.
        value: u64,
        /// The least it may be.
        least: u64,
    },
    /// A pool sold below nothing.
    #[error("pool `{pool}`: price {price} is below zero")]
    NegativePrice {
        /// The pool's name.
        pool: String,
        /// What it was set to.
        price: Money,
    },
    /// A table that must have one entry per item of another list has not.
    #[error("{what}: {found} given, {expected} needed")]
    WrongLength {
        /// Which table.
        what: String,
        /// How many entries it has.
        found: usize,
        /// How many it needs.
        expected: usize,
    },
    /// A class that names a model that does not exist.
    #[error("class `{class}` names model {model}, but there are {models}")]
    UnknownModel {
        /// The class's name.
        class: String,
        /// The model asked for.
        model: ModelId,
        /// How many there are.
        models: usize,
    },
    /// A candidate on a pool that no cable leads to.
    #[error("class `{class}` has a candidate on pool {pool}, to which no cable leads")]
    UnknownPool {
        /// The class's name.
        class: String,
        /// The pool asked for.
        pool: PoolId,
    },
    /// The classifier asks where nobody can answer: there is no such model or no cable to the pool,
    /// or its cards have no room for the model.
    #[error("the classifier asks model {model} on pool {pool}, which cannot serve it")]
    ClassifierNowhere {
        /// The model asked.
        model: ModelId,
        /// The pool it is asked on.
        pool: PoolId,
    },
    /// A weight of a pool that no cable leads to.
    #[error("the router weighs pool {pool}, to which no cable leads")]
    UnknownWeight {
        /// The pool weighed.
        pool: PoolId,
    },
    /// A tenant of a tier that does not exist.
    #[error("tenant `{tenant}` is of tier {tier}, but there are {tiers}")]
    UnknownTier {
        /// The tenant's name.
        tenant: String,
        /// The tier it names.
        tier: TierId,
        /// How many there are.
        tiers: usize,
    },
    /// A model that needs more memory than any card has.
    #[error("model `{model}` needs {needed}, but the largest card has {largest}")]
    FitsNowhere {
        /// The model's name.
        model: String,
        /// What it needs.
        needed: Mebibytes,
        /// What the largest card of all pools has.
        largest: Mebibytes,
    },
    /// A candidate that does not fit the cards of its own pool.
    #[error("model `{model}` needs {needed}, but cards of pool `{pool}` have {card}")]
    DoesNotFit {
        /// The model's name.
        model: String,
        /// The pool's name.
        pool: String,
        /// What the model needs.
        needed: Mebibytes,
        /// What a card has.
        card: Mebibytes,
    },
}

impl ConfigError {
    /// The way out, in a sentence.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "add at least one",
            Self::NoModels { .. } => "list the models that serve it, best first",
            Self::NoCandidates { .. } => "list at least one model and pool",
            Self::TooMany { .. } => "use fewer, or split the run",
            Self::Duplicate { .. } => "rename or remove one of them",
            Self::TooSmall { .. } => "raise it, or leave it out for the default",
            Self::NegativePrice { .. } => "state the price of one share for an hour, 0 or more",
            Self::WrongLength { .. } => "give one entry per item, in the same order",
            Self::UnknownModel { .. } => "name one of the configured models",
            Self::ClassifierNowhere { .. } => {
                "name a configured model, and a pool with a cable whose cards have room for it"
            }
            Self::UnknownPool { .. } | Self::UnknownWeight { .. } => {
                "name the pool of one of the cables, or add a cable to it"
            }
            Self::UnknownTier { .. } => "name one of the configured tiers, or none",
            Self::FitsNowhere { .. } => "add a pool with larger cards, or serve a smaller model",
            Self::DoesNotFit { .. } => "choose a pool with larger cards for this model",
        }
    }
}
