mod capacity;
mod conservation;
mod control;
mod meter;
mod preemption;
mod progress;
mod quirks;
mod rules;
mod scaling;
mod sharing;
mod shown;

use std::sync::Arc;

use connector::{
    Allocate, BasisPoints, Content, Duration, ErrorKind, Infer, Mebibytes, ModelId, Money,
    PoolKind, Priority, Prompt, Reply, Requirements, SecurityLevel, Temperature, TenantId, Tflops,
    Tokens,
};

use super::*;
use crate::{
    catalogue,
    config::{
        ControlPlane, Direction, Efficiency, FailureRates, FaultConfig, FaultKind, KvCache,
        Latency, LinearTiming, ModelConfig, OperationRates, Placement, PoolConfig,
        PreemptionConfig, Quirks, RateLimit, RegionConfig, ServingConfig, StackEfficiency, Timing,
    },
};

#[test]
fn a_strike_takes_the_latencies_and_the_iterations() {
    let mut world = World::new(one_pool());
    let share = world.grant(ask());
    assert_eq!(world.ms(), 40);
    world.infer(share, 10);
    assert_eq!(world.wait(), (150, EventKind::FirstToken { ticket: Ticket(2) }));
    let (at, result) = world.completion();
    assert_eq!(at, 240);
    assert!(matches!(result, Ok(Reply::Generated { usage, .. }) if usage.output.get() == 10));
    world.submit(Operation::Release { allocation: share });
    assert_eq!(world.completion(), (260, Ok(Reply::Released)));
    assert_eq!(world.simulator.held(), 0);
}

#[test]
fn a_full_pool_refuses_and_takes_the_next_after_a_release() {
    let mut world = World::new(one_pool());
    let shares: Vec<_> = (0..4).map(|_| world.grant(ask())).collect();
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::CapacityExhausted);
    world.submit(Operation::Release { allocation: shares[0] });
    world.completion().1.expect("answered");
    world.grant(ask());
}

#[test]
fn without_overcommit_a_card_promises_only_what_it_has() {
    let mut world = World::new(one_pool());
    let half = Allocate { requirements: need(12), overcommit: false, ..ask() };
    for _ in 0..4 {
        world.grant(half);
    }
    assert_eq!(world.refusal(Operation::Allocate(half)), ErrorKind::CapacityExhausted);
    let gauge = world.gauge();
    assert_eq!((gauge.vram, gauge.vram_promised), (Mebibytes::from_gib(48), gauge.vram));

    let mut world = World::new(one_pool());
    let whole = Allocate { requirements: need(24), ..ask() };
    for _ in 0..4 {
        world.grant(whole);
    }
    assert_eq!(world.gauge().vram_promised, Mebibytes::from_gib(96));
}

#[test]
fn a_share_larger_than_a_card_is_an_invalid_question() {
    let mut world = World::new(one_pool());
    let ask = Allocate { requirements: need(25), ..ask() };
    assert_eq!(world.refusal(Operation::Allocate(ask)), ErrorKind::Invalid);
}

#[test]
fn the_first_share_of_a_model_waits_for_its_weights() {
    let mut config = one_pool();
    config.pools[0].weight_load_bandwidth = Some(1e9);
    let mut world = World::new(config);
    let share = world.grant(ask());
    world.infer(share, 1);
    assert_eq!(world.wait().0, 2010, "2 GB at 1 GB/s from the question at 0, then 10 ms");
    world.completion().1.expect("answered");
    world.infer(share, 1);
    assert_eq!(world.wait().0, 2120, "the weights are there");
}

#[test]
fn a_higher_priority_takes_a_preemptible_share_after_the_grace() {
    let mut config = one_pool();
    config.pools[0].count = 1;
    config.pools[0].sharing_ratio = 1;
    config.pools[0].preemption = Some(after(Duration::from_secs(1)));
    let mut world = World::new(config);
    let share = world.grant(Allocate { preemptible: true, ..ask() });
    world.infer(share, 1000);
    let rival = Allocate { priority: Priority::new(5).expect("in range"), ..ask() };
    let ticket = world.submit(Operation::Allocate(rival));
    let grace = Duration::from_secs(1);
    assert_eq!(world.wait(), (40, EventKind::Preempted { allocation: share, grace }));
    assert!(matches!(world.wait().1, EventKind::FirstToken { .. }));
    let (at, error) = world.wait();
    assert_eq!(at, 1040);
    assert!(
        matches!(error, EventKind::Completed { result: Err(e), .. } if e.kind == ErrorKind::Preempted)
    );
    let (at, granted) = world.wait();
    assert_eq!(at, 1080);
    assert!(matches!(granted, EventKind::Completed { ticket: t, result: Ok(_) } if t == ticket));
    assert_eq!(world.gauge().preemptions, 1);
}

#[test]
fn an_equal_priority_takes_nothing() {
    let mut config = one_pool();
    config.pools[0].count = 1;
    config.pools[0].sharing_ratio = 1;
    config.pools[0].preemption = Some(after(Duration::from_secs(1)));
    let mut world = World::new(config);
    world.grant(Allocate { preemptible: true, ..ask() });
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::CapacityExhausted);
}

#[test]
fn an_outage_loses_what_runs_and_keeps_what_is_held() {
    let mut world = World::new(with_fault(FaultKind::Outage, 60, 1000));
    let share = world.grant(ask());
    world.infer(share, 1000);
    let (at, lost) = world.completion();
    assert_eq!((at, lost.map_err(|e| e.kind)), (60, Err(ErrorKind::Unavailable { reached: true })));
    let down = ErrorKind::Unavailable { reached: false };
    assert_eq!(world.refusal(Operation::Release { allocation: share }), down);
    world.run_until(1100);
    world.submit(Operation::Release { allocation: share });
    assert_eq!(world.completion().1, Ok(Reply::Released));
}

/// The outage ends the first of them, which makes the engine tell of the second.
#[test]
fn inferences_that_finish_when_an_outage_begins_are_answered_once() {
    let mut world = World::new(with_fault(FaultKind::Outage, 240, 1000));
    let share = world.grant(ask());
    world.infer(share, 10);
    world.infer(share, 10);
    let mut answered: Vec<u64> = (0..2).map(|_| world.completion().0).collect();
    world.run_until(2_000);
    answered.dedup();
    assert_eq!(answered, [240]);
    world.submit(Operation::Release { allocation: share });
    assert_eq!(world.completion().1, Ok(Reply::Released), "nobody is answered twice");
}

#[test]
fn a_lost_card_takes_its_shares_with_it_and_comes_back() {
    let mut world = World::new(with_fault(FaultKind::GpuLoss { count: 2 }, 60, 1000));
    let share = world.grant(ask());
    world.run_until(100);
    assert_eq!((world.gauge().cards, world.gauge().slots_held), (0, 0));
    assert_eq!(world.refusal(Operation::Release { allocation: share }), ErrorKind::NotFound);
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::CapacityExhausted);
    world.run_until(1100);
    world.grant(ask());
}

#[test]
fn a_card_that_was_lost_comes_back_without_weights() {
    let mut config = with_fault(FaultKind::GpuLoss { count: 2 }, 5_000, 1_000);
    config.pools[0].weight_load_bandwidth = Some(1e9);
    let mut world = World::new(config);
    let first_token = |world: &mut World| {
        let share = world.grant(ask());
        let asked = world.ms();
        world.infer(share, 1);
        loop {
            let (at, what) = world.wait();
            if matches!(what, EventKind::FirstToken { .. }) {
                return at - asked;
            }
        }
    };
    let cold = first_token(&mut world);
    assert!(cold > 1_900, "two gigabytes at one a second, less the grant: {cold}");
    world.run_until(7_000);
    assert_eq!(first_token(&mut world), cold);
}

#[test]
fn scripted_errors_strike_the_named_operation_only() {
    let all =
        FaultKind::Errors { rate: BasisPoints::ONE, operation: Some(OperationKind::Allocate) };
    let mut world = World::new(with_fault(all, 50, 1000));
    let share = world.grant(ask());
    world.run_until(60);
    let failed = world.refusal(Operation::Allocate(ask()));
    assert_eq!(failed, ErrorKind::Unavailable { reached: true });
    world.infer(share, 1);
    assert!(matches!(world.wait().1, EventKind::FirstToken { .. }));
}

#[test]
fn beyond_the_rate_limit_a_call_is_told_when_to_come_back() {
    let mut config = one_pool();
    let limit = RateLimit { per_second: 10, burst: 1 };
    config.regions[0].control_plane.rate_limit = Some(limit);
    let mut world = World::new(config);
    world.submit(Operation::Pools);
    world.submit(Operation::Allocate(ask()));
    let mut kinds = [world.completion().1, world.completion().1].map(|r| r.map_err(|e| e.kind));
    kinds.sort_by_key(Result::is_err);
    assert!(kinds[0].is_ok());
    let limited = world.refusal(Operation::Allocate(ask()));
    assert_eq!(limited, ErrorKind::RateLimited { retry_after: Some(Duration::from_millis(60)) });
}

#[test]
fn the_integrals_of_a_gauge_are_what_was_held_and_computed() {
    let mut world = World::new(one_pool());
    let share = world.grant(ask());
    world.infer(share, 10);
    world.wait();
    world.completion().1.expect("answered");
    world.submit(Operation::Release { allocation: share });
    world.completion().1.expect("answered");
    let gauge = world.gauge();
    let ms = |ns: u128| ns / 1_000_000;
    assert_eq!(ms(gauge.card_ns), 2 * 260, "two cards for 260 ms");
    assert_eq!(ms(gauge.held_slot_ns), 240, "from the question at 0 to the release at 240");
    assert_eq!(ms(gauge.busy_card_ns), 100, "ten iterations of 10 ms");
}

#[test]
fn gaps_are_handed_out_once_and_up_to_the_last_whole_step() {
    let mut world = World::new(one_pool());
    let share = world.grant(ask());
    world.infer(share, 10);
    assert!(matches!(world.wait(), (150, EventKind::FirstToken { .. })));
    world.run_until(175);
    assert_eq!(world.gaps(), (2, 10), "the tokens at 160 and 170 ms");
    assert_eq!(world.gaps(), (0, 0));
    assert_eq!(world.completion().0, 240, "a look changes nothing");
    assert_eq!(world.gaps(), (7, 10), "those from 180 to 240 ms");
}

#[test]
fn a_gauge_tells_what_became_of_the_kv_cache() {
    let mut config = one_pool();
    config.pools[0].serving.kv_cache = KvCache::Tokens(4096);
    let mut world = World::new(config);
    let share = world.grant(ask());
    let blocks: Arc<[u64]> = [1, 2].into();
    for _ in 0..2 {
        world.infer_content(share, 1024, blocks.clone());
        world.wait();
        let gauge = world.gauge();
        assert_eq!((gauge.kv_blocks, gauge.recomputations), (256, 0));
        assert_eq!(gauge.kv_blocks_in_use, 65, "1,024 tokens and the first of the answer");
        world.completion().1.expect("answered");
    }
    let gauge = world.gauge();
    assert_eq!(gauge.kv_blocks_in_use, 0);
    assert_eq!((gauge.prefix_asked, gauge.prefix_found), (4, 2), "the second time, both are there");
}

#[test]
fn a_gauge_follows_answers_as_they_grow() {
    let mut config = one_pool();
    config.pools[0].serving.kv_cache = KvCache::Tokens(4096);
    let mut world = World::new(config);
    let share = world.grant(ask());
    world.infer(share, 1000);
    world.wait();
    // The prompt of 100 is done at 150 ms, and each step of 10 ms adds a token.
    for (ms, tokens) in [(155, 101_u64), (5_155, 601), (5_255, 611)] {
        world.run_until(ms);
        assert_eq!(world.gauge().kv_blocks_in_use, tokens.div_ceil(16), "at {ms} ms");
    }
}

#[test]
fn an_endless_kv_cache_is_no_part_of_the_gauge() {
    let mut config = one_pool();
    config.pools[0].serving.kv_cache = KvCache::Endless;
    let mut world = World::new(config);
    let share = world.grant(ask());
    world.infer(share, 10);
    world.wait();
    assert_eq!((world.gauge().kv_blocks, world.gauge().kv_blocks_in_use), (0, 0));
}

#[test]
fn the_same_seed_gives_the_same_answers_at_the_same_times() {
    let run = |seed| {
        let mut config = one_pool();
        config.regions[0].control_plane.allocate =
            Latency::Exponential { mean: Duration::from_millis(40) };
        let mut world =
            World { simulator: Simulator::new(config, seed).expect("valid"), ..World::idle() };
        (0..4).map(|_| (world.grant(ask()), world.now)).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_pool_without_cards_is_refused_by_name() {
    let mut config = one_pool();
    config.pools[0].count = 0;
    let error = Simulator::new(config, 1).expect_err("no cards");
    assert_eq!(error.to_string(), "pool `shared` has no GPUs");
}

#[test]
fn a_stack_that_nobody_measured_or_that_reaches_nothing_is_refused() {
    let refused = |efficiency| {
        let mut config = one_pool();
        config.pools[0].serving.efficiency = efficiency;
        Simulator::new(config, 1).expect_err("no such stack").to_string()
    };
    let unknown = refused(StackEfficiency::Fitted("vllm"));
    assert_eq!(unknown, "pool `shared`: no stack `vllm` was measured on L4");
    let nothing = Efficiency { compute: 0.0, ..Efficiency::default() };
    let nothing = refused(StackEfficiency::Stated(nothing));
    assert_eq!(
        nothing,
        "pool `shared`: the efficiency's `compute` must be a positive, finite number"
    );
}

/// Two L4 cards shared by two, one linear model of 10 ms per iteration and 2 GB of weights;
/// allocations answered in 40 ms, releases in 20, inferences 100 ms away.
fn one_pool() -> ProviderConfig {
    let ms = |n| Latency::Fixed(Duration::from_millis(n));
    let plane = ControlPlane {
        allocate: ms(40),
        release: ms(20),
        infer: ms(100),
        inspect: ms(10),
        list: ms(10),
        pools: ms(10),
        cancel: ms(10),
        ..ControlPlane::default()
    };
    let timing = Timing::Linear(LinearTiming {
        base: Duration::from_millis(10),
        weight_bytes: 2e9,
        ..LinearTiming::default()
    });
    ProviderConfig {
        regions: vec![RegionConfig { name: "eu".to_owned(), control_plane: plane }],
        pools: vec![PoolConfig {
            name: "shared".to_owned(),
            region: 0,
            kind: PoolKind::Standard,
            gpu: catalogue::gpu("L4").expect("in the catalogue"),
            count: 2,
            sharing_ratio: 2,
            price_per_slot_hour: Money::ZERO,
            price_changes: Vec::new(),
            placement: Placement::LeastLoaded,
            serving: ServingConfig { max_sequences: 8, ..ServingConfig::default() },
            weight_load_bandwidth: None,
            preemption: None,
            sharing: crate::config::SharingConfig::Spatial { interference: 0.0, by_compute: false },
            guaranteed_share: connector::BasisPoints::ZERO,
            vip: false,
            neighbours: Vec::new(),
            autoscale: None,
            capacity: crate::config::CapacityConfig::default(),
        }],
        models: vec![ModelConfig { name: "m".to_owned(), timing }],
        faults: Vec::new(),
    }
}

fn with_fault(kind: FaultKind, from_ms: u64, for_ms: u64) -> ProviderConfig {
    let (at, lasts) = (Duration::from_millis(from_ms), Duration::from_millis(for_ms));
    ProviderConfig { faults: vec![FaultConfig { at, lasts, pool: None, kind }], ..one_pool() }
}

fn with_quirks(quirks: Quirks) -> ProviderConfig {
    let mut config = one_pool();
    config.regions[0].control_plane.quirks = quirks;
    config
}

/// Shares are taken away after this grace, and lost.
fn after(grace: Duration) -> PreemptionConfig {
    PreemptionConfig { grace, ..PreemptionConfig::default() }
}

fn need(gib: u64) -> Requirements {
    Requirements { tflops: Tflops::new(5), vram: Mebibytes::from_gib(gib) }
}

fn ask() -> Allocate {
    Allocate {
        pool: PoolId(0),
        model: ModelId(0),
        requirements: need(2),
        overcommit: true,
        preemptible: false,
        priority: Priority::default(),
        tenant: TenantId(0),
    }
}

fn added(mut sum: ProviderUsage, other: ProviderUsage) -> ProviderUsage {
    sum.slot_ns += other.slot_ns;
    sum.mebibyte_ns += other.mebibyte_ns;
    sum.flop += other.flop;
    sum.cost += other.cost;
    sum.untold_slot_ns += other.untold_slot_ns;
    sum.ghost_slot_ns += other.ghost_slot_ns;
    sum.releasing_slot_ns += other.releasing_slot_ns;
    sum.slots_held += other.slots_held;
    sum.prompt_tokens += other.prompt_tokens;
    sum.output_tokens += other.output_tokens;
    sum
}

/// A simulator and the caller's side of the conversation.
struct World {
    simulator: Simulator,
    now: Timestamp,
    tickets: u64,
}

impl World {
    fn new(config: ProviderConfig) -> Self {
        let simulator = Simulator::new(config, 1).expect("valid");
        Self { simulator, now: Timestamp::ZERO, tickets: 0 }
    }

    fn idle() -> Self {
        Self::new(one_pool())
    }

    fn ms(&self) -> u64 {
        self.now.as_nanos() / 1_000_000
    }

    fn submit(&mut self, operation: Operation) -> Ticket {
        self.tickets += 1;
        self.simulator.submit(self.now, Ticket(self.tickets), operation);
        Ticket(self.tickets)
    }

    /// Lets time pass until the next event.
    fn wait(&mut self) -> (u64, EventKind) {
        loop {
            if let Some(event) = self.simulator.poll(self.now) {
                return (self.ms(), event.kind);
            }
            self.now = self.simulator.deadline().expect("something is pending").max(self.now);
        }
    }

    fn completion(&mut self) -> (u64, Result<Reply, connector::Error>) {
        loop {
            if let (at, EventKind::Completed { result, .. }) = self.wait() {
                return (at, result);
            }
        }
    }

    fn grant(&mut self, ask: Allocate) -> AllocationId {
        self.submit(Operation::Allocate(ask));
        match self.completion().1 {
            Ok(Reply::Granted { allocation }) => allocation,
            other => panic!("expected a grant, got {other:?}"),
        }
    }

    fn refusal(&mut self, operation: Operation) -> ErrorKind {
        self.submit(operation);
        self.completion().1.expect_err("refused").kind
    }

    /// Asks for the list of the pool's shares.
    fn list(&mut self) -> Vec<AllocationId> {
        self.submit(Operation::List { pool: PoolId(0) });
        match self.completion().1 {
            Ok(Reply::Listed(rows)) => rows.iter().map(|row| row.allocation).collect(),
            other => panic!("expected a list, got {other:?}"),
        }
    }

    fn release(&mut self, allocation: AllocationId) {
        self.submit(Operation::Release { allocation });
        assert_eq!(self.completion().1, Ok(Reply::Released));
    }

    /// What the provider charges for, all tenants together where there are several.
    fn usage(&mut self) -> ProviderUsage {
        let mut all = Vec::new();
        self.simulator.provider_usage(self.now, &mut |usage| all.push(usage));
        all.into_iter().reduce(added).unwrap_or_default()
    }

    fn infer(&mut self, allocation: AllocationId, output: u32) {
        self.submit(Operation::Infer(Infer {
            allocation,
            prompt: Prompt::of_length(Tokens::new(100)),
            max_tokens: Tokens::new(output),
            temperature: Temperature::default(),
            stream: true,
            progress: None,
        }));
    }

    fn infer_content(&mut self, allocation: AllocationId, tokens: u32, blocks: Arc<[u64]>) {
        let prompt = Prompt::of_length(Tokens::new(tokens));
        self.submit(Operation::Infer(Infer {
            allocation,
            prompt: Prompt { content: Content::Blocks(blocks), ..prompt },
            max_tokens: Tokens::new(10),
            temperature: Temperature::default(),
            stream: true,
            progress: None,
        }));
    }

    fn run_until(&mut self, ms: u64) {
        self.now = Timestamp::ZERO + Duration::from_millis(ms);
        while self.simulator.poll(self.now).is_some() {}
    }

    /// How many gaps came to an end since the last question, and the mean of them in milliseconds.
    fn gaps(&mut self) -> (u64, u64) {
        let (mut count, mut sum) = (0, 0);
        self.simulator.token_gaps(self.now, &mut |gaps| {
            assert_eq!((gaps.pool, gaps.model), (PoolId(0), ModelId(0)));
            count += gaps.count;
            sum += gaps.count * gaps.gap.as_nanos();
        });
        (count, sum / count.max(1) / 1_000_000)
    }

    fn gauge(&mut self) -> PoolGauge {
        let mut gauge = None;
        self.simulator.gauges(self.now, &mut |reported| gauge = Some(reported));
        gauge.expect("one pool")
    }
}
