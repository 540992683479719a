//! A finished run, condensed: every figure of the report, and answers to further questions.

mod answer;
mod charge;
mod covenants;
mod fan_out;
mod group;
mod json;
mod kv_cache;
mod latency;
mod paging;
mod requeue;
mod scaling;
mod table;
mod traffic;

use connector::{ClassId, Duration, Metric, ModelId, PoolId, Scope, Statistic, TenantId};
use platform::Meter;
use serde::Serialize;

pub(crate) use answer::Measured;
pub use charge::ChargeReport;
pub use covenants::{ByName, CovenantReport};
pub use fan_out::FanOutReport;
pub use group::{Group, MeterReport, PoolGroup, TenantGroup};
pub(crate) use json::{HasHeader, header_first};
pub use kv_cache::KvCache;
pub use latency::{Latencies, Latency};
pub use paging::Paging;
pub use requeue::Requeue;
pub use scaling::Scaling;
pub use traffic::{Amount, FailuresByKind, Traffic};

use crate::{EconomicsReport, GeneratorLag, Header, RunEnd, Verdict, cells::Counts, humanise};

/// A finished run, condensed.
///
/// Serialises to what `summary.json` holds (see [`Summary::to_json`]), and prints as a table (see
/// [`Summary::table`]). Keeps what it was made from, to answer further questions
/// ([`Summary::value`]); that takes up to some tens of MiB, so drop it when done.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What made it and how to make it again.
    #[serde(rename = "harpoon")]
    pub header: Header,
    /// How long it took and what is left out.
    pub run: Run,
    /// All measured requests.
    pub requests: Traffic,
    /// Latencies of all measured requests.
    pub latency: Latencies,
    /// What the KV caches of all pools did; `None` if nobody looked.
    pub kv_cache: Option<KvCache>,
    /// Changing from one tenant of a card to the next; `None` if nobody looked.
    pub paging: Option<Paging>,
    /// Shares that were taken away but not lost; `None` if there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requeue: Option<Requeue>,
    /// What became of covenants; `None` if nobody was promised anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covenants: Option<CovenantReport>,
    /// What became of fan-outs; `None` if there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fan_out: Option<FanOutReport>,
    /// What requests and tokens cost over the whole run, warm-up included, and what was wasted; `None`
    /// if nobody told of any use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub economics: Option<EconomicsReport>,
    /// Judged objectives, in the order in which they were asked.
    pub objectives: Vec<Verdict>,
    /// By pool of the last attempt: pools with requests or gauges.
    pub pools: Vec<PoolGroup>,
    /// By model: those with requests.
    pub models: Vec<Group>,
    /// By class: those with requests.
    pub classes: Vec<Group>,
    /// By tenant: those with requests or usage, but not those that were folded.
    pub tenants: Vec<TenantGroup>,
    /// How late a generator of live traffic was; `None` in virtual time.
    pub generator: Option<GeneratorLag>,
    #[serde(skip)]
    measured: Measured,
    #[serde(skip)]
    wall: Option<std::time::Duration>,
}

/// How long a run took and what is left out of its statistics.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// The limit that ended it early; `None` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// From the start to the end of the run, in its own time.
    pub ended_s: f64,
    /// Time at the start whose requests are left out.
    pub warm_up_s: f64,
    /// Time that rates are taken over: from the end of the warm-up to the end.
    pub measured_s: f64,
    /// Requests that finished and are left out, because they arrived during the warm-up.
    pub warm_up_requests: u64,
    /// Requests that were in flight at the end and are in no other figure.
    pub unfinished_requests: u64,
    /// Most requests in flight at once after the warm-up; `None` if nobody counted.
    pub peak_in_flight: Option<u64>,
    /// Tenants that came after there were [`MAX_CELLS`](crate::MAX_CELLS) cells: they are in every
    /// figure but those by tenant, which leave them out.
    pub folded_tenants: usize,
    /// Requests of those tenants.
    pub folded_requests: u64,
    /// What the platform metered for all tenants over the whole run, warm-up included; `None` if
    /// nobody said.
    pub metered_cost: Option<Amount>,
    /// What leases cost over the whole run that lay warm and worked for no tenant; `None` if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_cost: Option<Amount>,
    /// What the provider will charge for over the whole run; `None` if nobody could look.
    pub charged: Option<ChargeReport>,
    /// What the cards of pools that scale cost their operator over the whole run; `None` if there are
    /// no such pools, or their cards' prices are not stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned_cost: Option<Amount>,
    /// How much more that is than what was metered and `idle_cost`, negative if it is less; `None` if either is
    /// not known.
    pub charged_beyond_metered: Option<Amount>,
    /// Shares x time charged and not metered for no reason told in `charged`: releases that had to
    /// be asked for again. Negative: metered and not charged.
    pub charged_otherwise_slot_ns: Option<i128>,
}

impl Summary {
    pub(crate) fn new(
        header: Header,
        measured: Measured,
        warm_up: Duration,
        warm_up_counts: &Counts,
        end: RunEnd,
    ) -> Self {
        let everything = Scope::default();
        let metered_cost = metered_cost(&end.meters);
        let charged = ChargeReport::of(&measured.usage, |_| true, measured.pools.busy_card_ns());
        let run = Run {
            stopped: end.stopped,
            ended_s: end.ended.as_secs_f64(),
            warm_up_s: warm_up.as_secs_f64(),
            measured_s: measured.time.as_secs_f64(),
            warm_up_requests: warm_up_counts.offered(),
            unfinished_requests: end.unfinished,
            peak_in_flight: measured.peak_in_flight,
            folded_tenants: measured.cells.folded_tenants(),
            folded_requests: measured.cells.folded().offered(),
            metered_cost,
            idle_cost: (end.overhead.slot_ns > 0).then_some(Amount(end.overhead.cost)),
            charged,
            provisioned_cost: Scaling::provisioned_cost(&measured),
            charged_beyond_metered: charged
                .zip(metered_cost)
                .map(|(charged, metered)| charged.beyond(Amount(metered.0 + end.overhead.cost))),
            charged_otherwise_slot_ns: charged.filter(|_| metered_cost.is_some()).map(|charged| {
                let used: u128 = end.meters.iter().map(|meter| meter.slot_ns).sum();
                charged.otherwise(used + end.overhead.slot_ns)
            }),
        };
        let judge = |objective: connector::Objective| {
            let value = measured.value(objective.metric, objective.statistic, &objective.scope);
            Verdict::new(objective, value)
        };
        Self {
            header,
            run,
            requests: measured.traffic(&everything),
            latency: Latencies::within(&measured, &everything),
            kv_cache: KvCache::of(&measured, None),
            paging: Paging::of(&measured, None),
            requeue: Requeue::of(&measured, None),
            covenants: measured.covenant_report(&everything),
            fan_out: FanOutReport::of(&measured),
            economics: measured.economics.clone(),
            objectives: end.objectives.into_iter().map(judge).collect(),
            pools: PoolGroup::all(&measured),
            models: Group::models(&measured),
            classes: Group::classes(&measured),
            tenants: TenantGroup::all(&measured, &end.meters),
            generator: end.lag,
            measured,
            wall: end.wall,
        }
    }

    /// A figure of the run in the metric's unit: seconds, a ratio, per second, the currency unit, a
    /// count.
    ///
    /// `statistic` is for distributions and for nothing else. `None` where there is no answer: no
    /// such data, a statistic too many or too few, a metric of cards asked by model, tenant or
    /// class, one of engines asked by tenant or class, one of fan-outs asked by anything, a tenant that
    /// was folded.
    pub fn value(
        &self,
        metric: Metric,
        statistic: Option<Statistic>,
        scope: &Scope,
    ) -> Option<f64> {
        self.measured.value(metric, statistic, scope)
    }

    /// Whether every objective is met; true without objectives.
    pub fn objectives_met(&self) -> bool {
        self.objectives.iter().all(|verdict| verdict.met)
    }

    /// How fast the run went by the clock on the wall, for people who wait: `60.0 min in 2.34 s,
    /// 1,538x real time, 712,345 requests/s`. `None` if nobody looked at the clock.
    ///
    /// Changes from run to run, so it belongs on stderr and in no file.
    pub fn speed(&self) -> Option<String> {
        let wall = self.wall?.as_secs_f64();
        let requests = self.requests.offered + self.run.warm_up_requests;
        let per_second = |amount: f64| if wall > 0.0 { amount / wall } else { 0.0 };
        Some(format!(
            "{} in {}, {}x real time, {} requests/s",
            humanise::seconds(self.run.ended_s),
            humanise::seconds(wall),
            humanise::times(per_second(self.run.ended_s)),
            humanise::times(per_second(requests as f64)),
        ))
    }
}

fn metered_cost(meters: &[Meter]) -> Option<Amount> {
    let sum = || meters.iter().map(|meter| meter.cost).sum();
    (!meters.is_empty()).then(sum).map(Amount)
}

/// The scope of one pool.
fn of_pool(index: usize) -> Scope {
    Scope { pool: Some(PoolId(index as u32)), ..Scope::default() }
}

/// The scope of one model.
fn of_model(index: usize) -> Scope {
    Scope { model: Some(ModelId(index as u32)), ..Scope::default() }
}

/// The scope of one tenant.
fn of_tenant(index: usize) -> Scope {
    Scope { tenant: Some(TenantId(index as u32)), ..Scope::default() }
}

/// The scope of one class.
fn of_class(index: usize) -> Scope {
    Scope { class: Some(ClassId(index as u32)), ..Scope::default() }
}
