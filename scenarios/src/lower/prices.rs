use connector::{Duration, Money};
use sim::config::{PoolConfig, PriceChange};

use super::{Context, items, read};
use crate::{
    document::Node,
    language::{PoolSpec, PriceChangeSpec},
};

/// What the pool costs from the start, and later.
pub(super) fn fill(context: Context<'_>, spec: &PoolSpec, config: &mut PoolConfig) {
    if let Some(price) = read(&spec.price_per_slot_hour) {
        config.price_per_slot_hour = price.0;
    }
    if let Some(price) = read(&spec.price_per_card_hour) {
        let shares = i128::from(config.sharing_ratio);
        config.price_per_slot_hour = Money::from_nanos(price.0.as_nanos() / shares);
    }
    if let (Some(_), Some(both)) = (&spec.price_per_slot_hour, &spec.price_per_card_hour) {
        let message = "both `price_per_slot_hour` and `price_per_card_hour` are given";
        context.report.problem_with_help(both.at, message, "state one of them");
    }
    let mut before = Duration::ZERO;
    for node in items(spec.price_changes.as_ref()) {
        if let Some(change) = change(context, node, before) {
            before = change.at;
            config.price_changes.push(change);
        }
    }
}

fn change(
    context: Context<'_>,
    node: &Node<PriceChangeSpec>,
    before: Duration,
) -> Option<PriceChange> {
    let spec = node.get()?;
    let (at, price) = (spec.at.get()?.0.0, spec.price_per_slot_hour.get()?.0);
    if at <= before {
        let message = format!("the price changes at {at}, which is not after {before}");
        let help = if before.is_zero() {
            "the price at the start is `price_per_slot_hour` of the pool"
        } else {
            "list changes in order of time"
        };
        context.report.problem_with_help(spec.at.at, message, help);
        return None;
    }
    Some(PriceChange { at, price_per_slot_hour: price })
}
