use connector::BasisPoints;
use platform::config::{BudgetConfig, Jitter, MidStream, RetryConfig};

use super::super::{Context, at_most_all, read, time};
use crate::language::{BudgetSpec, JitterSpec, MidStreamSpec, RetrySpec};

/// When and how often a failed call is tried again.
pub(super) fn lower(context: Context<'_>, spec: Option<&RetrySpec>) -> RetryConfig {
    let default = RetryConfig::default();
    let Some(spec) = spec else { return default };
    RetryConfig {
        max_retries: read(&spec.max_retries).map_or(default.max_retries, |count| count.small()),
        base: time(spec.base.as_ref(), default.base),
        multiplier: read(&spec.multiplier).map_or(default.multiplier, |factor| factor.small()),
        cap: time(spec.cap.as_ref(), default.cap),
        jitter: read(&spec.jitter).map_or(default.jitter, |jitter| match jitter {
            JitterSpec::None => Jitter::None,
            JitterSpec::Full => Jitter::Full,
            JitterSpec::Equal => Jitter::Equal,
        }),
        budget: budget(context, read(&spec.budget)),
        after_timeout: read(&spec.after_timeout).copied().unwrap_or(default.after_timeout),
        mid_stream: read(&spec.mid_stream).map_or(default.mid_stream, |rule| match rule {
            MidStreamSpec::Restart => MidStream::Restart,
            MidStreamSpec::Resume => MidStream::Resume,
            MidStreamSpec::Fail => MidStream::Fail,
        }),
    }
}

fn budget(context: Context<'_>, spec: Option<&BudgetSpec>) -> Option<BudgetConfig> {
    let default = BudgetConfig::default();
    let Some(spec) = spec else { return Some(default) };
    let config = BudgetConfig {
        share: share(context, spec, default.share),
        per_second: read(&spec.per_second).map_or(default.per_second, |rate| rate.small()),
        burst: read(&spec.burst).map_or(default.burst, |burst| burst.small()),
    };
    read(&spec.enabled).copied().unwrap_or(true).then_some(config)
}

fn share(context: Context<'_>, spec: &BudgetSpec, default: BasisPoints) -> BasisPoints {
    let Some((at, ratio)) = spec.share.as_ref().and_then(|node| Some((node.at, node.get()?)))
    else {
        return default;
    };
    at_most_all(context, at, ratio.0, "first tries", "be sent again")
}
