mod admission;
mod breaker;
mod classifier;
mod cooldown;
mod covenant;
mod ejection;
mod hedging;
mod leases;
mod limit;
mod metering;
mod price_book;
mod retry;
mod route;
mod timeouts;

use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use self::{
    admission::*, breaker::*, classifier::*, cooldown::*, covenant::*, ejection::*, hedging::*,
    leases::*, limit::*, metering::*, price_book::*, retry::*, route::*, timeouts::*,
};
use super::{Entries, Limit, List, Optional, Quantity, Time, TokenCount, Whole};
use crate::document::Node;

/// What stands between tenants and pools.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlatformSpec {
    /// Classes from the simplest to the most complex; a request gets the first that takes it.
    /// Default: one class `all` served by every model in the order given.
    pub(crate) classes: Optional<List<ClassSpec>>,
    /// How requests are put into classes. Default: by lengths, and by text where there is any.
    pub(crate) classifier: Optional<ClassifierSpec>,
    /// Kinds of customers, with what they are promised. Default: none.
    pub(crate) tiers: Optional<List<TierSpec>>,
    /// How candidates (model x pool) are ranked. Default: cheapest.
    pub(crate) router: Optional<RouterSpec>,
    /// When and how often a failed call is tried again.
    pub(crate) retry: Optional<RetrySpec>,
    /// How long each step may take.
    pub(crate) timeouts: Optional<TimeoutsSpec>,
    /// How long a pool is left alone that asks for it or is out of credit.
    pub(crate) cooldown: Optional<CooldownSpec>,
    /// When to stop asking a failing pool.
    pub(crate) breaker: Optional<BreakerSpec>,
    /// What happens when the first choice fails.
    pub(crate) fallback: Optional<FallbackSpec>,
    /// When a request that takes long is sent a second time. Default: never.
    pub(crate) hedging: Optional<HedgingSpec>,
    /// Pools that do worse than their peers are left out for a while. Default: never.
    pub(crate) ejection: Optional<EjectionSpec>,
    /// What is held beyond a strike, ahead of strikes, and looked for. Default: nothing.
    pub(crate) leases: Optional<LeasesSpec>,
    /// Whether shares on overcommitted cards are acceptable. Default: true.
    pub(crate) overcommit: Optional<bool>,
    /// Who is let in.
    pub(crate) admission: Optional<AdmissionSpec>,
    /// The lines to the pools.
    pub(crate) cables: Optional<CablesSpec>,
    /// What happens to records of use on their way to the bill. Default: nothing.
    pub(crate) metering: Optional<MeteringSpec>,
    /// What tenants are charged. Default: nothing.
    pub(crate) price_book: Optional<PriceBookSpec>,
}

/// One class of requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassSpec {
    /// Name, unique.
    pub(crate) name: Node<String>,
    /// Longest prompt that the class takes. Default: any; the last class takes all regardless.
    pub(crate) max_prompt_tokens: Optional<TokenCount>,
    /// Longest expected answer that the class takes. Default: any.
    pub(crate) max_output_tokens: Optional<TokenCount>,
    /// Names of the models that serve it, best first, at least one.
    pub(crate) models: Node<List<String>>,
}

/// The chain behind the first choice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FallbackSpec {
    /// Whether other pools are tried at all. Default: true.
    pub(crate) enabled: Optional<bool>,
    /// Highest price of a fallback pool, as a share of the first choice's. Default: 200%.
    pub(crate) cost_ceiling: Optional<Quantity<BasisPoints>>,
}

/// The lines to the pools.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CablesSpec {
    /// Strikes at once, 1 to 1,000,000, or `unlimited`; further ones queue. Default: as many as the
    /// pool has shares.
    pub(crate) max_in_flight: Optional<Quantity<Limit>>,
    /// Strikes that may wait in line, 0 to 1,000,000; 0 refuses at once. Default: 1000.
    pub(crate) queue: Optional<Whole<0, 1_000_000>>,
    /// How many strikes at once a pool gets, never more than `max_in_flight`. Default: `fixed`.
    pub(crate) limit: Optional<LimitSpec>,
    /// Who is next of those that wait in line. Default: fifo.
    pub(crate) line: Optional<LineSpec>,
    /// Shortens a line that is never short any more. Default: none.
    pub(crate) codel: Optional<CodelSpec>,
    /// By name of a pool, what differs there.
    pub(crate) pools: Optional<Entries<CableSpec>>,
}

/// What differs on the line to one pool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CableSpec {
    /// Strikes at once, or `unlimited`. Default: as for all cables.
    pub(crate) max_in_flight: Optional<Quantity<Limit>>,
    /// Strikes that may wait in line. Default: as for all cables.
    pub(crate) queue: Optional<Whole<0, 1_000_000>>,
    /// How many strikes at once this pool gets. Default: as for all cables.
    pub(crate) limit: Optional<LimitSpec>,
    /// Who is next of them. Default: as for all cables.
    pub(crate) line: Optional<LineSpec>,
    /// Shortens this line. Default: as for all cables.
    pub(crate) codel: Optional<CodelSpec>,
    /// When to stop asking this pool. Keys left out are as for all pools.
    pub(crate) breaker: Optional<BreakerSpec>,
}
