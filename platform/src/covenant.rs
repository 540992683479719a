mod judge;
mod negotiation;
mod prospect;
mod terms;

use connector::{
    Allocate, AllocationId, Duration, Infer, ModelId, Money, PoolId, Priority, Prompt,
    Requirements, Temperature, TenantId, TierId, Tokens,
};

pub(crate) use negotiation::{Negotiation, Offer};
pub use prospect::Objection;
pub(crate) use prospect::Progress;
pub use terms::{Fallback, Shortening, Step, Targets, Terms};

use crate::{
    config::{CableConfig, MidStream, ModelTerms, PlatformConfig, TenantConfig, TierConfig},
    interface::Request,
    part::Part,
};

/// The terms on which requests are served: what each model needs, how tenants rank and what they
/// are promised.
#[derive(Debug)]
pub(crate) struct Covenants {
    models: Vec<ModelTerms>,
    priorities: Vec<Priority>,
    tiers: Vec<Option<TierId>>,
    /// By tenant: its own terms over those of its tier.
    terms: Vec<Terms>,
    /// By tenant: whether its terms state nothing at all.
    plain: Vec<bool>,
    cables: Vec<CableConfig>,
    overcommit: bool,
    /// How often inferences tell how far they are.
    progress: Option<Duration>,
}

impl Covenants {
    pub(crate) fn new(config: PlatformConfig) -> Self {
        let progress = progress(&config);
        let terms: Vec<Terms> =
            config.tenants.iter().map(|tenant| terms(&config.tiers, tenant)).collect();
        Self {
            tiers: config.tenants.iter().map(|tenant| tenant.tier).collect(),
            priorities: config.tenants.iter().map(|tenant| tenant.priority).collect(),
            plain: terms.iter().map(|terms| *terms == Terms::default()).collect(),
            terms,
            models: config.models,
            cables: config.cables,
            overcommit: config.overcommit,
            progress,
        }
    }

    pub(crate) fn models(&self) -> &[ModelTerms] {
        &self.models
    }

    /// How the tenant of a request ranks.
    pub(crate) fn priority(&self, request: &Request) -> Priority {
        self.priorities[request.tenant.index()]
    }

    /// The tier of a request's tenant.
    pub(crate) fn tier(&self, request: &Request) -> Option<TierId> {
        self.tiers[request.tenant.index()]
    }

    /// What a tenant is promised, where its requests do not state otherwise.
    pub(crate) fn terms(&self, tenant: TenantId) -> &Terms {
        &self.terms[tenant.index()]
    }

    /// The terms of this request: its own over its tenant's.
    pub(crate) fn of<'a>(&'a self, request: &'a Request) -> Covenant<'a> {
        Covenant { own: request.terms.as_deref(), tenants: self.terms(request.tenant) }
    }

    /// Whether nothing at all is stated for this request.
    #[inline]
    pub(crate) fn is_plain(&self, request: &Request) -> bool {
        request.terms.is_none() && self.plain[request.tenant.index()]
    }

    /// The share that a request needs.
    pub(crate) fn allocate(&self, request: &Request, model: ModelId, pool: PoolId) -> Allocate {
        self.share(self.of(request), model, pool, request.tenant)
    }

    /// A share that the platform asks for of its own accord.
    pub(crate) fn stock(&self, model: ModelId, pool: PoolId, tenant: TenantId) -> Allocate {
        let covenant = Covenant { own: None, tenants: self.terms(tenant) };
        self.share(covenant, model, pool, tenant)
    }

    fn share(
        &self,
        covenant: Covenant<'_>,
        model: ModelId,
        pool: PoolId,
        tenant: TenantId,
    ) -> Allocate {
        let terms = &self.models[model.index()];
        Allocate {
            pool,
            model,
            requirements: covenant.requirements(terms.requirements),
            overcommit: self.overcommit,
            preemptible: covenant.preemptible().unwrap_or(terms.preemptible),
            priority: self.priorities[tenant.index()],
            tenant,
        }
    }

    /// The question put to a held share. The answer is streamed, because the record wants to know
    /// when the first token came.
    pub(crate) fn infer(
        &self,
        request: &Request,
        model: ModelId,
        allocation: AllocationId,
        part: Option<&Part>,
    ) -> Infer {
        let whole = Prompt { tokens: request.prompt_tokens, content: request.content.clone() };
        let length = self.answer_length(model, request.output_tokens);
        Infer {
            allocation,
            prompt: part.map_or(whole, |part| part.prompt(request)),
            max_tokens: part.map_or(length, |part| part.rest(length)),
            temperature: Temperature::default(),
            stream: true,
            progress: self.progress,
        }
    }

    /// What is asked for, cut to the longest answer of the model.
    fn answer_length(&self, model: ModelId, asked: Tokens) -> Tokens {
        self.models[model.index()].max_tokens.map_or(asked, |longest| asked.min(longest))
    }
}

/// Half of the time between two tokens, so that a stream that stands is noticed soon after it; or only
/// before a failure, if a failed stream is to go on elsewhere.
fn progress(config: &PlatformConfig) -> Option<Duration> {
    let resumes = config.retry.mid_stream == MidStream::Resume;
    let at_failure = resumes.then_some(Duration::MAX);
    config.timeouts.between_tokens.map(|limit| limit / 2).or(at_failure)
}

/// The terms of one request: what it states goes before what its tenant states, field by field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Covenant<'a> {
    own: Option<&'a Terms>,
    tenants: &'a Terms,
}

impl<'a> Covenant<'a> {
    /// All of them.
    pub(crate) fn terms(self) -> Terms {
        self.own.map_or_else(|| self.tenants.clone(), |own| own.over(self.tenants))
    }

    pub(crate) fn targets(self) -> Targets {
        self.own.map_or(self.tenants.targets, |own| own.targets.over(self.tenants.targets))
    }

    /// The targets that are deadlines; `None` if there are none.
    pub(crate) fn enforced(self) -> Option<Targets> {
        let is_enforced = self.stated(|terms| terms.enforce).unwrap_or(false);
        let targets = Targets { per_output_token: None, ..self.targets() };
        (is_enforced && !targets.is_empty()).then_some(targets)
    }

    pub(crate) fn cost_ceiling(self) -> Option<Money> {
        self.stated(|terms| terms.cost_ceiling)
    }

    pub(crate) fn preemptible(self) -> Option<bool> {
        self.stated(|terms| terms.preemptible)
    }

    /// What a share must have for a model that needs this much.
    pub(crate) fn requirements(self, model: Requirements) -> Requirements {
        let vram = self.stated(|terms| terms.vram_min).unwrap_or_default();
        Requirements {
            tflops: self.stated(|terms| terms.tflops).unwrap_or(model.tflops),
            vram: model.vram.max(vram),
        }
    }

    /// Whether somebody waits for the answer.
    pub(crate) fn is_latency_sensitive(self) -> bool {
        self.tenants.latency_sensitive || self.own.is_some_and(|own| own.latency_sensitive)
    }

    pub(crate) fn fallbacks(self) -> &'a [Fallback] {
        self.listed(|terms| &terms.fallbacks)
    }

    pub(crate) fn concessions(self) -> &'a [Step] {
        let stated = self.listed(|terms| &terms.concessions);
        if stated.is_empty() { &Step::DEFAULT } else { stated }
    }

    pub(crate) fn shortening(self) -> Option<Shortening> {
        self.stated(|terms| terms.shortening)
    }

    fn listed<T>(self, field: impl Fn(&'a Terms) -> &'a Vec<T>) -> &'a [T] {
        self.own.map(&field).filter(|list| !list.is_empty()).unwrap_or_else(|| field(self.tenants))
    }

    fn stated<T>(self, field: impl Fn(&'a Terms) -> Option<T>) -> Option<T> {
        self.own.and_then(&field).or_else(|| field(self.tenants))
    }
}

fn terms(tiers: &[TierConfig], tenant: &TenantConfig) -> Terms {
    match tenant.tier {
        Some(tier) => tenant.terms.over(&tiers[tier.index()].terms),
        None => tenant.terms.clone(),
    }
}
