use connector::{BasisPoints, ClassId, Duration, Money, Priority, TierId};

use super::{PlatformConfig, TenantConfig, TierConfig};

/// Who is let in, and who is told at once that it is of no use to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// How much of the time that a request has left it may be expected to spend in line, at most
    /// 100 %. Who would wait longer is refused at once. `None`: everybody may wait. Only requests
    /// with a deadline or a patience of their own are bounded.
    pub wait_bound: Option<BasisPoints>,
    /// Who is refused by a pool that has much to do, at most [`SHED_RULES_MAX`] rules.
    pub shed: Vec<ShedRule>,
}

impl Default for AdmissionConfig {
    /// Half of the time left; nobody is shed.
    fn default() -> Self {
        Self { wait_bound: Some(BasisPoints::from_percent(50)), shed: Vec::new() }
    }
}

/// Rules of shedding, at most.
pub const SHED_RULES_MAX: usize = 32;

/// Requests that a pool refuses while it has much to do, so that the others are served in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShedRule {
    /// Which requests.
    pub whom: ShedWhom,
    /// The load at which the rule begins.
    pub at: Threshold,
    /// It ends when the load is below this share of that, at most 100 %, which is at once.
    pub until: BasisPoints,
}

/// Requests that matter less than others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShedWhom {
    /// Of tenants of a lower priority.
    BelowPriority(Priority),
    /// Of these classes.
    Classes(Vec<ClassId>),
    /// Of tenants of these tiers.
    Tiers(Vec<TierId>),
}

/// How much a pool has to do; above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// This share of the length of its line is taken, at most 100 %.
    Line(BasisPoints),
    /// This share of its places is taken, at most 100 %: of `max_in_flight`, or of the adaptive limit.
    Places(BasisPoints),
    /// Who joins its line now is expected to wait this long.
    Wait(Duration),
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
