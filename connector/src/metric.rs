//! What can be measured of a run, by name: the words that objectives, tables and files share.

use std::fmt;

use crate::{ClassId, ModelId, PoolId, TenantId};

/// A quantity that a run yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Time from asking for a share to its grant; a distribution over granted requests.
    AllocationLatency,
    /// Time to first token (TTFT), from scheduled arrival; a distribution over completed requests.
    TimeToFirstToken,
    /// Time per output token after the first (TPOT); a distribution over completed requests.
    TimePerOutputToken,
    /// Time between two consecutive tokens of an answer (ITL); a distribution over all tokens after
    /// the first.
    InterTokenLatency,
    /// Time from scheduled arrival to the whole answer; a distribution over completed requests.
    EndToEnd,
    /// Time in the platform's own queues; a distribution over all requests.
    Queueing,
    /// Share of requests that did not complete.
    ErrorRate,
    /// Share of the time of cards in service during which they computed.
    GpuUtilization,
    /// Share of the time of slots on offer during which they were held.
    SlotUtilization,
    /// Requests completed per second.
    Throughput,
    /// Output tokens of completed requests per second.
    OutputTokenThroughput,
    /// What the held shares cost at the pools' prices, in the currency unit.
    Cost,
    /// What all use cost for each request answered, whole run, in the currency unit.
    CostPerRequest,
    /// What all use cost for a million tokens of answered requests, in and out, whole run, in the
    /// currency unit.
    CostPerMillionTokens,
    /// Share of the cost of all use that led to no answer, whole run.
    WasteShare,
    /// What is left of what tenants pay after what the provider asks, as a share of it; whole run, and
    /// only where there is a price book. Negative where tenants pay less.
    Margin,
    /// Most requests in flight at once.
    PeakInFlight,
    /// Share of the covenants with promises that were kept, nothing given up.
    CovenantsKept,
    /// Share of them that something was given up of by agreement, and the rest was kept.
    CovenantsRenegotiated,
    /// Share of them that were broken.
    CovenantsBroken,
    /// Time from the arrival of a fan-out to the answer to its last part; a distribution over
    /// fan-outs all of whose parts completed.
    FanOut,
    /// Share of fan-outs all of whose parts completed, and none broke its covenant.
    FanOutKept,
}

/// The unit that a metric's value is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricUnit {
    /// Seconds.
    Seconds,
    /// A ratio, 1 for 100 %.
    Ratio,
    /// Per second.
    PerSecond,
    /// The currency unit.
    Money,
    /// A plain number.
    Count,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 22] = [
        Self::AllocationLatency,
        Self::TimeToFirstToken,
        Self::TimePerOutputToken,
        Self::InterTokenLatency,
        Self::EndToEnd,
        Self::Queueing,
        Self::ErrorRate,
        Self::GpuUtilization,
        Self::SlotUtilization,
        Self::Throughput,
        Self::OutputTokenThroughput,
        Self::Cost,
        Self::CostPerRequest,
        Self::CostPerMillionTokens,
        Self::WasteShare,
        Self::Margin,
        Self::PeakInFlight,
        Self::CovenantsKept,
        Self::CovenantsRenegotiated,
        Self::CovenantsBroken,
        Self::FanOut,
        Self::FanOutKept,
    ];

    /// Stable name in objectives and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllocationLatency => "allocation_latency",
            Self::TimeToFirstToken => "ttft",
            Self::TimePerOutputToken => "tpot",
            Self::InterTokenLatency => "itl",
            Self::EndToEnd => "end_to_end",
            Self::Queueing => "queueing",
            Self::ErrorRate => "error_rate",
            Self::GpuUtilization => "gpu_utilization",
            Self::SlotUtilization => "slot_utilization",
            Self::Throughput => "throughput",
            Self::OutputTokenThroughput => "output_token_throughput",
            Self::Cost => "cost",
            Self::CostPerRequest => "cost.per_request",
            Self::CostPerMillionTokens => "cost.per_million_tokens",
            Self::WasteShare => "waste",
            Self::Margin => "margin",
            Self::PeakInFlight => "peak_in_flight",
            Self::CovenantsKept => "covenants.kept",
            Self::CovenantsRenegotiated => "covenants.renegotiated",
            Self::CovenantsBroken => "covenants.broken",
            Self::FanOut => "fan_out",
            Self::FanOutKept => "fan_out.kept",
        }
    }

    /// The metric of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// The unit of its values.
    pub const fn unit(self) -> MetricUnit {
        match self {
            Self::AllocationLatency
            | Self::TimeToFirstToken
            | Self::TimePerOutputToken
            | Self::InterTokenLatency
            | Self::EndToEnd
            | Self::Queueing
            | Self::FanOut => MetricUnit::Seconds,
            Self::ErrorRate
            | Self::GpuUtilization
            | Self::SlotUtilization
            | Self::CovenantsKept
            | Self::CovenantsRenegotiated
            | Self::CovenantsBroken
            | Self::FanOutKept
            | Self::WasteShare
            | Self::Margin => MetricUnit::Ratio,
            Self::Throughput | Self::OutputTokenThroughput => MetricUnit::PerSecond,
            Self::Cost | Self::CostPerRequest | Self::CostPerMillionTokens => MetricUnit::Money,
            Self::PeakInFlight => MetricUnit::Count,
        }
    }

    /// Whether it is a distribution (and needs a [`Statistic`]) rather than a single value.
    pub const fn is_distribution(self) -> bool {
        matches!(self.unit(), MetricUnit::Seconds)
    }

    /// Whether it is measured on cards and slots, which belong to pools only: it cannot be asked
    /// per model, tenant or class.
    pub const fn is_of_pools(self) -> bool {
        matches!(self, Self::GpuUtilization | Self::SlotUtilization)
    }

    /// Whether it is measured in the engines that serve models: it cannot be asked per tenant or
    /// class.
    pub const fn is_of_engines(self) -> bool {
        matches!(self, Self::InterTokenLatency)
    }

    /// Whether it is a unit cost, kept by model and pool: it cannot be asked per tenant or class.
    pub const fn is_of_unit_costs(self) -> bool {
        matches!(self, Self::CostPerRequest | Self::CostPerMillionTokens | Self::WasteShare)
    }

    /// Whether it is of fan-outs, whose parts may go anywhere: it is measured of the whole run only.
    pub const fn is_of_fan_outs(self) -> bool {
        matches!(self, Self::FanOut | Self::FanOutKept)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What of a distribution is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Least.
    Min,
    /// Most.
    Max,
    /// The value that this share of the sample does not exceed, in 1/100,000: `p99.9` is 99,900.
    Percentile(u32),
}

impl Statistic {
    /// `mean`, `min`, `max`, or `p50`, `p95`, `p99.9`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "mean" => Some(Self::Mean),
            "min" => Some(Self::Min),
            "max" => Some(Self::Max),
            _ => Self::percentile(name.strip_prefix('p')?),
        }
    }

    /// The percentile as a share of the sample; `None` for the others.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::Percentile(share) => Some(f64::from(share) / 100_000.0),
            Self::Mean | Self::Min | Self::Max => None,
        }
    }

    fn percentile(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 3
            || fraction.len() > 3
            || !digits(whole)
            || !digits(fraction)
        {
            return None;
        }
        let share =
            whole.parse::<u32>().ok()? * 1000 + format!("{fraction:0<3}").parse::<u32>().ok()?;
        (share <= 100_000).then_some(Self::Percentile(share))
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Percentile(share) => write!(f, "p{}", f64::from(*share) / 1000.0),
        }
    }
}

/// Which part of a run is asked about; every field that is set narrows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Only requests whose last attempt was on this pool.
    pub pool: Option<PoolId>,
    /// Only requests for this model.
    pub model: Option<ModelId>,
    /// Only requests of this tenant.
    pub tenant: Option<TenantId>,
    /// Only requests of this class.
    pub class: Option<ClassId>,
}

/// Display names of everything that records and gauges refer to by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// By [`PoolId`].
    pub pools: Vec<String>,
    /// By [`ModelId`].
    pub models: Vec<String>,
    /// By [`TenantId`].
    pub tenants: Vec<String>,
    /// By [`ClassId`].
    pub classes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_found_by_its_name() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
        }
    }

    #[test]
    fn statistics_read_and_print_alike() {
        for name in ["mean", "min", "max", "p50", "p95", "p99.9", "p0", "p100"] {
            assert_eq!(Statistic::from_name(name).expect("valid").to_string(), name);
        }
        for name in ["p101", "p", "p-1", "95", "pNaN", "p99.9999", "median"] {
            assert_eq!(Statistic::from_name(name), None, "{name}");
        }
    }
}
