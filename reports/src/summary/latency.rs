use connector::{Metric, Scope, Statistic};
use serde::Serialize;

use super::Measured;
use crate::distribution::Merged;

/// A distribution of durations, condensed. All but the count are `None` for no values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Number of values.
    pub count: u64,
    /// Arithmetic mean, exact.
    pub mean_s: Option<f64>,
    /// Least, exact.
    pub min_s: Option<f64>,
    /// Median.
    pub p50_s: Option<f64>,
    /// 90th percentile.
    pub p90_s: Option<f64>,
    /// 95th percentile.
    pub p95_s: Option<f64>,
    /// 99th percentile.
    pub p99_s: Option<f64>,
    /// 99.9th percentile.
    pub p99_9_s: Option<f64>,
    /// Most, exact.
    pub max_s: Option<f64>,
}

impl From<&Merged> for Latency {
    fn from(merged: &Merged) -> Self {
        let percentile = |share| merged.value_s(Statistic::Percentile(share));
        Self {
            count: merged.count(),
            mean_s: merged.value_s(Statistic::Mean),
            min_s: merged.value_s(Statistic::Min),
            p50_s: percentile(50_000),
            p90_s: percentile(90_000),
            p95_s: percentile(95_000),
            p99_s: percentile(99_000),
            p99_9_s: percentile(99_900),
            max_s: merged.value_s(Statistic::Max),
        }
    }
}

/// The latencies of some requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latencies {
    /// From asking for a share to its grant, of granted requests.
    pub allocation_latency: Latency,
    /// From scheduled arrival to the first output token, of completed requests.
    pub ttft: Latency,
    /// Per output token after the first, of completed requests with at least two.
    pub tpot: Latency,
    /// Between two consecutive tokens of an answer, of all tokens after the first (the count is theirs);
    /// `None` if no token followed another, or nobody told, or they cannot be told apart.
    pub inter_token: Option<Latency>,
    /// From scheduled arrival to the whole answer, of completed requests.
    pub end_to_end: Latency,
    /// In the platform's own queues, of all requests.
    pub queueing: Latency,
}

impl Latencies {
    pub(super) fn within(measured: &Measured, scope: &Scope) -> Self {
        let of = |metric| Latency::from(&measured.cells.merged(metric, scope));
        Self {
            allocation_latency: of(Metric::AllocationLatency),
            ttft: of(Metric::TimeToFirstToken),
            tpot: of(Metric::TimePerOutputToken),
            inter_token: measured.gaps.merged(scope).as_ref().map(Latency::from),
            end_to_end: of(Metric::EndToEnd),
            queueing: of(Metric::Queueing),
        }
    }
}
