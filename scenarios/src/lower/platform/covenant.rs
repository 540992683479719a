use connector::{BasisPoints, Duration, ModelId, PoolId, TierId, Tokens};
use platform::{Fallback, Shortening, Step, Targets, Terms, config::TierConfig};

use super::{admission, items};
use crate::{
    document::{Node, shorten},
    language::{CovenantSpec, Optional, PlatformSpec, StepSpec, TenantSpec, TierSpec, Time},
    lower::{Context, Known, above_zero, named, names::NameTable, read},
};

/// Fallbacks of one covenant.
const FALLBACKS_MAX: usize = 16;

/// The tiers, by name and in order.
pub(in crate::lower) struct Tiers {
    names: NameTable,
    pub(in crate::lower) configs: Vec<TierConfig>,
}

/// All tiers of tenants.
pub(in crate::lower) fn tiers(
    context: Context<'_>,
    spec: Option<&PlatformSpec>,
    known: &Known,
) -> Tiers {
    let list = spec.and_then(|spec| spec.tiers.as_ref());
    let nodes = items(list);
    let names = named(nodes, |tier| &tier.name);
    let names = NameTable::new(context.report, "tier", "tiers", names)
        .of_readable(list.is_none_or(|list| list.get().is_some()));
    let tier = |(name, node): (&str, &Node<TierSpec>)| {
        let spec = node.get();
        TierConfig {
            name: name.to_owned(),
            terms: spec.map_or_else(Terms::default, |spec| terms(context, &spec.covenant, known)),
            weight: spec.and_then(|spec| Some(read(&spec.weight)?.small())),
            quota: spec.map_or_else(Default::default, |spec| admission::quota(&spec.quota)),
        }
    };
    let configs = names.names().zip(nodes).map(tier).collect();
    Tiers { names, configs }
}

impl Tiers {
    /// The tier of a tenant.
    pub(in crate::lower) fn of(&self, context: Context<'_>, tenant: &TenantSpec) -> Option<TierId> {
        self.find(context, tenant.tier.as_ref()?)
    }

    /// The tier of this name.
    pub(super) fn find(&self, context: Context<'_>, name: &Node<String>) -> Option<TierId> {
        self.names.find(context.report, name).map(|index| TierId(index as u32))
    }
}

/// What is promised.
#[expect(clippy::ref_option, reason = "it is called on fields, which are options")]
pub(in crate::lower) fn terms(
    context: Context<'_>,
    node: &Optional<CovenantSpec>,
    known: &Known,
) -> Terms {
    let Some(spec) = read(node) else { return Terms::default() };
    check_memory(context, spec);
    Terms {
        tflops: read(&spec.tflops).map(|compute| compute.0),
        vram_min: read(&spec.min_vram).map(|memory| memory.0),
        vram_max: read(&spec.max_vram).map(|memory| memory.0),
        targets: Targets {
            first_token: target(context, &spec.ttft, "a first token"),
            per_output_token: target(context, &spec.tpot, "a token"),
            end_to_end: target(context, &spec.end_to_end, "an answer"),
        },
        enforce: read(&spec.enforce).copied(),
        cost_ceiling: read(&spec.cost_ceiling).map(|price| price.0),
        preemptible: read(&spec.preemptible).copied(),
        latency_sensitive: read(&spec.latency_sensitive).copied().unwrap_or(false),
        fallbacks: fallbacks(context, spec, known),
        shortening: shortening(context, spec),
        concessions: concessions(context, spec),
    }
}

#[expect(clippy::ref_option, reason = "it is called on fields, which are options")]
fn target(context: Context<'_>, node: &Optional<Time>, what: &str) -> Option<Duration> {
    let node = node.as_ref()?;
    Some(above_zero(context, Some(node), what, Duration::MAX))
}

fn check_memory(context: Context<'_>, spec: &CovenantSpec) {
    if let (Some(node), Some(least), Some(most)) =
        (&spec.max_vram, read(&spec.min_vram), read(&spec.max_vram))
        && least.0 > most.0
    {
        let message = format!("a share has at least {} and at most {}", least.0, most.0);
        context.report.problem_with_help(node.at, message, "raise `max_vram`, or leave one out");
    }
}

fn fallbacks(context: Context<'_>, spec: &CovenantSpec, known: &Known) -> Vec<Fallback> {
    let nodes = items(spec.fallback.as_ref());
    if let Some(node) = spec.fallback.as_ref().filter(|_| nodes.len() > FALLBACKS_MAX) {
        let message = format!("{} fallbacks are more than {FALLBACKS_MAX}", nodes.len());
        context.report.problem_with_help(node.at, message, "keep the best of them");
    }
    nodes.iter().filter_map(|node| fallback(context, node, known)).collect()
}

/// A model or a pool; a name that is both is told, because it is not clear what it means.
fn fallback(context: Context<'_>, node: &Node<String>, known: &Known) -> Option<Fallback> {
    let name = node.get()?;
    let (model, pool) = (known.models.position(name), known.pools.position(name));
    match (model, pool) {
        (Some(model), None) => Some(Fallback::Model(ModelId(model as u32))),
        (None, Some(pool)) => Some(Fallback::Pool(PoolId(pool as u32))),
        (Some(_), Some(_)) => {
            let message = format!("`{}` is both a model and a pool", shorten(name));
            context.report.problem_with_help(node.at, message, "rename one of them");
            None
        }
        (None, None) => {
            if known.models.is_complete() && known.pools.is_complete() {
                let both = known.models.names().chain(known.pools.names());
                let help = crate::near::help(name, "models and pools", both);
                let message = format!("unknown model or pool `{}`", shorten(name));
                context.report.problem_with_help(node.at, message, help);
            }
            None
        }
    }
}

fn shortening(context: Context<'_>, spec: &CovenantSpec) -> Option<Shortening> {
    let Some(node) = &spec.shorten_to else {
        if let Some(node) = &spec.min_output_tokens {
            let message = "`min_output_tokens` has no effect here";
            context.report.problem_with_help(node.at, message, "it goes with `shorten_to`");
        }
        return None;
    };
    let to = node.copied()?.0;
    if to >= BasisPoints::ONE {
        let message = format!("an answer of {to} of its length is not shorter");
        context.report.problem_with_help(node.at, message, "state a share below 100%");
    }
    let at_least = read(&spec.min_output_tokens).map_or(1, |tokens| tokens.small());
    Some(Shortening { to, at_least: Tokens::new(at_least) })
}

fn concessions(context: Context<'_>, spec: &CovenantSpec) -> Vec<Step> {
    let nodes = items(spec.concessions.as_ref());
    let mut seen: Vec<StepSpec> = Vec::new();
    for node in nodes {
        let Some(&step) = node.get() else { continue };
        if seen.contains(&step) {
            context.report.problem(node.at, "the same concession is named twice".to_owned());
        }
        if step == StepSpec::HigherPrice && spec.cost_ceiling.is_none() {
            context.report.problem_with_help(
                node.at,
                "nothing says how high a price may be",
                "add `cost_ceiling` beside `concessions`",
            );
        }
        seen.push(step);
    }
    seen.into_iter()
        .map(|step| match step {
            StepSpec::Fallback => Step::Fallback,
            StepSpec::ShorterAnswer => Step::ShorterAnswer,
            StepSpec::Preemptible => Step::Preemptible,
            StepSpec::HigherPrice => Step::HigherPrice,
        })
        .collect()
}
