use schemars::JsonSchema;
use serde::Deserialize;

use super::{Optional, Time};

/// How long a pool is left alone that said that asking is of no use for now.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CooldownSpec {
    /// After a refusal because the account has no credit left; 0s: not at all. Default: 5min.
    pub(crate) credit: Optional<Time>,
    /// Longest pause that a provider may ask all requests to keep to (`retry-after`); 0s: only the
    /// request that was told keeps to it. Default: 10min.
    pub(crate) longest: Optional<Time>,
}
