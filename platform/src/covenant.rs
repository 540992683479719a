use connector::{
    Allocate, AllocationId, Infer, ModelId, PoolId, Priority, Prompt, Temperature, TenantId, Tokens,
};

use crate::{
    config::{ModelTerms, PlatformConfig},
    interface::Request,
};

/// The terms on which requests are served: what each model needs, and how tenants rank.
#[derive(Debug)]
pub(crate) struct Covenants {
    models: Vec<ModelTerms>,
    priorities: Vec<Priority>,
    overcommit: bool,
}

impl Covenants {
    pub(crate) fn new(config: PlatformConfig) -> Self {
        Self {
            priorities: config.tenants.iter().map(|tenant| tenant.priority).collect(),
            models: config.models,
            overcommit: config.overcommit,
        }
    }

    pub(crate) fn models(&self) -> &[ModelTerms] {
        &self.models
    }

    /// The share that a request needs.
    pub(crate) fn allocate(&self, request: &Request, model: ModelId, pool: PoolId) -> Allocate {
        let terms = &self.models[model.index()];
        Allocate {
            pool,
            model,
            requirements: terms.requirements,
            overcommit: self.overcommit,
            preemptible: terms.preemptible,
            priority: self.priorities[request.tenant.index()],
            tenant: request.tenant,
        }
    }

    /// A share that the platform asks for of its own accord.
    pub(crate) fn stock(
        &self,
        model: ModelId,
        pool: PoolId,
        tenant: TenantId,
        priority: Option<Priority>,
    ) -> Allocate {
        let terms = &self.models[model.index()];
        Allocate {
            pool,
            model,
            requirements: terms.requirements,
            overcommit: self.overcommit,
            preemptible: terms.preemptible,
            priority: priority.unwrap_or(self.priorities[tenant.index()]),
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
    ) -> Infer {
        Infer {
            allocation,
            prompt: Prompt { tokens: request.prompt_tokens, content: request.content.clone() },
            max_tokens: self.answer_length(model, request.output_tokens),
            temperature: Temperature::default(),
            stream: true,
        }
    }

    /// What is asked for, cut to the longest answer of the model.
    fn answer_length(&self, model: ModelId, asked: Tokens) -> Tokens {
        self.models[model.index()].max_tokens.map_or(asked, |longest| asked.min(longest))
    }
}
