use connector::Duration;
use platform::config::{Abandon, Timeouts};

use super::{
    super::{Context, above_zero, read},
    Node,
};
use crate::language::{AbandonSpec, Time, TimeoutsSpec};

/// How long each step may take.
pub(super) fn lower(context: Context<'_>, spec: Option<&TimeoutsSpec>) -> Timeouts {
    let default = Timeouts::default();
    let Some(spec) = spec else { return default };
    let of = |node, what, default: Duration| above_zero(context, node, what, default);
    let timeouts = Timeouts {
        queue: of(spec.queue.as_ref(), "a place in the queue", default.queue),
        allocation: of(spec.allocation.as_ref(), "an allocation", default.allocation),
        first_token: maybe(context, spec.first_token.as_ref(), "a first token"),
        between_tokens: maybe(context, spec.between_tokens.as_ref(), "a token"),
        inference: of(spec.inference.as_ref(), "an inference", default.inference),
        total: maybe(context, spec.total.as_ref(), "a request"),
        release: of(spec.release.as_ref(), "a release", default.release),
        abandon: read(&spec.abandon).map_or(default.abandon, |abandon| match abandon {
            AbandonSpec::Cancel => Abandon::Cancel,
            AbandonSpec::Leave => Abandon::Leave,
        }),
    };
    check_first_token(context, spec, &timeouts);
    timeouts
}

/// A limit that need not be.
fn maybe(context: Context<'_>, node: Option<&Node<Time>>, what: &str) -> Option<Duration> {
    node.map(|node| above_zero(context, Some(node), what, Duration::MAX))
}

/// A first token that may come after the end has no limit at all.
fn check_first_token(context: Context<'_>, spec: &TimeoutsSpec, timeouts: &Timeouts) {
    let Some(node) = spec.first_token.as_ref().filter(|node| node.get().is_some()) else { return };
    if timeouts.first_token > Some(timeouts.inference) {
        context.report.problem_with_help(
            node.at,
            "the first token may take longer than the whole inference, so this is no limit",
            "lower it below `inference`, or leave it out",
        );
    }
}
