use sim::{
    config::ServingConfig,
    serving::{Policy, Speculation},
};

use super::{Context, read};
use crate::{
    document::Node,
    language::{PolicySpec, ServingSpec, SpeculationSpec},
};

/// The engines of a pool with this many cards.
pub(super) fn lower(
    context: Context<'_>,
    spec: &ServingSpec,
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

impl From<PolicySpec> for Policy {
    fn from(spec: PolicySpec) -> Self {
        match spec {
            PolicySpec::Fcfs => Self::Fcfs,
            PolicySpec::Priority => Self::Priority,
        }
    }
}
