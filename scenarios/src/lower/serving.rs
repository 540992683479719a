use connector::{BasisPoints, Duration};
use sim::{
    catalogue,
    config::{Efficiency, LongSteps, ServingConfig, StackEfficiency},
    serving::{Policy, Speculation},
};

use super::{Context, read, time};
use crate::{
    document::{Node, NodeId, shorten},
    language::{
        EfficiencySpec, Either, LongStepsSpec, Optional, PolicySpec, Quantity, ServingSpec,
        SpeculationSpec,
    },
    near,
};

/// The engines of a pool with this many cards of this name.
pub(super) fn lower(
    context: Context<'_>,
    spec: &ServingSpec,
    card: &str,
    count: Option<&Node<crate::language::Whole<1, 100_000>>>,
) -> ServingConfig {
    let default = ServingConfig::default();
    let serving = ServingConfig {
        max_sequences: read(&spec.max_sequences).map_or(default.max_sequences, |n| n.small()),
        token_budget: read(&spec.token_budget).map_or(default.token_budget, |n| n.small()),
        block_tokens: read(&spec.block_tokens).map_or(default.block_tokens, |n| n.small()),
        kv_cache: read(&spec.kv_cache).map_or(default.kv_cache, |size| size.0.0),
        reserve_prompt: read(&spec.reserve_prompt).copied().unwrap_or(default.reserve_prompt),
        prefix_caching: read(&spec.prefix_caching).copied().unwrap_or(default.prefix_caching),
        content_tokens: read(&spec.content_tokens).map_or(default.content_tokens, |n| n.small()),
        policy: read(&spec.policy).map_or(default.policy, |&policy| policy.into()),
        tensor_parallel: read(&spec.tensor_parallel).map_or(1, |n| n.small()),
        speculation: read(&spec.speculation).and_then(|spec| speculation(context, spec)),
        efficiency: read(&spec.efficiency)
            .zip(spec.efficiency.as_ref().map(|node| node.at))
            .map_or(default.efficiency, |(spec, at)| efficiency(context, at, spec, card)),
    };
    check_blocks(context, spec, &serving);
    check_groups(context, spec, count, serving.tensor_parallel);
    serving
}

fn check_blocks(context: Context<'_>, spec: &ServingSpec, serving: &ServingConfig) {
    let ServingConfig { block_tokens, content_tokens, .. } = *serving;
    if let Some(node) = spec.block_tokens.as_ref().filter(|_| !block_tokens.is_power_of_two()) {
        let lower = block_tokens.next_power_of_two() / 2;
        context.report.problem_with_help(
            node.at,
            format!("`{block_tokens}` is not a power of two"),
            format!("{lower} and {} are", lower * 2),
        );
        return;
    }
    let at = spec.content_tokens.as_ref().map(|node| node.at);
    let at = at.or(spec.block_tokens.as_ref().map(|node| node.at));
    if let Some(at) = at.filter(|_| !content_tokens.is_multiple_of(block_tokens)) {
        context.report.problem_with_help(
            at,
            format!(
                "a hash id of {content_tokens} tokens does not consist of whole blocks of {block_tokens}"
            ),
            "make `content_tokens` a multiple of `block_tokens`",
        );
    }
}

fn check_groups(
    context: Context<'_>,
    spec: &ServingSpec,
    count: Option<&Node<crate::language::Whole<1, 100_000>>>,
    cards: u32,
) {
    let (Some(node), Some(count)) = (&spec.tensor_parallel, count.and_then(Node::copied)) else {
        return;
    };
    if !count.small().is_multiple_of(cards) {
        context.report.problem_with_help(
            node.at,
            format!("{} cards cannot work in groups of {cards}", count.get()),
            "make `count` a multiple of `tensor_parallel`",
        );
    }
}

fn speculation(context: Context<'_>, spec: &SpeculationSpec) -> Option<Speculation> {
    let acceptance = spec.acceptance.copied()?.0;
    if acceptance >= connector::BasisPoints::ONE {
        context.report.problem_with_help(
            spec.acceptance.at,
            "not every draft can be accepted",
            "state an acceptance rate below 100%",
        );
        return None;
    }
    Some(Speculation { drafts: spec.drafts.copied()?.small(), acceptance: acceptance.as_ratio() })
}

fn efficiency(
    context: Context<'_>,
    at: NodeId,
    spec: &Either<String, EfficiencySpec>,
    card: &str,
) -> StackEfficiency {
    match spec {
        Either::Long(spec) => StackEfficiency::Stated(stated(context, spec)),
        Either::Short(name) => {
            let stack = catalogue::stacks(card).find(|stack| stack == name);
            if stack.is_none() {
                let (card_name, way_out) =
                    (shorten(card), "state it as `{ compute, memory, ... }`");
                let what = format!("stacks measured on {card_name}");
                let help = match catalogue::stacks(card).next() {
                    None => format!("there are no {what}; {way_out}"),
                    Some(_) => near::help_with(name, &what, catalogue::stacks(card), way_out),
                };
                let message = format!("no stack `{}` was measured on {card_name}", shorten(name));
                context.report.problem_with_help(at, message, help);
            }
            stack.map_or(StackEfficiency::Datasheet, StackEfficiency::Fitted)
        }
    }
}

fn stated(context: Context<'_>, spec: &EfficiencySpec) -> Efficiency {
    let share = |node: &Optional<Quantity<BasisPoints>>, most| {
        node.as_ref().map_or(1.0, |node| share(context, node, BasisPoints::from_percent(most)))
    };
    let link = share(&spec.link, 200);
    let long_steps = read(&spec.long_steps).and_then(|spec| long_steps(context, spec, link));
    let of = |node| time(node, Duration::ZERO);
    Efficiency {
        compute: share(&spec.compute, 100),
        memory: share(&spec.memory, 100),
        attention: share(&spec.attention, 100),
        kv_cache: share(&spec.kv_cache, 100),
        link,
        long_steps,
        per_step: of(spec.per_step.as_ref()),
        per_sequence: of(spec.per_sequence.as_ref()),
        prompt_step: of(spec.prompt_step.as_ref()),
        exchange: of(spec.exchange.as_ref()),
        front_end: of(spec.front_end.as_ref()),
    }
}

fn long_steps(context: Context<'_>, spec: &LongStepsSpec, link: f64) -> Option<LongSteps> {
    let tokens = spec.tokens.copied()?.small();
    let beyond = share(context, &spec.link, BasisPoints::from_percent(200));
    if beyond > link {
        let message = "long steps are not faster per token than short ones";
        context.report.problem_with_help(spec.link.at, message, "state at most the `link` of all");
    }
    Some(LongSteps { tokens, link: beyond })
}

/// A share of what the card has, above 0 and at most so much.
fn share(context: Context<'_>, node: &Node<Quantity<BasisPoints>>, most: BasisPoints) -> f64 {
    let Some(share) = node.copied().map(|share| share.0) else { return 1.0 };
    if share == BasisPoints::ZERO || share > most {
        let message = format!("{share} is not a share of what the card has");
        let help = format!("state a share above 0% and at most {most}");
        context.report.problem_with_help(node.at, message, help);
        return 1.0;
    }
    share.as_ratio()
}

impl From<PolicySpec> for Policy {
    fn from(spec: PolicySpec) -> Self {
        match spec {
            PolicySpec::Fcfs => Self::Fcfs,
            PolicySpec::Priority => Self::Priority,
        }
    }
}
