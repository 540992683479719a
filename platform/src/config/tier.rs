use super::QuotaConfig;
use crate::covenant::Terms;

/// A kind of customer: what all tenants of it are promised, and may use, where they state nothing of
/// their own.
#[derive(Clone, Debug, Default)]
pub struct TierConfig {
    /// Display name, unique.
    pub name: String,
    /// What is promised.
    pub terms: Terms,
    /// Part of lines that are fair by weight, of each tenant; at least 1. `None`: 1.
    pub weight: Option<u32>,
    /// What each tenant may use.
    pub quota: QuotaConfig,
}
