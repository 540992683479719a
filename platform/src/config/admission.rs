use connector::{BasisPoints, Money};

use super::{PlatformConfig, TenantConfig, TierConfig};

/// Who is let in, and who is told at once that it is of no use to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// How much of the time that a request has left it may be expected to spend in line, at most
    /// 100 %. Who would wait longer is refused at once. `None`: everybody may wait. Only requests
    /// with a deadline or a patience of their own are bounded.
    pub wait_bound: Option<BasisPoints>,
    /// From which share of a line's length on the least important are refused; the most important
    /// may fill it. 100 %: nobody is refused before the line is full.
    pub shed_from: BasisPoints,
}

impl Default for AdmissionConfig {
    /// Half of the time left; nobody is shed before the line is full.
    fn default() -> Self {
        Self { wait_bound: Some(BasisPoints::from_percent(50)), shed_from: BasisPoints::ONE }
    }
}

/// What one tenant may use. `None`: as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaConfig {
    /// Requests per second, a token bucket.
    pub requests: Option<RequestRate>,
    /// Prompt and answer tokens in any 60 s, at least 1. The longest answer asked for is reserved
    /// on arrival; what was not made is given back at the end.
    pub tokens_per_minute: Option<u64>,
    /// Requests that are let in and not answered yet, at least 1.
    pub concurrent: Option<u32>,
    /// What held shares may cost in any 24 h. Each strike reserves what its share costs until the
    /// inference times out.
    pub spend_per_day: Option<Money>,
}

/// A token bucket for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// Requests per second in the long run, at least 1.
    pub per_second: u32,
    /// Requests at once after a pause, at least 1.
    pub burst: u32,
}

impl QuotaConfig {
    /// Where this states nothing, what `other` states.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            requests: self.requests.or(other.requests),
            tokens_per_minute: self.tokens_per_minute.or(other.tokens_per_minute),
            concurrent: self.concurrent.or(other.concurrent),
            spend_per_day: self.spend_per_day.or(other.spend_per_day),
        }
    }
}

impl PlatformConfig {
    /// The weight of a tenant: its own, or its tier's, or 1.
    pub(crate) fn weight(&self, tenant: &TenantConfig) -> u32 {
        tenant.weight.or(self.tier(tenant).and_then(|tier| tier.weight)).unwrap_or(1)
    }

    /// The quota of a tenant: its own, and for the rest its tier's.
    pub(crate) fn quota(&self, tenant: &TenantConfig) -> QuotaConfig {
        tenant.quota.or(self.tier(tenant).map(|tier| tier.quota).unwrap_or_default())
    }

    fn tier(&self, tenant: &TenantConfig) -> Option<&TierConfig> {
        self.tiers.get(tenant.tier?.index())
    }
}
