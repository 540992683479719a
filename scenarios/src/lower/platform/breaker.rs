//! The rules of a breaker: keys left out are as for all pools.

use connector::{BasisPoints, Duration, ErrorKind};
use platform::config::{
    BreakerConfig, BreakerMode, ErrorKinds, HalfOpenThen, ProbeRenewal, RampUp, RatesConfig,
    SlowCall, WindowConfig,
};

use super::super::{Context, above_zero, items, read, time};
use crate::{
    document::Node,
    language::{
        BreakerModeSpec, BreakerRatesSpec, BreakerSpec, ErrorKindSpec, HalfOpenThenSpec, List,
        ProbeRenewalSpec, Quantity, RampUpSpec, SlowCallSpec, Time, WindowSpec,
    },
};

/// Share of its places that a recovered pool gets at first where nothing is said.
const RAMP_START: BasisPoints = BasisPoints::from_percent(10);

pub(super) fn lower(
    context: Context<'_>,
    spec: Option<&BreakerSpec>,
    default: BreakerConfig,
) -> BreakerConfig {
    let Some(spec) = spec else { return default };
    let recovery = above_zero(context, spec.recovery.as_ref(), "recovery", default.recovery);
    BreakerConfig {
        failure_threshold: read(&spec.failure_threshold)
            .map_or(default.failure_threshold, |limit| limit.0.0.unwrap_or(u32::MAX)),
        rates: read(&spec.rates).map_or(default.rates, |rates| {
            Some(self::rates(context, rates, default.rates.unwrap_or_default()))
        }),
        recovery,
        recovery_growth: growth(context, spec.recovery_growth.as_ref(), default.recovery_growth),
        recovery_max: longest(context, spec.recovery_max.as_ref(), recovery, default.recovery_max),
        calm: time(spec.calm.as_ref(), default.calm),
        half_open_probes: read(&spec.half_open_probes)
            .map_or(default.half_open_probes, |count| count.small()),
        probe_renewal: read(&spec.probe_renewal)
            .map_or(default.probe_renewal, |spec| renewal(context, spec)),
        half_open_max_wait: optional(context, spec.half_open_max_wait.as_ref(), "half-open")
            .or(default.half_open_max_wait),
        half_open_then: read(&spec.half_open_then)
            .map_or(default.half_open_then, |&then| then.into()),
        auto_half_open: read(&spec.auto_half_open).copied().unwrap_or(default.auto_half_open),
        ramp_up: read(&spec.ramp_up).map_or(default.ramp_up, |spec| Some(ramp_up(context, spec))),
        counted: counted(context, spec, default.counted),
        mode: read(&spec.mode).map_or(default.mode, |&mode| mode.into()),
    }
}

fn rates(context: Context<'_>, spec: &BreakerRatesSpec, default: RatesConfig) -> RatesConfig {
    let of = |node: Option<&Node<Quantity<BasisPoints>>>, what, default| {
        share(context, node, what, default)
    };
    RatesConfig {
        window: read(&spec.window).map_or(default.window, window),
        minimum_calls: read(&spec.minimum_calls)
            .map_or(default.minimum_calls, |count| count.small()),
        failure_rate: of(spec.failure_rate.as_ref(), "failures", default.failure_rate),
        slow_rate: of(spec.slow_rate.as_ref(), "slow calls", default.slow_rate),
        slow: read(&spec.slow_call)
            .map_or(default.slow, |spec| slow_call(context, spec, default.slow)),
    }
}

const fn window(spec: &WindowSpec) -> WindowConfig {
    match spec {
        WindowSpec::Calls(calls) => WindowConfig::Calls(calls.small()),
        WindowSpec::Seconds(seconds) => WindowConfig::Seconds(seconds.small()),
    }
}

fn slow_call(context: Context<'_>, spec: &SlowCallSpec, default: SlowCall) -> SlowCall {
    let first = spec.first_token.as_ref();
    SlowCall {
        first_token: above_zero(context, first, "a first token", default.first_token),
        per_output_token: optional(context, spec.per_output_token.as_ref(), "a token")
            .or(default.per_output_token),
    }
}

fn renewal(context: Context<'_>, spec: &ProbeRenewalSpec) -> ProbeRenewal {
    match spec {
        ProbeRenewalSpec::AfterRecovery => ProbeRenewal::AfterRecovery,
        ProbeRenewalSpec::After(after) => {
            let second = Duration::from_secs(1);
            ProbeRenewal::After(above_zero(context, Some(after), "a round of probes", second))
        }
        ProbeRenewalSpec::Never => ProbeRenewal::Never,
    }
}

fn ramp_up(context: Context<'_>, spec: &RampUpSpec) -> RampUp {
    RampUp {
        time: above_zero(context, Some(&spec.time), "a ramp-up", Duration::from_secs(1)),
        start: spec.start.as_ref().map_or(RAMP_START, |node| {
            let start = node.get().map_or(RAMP_START, |share| share.0);
            super::super::at_most_all(context, node.at, start, "places", "be used at first")
        }),
    }
}

fn optional(context: Context<'_>, node: Option<&Node<Time>>, what: &str) -> Option<Duration> {
    node.map(|node| above_zero(context, Some(node), what, Duration::from_secs(1)))
}

/// A share that must be more than nothing.
fn share(
    context: Context<'_>,
    node: Option<&Node<Quantity<BasisPoints>>>,
    what: &str,
    default: BasisPoints,
) -> BasisPoints {
    let Some((node, share)) = node.and_then(|node| Some((node, node.get()?.0))) else {
        return default;
    };
    if share == BasisPoints::ZERO {
        let message = format!("a breaker that opens at 0% {what} never closes");
        context.report.problem_with_help(node.at, message, "state a share above 0%");
    }
    super::super::at_most_all(context, node.at, share, "results", &format!("be {what}"))
}

fn growth(
    context: Context<'_>,
    node: Option<&Node<Quantity<BasisPoints>>>,
    default: BasisPoints,
) -> BasisPoints {
    let Some((node, growth)) = node.and_then(|node| Some((node, node.get()?.0))) else {
        return default;
    };
    if growth < BasisPoints::ONE {
        let message = format!("a recovery of {growth} of the last one would shrink");
        context.report.problem_with_help(node.at, message, "state 100% or more");
    }
    growth
}

fn longest(
    context: Context<'_>,
    node: Option<&Node<Time>>,
    recovery: Duration,
    default: Duration,
) -> Duration {
    let most = time(node, default);
    if let Some(node) = node.filter(|node| node.get().is_some() && most < recovery) {
        let message =
            format!("the longest recovery, {most}, is shorter than the first, {recovery}");
        context.report.problem_with_help(node.at, message, "raise `recovery_max`");
    }
    most
}

/// What counts by default, and what is added or taken out.
fn counted(context: Context<'_>, spec: &BreakerSpec, default: ErrorKinds) -> ErrorKinds {
    let kinds = |list: Option<&Node<List<ErrorKindSpec>>>| -> Vec<ErrorKind> {
        let nodes = items(list).iter();
        nodes.filter_map(|node| node.get().map(|&kind| kind.into())).collect()
    };
    let (more, less) = (kinds(spec.count.as_ref()), kinds(spec.ignore.as_ref()));
    if let (Some(both), Some(node)) =
        (more.iter().find(|kind| less.contains(kind)), spec.ignore.as_ref())
    {
        let message = format!("`{both}` is both counted and ignored");
        context.report.problem_with_help(node.at, message, "leave it out of one of the lists");
    }
    let counted = more.into_iter().fold(default, ErrorKinds::with);
    less.into_iter().fold(counted, ErrorKinds::without)
}

impl From<HalfOpenThenSpec> for HalfOpenThen {
    fn from(spec: HalfOpenThenSpec) -> Self {
        match spec {
            HalfOpenThenSpec::Open => Self::Open,
            HalfOpenThenSpec::Closed => Self::Closed,
        }
    }
}

impl From<BreakerModeSpec> for BreakerMode {
    fn from(spec: BreakerModeSpec) -> Self {
        match spec {
            BreakerModeSpec::Automatic => Self::Automatic,
            BreakerModeSpec::ForcedOpen => Self::ForcedOpen,
            BreakerModeSpec::Disabled => Self::Disabled,
            BreakerModeSpec::MetricsOnly => Self::MetricsOnly,
        }
    }
}

impl From<ErrorKindSpec> for ErrorKind {
    fn from(spec: ErrorKindSpec) -> Self {
        match spec {
            ErrorKindSpec::Timeout => Self::Timeout,
            ErrorKindSpec::Unavailable => Self::Unavailable { reached: false },
            ErrorKindSpec::RateLimited => Self::RateLimited { retry_after: None },
            ErrorKindSpec::CapacityExhausted => Self::CapacityExhausted,
            ErrorKindSpec::Preempted => Self::Preempted,
            ErrorKindSpec::CreditExhausted => Self::CreditExhausted,
            ErrorKindSpec::PolicyRefused => Self::PolicyRefused,
            ErrorKindSpec::Unauthorized => Self::Unauthorized,
            ErrorKindSpec::NotFound => Self::NotFound,
            ErrorKindSpec::Conflict => Self::Conflict,
            ErrorKindSpec::Invalid => Self::Invalid,
            ErrorKindSpec::Protocol => Self::Protocol,
        }
    }
}
