//! What a scenario says is what runs, and the schema knows the same language.

mod admission;

use std::collections::BTreeSet;

use connector::{
    BasisPoints, Comparison, Duration, ErrorKind, Mebibytes, Metric, ModelId, Money, OperationKind,
    PoolId, PoolKind, Scope, Statistic, TenantId, Tokens,
};
use platform::config::{
    Abandon, BatchingConfig, BreakerConfig, BreakerMode, BudgetConfig, Candidate, ClassifyMethod,
    ErrorKinds, ForecastConfig, ForecastMethod, HalfOpenThen, HedgeAfter, HedgeMeasure,
    HedgingConfig, Jitter, LeaseConfig, LimitConfig, LimitRule, MidStream, MinWarm,
    ModelClassifierConfig, ProbeRenewal, RampUp, RatesConfig, RouterConfig, SlowCall, WindowConfig,
};
use scenarios::{Dialect, Scenario};
use serde_json::Value;
use sim::config::{
    AutoscaleConfig, Behaviour, CapacityConfig, Change, CommonFailures, Direction, Efficiency,
    FailureRates, FailuresConfig, FaultKind, HostFull, KeptProgress, KvCache, Latency, Levels,
    LongSteps, Most, NeighbourConfig, NodeFailures, OperationRates, PagingConfig, Placement,
    PreemptionConfig, QuantumBegins, Quirks, RateLimit, Reclaim, RequeueConfig, Schedule,
    ServingConfig, SharingConfig, Spells, StackEfficiency, Supply, Target, Timing, TurnsConfig,
    VictimRule,
};
use sim::serving::{Policy, Speculation};

use crate::world::{SMALLEST, fixtures, parse};

#[test]
fn the_smallest_scenario_has_every_default() {
    let scenario = parse(SMALLEST).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((scenario.seed, scenario.replications), (1, 1));
    assert_eq!(scenario.warm_up, Duration::ZERO);
    assert_eq!(scenario.starts_at.to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(scenario.names.tenants, ["default"]);
    assert_eq!(scenario.names.classes, ["all"]);
    assert_eq!(scenario.endpoints, [None]);
    assert!(scenario.platform.overcommit);
    assert!(matches!(scenario.platform.router, RouterConfig::Cheapest));
    assert_eq!(scenario.platform.retry, platform::config::RetryConfig::default());
    assert_eq!(scenario.platform.timeouts, platform::config::Timeouts::default());
    let pool = &scenario.provider.pools[0];
    assert_eq!((pool.kind, pool.sharing_ratio), (PoolKind::Standard, 1));
    assert_eq!((pool.serving, pool.preemption), (ServingConfig::default(), None));
    assert_eq!(pool.weight_load_bandwidth, Some(4.0 * 1_073_741_824.0));
    let millis = Duration::from_millis;
    let region = &scenario.provider.regions[0];
    assert_eq!(
        region.control_plane.allocate,
        Latency::LogNormal { p50: millis(40), p95: millis(120) }
    );
    let plane = &region.control_plane;
    let [others @ .., inspect] = [plane.list, plane.pools, plane.cancel, plane.inspect];
    assert_eq!((inspect, others), (Latency::Fixed(millis(20)), [inspect; 3]));
    assert_eq!((plane.rate_limit, plane.failures), (None, FailureRates::default()));
    assert_eq!((plane.timeout, plane.quirks), (Duration::from_secs(15), Quirks::default()));
    assert!(plane.no_access.is_empty());
    let cable = &scenario.platform.cables[0];
    assert_eq!((cable.max_in_flight, cable.queue), (Some(1), 1_000));
    assert_ne!(cable.paces[0].per_output_token, Duration::ZERO);
}

fn preemption() -> PreemptionConfig {
    let requeue = RequeueConfig {
        max_wait: Duration::from_secs(120),
        max_waiting: 50,
        progress: KeptProgress::Checkpoint { bandwidth: Some(12e9) },
    };
    let (grace, victim) = (Duration::from_secs(10), VictimRule::LeastProgressLost);
    PreemptionConfig { grace, victim, requeue: Some(requeue) }
}

#[test]
fn every_key_reaches_the_configuration() {
    let scenario = everything();
    assert_eq!((scenario.seed, scenario.replications), (7, 3));
    assert_eq!(scenario.duration, Some(Duration::from_secs(1_200)));
    let endpoint = |pool: usize| scenario.endpoints[pool].as_ref().expect("an endpoint");
    assert_eq!(endpoint(0).url, "https://gpu.example.com:8443/v1");
    let named = [Dialect::OpenAi, Dialect::CovenantV1, Dialect::Gpuaas];
    assert_eq!([0, 1, 2].map(|pool| endpoint(pool).dialect), named);
    assert_eq!(scenario.names.tenants, ["acme", "globex", "mix/7", "mix/9"]);
    let provider = &scenario.provider;
    let plane = &provider.regions[0].control_plane;
    assert_eq!(plane.rate_limit, Some(RateLimit { per_second: 500, burst: 1_000 }));
    assert_eq!(plane.infer, Latency::Exponential { mean: Duration::from_millis(5) });
    let shared = &provider.pools[0];
    assert_eq!((shared.region, shared.placement), (1, Placement::PowerOfTwo));
    assert_eq!(shared.price_per_slot_hour, "0.35".parse::<Money>().expect("a price"));
    assert_eq!(shared.preemption, Some(preemption()));
    let serving = ServingConfig {
        max_sequences: 32,
        token_budget: 1_024,
        block_tokens: 32,
        kv_cache: KvCache::Tokens(60_000),
        reserve_prompt: false,
        prefix_caching: false,
        content_tokens: 256,
        policy: Policy::Priority,
        tensor_parallel: 2,
        speculation: Some(Speculation { drafts: 3, acceptance: 0.7 }),
        efficiency: StackEfficiency::Stated(Efficiency {
            compute: 0.6,
            memory: 0.85,
            attention: 0.5,
            kv_cache: 0.8,
            link: 1.2,
            long_steps: Some(LongSteps { tokens: 2_048, link: 0.4 }),
            per_step: Duration::from_millis(2),
            per_sequence: Duration::from_micros(20),
            prompt_step: Duration::from_millis(6),
            exchange: Duration::from_micros(9),
            front_end: Duration::from_millis(30),
        }),
    };
    assert_eq!((shared.count, shared.serving), (4, serving), "eight cards are four groups");
    let own = &provider.pools[1];
    assert_eq!((own.gpu.name.as_str(), own.weight_load_bandwidth), ("X1", None));
    assert!((own.gpu.memory_bandwidth - 1_597e9).abs() < 1.0);
    let Timing::Roofline(shape) = &provider.models[1].timing else { panic!("a shape") };
    assert_eq!((shape.vocabulary, shape.tied_embeddings, shape.kv_bits), (32_768, true, 8));
    let Timing::Linear(linear) = &provider.models[2].timing else { panic!("stated outright") };
    assert!((linear.per_context_token_s - 15e-9).abs() < 1e-15);
    assert!((linear.weight_bytes - 2.0 * 1_073_741_824.0).abs() < 1.0);
    assert_eq!(scenario.platform.models[3].max_tokens, Some(Tokens::new(2_048)));
    assert_eq!(scenario.platform.models[3].pool_kind, PoolKind::Premium, "from the catalogue");
    assert_eq!(provider.faults[0].kind, FaultKind::Outage);
    assert_eq!(
        provider.faults[1].kind,
        FaultKind::Errors {
            rate: BasisPoints::from_percent(10),
            operation: Some(OperationKind::Allocate)
        }
    );
    assert_eq!(provider.faults[3].pool, Some(PoolId(1)));
    let brownout = FaultKind::Brownout {
        slowdown: BasisPoints::from_percent(500),
        errors: BasisPoints::from_percent(5),
    };
    assert_eq!(provider.faults[4].kind, brownout);
    assert_eq!(provider.faults[6].kind, FaultKind::Partition { direction: Direction::Answer });
}

#[test]
fn every_key_of_capacity_reaches_the_pool() {
    let provider = everything().provider;
    let (secs, percent) = (Duration::from_secs, BasisPoints::from_percent);
    let exponential = |hours: u64| Latency::Exponential { mean: secs(3_600 * hours) };
    let spot = |pool: usize| provider.pools[pool].capacity.spot.as_ref().expect("a spot pool");
    assert_eq!((spot(0).grace, spot(1).grace), (secs(120), secs(30)));
    let provisioning = Latency::Uniform { min: secs(60), max: secs(180) };
    assert_eq!(
        (spot(0).provisioning, spot(1).provisioning),
        (provisioning, Latency::Fixed(secs(0)))
    );
    let steps = [(0, 0), (300, 4), (900, 1), (1_500, 4), (1_800, 0), (2_400, 2), (2_700, 4)];
    let levels = Levels {
        steps: steps.map(|(at, cards)| (secs(at), cards)).into(),
        length: secs(3_000),
        start: secs(600),
        repeats: false,
    };
    assert_eq!(spot(0).supply, Supply::Trace { levels, reclaim: Reclaim::Random });
    let down = Latency::LogNormal { p50: secs(600), p95: secs(7_200) };
    let spells = Spells { up: exponential(3), down };
    let shortage = Some(Spells { up: exponential(50), down: exponential(2) });
    assert_eq!(
        spot(1).supply,
        Supply::Process { spells, group: 2, together: percent(25), shortage }
    );
    let down = Latency::Uniform { min: secs(3_600), max: secs(10_800) };
    let spells = |up, down| Spells { up: exponential(up), down };
    let failures = FailuresConfig {
        card: Some(spells(50_000, exponential(12))),
        node: Some(NodeFailures { cards: 8, spells: spells(300, down) }),
        common: Some(CommonFailures { spells: spells(2_000, exponential(1)), share: percent(40) }),
    };
    assert_eq!(provider.pools[2].capacity, CapacityConfig { failures, spot: None });
    let maintenance = FaultKind::Maintenance {
        count: 4,
        deadline: secs(60),
        grace: secs(20),
        at_a_time: Some(2),
    };
    assert_eq!(provider.faults[5].kind, maintenance);
}

#[test]
fn a_trace_of_capacity_is_scaled_and_repeated_unless_told_otherwise() {
    let text = SMALLEST.replace("count: 1", "count: 10\n      spot: { trace: spot.json }");
    let scenario = parse(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let spot = scenario.provider.pools[0].capacity.spot.as_ref().expect("a spot pool");
    let Supply::Trace { levels, reclaim } = &spot.supply else { panic!("a trace") };
    assert_eq!((levels.start, levels.repeats, *reclaim), (Duration::ZERO, true, Reclaim::Last));
    let cards: Vec<u32> = levels.steps.iter().map(|&(_, cards)| cards).collect();
    assert_eq!(cards, [0, 10, 3, 10, 0, 5, 10]);
}

#[test]
fn every_key_of_autoscaling_reaches_the_pool() {
    let provider = everything().provider;
    let seconds = Duration::from_secs;
    let percent = BasisPoints::from_percent;
    let most = |change, secs| Most { change, per: seconds(secs) };
    let expected = AutoscaleConfig {
        min: 1,
        max: 3,
        start: 2,
        targets: vec![
            Target::GpuUtilization(percent(70)),
            Target::SlotUtilization(percent(80)),
            Target::Waiting(4),
            Target::Concurrency(16),
        ],
        interval: seconds(20),
        tolerance: percent(5),
        scale_out: Behaviour { window: seconds(30), most: vec![most(Change::Cards(2), 60)] },
        scale_in: Behaviour {
            window: seconds(600),
            most: vec![most(Change::Share(percent(50)), 15), most(Change::Cards(1), 30)],
        },
        provisioning: Latency::LogNormal { p50: seconds(90), p95: seconds(240) },
        schedule: Some(Schedule {
            period: seconds(43_200),
            points: vec![(seconds(28_800), 2), (seconds(36_000), 0)],
        }),
        warm: 1,
        preload: vec![ModelId(1), ModelId(0)],
        idle_to_zero: Some(seconds(1_800)),
        price_per_card_hour: None,
    };
    assert_eq!(provider.pools[0].autoscale, Some(expected));
    assert_eq!(provider.pools[1].autoscale, None);
    let default = AutoscaleConfig {
        min: 1,
        max: 1,
        start: 1,
        targets: vec![Target::GpuUtilization(percent(80))],
        interval: seconds(15),
        tolerance: percent(10),
        scale_out: Behaviour::default_out(),
        scale_in: Behaviour::default_in(),
        provisioning: Latency::Fixed(seconds(120)),
        schedule: None,
        warm: 0,
        preload: Vec::new(),
        idle_to_zero: None,
        price_per_card_hour: Some("3".parse().expect("a price")),
    };
    assert_eq!(provider.pools[2].autoscale, Some(default));
}

#[test]
fn every_key_of_sharing_reaches_the_pool() {
    let provider = everything().provider;
    let shared = &provider.pools[0];
    let turns = TurnsConfig {
        quantum: Duration::from_secs(5),
        quantum_begins: QuantumBegins::WhenGranted,
        switch: Duration::from_millis(50),
        isolation: connector::SecurityLevel::High,
        overlap: Some(0.1),
        paging: PagingConfig {
            bandwidth: 20e9,
            overlapped: true,
            idle_after: Some(Duration::from_secs(120)),
            host_memory: Some(Mebibytes::from_gib(64)),
            host_full: HostFull::Kill,
        },
    };
    assert_eq!(shared.sharing, SharingConfig::Turns(turns));
    assert_eq!((shared.guaranteed_share, shared.vip), (BasisPoints::from_percent(20), true));
    let busy = Latency::Exponential { mean: Duration::from_secs(4) };
    let neighbour = NeighbourConfig {
        busy: Some(busy),
        idle: Latency::Fixed(Duration::from_secs(20)),
        working_set: Mebibytes::from_gib(10),
        guaranteed: BasisPoints::from_percent(30),
        vip: false,
    };
    assert_eq!((&shared.neighbours[0], shared.neighbours.len()), (&neighbour, 2));
    let spatial = SharingConfig::Spatial { interference: 0.05, by_compute: true };
    assert_eq!(
        (provider.pools[1].sharing, provider.pools[2].sharing),
        (spatial, SharingConfig::Slices)
    );
    let sliced = &provider.pools[2];
    assert_eq!(sliced.price_per_slot_hour, "1.50".parse::<Money>().expect("a price"));
    assert_eq!(sliced.open_slots(), 1, "neighbours fill the card");
}

#[test]
fn every_key_of_the_control_plane_reaches_it() {
    let scenario = everything();
    let plane = &scenario.provider.regions[0].control_plane;
    let (millis, secs) = (Duration::from_millis, Duration::from_secs);
    assert_eq!(plane.list, Latency::Fixed(millis(1_500)));
    assert_eq!(plane.cancel, Latency::Pareto { least: millis(3), alpha: 1.5 });
    assert_eq!(plane.pools, Latency::Uniform { min: secs(1), max: secs(2) });
    // In the order of `OperationKind::ALL`.
    let rates = |rates: [u32; 7]| -> OperationRates { rates.map(BasisPoints::new) };
    let failures = FailureRates {
        rate_limited: rates([100; 7]),
        unavailable: rates([50, 10, 20, 30, 0, 0, 0]),
        timed_out: rates([0, 0, 0, 0, 200, 300, 400]),
    };
    assert_eq!((plane.failures, plane.timeout), (failures, secs(30)));
    assert_eq!(plane.no_access, [connector::TenantId(1), connector::TenantId(3)]);
    assert!(plane.usage_windows);
    let quirks = Quirks {
        ghosts: BasisPoints::from_percent(1),
        empty_200: BasisPoints::new(50),
        already_subscribed: true,
        foreign_rows: 3,
        eventual_lists: secs(5),
        slow_release: Some(Latency::LogNormal { p50: secs(60), p95: secs(120) }),
        policy_500: true,
        zero_usage: true,
    };
    assert_eq!(plane.quirks, quirks);
}

#[test]
fn a_stack_that_was_measured_is_known_by_name() {
    let count = "      count: 1";
    let named = format!("{count}\n      serving: {{ efficiency: vllm }}");
    let text = SMALLEST.replace("gpu: L4", "gpu: H200").replace(count, &named);
    let scenario = parse(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let serving = scenario.provider.pools[0].serving;
    assert_eq!(serving.efficiency, StackEfficiency::Fitted("vllm"));
}

#[test]
fn every_key_of_the_platform_reaches_it() {
    let platform = everything().platform;
    assert_eq!((platform.seed, platform.overcommit), (7, false));
    assert_eq!((platform.retry.jitter, platform.retry.after_timeout), (Jitter::Equal, true));
    let budget = BudgetConfig { share: BasisPoints::from_percent(20), per_second: 2, burst: 50 };
    assert_eq!(platform.retry.budget, Some(budget));
    let secs = Duration::from_secs;
    assert_eq!((platform.cooldown.credit, platform.cooldown.longest), (secs(60), secs(30)));
    let timeouts = platform.timeouts;
    assert_eq!((timeouts.queue, timeouts.abandon), (secs(20), Abandon::Leave));
    assert_eq!(platform.retry.mid_stream, MidStream::Resume);
    assert_eq!(timeouts.between_tokens, Some(secs(2)));
    assert_eq!((timeouts.first_token, timeouts.total), (Some(secs(10)), Some(secs(360))));
    let hedging = HedgingConfig {
        after: HedgeAfter::Quantile(BasisPoints::new(9_950)),
        measure: HedgeMeasure::EndToEnd,
        same_pool: true,
    };
    assert_eq!(platform.hedging, Some(hedging));
    assert_eq!(platform.leases, all_about_leases());
    assert_eq!(platform.fallback.cost_ceiling, BasisPoints::from_percent(150));
    assert_eq!(platform.classifier.classes[0].max_prompt_tokens, Tokens::new(512));
    assert_eq!(platform.classifier.method, ClassifyMethod::Rules);
    let asked = ModelClassifierConfig {
        timeout: Duration::from_millis(250),
        prompt_tokens: Tokens::new(300),
        ..ModelClassifierConfig::new(connector::ModelId(0), PoolId(1))
    };
    assert_eq!(platform.classifier.model, Some(asked));
    let RouterConfig::Static(table) = &platform.router else { panic!("static") };
    let candidate =
        |model, pool| Candidate { model: connector::ModelId(model), pool: PoolId(pool) };
    assert_eq!(table, &[vec![candidate(0, 0), candidate(2, 1)], vec![candidate(1, 1)]]);
    let [shared, own, _] = &platform.cables[..] else { panic!("three pools") };
    assert_eq!((shared.max_in_flight, shared.queue), (Some(16), 10));
    assert_eq!((shared.breaker.failure_threshold, shared.breaker.half_open_probes), (2, 1));
    assert_eq!((own.max_in_flight, own.queue), (None, 500));
    assert_eq!(own.breaker.failure_threshold, 5);
    let ranks: Vec<u8> = platform.tenants.iter().map(|tenant| tenant.priority.rank()).collect();
    assert_eq!(ranks, [9, 5, 5, 5]);
}

#[test]
fn every_key_of_a_limit_reaches_it() {
    let platform = everything().platform;
    let [shared, own, _] = &platform.cables[..] else { panic!("three pools") };
    let gradient = LimitConfig {
        rule: LimitRule::Gradient,
        initial: 30,
        least: 3,
        tolerance: BasisPoints::from_percent(250),
        recalibrate: Duration::from_secs(3_600),
    };
    assert_eq!(shared.limit, Some(gradient));
    let aimd = LimitConfig {
        rule: LimitRule::Aimd { backoff: BasisPoints::from_percent(80) },
        initial: 10,
        least: 2,
        tolerance: BasisPoints::from_percent(150),
        recalibrate: Duration::from_secs(1_200),
    };
    assert_eq!(own.limit, Some(aimd));
}

#[test]
fn every_key_of_a_breaker_reaches_it_and_a_pool_keeps_what_it_does_not_change() {
    let platform = everything().platform;
    let [shared, own, _] = &platform.cables[..] else { panic!("three pools") };
    let rates = RatesConfig {
        window: WindowConfig::Seconds(30),
        minimum_calls: 20,
        failure_rate: BasisPoints::from_percent(50),
        slow_rate: BasisPoints::from_percent(80),
        slow: SlowCall {
            first_token: Duration::from_secs(20),
            per_output_token: Some(Duration::from_millis(200)),
        },
    };
    let counted =
        ErrorKinds::AGAINST_HEALTH.with(ErrorKind::CapacityExhausted).without(ErrorKind::Protocol);
    let breaker = BreakerConfig {
        failure_threshold: 5,
        rates: Some(rates),
        recovery: Duration::from_secs(60),
        recovery_growth: BasisPoints::from_percent(200),
        recovery_max: Duration::from_secs(600),
        calm: Duration::from_secs(300),
        half_open_probes: 1,
        probe_renewal: ProbeRenewal::After(Duration::from_secs(30)),
        half_open_max_wait: Some(Duration::from_secs(300)),
        half_open_then: HalfOpenThen::Open,
        auto_half_open: true,
        ramp_up: Some(RampUp {
            time: Duration::from_secs(120),
            start: BasisPoints::from_percent(20),
        }),
        counted,
        mode: BreakerMode::Automatic,
    };
    assert_eq!(own.breaker, breaker);
    let differing = BreakerConfig {
        failure_threshold: 2,
        rates: Some(RatesConfig { window: WindowConfig::Calls(50), ..rates }),
        probe_renewal: ProbeRenewal::Never,
        ..breaker
    };
    assert_eq!(shared.breaker, differing);
}

#[test]
fn objectives_are_read_in_their_metrics_unit() {
    let scenario = everything();
    let objective = &scenario.objectives[1];
    assert_eq!(objective.metric, Metric::TimeToFirstToken);
    assert_eq!(objective.statistic, Some(Statistic::Percentile(99_900)));
    assert_eq!(objective.comparison, Comparison::AtMost);
    assert_eq!(
        objective.scope,
        Scope {
            pool: Some(PoolId(1)),
            model: Some(connector::ModelId(1)),
            tenant: Some(connector::TenantId(2)),
            class: Some(connector::ClassId(1)),
        }
    );
    let thresholds: Vec<f64> = scenario.objectives.iter().map(|o| o.threshold).collect();
    assert_eq!(thresholds, [0.2, 2.0, 10.0, 12.5]);
    assert!(objective.is_met(2.0) && !objective.is_met(2.1) && !objective.is_met(f64::NAN));
}

#[test]
fn the_hash_is_of_the_content_and_not_of_layout_comments_or_seed() {
    let hash = |text: &str| parse(text).unwrap_or_else(|errors| panic!("{errors}")).hash;
    let reference = hash(SMALLEST);
    for same in [
        format!("# A comment.\n{SMALLEST}"),
        format!("{SMALLEST}seed: 99\n"),
        SMALLEST
            .replace("name: smallest\nduration: 1min\n", "duration: 1min\n\nname:   'smallest'\n"),
        SMALLEST
            .replace("      gpu: L4\n      count: 1", "      { gpu: \"L4\", count: 1 }")
            .replace("- name: a\n      { ", "- { name: a, "),
    ] {
        assert_eq!(hash(&same), reference, "{same}");
    }
    assert_ne!(hash(&SMALLEST.replace("count: 1", "count: 2")), reference);
    let set = ["provider.pools.0.count=2".parse().expect("an override")];
    let overridden = scenarios::parse("x", SMALLEST, &fixtures(), &set).expect("valid").hash;
    assert_eq!(overridden, hash(&SMALLEST.replace("count: 1", "count: 2")));
}

#[test]
fn schema_and_decoder_know_the_same_keys() {
    // The decoder accepts this file, and the schema's keys are exactly those that it uses.
    let schema = scenarios::json_schema();
    let text = std::fs::read_to_string(fixtures().join("everything.yaml")).expect("a fixture");
    let words: BTreeSet<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let mut keys = BTreeSet::new();
    collect_keys(&schema, &mut keys);
    let unused: Vec<_> = keys.iter().filter(|key| !words.contains(key.as_str())).collect();
    assert!(unused.is_empty(), "not in everything.yaml: {unused:?}");
    assert!(keys.len() > 100, "{}", keys.len());
    for key in &keys {
        assert!(
            key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
            "{key}"
        );
    }
}

#[test]
fn every_key_of_the_schema_is_described_and_no_other_is_allowed() {
    let schema = scenarios::json_schema();
    let mut bare = Vec::new();
    visit_objects(&schema, &mut |object| {
        let Some(properties) = object.get("properties").and_then(Value::as_object) else { return };
        assert_eq!(object.get("additionalProperties"), Some(&Value::Bool(false)), "{object:?}");
        bare.extend(
            properties
                .iter()
                .filter(|(_, property)| property.get("description").is_none())
                .map(|(name, _)| name.clone()),
        );
    });
    // The one key of a variant such as `poisson: ...` is described at the variant.
    let variants = [
        "uniform",
        "exponential",
        "lognormal",
        "roofline",
        "linear",
        "static",
        "empirical",
        "adaptive_lifo",
        "pareto",
        "graduated",
        "volume",
    ];
    let sharing = ["turns", "spatial", "slices"];
    let arrivals = ["poisson", "gamma", "weibull", "mmpp"];
    let breaker = ["calls", "seconds", "after", "aimd", "gradient"];
    let routers = ["weighted", "power_of_two", "prefix_affine", "covenant"];
    let forecasts = ["ewma", "holt_winters"];
    let described =
        [&variants[..], &arrivals[..], &sharing[..], &breaker[..], &routers[..], &forecasts[..]]
            .concat();
    bare.retain(|name| !described.contains(&name.as_str()));
    assert!(bare.is_empty(), "without a description: {bare:?}");
    assert_eq!(schema["title"], "Harpoon scenario");
}

fn everything() -> Scenario {
    scenarios::load(&fixtures().join("everything.yaml"), &[])
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn collect_keys(schema: &Value, keys: &mut BTreeSet<String>) {
    visit_objects(schema, &mut |object| {
        let properties = object.get("properties").and_then(Value::as_object);
        keys.extend(properties.into_iter().flat_map(|properties| properties.keys().cloned()));
    });
}

fn visit_objects(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|value| visit_objects(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|value| visit_objects(value, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn all_about_leases() -> LeaseConfig {
    let percent = BasisPoints::from_percent;
    LeaseConfig {
        idle: Duration::from_secs(30),
        max_warm: 20,
        min_warm: vec![MinWarm { of: Candidate { model: ModelId(0), pool: PoolId(0) }, leases: 2 }],
        shared: true,
        priority: connector::Priority::new(6).expect("6 is a rank"),
        tenant: TenantId(1),
        max_age: Some(Duration::from_secs(3_600)),
        forecast: Some(ForecastConfig {
            method: ForecastMethod::HoltWinters {
                alpha: percent(40),
                beta: percent(2),
                gamma: percent(20),
                season: Duration::from_secs(3_600),
            },
            interval: Duration::from_secs(60),
            ahead: Duration::from_secs(120),
            quantile: percent(99),
            cost_per_hour: Some("3.50".parse().expect("it is a price")),
        }),
        sweep: Some(Duration::from_secs(300)),
        batching: Some(BatchingConfig {
            max: 16,
            wait: Duration::from_millis(50),
            below: Tokens::new(300),
        }),
    }
}
