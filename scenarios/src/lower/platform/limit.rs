//! How many strikes at once a pool gets.

use connector::BasisPoints;
use platform::config::{LimitConfig, LimitRule};

use super::super::{Context, above_zero};
use crate::{
    document::Node,
    language::{AimdSpec, GradientSpec, LimitSpec, Quantity, Time, Whole},
};

/// A key that may be left out.
type Key<'a, T> = Option<&'a Node<T>>;

const BACKOFF: BasisPoints = BasisPoints::from_percent(90);

/// `None`: as many as there are places.
pub(super) fn lower(context: Context<'_>, spec: &LimitSpec) -> Option<LimitConfig> {
    match spec {
        LimitSpec::Fixed => None,
        LimitSpec::Aimd(AimdSpec { backoff, initial, least, tolerance, recalibrate }) => {
            let rule = LimitRule::Aimd { backoff: self::backoff(context, backoff.as_ref()) };
            Some(limit(
                context,
                rule,
                [initial.as_ref(), least.as_ref()],
                tolerance.as_ref(),
                recalibrate.as_ref(),
            ))
        }
        LimitSpec::Gradient(GradientSpec { initial, least, tolerance, recalibrate }) => {
            let rule = LimitRule::Gradient;
            Some(limit(
                context,
                rule,
                [initial.as_ref(), least.as_ref()],
                tolerance.as_ref(),
                recalibrate.as_ref(),
            ))
        }
    }
}

fn limit(
    context: Context<'_>,
    rule: LimitRule,
    [initial, least]: [Key<'_, Whole<1, 1_000_000>>; 2],
    tolerance: Key<'_, Quantity<BasisPoints>>,
    recalibrate: Key<'_, Time>,
) -> LimitConfig {
    let default = LimitConfig::default();
    let lowest = least.and_then(Node::get).map_or(default.least, |least| least.small());
    let first =
        initial.and_then(Node::get).map_or(default.initial.max(lowest), |initial| initial.small());
    if let Some(node) = initial.filter(|_| first < lowest) {
        let message = format!("an initial limit of {first} is below the least, {lowest}");
        context.report.problem_with_help(node.at, message, "raise `initial`, or lower `least`");
    }
    LimitConfig {
        rule,
        initial: first.max(lowest),
        least: lowest,
        tolerance: ratio(tolerance).map_or(default.tolerance, |(node, share)| {
            if share <= BasisPoints::ONE {
                let message = format!("a pool never takes less than {share} of its idle time");
                context.report.problem_with_help(node, message, "state more than 100%");
            }
            share
        }),
        recalibrate: above_zero(
            context,
            recalibrate,
            "a look at the idle pool",
            default.recalibrate,
        ),
    }
}

fn backoff(context: Context<'_>, backoff: Key<'_, Quantity<BasisPoints>>) -> BasisPoints {
    ratio(backoff).map_or(BACKOFF, |(node, share)| {
        if share >= BasisPoints::ONE || share == BasisPoints::ZERO {
            let message = format!("a limit cannot back off to {share} of itself");
            context.report.problem_with_help(node, message, "state more than 0%, less than 100%");
        }
        share
    })
}

fn ratio(key: Key<'_, Quantity<BasisPoints>>) -> Option<(crate::document::NodeId, BasisPoints)> {
    Some((key?.at, key?.get()?.0))
}
