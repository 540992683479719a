use std::collections::BTreeSet;

use connector::{BasisPoints, Mebibytes, ModelId, Money};

use super::{
    CableConfig, Candidate, ClassConfig, ConfigError, CovenantRouting, HedgeAfter, PlatformConfig,
    PoolWeight, PrefixConfig, RequestRate, RouterConfig, SHED_RULES_MAX, ShedRule, TenantConfig,
    Threshold,
};
use crate::route::{self, CANDIDATES_MAX};

/// Cables and models: more would make the table of estimates absurd.
const CABLES_MAX: usize = 1024;
const MODELS_MAX: usize = 1024;
/// Retries of one strike on one cable.
const RETRIES_MAX: u32 = 1000;
/// Credits of many turns must not overflow.
const WEIGHT_MAX: u32 = 1_000_000;
/// Hashing a prefix is on the way of every request.
const PREFIX_BLOCKS_MAX: u32 = 64;

impl PlatformConfig {
    /// The first thing in the configuration that cannot be.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        not_empty("models", self.models.len(), MODELS_MAX)?;
        not_empty("cables", self.cables.len(), CABLES_MAX)?;
        not_empty("tenants", self.tenants.len(), u32::MAX as usize)?;
        not_empty("classes", self.classifier.classes.len(), u32::MAX as usize)?;
        unique("models", self.models.iter().map(|model| &model.name))?;
        unique("cables", self.cables.iter().map(|cable| &cable.name))?;
        unique("cables to pool", self.cables.iter().map(|cable| cable.pool.to_string()))?;
        unique("tenants", self.tenants.iter().map(|tenant| &tenant.name))?;
        unique("tiers", self.tiers.iter().map(|tier| &tier.name))?;
        unique("classes", self.classifier.classes.iter().map(|class| &class.name))?;
        self.check_numbers()?;
        self.check_admission()?;
        self.tenants.iter().try_for_each(|tenant| self.check_tier(tenant))?;
        self.cables.iter().try_for_each(|cable| self.check_cable(cable))?;
        self.classifier.classes.iter().try_for_each(|class| self.check_class(class))?;
        self.check_model_classifier()?;
        self.check_router()?;
        self.check_leases()?;
        (0..self.classifier.classes.len()).try_for_each(|class| self.check_candidates(class))
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        let Self { retry, timeouts, .. } = self;
        at_least(1, "retry: multiplier", retry.multiplier)?;
        if retry.max_retries > RETRIES_MAX {
            return Err(too_many("retries", retry.max_retries as usize, RETRIES_MAX as usize));
        }
        self.check_hedging()?;
        self.ejection.map_or(Ok(()), |ejection| ejection.check())?;
        at_least(1, "time-out of allocations in ns", timeouts.allocation.as_nanos())?;
        at_least(1, "time-out of inferences in ns", timeouts.inference.as_nanos())?;
        at_least(1, "time-out of releases in ns", timeouts.release.as_nanos())
    }

    fn check_tier(&self, tenant: &TenantConfig) -> Result<(), ConfigError> {
        let Some(tier) = tenant.tier.filter(|tier| tier.index() >= self.tiers.len()) else {
            return Ok(());
        };
        let (tenant, tiers) = (tenant.name.clone(), self.tiers.len());
        Err(ConfigError::UnknownTier { tenant, tier, tiers })
    }

    fn check_admission(&self) -> Result<(), ConfigError> {
        self.check_shedding()?;
        let own = self.tenants.iter().map(|one| ("tenant", &one.name, one.weight, one.quota));
        let tiers = self.tiers.iter().map(|one| ("tier", &one.name, one.weight, one.quota));
        for (kind, name, weight, quota) in own.chain(tiers) {
            let of = |what: &str| format!("{what} of {kind} `{name}`");
            at_least(1, of("weight"), weight.unwrap_or(1))?;
            let rate = quota.requests.unwrap_or(RequestRate { per_second: 1, burst: 1 });
            at_least(1, of("requests per second"), rate.per_second)?;
            at_least(1, of("burst of requests"), rate.burst)?;
            at_least(1, of("tokens per minute"), quota.tokens_per_minute.unwrap_or(1))?;
            at_least(1, of("concurrent requests"), quota.concurrent.unwrap_or(1))?;
        }
        Ok(())
    }

    fn check_shedding(&self) -> Result<(), ConfigError> {
        let rules = &self.admission.shed;
        if rules.len() > SHED_RULES_MAX {
            return Err(too_many("rules of shedding", rules.len(), SHED_RULES_MAX));
        }
        for ShedRule { at, until, .. } in rules {
            let what = "threshold of shedding in basis points";
            match at {
                Threshold::Line(share) | Threshold::Places(share) => {
                    at_least(1, what, share.get())?;
                    at_most(BasisPoints::ONE.get(), what, share.get())?;
                }
                Threshold::Wait(wait) => at_least(1, "wait of shedding in ns", wait.as_nanos())?,
            }
            at_most(BasisPoints::ONE.get(), "end of shedding in basis points", until.get())?;
        }
        Ok(())
    }

    fn check_hedging(&self) -> Result<(), ConfigError> {
        match self.hedging.map(|hedging| hedging.after) {
            None => Ok(()),
            Some(HedgeAfter::Fixed(time)) => at_least(1, "delay of hedges in ns", time.as_nanos()),
            Some(HedgeAfter::Quantile(share)) => {
                at_least(100, "quantile before hedges in basis points", share.get())?;
                if share >= BasisPoints::ONE {
                    let what = "quantile before hedges in basis points";
                    return Err(too_many(what, share.get() as usize, 9_999));
                }
                Ok(())
            }
        }
    }

    fn check_cable(&self, cable: &CableConfig) -> Result<(), ConfigError> {
        let of = |what: &str| format!("{what} of cable `{}`", cable.name);
        cable.breaker.check(of)?;
        cable.limit.map_or(Ok(()), |limit| limit.check(of))?;
        if let Some(codel) = cable.codel {
            at_least(1, of("target of CoDel in ns"), codel.target.as_nanos())?;
            at_least(1, of("interval of CoDel in ns"), codel.interval.as_nanos())?;
        }
        at_least(1, of("strikes at once"), cable.max_in_flight.unwrap_or(u32::MAX))?;
        if cable.price_per_slot_hour < Money::ZERO {
            let (pool, price) = (cable.name.clone(), cable.price_per_slot_hour);
            return Err(ConfigError::NegativePrice { pool, price });
        }
        exact_length(&of("paces"), cable.paces.len(), self.models.len())
    }

    fn check_class(&self, class: &ClassConfig) -> Result<(), ConfigError> {
        if class.models.is_empty() {
            return Err(ConfigError::NoModels { class: class.name.clone() });
        }
        class.models.iter().try_for_each(|&model| {
            self.check_model(class, model)?;
            self.check_room(model)
        })
    }

    /// The model that classifies must fit the pool it is asked on.
    fn check_model_classifier(&self) -> Result<(), ConfigError> {
        let Some(asked) = &self.classifier.model else {
            return Ok(());
        };
        at_least(1, "time-out of the classifier in ns", asked.timeout.as_nanos())?;
        let (model, pool) = (asked.model, asked.pool);
        let terms = self.models.get(model.index());
        let cable = self.cables.iter().find(|cable| cable.pool == pool);
        let fits = terms
            .zip(cable)
            .is_some_and(|(terms, cable)| terms.requirements.vram <= cable.card_vram);
        if fits { Ok(()) } else { Err(ConfigError::ClassifierNowhere { model, pool }) }
    }

    fn check_router(&self) -> Result<(), ConfigError> {
        match &self.router {
            RouterConfig::Static(lists) => self.check_lists(lists),
            RouterConfig::Weighted(weights) => self.check_weights(weights),
            RouterConfig::PrefixAffine(prefix) => prefix.check(),
            RouterConfig::Covenant(covenant) => covenant.check(),
            RouterConfig::Cheapest
            | RouterConfig::Fastest
            | RouterConfig::Random
            | RouterConfig::RoundRobin
            | RouterConfig::LeastLoaded
            | RouterConfig::Tiered
            | RouterConfig::PowerOfTwo(_) => Ok(()),
        }
    }

    fn check_lists(&self, lists: &[Vec<Candidate>]) -> Result<(), ConfigError> {
        let classes = &self.classifier.classes;
        exact_length("lists of candidates", lists.len(), classes.len())?;
        for (class, list) in classes.iter().zip(lists) {
            if list.is_empty() {
                return Err(ConfigError::NoCandidates { class: class.name.clone() });
            }
            list.iter().try_for_each(|candidate| self.check_candidate(class, *candidate))?;
        }
        Ok(())
    }

    fn check_weights(&self, weights: &[PoolWeight]) -> Result<(), ConfigError> {
        for one in weights {
            if self.cables.iter().all(|cable| cable.pool != one.pool) {
                return Err(ConfigError::UnknownWeight { pool: one.pool });
            }
        }
        unique("weights of pool", weights.iter().map(|one| one.pool.to_string()))?;
        let heaviest = weights.iter().map(|one| one.weight).max().unwrap_or(0);
        at_least(1, "the largest weight of the router", heaviest)?;
        at_most(WEIGHT_MAX, "a weight of the router", heaviest)
    }

    fn check_candidate(
        &self,
        class: &ClassConfig,
        Candidate { model, pool }: Candidate,
    ) -> Result<(), ConfigError> {
        self.check_model(class, model)?;
        let Some(cable) = self.cables.iter().find(|cable| cable.pool == pool) else {
            return Err(ConfigError::UnknownPool { class: class.name.clone(), pool });
        };
        let needed = self.models[model.index()].requirements.vram;
        if needed > cable.card_vram {
            return Err(ConfigError::DoesNotFit {
                model: self.models[model.index()].name.clone(),
                pool: cable.name.clone(),
                needed,
                card: cable.card_vram,
            });
        }
        Ok(())
    }

    fn check_candidates(&self, class: usize) -> Result<(), ConfigError> {
        let candidates = route::candidates(self, class);
        if candidates > CANDIDATES_MAX {
            let what = format!("candidates of class `{}`", self.classifier.classes[class].name);
            return Err(too_many(what, candidates, CANDIDATES_MAX));
        }
        Ok(())
    }

    fn check_model(&self, class: &ClassConfig, model: ModelId) -> Result<(), ConfigError> {
        if model.index() < self.models.len() {
            return Ok(());
        }
        let (class, models) = (class.name.clone(), self.models.len());
        Err(ConfigError::UnknownModel { class, model, models })
    }

    /// Whether any card has room for the model.
    fn check_room(&self, model: ModelId) -> Result<(), ConfigError> {
        let largest = self.cables.iter().map(|cable| cable.card_vram).max();
        let largest = largest.unwrap_or(Mebibytes::ZERO);
        let terms = &self.models[model.index()];
        let needed = terms.requirements.vram;
        if needed <= largest {
            return Ok(());
        }
        Err(ConfigError::FitsNowhere { model: terms.name.clone(), needed, largest })
    }
}

fn not_empty(what: &'static str, number: usize, limit: usize) -> Result<(), ConfigError> {
    match number {
        0 => Err(ConfigError::Empty { what }),
        _ if number > limit => Err(too_many(what, number, limit)),
        _ => Ok(()),
    }
}

fn unique<T: Ord + ToString>(
    what: &'static str,
    names: impl Iterator<Item = T>,
) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    for name in names {
        let text = name.to_string();
        if !seen.insert(name) {
            return Err(ConfigError::Duplicate { what, name: text });
        }
    }
    Ok(())
}

pub(super) fn at_least(
    least: u64,
    what: impl Into<String>,
    value: impl Into<u64>,
) -> Result<(), ConfigError> {
    let value = value.into();
    if value >= least {
        return Ok(());
    }
    Err(ConfigError::TooSmall { what: what.into(), value, least })
}

pub(super) fn at_most(most: u32, what: impl Into<String>, value: u32) -> Result<(), ConfigError> {
    if value <= most {
        return Ok(());
    }
    Err(too_many(what, value as usize, most as usize))
}

impl CovenantRouting {
    fn check(self) -> Result<(), ConfigError> {
        at_least(5_000, "quantile of the router in basis points", self.quantile.get())?;
        at_most(9_990, "quantile of the router in basis points", self.quantile.get())?;
        at_most(9_000, "margin of the router in basis points", self.margin.get())
    }
}

impl PrefixConfig {
    fn check(self) -> Result<(), ConfigError> {
        at_least(1, "blocks of a prefix", self.blocks)?;
        at_most(PREFIX_BLOCKS_MAX, "blocks of a prefix", self.blocks)?;
        at_least(10_000, "load factor in basis points", self.load_factor.get())
    }
}

fn exact_length(what: &str, found: usize, expected: usize) -> Result<(), ConfigError> {
    if found == expected {
        return Ok(());
    }
    Err(ConfigError::WrongLength { what: what.into(), found, expected })
}

fn too_many(what: impl Into<String>, value: usize, limit: usize) -> ConfigError {
    ConfigError::TooMany { what: what.into(), value, limit }
}
