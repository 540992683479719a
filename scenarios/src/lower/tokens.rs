use std::sync::Arc;

use super::{Context, items, read};
use crate::{
    document::Node,
    language::{Either, LengthLaw, LengthSpec, TokenCount},
    traffic::lengths::{Empirical, LengthSampler},
};

/// Longest length of a lognormal law that states none: the context of most models sold.
const DEFAULT_MAX: u32 = 131_072;

/// A law of lengths.
pub(super) fn sampler(context: Context<'_>, node: &Node<LengthSpec>) -> Option<LengthSampler> {
    match node.get()? {
        Either::Short(fixed) => Some(LengthSampler::Fixed(fixed.small())),
        Either::Long(LengthLaw::Lognormal { p50, p95, max }) => {
            let (low, high) = in_order(context, (p50, "p50"), (p95, "p95"))?;
            let max = read(max).map_or(DEFAULT_MAX.max(high), |max| max.small());
            Some(LengthSampler::lognormal(low, high, max))
        }
        Either::Long(LengthLaw::Uniform { min, max }) => {
            let (min, max) = in_order(context, (min, "min"), (max, "max"))?;
            Some(LengthSampler::Uniform { min, max })
        }
        Either::Long(LengthLaw::Empirical(list)) => {
            let weighted = items(Some(list)).iter().filter_map(|item| {
                let item = item.get()?;
                let weight = read(&item.weight).map_or(1.0, |weight| weight.get());
                Some((item.tokens.copied()?.small(), weight))
            });
            let table = Empirical::new(weighted);
            if table.is_none() && list.get().is_some_and(Vec::is_empty) {
                context.report.problem(list.at, "an empirical law needs at least one length");
            }
            table.map(|table| LengthSampler::Empirical(Arc::new(table)))
        }
    }
}

fn in_order(
    context: Context<'_>,
    (low, low_name): (&Node<TokenCount>, &str),
    (high, high_name): (&Node<TokenCount>, &str),
) -> Option<(u32, u32)> {
    let (lower, upper) = (low.copied()?.small(), high.copied()?.small());
    if upper < lower {
        let message = format!("{high_name} ({upper}) is below {low_name} ({lower})");
        context.report.problem(high.at, message);
    }
    Some((lower, upper))
}
