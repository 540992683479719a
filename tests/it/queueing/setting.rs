//! The smallest configuration of provider and platform that a queue can be made of: one pool, one
//! cable, one model, answers of the control plane in no time.

use connector::{
    BasisPoints, Duration, Mebibytes, ModelId, Money, OperationKind, PoolId, PoolKind, Priority,
    Requirements, Tflops, Tokens,
};
use platform::{
    PlatformConfig,
    config::{
        AdmissionConfig, BreakerConfig, CableConfig, Candidate, ClassConfig, ClassifierConfig,
        Discipline, FallbackConfig, HedgingConfig, ModelTerms, Pace, RetryConfig, RouterConfig,
        TenantConfig, Timeouts,
    },
};
use sim::{
    ProviderConfig,
    config::{
        ControlPlane, FaultConfig, FaultKind, GpuSpec, KvCache, Latency, LinearTiming, ModelConfig,
        Placement, PoolConfig, PreemptionConfig, RegionConfig, ServingConfig, Timing,
    },
    serving::Policy,
};

/// Longer than any run: time-outs that never fire, faults that never end.
pub(super) const FOR_EVER: Duration = Duration::from_secs(1_000_000_000);
/// Bytes per second of the card's memory.
pub(super) const BANDWIDTH: f64 = 2e12;
/// Operations per second of the card.
pub(super) const FLOPS: f64 = 1e14;

/// What cases differ in.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) cards: u32,
    pub(super) sharing_ratio: u32,
    pub(super) placement: Placement,
    /// How many jobs of a card are in its batch; the rest wait there.
    pub(super) max_batch: u32,
    pub(super) timing: Timing,
    /// Who is served first of those that wait at a card.
    pub(super) policy: Policy,
    /// Classes of customers, the most important first.
    pub(super) classes: u8,
    /// Places of the cable and length of the line before it; `None`: no limit.
    pub(super) line: Option<(u32, u32)>,
    pub(super) patience: Duration,
    /// Who is next of those in line.
    pub(super) discipline: Discipline,
    /// Time that an allocation takes.
    pub(super) allocating: Latency,
    /// Share of allocations that fail.
    pub(super) failing: BasisPoints,
    pub(super) retry: RetryConfig,
    /// By class: a model of its own, whose shares ask for so many parts of the card. Empty: one model
    /// for all.
    pub(super) weights: Vec<f64>,
    /// Pools alike, each with a cable; more than one where requests may go on to the next.
    pub(super) pools: u32,
    pub(super) hedging: Option<HedgingConfig>,
    /// How the place of whoever is less important is taken.
    pub(super) preemption: Option<PreemptionConfig>,
    /// How the platform chooses among pools; `None`: in order.
    pub(super) router: Option<RouterConfig>,
}

impl Default for Setting {
    /// One card for one job at a time.
    fn default() -> Self {
        Self {
            cards: 1,
            sharing_ratio: 1,
            placement: Placement::LeastLoaded,
            max_batch: 1,
            timing: iteration(1000.0, 0.0),
            policy: Policy::Fcfs,
            classes: 1,
            line: None,
            patience: FOR_EVER,
            discipline: Discipline::Fifo,
            allocating: Latency::Fixed(Duration::ZERO),
            failing: BasisPoints::ZERO,
            retry: RetryConfig { budget: None, ..RetryConfig::default() },
            weights: Vec::new(),
            pools: 1,
            hedging: None,
            router: None,
            preemption: None,
        }
    }
}

/// An iteration takes `base` plus `per_job` for every job of the batch, in nanoseconds.
pub(super) fn iteration(base: f64, per_job: f64) -> Timing {
    let nanos = |ns: f64| Duration::from_nanos(ns.round() as u64);
    let (base, per_sequence) = (nanos(base), nanos(per_job));
    Timing::Linear(LinearTiming { base, per_sequence, ..LinearTiming::default() })
}

impl Setting {
    pub(super) fn provider(&self) -> ProviderConfig {
        let control_plane = ControlPlane { allocate: self.allocating, ..ControlPlane::default() };
        let failing = FaultConfig {
            at: Duration::ZERO,
            lasts: FOR_EVER,
            pool: None,
            kind: FaultKind::Errors {
                rate: self.failing,
                operation: Some(OperationKind::Allocate),
            },
        };
        ProviderConfig {
            regions: vec![RegionConfig { name: "region".into(), control_plane }],
            pools: (0..self.pools).map(|pool| self.pool(pool)).collect(),
            models: (0..self.weights.len().max(1))
                .map(|index| ModelConfig {
                    name: format!("model {index}"),
                    timing: self.timing.clone(),
                })
                .collect(),
            faults: if self.failing == BasisPoints::ZERO { Vec::new() } else { vec![failing] },
        }
    }

    fn pool(&self, number: u32) -> PoolConfig {
        let peak = Tflops::from_gflops((FLOPS / 1e9) as u64);
        PoolConfig {
            name: format!("pool {number}"),
            region: 0,
            kind: PoolKind::Standard,
            gpu: GpuSpec {
                name: "card".into(),
                vram: Mebibytes::from_gib(16),
                tflops_16bit: peak,
                tflops_8bit: peak,
                memory_bandwidth: BANDWIDTH,
                link_bandwidth: 32e9,
            },
            count: self.cards,
            sharing_ratio: self.sharing_ratio,
            price_per_slot_hour: Money::ZERO,
            price_changes: Vec::new(),
            placement: self.placement,
            serving: ServingConfig {
                max_sequences: self.max_batch,
                token_budget: 1 << 20,
                kv_cache: KvCache::Endless,
                policy: self.policy,
                ..ServingConfig::default()
            },
            weight_load_bandwidth: None,
            preemption: self.preemption,
            sharing: sim::config::SharingConfig::Spatial {
                interference: 0.0,
                by_compute: !self.weights.is_empty(),
            },
            guaranteed_share: connector::BasisPoints::ZERO,
            vip: false,
            neighbours: Vec::new(),
            autoscale: None,
            capacity: sim::config::CapacityConfig::default(),
        }
    }

    pub(super) fn platform(&self) -> PlatformConfig {
        let model = ModelId(0);
        let pools = || (0..self.pools).map(PoolId);
        PlatformConfig {
            leases: platform::config::LeaseConfig::default(),
            models: vec![ModelTerms {
                name: "model".into(),
                requirements: Requirements { tflops: Tflops::ZERO, vram: Mebibytes::ZERO },
                max_tokens: None,
                pool_kind: PoolKind::Standard,
                preemptible: false,
            }],
            cables: pools().map(|pool| self.cable(pool)).collect(),
            tenants: (0..self.classes)
                .map(|class| TenantConfig {
                    name: format!("class {class}"),
                    priority: Priority::new(self.classes - 1 - class).expect("few classes"),
                    ..TenantConfig::default()
                })
                .collect(),
            tiers: Vec::new(),
            classifier: ClassifierConfig {
                classes: vec![ClassConfig {
                    name: "all".into(),
                    max_prompt_tokens: Tokens::new(u32::MAX),
                    max_output_tokens: Tokens::new(u32::MAX),
                    models: vec![model],
                }],
                ..ClassifierConfig::default()
            },
            admission: AdmissionConfig { wait_bound: None, ..AdmissionConfig::default() },
            router: self.router.clone().unwrap_or_else(|| {
                let all = pools().map(|pool| Candidate { model, pool }).collect();
                RouterConfig::Static(vec![all])
            }),
            retry: self.retry,
            timeouts: Timeouts {
                queue: self.patience,
                allocation: FOR_EVER,
                inference: FOR_EVER,
                release: FOR_EVER,
                ..Timeouts::default()
            },
            cooldown: platform::config::CooldownConfig::default(),
            hedging: self.hedging,
            ejection: None,
            fallback: FallbackConfig { enabled: self.pools > 1, ..FallbackConfig::default() },
            overcommit: true,
            seed: 1,
        }
    }

    fn cable(&self, pool: PoolId) -> CableConfig {
        CableConfig {
            pool,
            name: pool.to_string(),
            kind: PoolKind::Standard,
            price_per_slot_hour: Money::ZERO,
            card_vram: Mebibytes::from_gib(16),
            card_tflops: Tflops::new(100),
            paces: vec![Pace::default()],
            max_in_flight: self.line.map(|(places, _)| places),
            queue: self.line.map_or(0, |(_, length)| length),
            discipline: self.discipline,
            codel: None,
            breaker: BreakerConfig { failure_threshold: u32::MAX, ..BreakerConfig::default() },
            limit: None,
        }
    }
}
