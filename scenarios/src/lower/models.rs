use connector::{PoolKind, Requirements, Tokens};
use platform::config::ModelTerms;
use sim::{
    catalogue::{self, CatalogueModel},
    config::{LinearTiming, ModelConfig, ModelShape, PoolConfig, Timing},
};

use super::{Context, items, pools::Pool, read, time};
use crate::{
    document::{Node, NodeId, shorten},
    language::{Either, ModelSpec, RooflineSpec, ScenarioSpec, TimingSpec, Whole},
    near,
};

/// A model as both sides know it.
pub(super) struct Model {
    pub(super) config: ModelConfig,
    pub(super) terms: ModelTerms,
}

/// All models, in order; `None` for one that could not be read.
pub(super) fn lower(
    context: Context<'_>,
    spec: &ScenarioSpec,
    pools: &[Pool],
) -> Vec<Option<Model>> {
    let list = &spec.models;
    if list.get().is_some_and(Vec::is_empty) {
        context.report.problem_with_help(list.at, "there are no models", "add at least one");
    }
    let model = |node: &Node<Either<String, ModelSpec>>| {
        let model = match node.get()? {
            Either::Short(name) => from_catalogue(context, node.at, name),
            Either::Long(spec) => own(context, spec),
        }?;
        check_fit(context, node.at, &model.terms, pools);
        Some(model)
    };
    items(Some(list)).iter().map(model).collect()
}

/// Whether a share for these requirements can be placed on a card at all.
pub(super) fn fits(need: Requirements, pool: &PoolConfig) -> bool {
    need.vram <= pool.vram() && need.tflops <= pool.tflops()
}

fn check_fit(context: Context<'_>, at: NodeId, model: &ModelTerms, pools: &[Pool]) {
    let cards = || pools.iter().map(|pool| &pool.config);
    if pools.iter().any(|pool| !pool.has_card)
        || pools.is_empty()
        || cards().any(|pool| fits(model.requirements, pool))
    {
        return;
    }
    let Requirements { tflops, vram } = model.requirements;
    let described: Vec<String> = pools
        .iter()
        .map(|pool| {
            let pool = &pool.config;
            format!("{} ({}, {})", pool.name, pool.vram(), pool.tflops())
        })
        .collect();
    context.report.problem_with_help(
        at,
        format!("model `{}` needs {vram} and {tflops} of one GPU and fits no pool", model.name),
        format!(
            "add a pool with larger GPUs or remove the model; the pools are {}",
            described.join(", ")
        ),
    );
}

/// The way out for a model that the catalogue does not have.
const DESCRIBE: &str = "describe another one as `{ name, requirements, timing }`";

fn from_catalogue(context: Context<'_>, at: NodeId, name: &str) -> Option<Model> {
    let Some(known) = catalogue::model(name) else {
        context.report.problem_with_help(
            at,
            format!("unknown model `{}`", shorten(name)),
            near::help_with(name, "models of the catalogue", catalogue::model_names(), DESCRIBE),
        );
        return None;
    };
    Some(renamed(known, name))
}

/// The catalogue knows some models by several names; the scenario's is kept.
fn renamed(known: CatalogueModel, name: &str) -> Model {
    let name = name.to_owned();
    Model {
        terms: ModelTerms {
            name: name.clone(),
            requirements: known.requirements,
            max_tokens: known.max_tokens,
            pool_kind: known.pool_kind,
            preemptible: known.preemptible,
        },
        config: ModelConfig { name, ..known.config },
    }
}

fn own(context: Context<'_>, spec: &ModelSpec) -> Option<Model> {
    let name = spec.name.get()?;
    let known = catalogue::model(name).map(|known| renamed(known, name));
    let missing = |key: &str| {
        context.report.problem_with_help(
            spec.name.at,
            format!("model `{}` does not say its `{key}`", shorten(name)),
            format!("add `{key}`; only models of the catalogue may leave it out"),
        );
    };
    let requirements = match (read(&spec.requirements), &known) {
        (Some(need), _) => Some((need.tflops.copied()?.0, need.vram.copied()?.0))
            .map(|(tflops, vram)| Requirements { tflops, vram }),
        (None, Some(known)) => Some(known.terms.requirements),
        (None, None) => None,
    };
    let timing = match (read(&spec.timing), &known) {
        (Some(timing), _) => {
            self::timing(context, spec.timing.as_ref().map(|node| node.at)?, timing)
        }
        (None, Some(known)) => Some(known.config.timing.clone()),
        (None, None) => None,
    };
    if spec.requirements.is_none() && requirements.is_none() {
        missing("requirements");
    }
    if spec.timing.is_none() && timing.is_none() {
        missing("timing");
    }
    let terms = known.map(|known| known.terms);
    Some(Model {
        config: ModelConfig { name: name.clone(), timing: timing? },
        terms: ModelTerms {
            name: name.clone(),
            requirements: requirements?,
            max_tokens: read(&spec.max_tokens)
                .map(|tokens| Tokens::new(tokens.small()))
                .or(terms.as_ref().and_then(|terms| terms.max_tokens)),
            pool_kind: read(&spec.pool)
                .map(|&kind| kind.into())
                .or(terms.as_ref().map(|terms| terms.pool_kind))
                .unwrap_or(PoolKind::Standard),
            preemptible: read(&spec.preemptible)
                .copied()
                .or(terms.map(|terms| terms.preemptible))
                .unwrap_or(true),
        },
    })
}

/// A number of bits; the first one that is possible is the default.
fn precision(context: Context<'_>, node: Option<&Node<Whole<4, 16>>>, possible: &[u32]) -> u32 {
    let Some(node) = node else { return possible[0] };
    let Some(bits) = node.copied().map(Whole::small) else { return possible[0] };
    if !possible.contains(&bits) {
        let (last, others) = possible.split_last().expect("some are possible");
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        let expected = format!("{} or {last} bits", others.join(", "));
        context
            .report
            .problem(node.at, format!("`{bits}` is not a precision: expected {expected}"));
    }
    bits
}

fn shape(context: Context<'_>, spec: &RooflineSpec) -> Option<ModelShape> {
    let weight_bits = precision(context, spec.weight_bits.as_ref(), &[16, 8, 4]);
    let kv_bits = precision(context, spec.kv_bits.as_ref(), &[16, 8]);
    let (kv_heads, head_dim) = (spec.kv_heads.copied()?.small(), spec.head_dim.copied()?.small());
    let heads = read(&spec.heads).map_or(kv_heads, |n| n.small());
    let parameters = spec.parameters_billion.copied()?.get() * 1e9;
    let shape = ModelShape {
        parameters,
        active_parameters: read(&spec.active_parameters_billion)
            .map_or(parameters, |n| n.get() * 1e9),
        vocabulary: read(&spec.vocabulary).map_or(0, |n| n.small()),
        tied_embeddings: read(&spec.tied_embeddings).copied().unwrap_or(false),
        weight_bits,
        kv_bits,
        layers: spec.layers.copied()?.small(),
        heads,
        kv_heads,
        head_dim,
        hidden: read(&spec.hidden).map_or(heads.saturating_mul(head_dim), |n| n.small()),
    };
    check_parameters(context, spec, &shape);
    Some(shape)
}

fn check_parameters(context: Context<'_>, spec: &RooflineSpec, shape: &ModelShape) {
    if let Some(node) = &spec.active_parameters_billion
        && shape.active_parameters > shape.parameters
    {
        context.report.problem(node.at, "more parameters are active than there are".to_owned());
    }
    if let Some(node) = &spec.vocabulary
        && shape.layer_parameters() <= 0.0
    {
        let message = "the embeddings and the output layer have more parameters than are active";
        context.report.problem(node.at, message.to_owned());
    }
}

fn timing(context: Context<'_>, at: NodeId, spec: &TimingSpec) -> Option<Timing> {
    match spec {
        TimingSpec::Roofline(spec) => shape(context, spec).map(Timing::Roofline),
        TimingSpec::Linear {
            base,
            per_sequence,
            per_prompt_token,
            per_context_token_ns,
            weights,
        } => {
            let zero = connector::Duration::ZERO;
            let linear = LinearTiming {
                base: time(Some(base), zero),
                per_sequence: time(per_sequence.as_ref(), zero),
                per_prompt_token: time(per_prompt_token.as_ref(), zero),
                per_context_token_s: read(per_context_token_ns).map_or(0.0, |ns| ns.get() * 1e-9),
                weight_bytes: read(weights).map_or(0.0, |size| size.0.as_bytes() as f64),
            };
            if base.get().is_some() && (linear.base + linear.per_sequence).is_zero() {
                let message = "an iteration takes no time: `base` and `per_sequence` are both zero";
                context.report.problem(at, message);
            }
            Some(Timing::Linear(linear))
        }
    }
}
