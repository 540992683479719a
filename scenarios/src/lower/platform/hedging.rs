use platform::config::{HedgeAfter, HedgeMeasure, HedgingConfig};

use crate::{
    language::{HedgeDelay, HedgeMeasureSpec, HedgingSpec},
    lower::read,
};

/// When a request that takes long is sent a second time.
pub(super) fn lower(spec: &HedgingSpec) -> HedgingConfig {
    let default = HedgingConfig::default();
    HedgingConfig {
        after: read(&spec.after).map_or(default.after, |after| match after.0 {
            HedgeDelay::Fixed(time) => HedgeAfter::Fixed(time),
            HedgeDelay::Quantile(share) => HedgeAfter::Quantile(share),
        }),
        measure: read(&spec.measure).map_or(default.measure, |measure| match measure {
            HedgeMeasureSpec::FirstToken => HedgeMeasure::FirstToken,
            HedgeMeasureSpec::EndToEnd => HedgeMeasure::EndToEnd,
        }),
        same_pool: read(&spec.same_pool).copied().unwrap_or(default.same_pool),
    }
}
