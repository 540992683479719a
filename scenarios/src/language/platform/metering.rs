use connector::BasisPoints;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    document::Node,
    language::{LatencySpec, Optional, Quantity, Time},
};

/// What happens to records of use between whoever meters and whoever bills.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeteringSpec {
    /// Share of records that come twice. Default: 0%.
    pub(crate) duplicates: Optional<Quantity<BasisPoints>>,
    /// Records that come late. Default: none.
    pub(crate) late: Optional<LatenessSpec>,
    /// Every record takes its own time up to this, so that they overtake each other. Default: 0s.
    pub(crate) reordered: Optional<Time>,
}

/// Records that come late.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LatenessSpec {
    /// Share of records.
    pub(crate) share: Node<Quantity<BasisPoints>>,
    /// By how much.
    pub(crate) by: Node<LatencySpec>,
}
