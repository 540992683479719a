use connector::{
    CovenantBook, Duration, Metric, Money, Names, PoolKind, ProviderUsage, Scope, Statistic,
};

use platform::billing::{Economics, UnitCost};

use super::{CovenantReport, Traffic, covenants::share};
use crate::{
    cells::Cells, distribution::Merged, economics::EconomicsReport, fan_outs::FanOuts, gaps::Gaps,
    pools::Pools,
};

/// What a run left behind once it is over: all that figures are made from.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) names: Names,
    pub(crate) pool_kinds: Vec<PoolKind>,
    pub(crate) card_prices: Vec<Option<Money>>,
    pub(crate) economics: Option<EconomicsReport>,
    pub(crate) cells: Cells,
    pub(crate) gaps: Gaps,
    pub(crate) fan_outs: FanOuts,
    pub(crate) pools: Pools,
    pub(crate) usage: Vec<ProviderUsage>,
    /// From the end of the warm-up to the end of the run.
    pub(crate) time: Duration,
    pub(crate) peak_in_flight: Option<u64>,
}

impl Measured {
    pub(crate) fn value(
        &self,
        metric: Metric,
        statistic: Option<Statistic>,
        scope: &Scope,
    ) -> Option<f64> {
        if scope.tenant.is_some_and(|tenant| self.cells.is_folded(tenant)) {
            return None;
        }
        match (metric.is_distribution(), statistic) {
            (true, Some(statistic)) => self.merged(metric, scope)?.value_s(statistic),
            (false, None) => self.single_value(metric, scope),
            (true, None) | (false, Some(_)) => None,
        }
    }

    /// The distribution of a metric within a scope; `None` if there can be none.
    fn merged(&self, metric: Metric, scope: &Scope) -> Option<Merged> {
        if metric.is_of_engines() {
            self.gaps.merged(scope)
        } else if metric.is_of_fan_outs() {
            self.fan_outs.whole(scope).cloned()
        } else {
            Some(self.cells.merged(metric, scope))
        }
    }

    fn single_value(&self, metric: Metric, scope: &Scope) -> Option<f64> {
        let of_pools = scope.model.is_none() && scope.tenant.is_none() && scope.class.is_none();
        match metric {
            Metric::GpuUtilization if of_pools => {
                self.pools.integrals(scope.pool).gpu_utilization()
            }
            Metric::SlotUtilization if of_pools => {
                self.pools.integrals(scope.pool).slot_utilization()
            }
            Metric::PeakInFlight if of_pools && scope.pool.is_none() => {
                self.peak_in_flight.map(|requests| requests as f64)
            }
            Metric::ErrorRate => self.cells.counts(scope).error_rate(),
            Metric::Throughput => self.per_second(self.cells.counts(scope).completed),
            Metric::OutputTokenThroughput => {
                self.per_second(self.cells.counts(scope).output_tokens)
            }
            Metric::CovenantsKept => self.covenants(scope, CovenantBook::kept),
            Metric::CovenantsRenegotiated => self.covenants(scope, CovenantBook::renegotiated),
            Metric::CovenantsBroken => self.covenants(scope, CovenantBook::broken),
            Metric::FanOutKept => self.fan_outs.kept_share(scope),
            Metric::Cost => Some(self.cells.counts(scope).cost.as_f64()),
            Metric::CostPerRequest => self.unit_cost(scope)?.per_request(),
            Metric::CostPerMillionTokens => self.unit_cost(scope)?.per_million_tokens(),
            Metric::WasteShare => self.unit_cost(scope)?.waste_share(),
            Metric::Margin if *scope == Scope::default() => self.economics.as_ref()?.margin_share(),
            Metric::GpuUtilization
            | Metric::SlotUtilization
            | Metric::PeakInFlight
            | Metric::Margin
            | Metric::AllocationLatency
            | Metric::TimeToFirstToken
            | Metric::TimePerOutputToken
            | Metric::InterTokenLatency
            | Metric::EndToEnd
            | Metric::Queueing
            | Metric::FanOut => None,
        }
    }

    /// `None` where nothing was used, or nobody kept books, or they are not kept by that.
    fn unit_cost(&self, scope: &Scope) -> Option<&UnitCost> {
        let Economics { whole, models, pools, models_in_pools } =
            &self.economics.as_ref()?.unit_costs;
        match *scope {
            Scope { tenant: Some(_), .. } | Scope { class: Some(_), .. } => None,
            Scope { model: None, pool: None, .. } => Some(whole),
            Scope { model: Some(model), pool: None, .. } => models.get(&model),
            Scope { model: None, pool: Some(pool), .. } => pools.get(&pool),
            Scope { model: Some(model), pool: Some(pool), .. } => {
                models_in_pools.get(&(model, pool))
            }
        }
    }

    /// A part of the covenants with promises; `None` if there are none.
    fn covenants(&self, scope: &Scope, part: fn(&CovenantBook) -> u64) -> Option<f64> {
        let book = self.cells.counts(scope).covenants;
        share(part(&book), &book)
    }

    /// `None` if no time was measured.
    pub(super) fn per_second(&self, amount: u64) -> Option<f64> {
        (!self.time.is_zero()).then(|| amount as f64 / self.time.as_secs_f64())
    }

    pub(crate) fn traffic(&self, scope: &Scope) -> Traffic {
        Traffic::new(self, &self.cells.counts(scope))
    }

    pub(super) fn covenant_report(&self, scope: &Scope) -> Option<CovenantReport> {
        CovenantReport::of(&self.cells.counts(scope).covenants)
    }
}

impl super::Summary {
    /// In the order of [`PoolId`](connector::PoolId).
    pub(crate) fn pool_names(&self) -> &[String] {
        &self.measured.names.pools
    }
}
