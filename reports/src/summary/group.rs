use connector::{PoolId, Scope, TenantId};
use platform::Meter;
use serde::Serialize;

use super::{
    Amount, ChargeReport, CovenantReport, KvCache, Latencies, Measured, Paging, Requeue, Scaling,
    Traffic, of_class, of_model, of_pool, of_tenant,
};

/// The part of a run that belongs to one name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The model's, class's, tenant's or pool's name.
    pub name: String,
    /// Its requests.
    pub requests: Traffic,
    /// Their latencies.
    pub latency: Latencies,
}

impl Group {
    fn new(measured: &Measured, name: &str, scope: &Scope) -> Self {
        Self {
            name: name.to_owned(),
            requests: measured.traffic(scope),
            latency: Latencies::within(measured, scope),
        }
    }

    pub(super) fn models(measured: &Measured) -> Vec<Self> {
        Self::with_requests(measured, &measured.names.models, of_model)
    }

    pub(super) fn classes(measured: &Measured) -> Vec<Self> {
        Self::with_requests(measured, &measured.names.classes, of_class)
    }

    fn with_requests(
        measured: &Measured,
        names: &[String],
        scope: fn(usize) -> Scope,
    ) -> Vec<Self> {
        names
            .iter()
            .enumerate()
            .filter(|(index, _)| measured.cells.counts(&scope(*index)).offered() > 0)
            .map(|(index, name)| Self::new(measured, name, &scope(index)))
            .collect()
    }
}

/// The part of a run that belongs to one pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolGroup {
    /// The pool's name and the requests whose last attempt was there.
    #[serde(flatten)]
    pub group: Group,
    /// How it is sold; `None` if nobody said.
    pub kind: Option<&'static str>,
    /// Share of the time of cards in service during which they computed.
    pub gpu_utilization: Option<f64>,
    /// Share of the time of slots on offer during which they were held.
    pub slot_utilization: Option<f64>,
    /// Shares taken away from their holders in the measured time; `None` without gauges.
    pub preemptions: Option<u64>,
    /// Most shares held at any gauge in the measured time; `None` without gauges.
    pub peak_slots_held: Option<u32>,
    /// Most inferences waiting at any gauge in the measured time; `None` without gauges.
    pub peak_waiting: Option<u32>,
    /// What its KV caches did; `None` without gauges.
    pub kv_cache: Option<KvCache>,
    /// Changing from one tenant of a card to the next; `None` if nobody looked.
    pub paging: Option<Paging>,
    /// Shares that were taken away but not lost; `None` if there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requeue: Option<Requeue>,
    /// Most of its KV blocks in use at any gauge in the measured time, as a share of them; `None`
    /// without gauges, and if its caches are endless.
    pub peak_kv_use: Option<f64>,
    /// What the provider will charge for; `None` if nobody could look.
    pub charged: Option<ChargeReport>,
    /// How its cards came and went; `None` if they are always there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
}

impl PoolGroup {
    pub(super) fn all(measured: &Measured) -> Vec<Self> {
        let pools = measured.names.pools.iter().enumerate();
        pools.filter_map(|(index, name)| Self::new(measured, index, name)).collect()
    }

    fn new(measured: &Measured, index: usize, name: &str) -> Option<Self> {
        let group = Group::new(measured, name, &of_pool(index));
        let pool = PoolId(index as u32);
        let track = measured.pools.of(pool);
        if track.is_none() && group.requests.offered == 0 {
            return None;
        }
        let integrals = measured.pools.integrals(Some(pool));
        Some(Self {
            group,
            kind: measured.pool_kinds.get(index).map(|kind| kind.name()),
            gpu_utilization: integrals.gpu_utilization(),
            slot_utilization: integrals.slot_utilization(),
            preemptions: track.map(crate::pools::PoolTrack::preemptions),
            peak_slots_held: track.map(|track| track.peak_slots_held),
            peak_waiting: track.map(|track| track.peak_waiting),
            kv_cache: KvCache::of(measured, Some(pool)),
            paging: Paging::of(measured, Some(pool)),
            requeue: Requeue::of(measured, Some(pool)),
            peak_kv_use: track.and_then(|track| track.peak_kv_use),
            charged: ChargeReport::of(
                &measured.usage,
                |usage| usage.pool == pool,
                track.map(crate::pools::PoolTrack::busy_card_ns),
            ),
            scaling: Scaling::of(measured, pool),
        })
    }
}

/// The part of a run that belongs to one tenant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TenantGroup {
    /// The tenant's name and requests.
    #[serde(flatten)]
    pub group: Group,
    /// What the platform metered over the whole run, warm-up included; `None` if nobody said.
    pub meter: Option<MeterReport>,
    /// What the provider will charge for on its behalf; `None` if nobody could look.
    pub charged: Option<ChargeReport>,
    /// What became of its covenants; `None` if it was promised nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covenants: Option<CovenantReport>,
}

impl TenantGroup {
    pub(super) fn all(measured: &Measured, meters: &[Meter]) -> Vec<Self> {
        let tenants = measured.names.tenants.iter().enumerate();
        tenants
            .filter(|(index, _)| !measured.cells.is_folded(TenantId(*index as u32)))
            .map(|(index, name)| Self {
                group: Group::new(measured, name, &of_tenant(index)),
                meter: meters.get(index).map(MeterReport::from),
                charged: ChargeReport::of(
                    &measured.usage,
                    |usage| usage.tenant.index() == index,
                    None,
                ),
                covenants: measured.covenant_report(&of_tenant(index)),
            })
            .filter(|tenant| {
                let metered = tenant.meter.is_some_and(|meter| meter != MeterReport::default());
                let charged = tenant.charged.is_some_and(|charged| charged.slot_ns > 0);
                metered || charged || tenant.group.requests.offered > 0
            })
            .collect()
    }
}

/// A tenant's meter in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MeterReport {
    /// Requests answered in full.
    pub completed: u64,
    /// Prompt tokens of answered requests.
    pub prompt_tokens: u128,
    /// Output tokens of answered requests.
    pub output_tokens: u128,
    /// Promised compute x time held.
    pub promised_flop: u128,
    /// Promised memory x time held.
    pub promised_mib_ns: u128,
    /// Shares x time held.
    pub slot_ns: u128,
    /// The same time at the pools' prices.
    pub cost: Amount,
}

impl From<&Meter> for MeterReport {
    fn from(meter: &Meter) -> Self {
        Self {
            completed: meter.completed,
            prompt_tokens: meter.prompt_tokens,
            output_tokens: meter.output_tokens,
            promised_flop: meter.flop,
            promised_mib_ns: meter.mebibyte_ns,
            slot_ns: meter.slot_ns,
            cost: Amount(meter.cost),
        }
    }
}
