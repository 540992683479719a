use connector::{BasisPoints, Duration, Money, Priority, TenantId, Tokens};

use super::{Candidate, ConfigError, PlatformConfig, check::at_least};
use crate::forecast::SEASON_MAX;

/// What is held beyond the strike that asked for it, ahead of strikes, and looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseConfig {
    /// How long a lease stays warm after its last use. Zero, the default: it is given back with the
    /// answer, unless `min_warm` or a forecast wants it.
    pub idle: Duration,
    /// Leases that lie warm at once for one model on one pool (and, unless `shared`, one tenant).
    pub max_warm: u32,
    /// Leases, busy or warm, that are held from the start and until the drain.
    pub min_warm: Vec<MinWarm>,
    /// Whether a lease asked for on behalf of one tenant may serve another. Off by default: tenants
    /// are then as separate as without warm leases.
    pub shared: bool,
    /// Rank at which shares are asked for that no single tenant asks for: all of them while
    /// `shared`.
    pub priority: Priority,
    /// On whose behalf the platform asks for shares of its own accord.
    pub tenant: TenantId,
    /// Age since the grant from which a lease is not used for another strike but replaced: shorter
    /// than the provider's own limit by the longest strike. `None`: the provider has no limit.
    pub max_age: Option<Duration>,
    /// How many leases will be needed; `None`: nobody forecasts.
    pub forecast: Option<ForecastConfig>,
    /// How often every pool is asked what it holds for us while anything goes on there, above zero.
    /// `None`: only after ambiguous answers.
    pub sweep: Option<Duration>,
    /// Whether small requests share leases; `None`: each strike has a share of its own.
    pub batching: Option<BatchingConfig>,
}

/// Small requests of one tenant for one model on one pool that share a lease: each is an inference of
/// its own, and the serving engine batches them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchingConfig {
    /// How many requests a share is asked for once, 2 to [`BATCH_MAX`].
    pub max: u32,
    /// How long after the first of them the others may come, above zero.
    pub wait: Duration,
    /// A request is small if its prompt and the longest answer have fewer tokens together; above zero.
    pub below: Tokens,
}

/// Requests that share a lease, at most.
pub const BATCH_MAX: u32 = 256;

impl Default for BatchingConfig {
    /// Up to 8 of fewer than 512 tokens that come within 100 ms.
    fn default() -> Self {
        Self { max: 8, wait: Duration::from_millis(100), below: Tokens::new(512) }
    }
}

impl Default for LeaseConfig {
    /// Nothing is kept, forecast or swept; 64 warm leases at most; priority 5; the first tenant.
    fn default() -> Self {
        Self {
            idle: Duration::ZERO,
            max_warm: 64,
            min_warm: Vec::new(),
            shared: false,
            priority: Priority::new(5).unwrap_or(Priority::MAX),
            tenant: TenantId(0),
            max_age: None,
            forecast: None,
            sweep: None,
            batching: None,
        }
    }
}

impl LeaseConfig {
    /// Whether any lease outlives its strike.
    pub fn keeps_any(&self) -> bool {
        !self.idle.is_zero() || !self.min_warm.is_empty() || self.forecast.is_some()
    }
}

/// So many leases of one model on one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinWarm {
    /// The model and the pool.
    pub of: Candidate,
    /// How many, at most `max_warm`.
    pub leases: u32,
}

/// How many leases will be needed, from how many were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForecastConfig {
    /// How the mean number of concurrent strikes is carried on.
    pub method: ForecastMethod,
    /// Between two looks, above zero; a look forecasts the mean of whole intervals.
    pub interval: Duration,
    /// How far ahead leases are wanted: the time of an allocation and of a cold start.
    pub ahead: Duration,
    /// Chance that the leases wanted are enough, if strikes come independently; below 100 %.
    pub quantile: BasisPoints,
    /// What leases that are not at work may cost per hour, all pools together; beyond, none are
    /// asked for ahead of need. `None`: no limit. `min_warm` is not limited by it.
    pub cost_per_hour: Option<Money>,
}

impl Default for ForecastConfig {
    /// EWMA of weight 30 %, looks every 10 s, 30 s ahead, 95 %, no limit of cost.
    fn default() -> Self {
        Self {
            method: ForecastMethod::Ewma { alpha: BasisPoints::from_percent(30) },
            interval: Duration::from_secs(10),
            ahead: Duration::from_secs(30),
            quantile: BasisPoints::from_percent(95),
            cost_per_hour: None,
        }
    }
}

/// How a series is carried on. Weights are of the newest value, 0 to 100 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForecastMethod {
    /// Exponentially weighted moving average (simple exponential smoothing).
    Ewma {
        /// Weight for the level.
        alpha: BasisPoints,
    },
    /// Holt-Winters with additive seasons. Until a whole season was seen it is an EWMA.
    HoltWinters {
        /// Weight for the level.
        alpha: BasisPoints,
        /// Weight for the trend.
        beta: BasisPoints,
        /// Weight for the season.
        gamma: BasisPoints,
        /// Length of a season, at least two intervals and at most
        /// [`SEASON_MAX`](crate::forecast::SEASON_MAX) of them.
        season: Duration,
    },
}

impl PlatformConfig {
    /// The first thing about leases that cannot be.
    pub(super) fn check_leases(&self) -> Result<(), ConfigError> {
        let LeaseConfig { max_warm, tenant, sweep, forecast, min_warm, batching, .. } =
            &self.leases;
        at_least(1, "warm leases at most", *max_warm)?;
        at_most(
            "number of the tenant that leases are asked for",
            tenant.index(),
            self.tenants.len() - 1,
        )?;
        if let Some(every) = sweep {
            at_least(1, "time between sweeps in ns", every.as_nanos())?;
        }
        if let Some(forecast) = forecast {
            forecast.check()?;
        }
        if let Some(batching) = batching {
            at_least(2, "requests that share a lease", batching.max)?;
            at_most("requests that share a lease", batching.max as usize, BATCH_MAX as usize)?;
            at_least(1, "time in which they come in ns", batching.wait.as_nanos())?;
            at_least(1, "tokens below which a request is small", batching.below.get())?;
        }
        min_warm.iter().try_for_each(|wanted| self.check_min_warm(wanted))
    }

    fn check_min_warm(&self, MinWarm { of, leases }: &MinWarm) -> Result<(), ConfigError> {
        let Candidate { model, pool } = *of;
        let what = format!("leases of model {model} on pool {pool} that are always held");
        at_most(&what, *leases as usize, self.leases.max_warm as usize)?;
        at_most("number of the model of a lease", model.index(), self.models.len() - 1)?;
        let terms = &self.models[model.index()];
        let Some(cable) = self.cables.iter().find(|cable| cable.pool == pool) else {
            return Err(ConfigError::UnknownPool { class: what, pool });
        };
        let (needed, card) = (terms.requirements.vram, cable.card_vram);
        if needed <= card {
            return Ok(());
        }
        let (model, pool) = (terms.name.clone(), cable.name.clone());
        Err(ConfigError::DoesNotFit { model, pool, needed, card })
    }
}

impl ForecastConfig {
    fn check(&self) -> Result<(), ConfigError> {
        at_least(1, "interval of forecasts in ns", self.interval.as_nanos())?;
        let whole = BasisPoints::ONE.get() as usize;
        at_most("quantile of leases in basis points", self.quantile.get() as usize, whole - 1)?;
        let weight = |of: &str, weight: BasisPoints| {
            let what = format!("weight of the {of} in basis points");
            at_most(&what, weight.get() as usize, whole)
        };
        match self.method {
            ForecastMethod::Ewma { alpha } => weight("level", alpha),
            ForecastMethod::HoltWinters { alpha, beta, gamma, season } => {
                weight("level", alpha)?;
                weight("trend", beta)?;
                weight("season", gamma)?;
                let intervals = season.as_nanos() / self.interval.as_nanos();
                at_least(2, "intervals of a season", intervals)?;
                at_most("intervals of a season", intervals as usize, SEASON_MAX)
            }
        }
    }
}

fn at_most(what: &str, value: usize, limit: usize) -> Result<(), ConfigError> {
    if value <= limit {
        return Ok(());
    }
    Err(ConfigError::TooMany { what: what.into(), value, limit })
}
