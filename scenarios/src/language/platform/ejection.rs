use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::{Optional, Quantity, Time, Whole};

/// When a pool is left out because it does worse than its peers, of which it needs two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EjectionSpec {
    /// How often pools are compared; above zero. Default: 10s.
    pub(crate) interval: Optional<Time>,
    /// Results in an interval without which a pool is not compared, 1 to 1,000,000. Default: 20.
    pub(crate) minimum_calls: Optional<Whole<1, 1_000_000>>,
    /// By how much its share of failures is above the median of its peers', up to 100%. Default: 20%.
    pub(crate) failure_margin: Optional<Quantity<BasisPoints>>,
    /// Its time to the first token, as a share of the median of its peers', above 100%. Default: 300%.
    pub(crate) slowness: Optional<Quantity<BasisPoints>>,
    /// How long it is left out, times the times in a row; above zero. Default: 30s.
    pub(crate) base: Optional<Time>,
    /// Longest time out. Default: 5min.
    pub(crate) longest: Optional<Time>,
    /// Most pools that may be out at once, as a share of all, up to 100%, rounded down. Default: 50%.
    pub(crate) most: Optional<Quantity<BasisPoints>>,
}
